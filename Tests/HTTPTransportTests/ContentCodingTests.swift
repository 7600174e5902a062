import CZlib
import NIOCore
import NIOHTTP1
import Testing

@testable import HTTPTransport

/// Bodies that come compressed though `identity` was asked for.
struct ContentCodingTests {
  private static let text = "{\"token\":\"t\"}"
  private static let gzip: [UInt8] = [
    0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xAB, 0x56, 0x2A, 0xC9, 0xCF, 0x4E, 0xCD, 0x53, 0xB2,
    0x52, 0x2A, 0x51, 0xAA, 0x05, 0x00, 0xD2, 0xD0, 0xD0, 0x24, 0x0D, 0x00, 0x00, 0x00,
  ]
  private static let zlib: [UInt8] = [
    0x78, 0x9C, 0xAB, 0x56, 0x2A, 0xC9, 0xCF, 0x4E, 0xCD, 0x53, 0xB2, 0x52, 0x2A, 0x51, 0xAA, 0x05, 0x00, 0x1F, 0xB6,
    0x04, 0x50,
  ]
  private static let bareDeflate: [UInt8] = [
    0xAB, 0x56, 0x2A, 0xC9, 0xCF, 0x4E, 0xCD, 0x53, 0xB2, 0x52, 0x2A, 0x51, 0xAA, 0x05, 0x00,
  ]

  private func decoded(_ coding: String?, _ body: [UInt8], limit: Int = 1000) -> HTTPResponse {
    let headers: HTTPHeaders = coding.map { ["content-encoding": $0] } ?? [:]
    return HTTPResponse(status: 200, headers: .http1(headers), body: ByteBuffer(bytes: body)).decoded(limit: limit)
  }

  @Test(arguments: [
    ("gzip", gzip), ("GZIP", gzip), ("x-gzip", gzip), (" gzip ", gzip), ("identity, gzip", gzip), ("deflate", zlib),
    ("deflate", bareDeflate), ("identity", Array(text.utf8)), ("", Array(text.utf8)), (nil, Array(text.utf8)),
  ])
  func decodes(_ coding: String?, _ body: [UInt8]) {
    let response = decoded(coding, body)
    #expect(String(buffer: response.body) == Self.text)
    #expect(response.undecodedCoding == nil)
  }

  @Test(arguments: [
    ("br", "br"), ("zstd", "zstd"), ("gzip, br", "gzip, br"), ("gzip, gzip", "gzip, gzip"), ("gzip", "gzip"),
    ("deflate", "deflate"), ("secret=1", "an unknown coding"),
    (String(repeating: "a", count: 100), "an unknown coding"),
  ])
  func saysWhatCouldNotBeUndone(_ coding: String, _ shown: String) {
    let response = decoded(coding, Array("not compressed at all".utf8))
    #expect(response.undecodedCoding == shown)
    #expect(response.body.readableBytes == 0)
  }

  @Test(arguments: ["utf-8", "none", "gzip", "x-gzip", "deflate", "br", "gzip, utf-8", "secret=1"])
  func keepsABodyThatIsNotCodedAfterAll(_ coding: String) {
    for body in [
      Self.text, "\u{FEFF}\r\n \(Self.text)", "{\"token\":\"\u{E9}", "[1]", "<html>\n\t</html>\r\n", "\r\n",
    ] {
      let response = decoded(coding, Array(body.utf8))
      #expect(Array(response.body.readableBytesView) == Array(body.utf8))
      #expect(response.undecodedCoding == nil)
    }
  }

  @Test func aCodedBodyMayBeginLikeAPlainOne() {
    for body: [UInt8] in [[0x5B, 0x02, 0x00, 0x80], Array("{\u{0}\"token\"}".utf8), Array("{\u{7F}".utf8)] {
      #expect(decoded("br", body).undecodedCoding == "br")
    }
    // the bare deflate of a byte order mark and `{"token":"t"}`
    let bare: [UInt8] = [
      0x7B, 0xBF, 0x7B, 0x7F, 0xB5, 0x52, 0x49, 0x7E, 0x76, 0x6A, 0x9E, 0x92, 0x95, 0x52, 0x89, 0x52, 0x2D, 0x00,
    ]
    #expect(String(decoding: decoded("deflate", bare).body.readableBytesView.dropFirst(3), as: UTF8.self) == Self.text)
  }

  @Test(arguments: [0, 1, 13, 100_000, 1_000_000]) func whatIsCompressedIsDecodedAgain(_ count: Int) throws {
    var random = SeededGenerator("whatIsCompressedIsDecodedAgain")
    let bytes = (0..<count).map { _ in UInt8.random(in: 0...15, using: &random) }
    let packed = try #require(Gzip.compress(bytes))
    #expect(count < 1000 || packed.readableBytes < count * 2 / 3)
    #expect(Array(decoded("gzip", Array(packed.readableBytesView), limit: .max).body.readableBytesView) == bytes)
  }

  @Test func keepsWhatCameOfABodyThatWasCutShort() {
    let response = decoded("gzip", Array(Self.gzip.dropLast(10)))
    #expect(Self.text.hasPrefix(String(buffer: response.body)))
    #expect(response.undecodedCoding == nil)
  }

  @Test func fewBytesDoNotBecomeManyMegabytes() {
    let source = [UInt8](repeating: UInt8(ascii: "x"), count: 10_000_000)
    var length = compressBound(uLong(source.count))
    var packed = [UInt8](repeating: 0, count: Int(length))
    #expect(compress(&packed, &length, source, uLong(source.count)) == Z_OK)
    #expect(length < 20_000)
    #expect(decoded("deflate", Array(packed.prefix(Int(length))), limit: 64 * 1024).body.readableBytes == 64 * 1024)
  }

  @Test func anEmptyBodyNeedsNoDecoding() {
    #expect(decoded("br", []).undecodedCoding == nil)
  }
}
