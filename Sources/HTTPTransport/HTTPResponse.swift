import CZlib
import NIOCore
import NIOHPACK
import NIOHTTP1

/// A response as far as it came: the whole head, and the body up to the transport's bound.
package struct HTTPResponse: Sendable, Equatable {
  /// The headers in the form of the protocol that brought them.
  package enum Headers: Sendable, Equatable {
    case http1(HTTPHeaders)
    case http2(HPACKHeaders)
  }

  /// `421 Misdirected Request`: another connection may lead to the right server.
  static let misdirected = 421

  /// The final status code.
  package let status: Int
  /// The headers.
  package let headers: Headers
  /// The body, decoded where it came as gzip or deflate.
  package internal(set) var body = ByteBuffer()
  /// The name of the content coding that could not be undone; `body` is empty then.
  package internal(set) var undecodedCoding: String?
  /// How much of the body was passed on while it came, in bytes; `body` is empty then.
  private(set) var passedOn = 0

  /// A response without a body.
  package init(status: Int, headers: Headers, body: ByteBuffer = ByteBuffer()) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// Calls `body` with every header; an HTTP/2 status is among them as `:status`.
  package func forEachHeader(_ body: (_ name: String, _ value: String) -> Void) {
    switch headers {
    case .http1(let headers): for (name, value) in headers { body(name, value) }
    case .http2(let headers): for (name, value, _) in headers { body(name, value) }
    }
  }

  /// The values of the header `name` (in lower case), as a list.
  func list(_ name: String) -> [Substring] {
    switch headers {
    case .http1(let headers): headers[canonicalForm: name]
    case .http2(let headers): headers[canonicalForm: name].map { Substring($0) }
    }
  }

  /// How long the server keeps an idle connection (`keep-alive: timeout=5`), in seconds, where it says.
  var idleLimit: Int? {
    for part in list("keep-alive") {
      let pair = part.split(separator: "=", maxSplits: 1)
      if pair.count == 2, pair[0].trimmed.lowercased() == "timeout", let seconds = Int(pair[1].trimmed), seconds >= 0 {
        return seconds
      }
    }
    return nil
  }

  /// Whether the body can be passed on as it comes: a success whose body is not coded.
  var isFitForPassingOn: Bool {
    200..<300 ~= status
      && list("content-encoding").allSatisfy { $0.trimmed.isEmpty || $0.trimmed.lowercased() == "identity" }
  }

  /// Counts a part of the body that is passed on.
  ///
  /// - Returns: Whether it lies within `limit` bytes.
  mutating func passOn(_ data: ByteBuffer, limit: Int) -> Bool {
    passedOn += data.readableBytes
    return passedOn <= limit
  }

  /// Appends to the body.
  ///
  /// - Returns: Whether all of `data` had room in `limit` bytes.
  mutating func append(_ data: ByteBuffer, limit: Int) -> Bool {
    let room = limit - body.readableBytes
    var data = data
    guard data.readableBytes <= room else {
      if let kept = data.readSlice(length: room) { body.writeImmutableBuffer(kept) }
      return false
    }
    if body.readableBytes == 0 { body = data } else { body.writeImmutableBuffer(data) }
    return true
  }
}

extension Collection<UInt8> {
  /// Where the text begins: after a byte order mark, if there is one.
  package var textStart: Index {
    var index = startIndex
    for byte: UInt8 in [0xEF, 0xBB, 0xBF] {
      guard index < endIndex, self[index] == byte else { return startIndex }
      formIndex(after: &index)
    }
    return index
  }
}

extension UInt8 {
  /// Whether it is a space, a tab, or an end of a line or page.
  package var isBlank: Bool { self == 0x20 || (0x09...0x0D).contains(self) }
}

extension Substring {
  /// The text without spaces and tabs at its ends.
  var trimmed: Substring {
    var text = self
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    return text
  }
}

