import CancelAPI
import CancelContract
import CancelCore
import NIOCore

extension FuzzTarget {
  /// The API's answers as bytes in pieces: read to the end or refused, and a 2xx is never anything but accepted.
  public static let answer = FuzzTarget(name: "answer") { random in
    var bytes = response(&random)
    if !random.oneIn(4) { bytes = Mutation.spoil(bytes, &random) }
    var parser = HTTP1ResponseParser()
    var progress = HTTP1ResponseParser.Progress.incomplete
    var rest = bytes[...]
    while progress == .incomplete, !rest.isEmpty {
      let piece = rest.prefix(1 + random.below(64))
      rest = rest.dropFirst(piece.count)
      progress = parser.receive(ByteBuffer(bytes: piece))
    }
    if progress == .incomplete { progress = parser.finish() }
    guard progress != .malformed, progress != .incomplete else { return .refused }
    let answer = AnswerReader.answer(
      status: parser.status, headers: parser.headers, body: Array(parser.body.readableBytesView),
      credential: credential, now: Timestamp(microseconds: 1_785_402_900_000_000))
    var violation: String?
    if (answer.kind == .accepted) != (200..<300).contains(parser.status) { violation = "the kind is \(answer.kind)" }
    if "\(answer)".contains(canary) { violation = "the answer repeats the credential: \(answer)" }
    return verdict(true, unless: violation, input: bytes)
  }

  private static let canary = "canary-user-key-0123456789"
  private static let credential = Credential.keyPair(
    apiKey: Secret("canary-api-key-0123456789"), userKey: Secret(canary))

  private static func response(_ random: inout SplitMix64) -> [UInt8] {
    let status = random.pick([200, 200, 202, 204, 301, 400, 401, 403, 404, 408, 422, 429, 500, 503, 100, 999])
    var head = "HTTP/1.1 \(status) \(random.pick(["OK", "", "Too Many Requests"]))\r\n"
    let numbers = ["0", "1", "20", "-1", "60", "99999999999999999999", "1.5", "x", canary]
    let names = [
      "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Limit", "RateLimit", "Retry-After",
      "Date", "Location", "Content-Type", "Connection", "Keep-Alive",
    ]
    for _ in 0..<random.below(6) { head += "\(random.pick(names)): \(random.pick(numbers))\r\n" }
    let body = random.pick([
      "{\"token\":\"7f1da128-f516-4710-8474-915566c4b22e\"}", "{\"token\":\"\(canary)\"}", "<html>\(canary)</html>", "",
      "{\"type\":\"about:blank\",\"title\":\"x\",\"detail\":\"\(canary)\",\"status\":404}", "{\"token\":null}", "[",
    ])
    switch random.below(3) {
    case 0: head += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    case 1:
      head += "Transfer-Encoding: chunked\r\n\r\n"
      if !body.isEmpty { head += "\(String(body.utf8.count, radix: 16))\r\n\(body)\r\n" }
      head += "0\r\n\r\n"
    default: head += "\r\n\(body)"
    }
    return Array(head.utf8)
  }
}
