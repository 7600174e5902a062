import CZlib
import NIOCore

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
