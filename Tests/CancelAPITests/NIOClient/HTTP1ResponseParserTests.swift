import NIOCore
import Testing

@testable import CancelAPI

struct HTTP1ResponseParserTests {
  /// What a parser made of a response.
  private struct Outcome: Equatable {
    var progress: HTTP1ResponseParser.Progress
    var status: Int
    var body: String
    var idleLimit: Int?
  }

  private func parse(_ pieces: [ByteBuffer], thenClose: Bool = false) -> Outcome {
    var parser = HTTP1ResponseParser()
    var progress = HTTP1ResponseParser.Progress.incomplete
    for piece in pieces where progress == .incomplete { progress = parser.receive(piece) }
    if thenClose, progress == .incomplete { progress = parser.finish() }
    return Outcome(
      progress: progress, status: parser.status, body: String(buffer: parser.body), idleLimit: parser.idleLimit)
  }

  private func parse(_ text: String, thenClose: Bool = false) -> Outcome {
    parse([ByteBuffer(string: text)], thenClose: thenClose)
  }

  private static let whole: [(text: String, status: Int, body: String, isReusable: Bool)] = [
    ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true),
    ("HTTP/1.1 200\r\ncontent-length:5\r\n\r\nhello", 200, "hello", true),
    ("HTTP/1.1 404 Not Found Here\r\nContent-Length: 0\r\n\r\n", 404, "", true),
    ("HTTP/1.1 204 No Content\r\n\r\n", 204, "", true),
    ("HTTP/1.1 204 No Content\r\ncontent-length: 7\r\n\r\n", 204, "", true),
    ("HTTP/1.1 304 Not Modified\r\n\r\n", 304, "", true),
    ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false),
    ("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false),
    ("HTTP/1.1 200 OK\r\nconnection: x, CLOSE , y\r\nContent-Length: 2\r\n\r\nok", 200, "ok", false),
    ("HTTP/1.1 200 OK\r\nconnection: closed\r\nContent-Length: 2\r\n\r\nok", 200, "ok", true),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\ncontent-length: 2\r\n\r\nok", 200, "ok", true),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, "hello", true),
    (
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3;x=y\r\nhel\r\n02\r\nlo\r\n0\r\nx-trailer: 1\r\n\r\n", 200,
      "hello", true
    ),
    (
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\ncontent-length: 9\r\n\r\nHTTP/1.1 204 X\r\n\r\n", 204, "",
      true
    ),
    // whatever follows could be taken for the next call's answer
    ("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", 204, "", false),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokay", 200, "ok", false),
    // heads that contradict themselves tell the status and no more
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", 200, "", false),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, "", false),
    ("HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", 200, "", false),
    ("HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", 200, "", false),
    ("HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nok", 200, "", false),
    ("HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nok", 200, "", false),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 200, "", false),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n", 200, "", false),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nokay\r\n", 200, "ok", false),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffff\r\n", 200, "", false),
    ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n", 200, "", false),
  ]

  @Test(arguments: whole)
  func readsAResponse(_ response: (text: String, status: Int, body: String, isReusable: Bool)) {
    let expected = Outcome(
      progress: .complete(isReusable: response.isReusable), status: response.status, body: response.body)
    #expect(parse(response.text) == expected)
    // byte by byte, what follows the response's last byte comes too late to be seen
    let pieces = response.text.utf8.map { ByteBuffer(bytes: [$0]) }
    let slow = parse(pieces)
    #expect(slow.status == expected.status && slow.body == expected.body)
  }

  @Test func howItIsCutMakesNoDifference() {
    var random = SeededGenerator("howItIsCutMakesNoDifference")
    for response in Self.whole where response.isReusable {
      let bytes = Array(response.text.utf8)
      for _ in 0..<50 {
        var pieces: [ByteBuffer] = []
        var start = 0
        while start < bytes.count {
          let end = min(bytes.count, start + Int.random(in: 1...12, using: &random))
          pieces.append(ByteBuffer(bytes: bytes[start..<end]))
          start = end
        }
        #expect(parse(pieces) == parse(response.text))
      }
    }
  }

  @Test(arguments: [
    "\r\n", "HTTP/1.1\r\n", "HTTP/1.1 OK\r\n", "HTTP/1.1 2000 OK\r\n", "HTTP/1.1 099 OK\r\n", "http/1.1 200 OK\r\n",
    "HTTP/2.0 200 OK\r\n", "HTTP/1.2 200 OK\r\n", "HTTP/1.1  200 OK\r\n", "HTTP/1.1 200 OK\n", "ICY 200 OK\r\n",
    "HTTP/1.1 200 OK\r\n: x\r\n", "HTTP/1.1 200 OK\r\nname\r\n", "HTTP/1.1 200 OK\r\nna me: x\r\n",
    "HTTP/1.1 200 OK\r\nname: x\r\n folded\r\n", "HTTP/1.1 200 OK\r\nname: a\0b\r\n",
    "HTTP/1.1 200 OK\r\nname: a\rb\r\n",
    "HTTP/1.1 200 OK\r\nname: x\n", "HTTP/1.1 101 Switching Protocols\r\n\r\n", "\n", "\r\r\n",
  ])
  func refusesAMalformedHead(_ text: String) {
    #expect(parse(text).progress == .malformed)
    #expect(parse(text.utf8.map { ByteBuffer(bytes: [$0]) }).progress == .malformed)
  }

  @Test func theHeadHasABound() {
    let long = String(repeating: "x", count: HTTP1ResponseParser.longestHead)
    #expect(parse("HTTP/1.1 200 OK\r\nlong: \(long)").progress == .malformed)
    #expect(parse(long).progress == .malformed)
    let interim = String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 10_000)
    #expect(parse(interim).progress == .malformed)
    let trailers = String(repeating: "x-trailer: 1\r\n", count: 10_000)
    let response = parse("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\(trailers)")
    #expect(response == Outcome(progress: .complete(isReusable: false), status: 200, body: "ok"))
  }

  @Test func theBodyHasABound() {
    let longest = String(repeating: "x", count: AnswerReader.longestBody)
    for text in [
      "HTTP/1.1 200 OK\r\nContent-Length: \(longest.count + 1)\r\n\r\n\(longest)x",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10001\r\n\(longest)x",
      "HTTP/1.1 200 OK\r\n\r\n\(longest)x",
    ] {
      let response = parse(text)
      #expect(response.progress == .complete(isReusable: false))
      #expect(response.body.utf8.count <= longest.count)
    }
    let exact = parse("HTTP/1.1 200 OK\r\nContent-Length: \(longest.count)\r\n\r\n\(longest)")
    #expect(exact == Outcome(progress: .complete(isReusable: true), status: 200, body: longest))
  }

  @Test func theConnectionsEndEndsTheResponse() {
    #expect(
      parse("HTTP/1.1 200 OK\r\n\r\nhello", thenClose: true)
        == Outcome(progress: .complete(isReusable: false), status: 200, body: "hello"))
    #expect(
      parse("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhello", thenClose: true)
        == Outcome(progress: .complete(isReusable: false), status: 200, body: "hello"))
    #expect(parse("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n", thenClose: true).progress == .malformed)
    #expect(parse("", thenClose: true).progress == .malformed)
  }

  @Test func readsHowLongAnIdleConnectionIsKept() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"
    #expect(parse(head + "Keep-Alive: timeout=5, max=100\r\n\r\n").idleLimit == 5)
    #expect(parse(head + "Keep-Alive: max=100 , Timeout = 7\r\n\r\n").idleLimit == 7)
    #expect(parse(head + "Keep-Alive: timeout=soon\r\n\r\n").idleLimit == nil)
    #expect(parse(head + "\r\n").idleLimit == nil)
  }

  @Test func randomBytesNeverBreakIt() {
    var random = SeededGenerator("randomBytesNeverBreakIt")
    let seeds = Self.whole.map { Array($0.text.utf8) }
    for _ in 0..<3000 {
      var bytes = seeds[Int.random(in: seeds.indices, using: &random)]
      for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
        let place = Int.random(in: bytes.indices, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
        case 1: bytes.remove(at: place)
        case 2: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
        default: bytes.replaceSubrange(place..., with: bytes[..<place])
        }
      }
      let cut = Int.random(in: 0...bytes.count, using: &random)
      let pieces = [ByteBuffer(bytes: bytes[..<cut]), ByteBuffer(bytes: bytes[cut...])].filter { $0.readableBytes > 0 }
      let outcome = parse(pieces, thenClose: true)
      #expect(outcome.progress != .incomplete)
      if case .complete = outcome.progress { #expect((100...999).contains(outcome.status)) }
      #expect(outcome.body.utf8.count <= 3 * AnswerReader.longestBody)
    }
  }
}
