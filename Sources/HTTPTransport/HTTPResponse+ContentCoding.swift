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