extension HTTPResponse {
  /// The response with its body decoded, where it came as gzip or deflate though `identity` was asked for.
  ///
  /// A body that is plain is kept, whatever the header says: some name there what is no coding, and some proxies decode
  /// the body and leave the header. Where the coding is another one, or the body is broken, the body is dropped and
  /// ``undecodedCoding`` says why.
  ///
  /// - Parameter limit: The most bytes that are kept; a few bytes can stand for very many.
  func decoded(limit: Int) -> HTTPResponse {
    let codings = list("content-encoding").map { $0.trimmed.lowercased() }.filter { !$0.isEmpty && $0 != "identity" }
    guard !codings.isEmpty, !isPlain else { return self }
    var decoded = self
    decoded.body = ByteBuffer()
    if codings == ["gzip"] || codings == ["x-gzip"] || codings == ["deflate"],
      let body = Self.inflate(body, limit: limit)
    {
      decoded.body = body
    } else {
      decoded.undecodedCoding = Self.shown(codings)
    }
    return decoded
  }

  /// Whether the body can be seen not to be coded: there is none but blanks, or it begins as JSON and pages do, after a
  /// byte order mark and blanks, and has no control character, as everything coded soon has.
  private var isPlain: Bool {
    let text = body.readableBytesView[body.readableBytesView.textStart...]
    guard let first = text.first(where: { !$0.isBlank }) else { return true }
    return "{[<".utf8.contains(first) && text.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0.isBlank }
  }

  /// A coding's name is a token; anything else is not repeated.
  private static func shown(_ codings: [String]) -> String {
    let names = codings.prefix(3).joined(separator: ", ")
    let isToken = names.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
        UInt8(ascii: ","), UInt8(ascii: " "):
        true
      default: false
      }
    }
    return isToken && names.utf8.count <= 40 ? names : "an unknown coding"
  }

  /// Decodes gzip, zlib, and the bare deflate that some servers send in its place.
  private static func inflate(_ data: ByteBuffer, limit: Int) -> ByteBuffer? {
    // 32 more than the window's bits: zlib tells gzip from zlib by the header; negative: no header
    inflate(data, limit: limit, windowBits: MAX_WBITS + 32) ?? inflate(data, limit: limit, windowBits: -MAX_WBITS)
  }

  private static func inflate(_ data: ByteBuffer, limit: Int, windowBits: CInt) -> ByteBuffer? {
    var stream = z_stream()
    guard inflateInit2_(&stream, windowBits, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size)) == Z_OK else {
      return nil
    }
    defer { inflateEnd(&stream) }
    var input = Array(data.readableBytesView)
    var output = ByteBuffer()
    var piece = [UInt8](repeating: 0, count: min(limit, 64 * 1024))
    // the room grows with what comes: a few bytes that stand for very many are given no more than the limit
    let result = input.withUnsafeMutableBufferPointer { input in
      stream.next_in = input.baseAddress
      stream.avail_in = CUnsignedInt(input.count)
      var result = Z_OK
      while result == Z_OK, output.readableBytes < limit {
        let room = min(piece.count, limit - output.readableBytes)
        let written = piece.withUnsafeMutableBufferPointer { piece in
          stream.next_out = piece.baseAddress
          stream.avail_out = CUnsignedInt(room)
          result = CZlib.inflate(&stream, Z_SYNC_FLUSH)
          return room - Int(stream.avail_out)
        }
        output.writeBytes(piece[..<written])
        // nothing more comes out: the body was cut short
        if written == 0 { break }
      }
      return result
    }
    // Z_OK and Z_BUF_ERROR: the body was cut short, or there is more than the limit; what came is kept
    let isCutShort = (result == Z_OK || result == Z_BUF_ERROR) && stream.total_out > 0
    guard result == Z_STREAM_END || isCutShort else { return nil }
    return output
  }
}

/// Compresses bodies of requests.
package enum Gzip {
  /// `bytes` as gzip; `nil` where zlib finds no memory for it.
  package static func compress(_ bytes: [UInt8]) -> ByteBuffer? {
    var stream = z_stream()
    let size = CInt(MemoryLayout<z_stream>.size)
    // 16 more than the window's bits: a gzip header in the place of zlib's; 8 is zlib's usual use of memory
    guard
      deflateInit2_(
        &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, size) == Z_OK
    else { return nil }
    defer { deflateEnd(&stream) }
    var input = bytes
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, uLong(bytes.count))))
    let result = input.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = CUnsignedInt(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = CUnsignedInt(output.count)
        return deflate(&stream, Z_FINISH)
      }
    }
    guard result == Z_STREAM_END else { return nil }
    return ByteBuffer(bytes: output[..<(output.count - Int(stream.avail_out))])
  }
}
