import CZlib
import NIOCore

extension HTTPResponse {
  /// The response with its body decoded, where it came as gzip or deflate though `identity` was asked for.
  ///
  /// Where the coding is another one, or the body is broken, the body is dropped and ``undecodedCoding`` says why.
  ///
  /// - Parameter limit: The most bytes that are kept; a few bytes can stand for very many.
  func decoded(limit: Int) -> HTTPResponse {
    let codings = list("content-encoding").map { $0.trimmed.lowercased() }.filter { !$0.isEmpty && $0 != "identity" }
    guard !codings.isEmpty, body.readableBytes > 0 else { return self }
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
    var output = [UInt8](repeating: 0, count: limit)
    let result = input.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = CUnsignedInt(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = CUnsignedInt(output.count)
        return CZlib.inflate(&stream, Z_SYNC_FLUSH)
      }
    }
    // Z_OK and Z_BUF_ERROR: the body was cut short, or there is more than the limit; what came is kept
    let isCutShort = (result == Z_OK || result == Z_BUF_ERROR) && stream.total_out > 0
    guard result == Z_STREAM_END || isCutShort else { return nil }
    return ByteBuffer(bytes: output.prefix(Int(stream.total_out)))
  }
}
