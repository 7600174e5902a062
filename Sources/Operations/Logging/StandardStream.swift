#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Standard output or standard error, written without an end to the process where nobody reads any more (Foundation's
/// `FileHandle` traps then).
public enum StandardStream: Int32, Sendable {
  case output = 1
  case error = 2

  /// Writes all of the text, or as much as there is a reader or room for.
  ///
  /// - Returns: 0 where all of it was written; else the system's error number.
  @discardableResult
  public func write(_ text: String) -> Int32 {
    var text = text
    return text.withUTF8 { bytes in
      var rest = UnsafeRawBufferPointer(bytes)
      while let start = rest.baseAddress, !rest.isEmpty {
        #if canImport(Darwin)
          let written = Darwin.write(rawValue, start, rest.count)
        #elseif canImport(Musl)
          let written = Musl.write(rawValue, start, rest.count)
        #else
          let written = Glibc.write(rawValue, start, rest.count)
        #endif
        if written < 0 && errno == EINTR { continue }
        if written < 0 && errno == EAGAIN {
          // Somebody who shares the stream made it non-blocking.
          var room = pollfd(fd: rawValue, events: Int16(POLLOUT), revents: 0)
          _ = poll(&room, 1, -1)
          continue
        }
        guard written > 0 else { return errno }
        rest = UnsafeRawBufferPointer(rebasing: rest[written...])
      }
      return 0
    }
  }
}
