import CancelAPI
import CancelContract
import CancelCore
import Foundation
import HTTPTransport
import NIOCore
import NIOEmbedded
import NIOHTTP1

extension FuzzTarget {
  /// The API's answers as bytes in pieces: read to the end or refused. Only a 2xx is accepted, and it is nothing but
  /// accepted or ambiguous; no answer repeats a credential, however the server spells it.
  public static let answer = FuzzTarget(name: "answer") { random in
    let canary = random.pick(canaries)
    var bytes = response(&random, echoing: canary)
    if !random.oneIn(4) { bytes = Mutation.spoil(bytes, &random) }
    guard let response = read(bytes, &random) else { return .refused }
    let answer = api.answer(to: call(with: canary), .success(response))
    var violation: String?
    let isSuccess = (200..<300).contains(response.status)
    if answer.kind == .accepted && !isSuccess || isSuccess && answer.kind != .accepted && answer.kind != .ambiguous {
      violation = "the kind is \(answer.kind)"
    }
    if texts(of: answer).contains(where: { $0.contains(canary) }) {
      violation = "the answer repeats the credential: \(answer)"
    }
    return verdict(true, unless: violation, input: bytes)
  }

  /// The response in `bytes`, which come in pieces of any size; `nil` where there is none.
  private static func read(_ bytes: [UInt8], _ random: inout SplitMix64) -> HTTPResponse? {
    let collector = ResponseCollector()
    let channel = EmbeddedChannel()
    defer { _ = try? channel.finish(acceptAlreadyClosed: true) }
    do {
      try channel.pipeline.syncOperations.addHandlers(ByteToMessageHandler(HTTPResponseDecoder()), collector)
      try channel.writeOutbound(
        HTTPClientRequestPart.head(HTTPRequestHead(version: .http1_1, method: .DELETE, uri: "/")))
      var rest = bytes[...]
      while !rest.isEmpty {
        let piece = rest.prefix(1 + random.below(64))
        rest = rest.dropFirst(piece.count)
        try channel.writeInbound(ByteBuffer(bytes: piece))
      }
      _ = try channel.finish(acceptAlreadyClosed: true)
    } catch {
      // a fault after the head keeps the status
    }
    return collector.response
  }

  private final class ResponseCollector: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private(set) var response: HTTPResponse?

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head) where response == nil:
        response = HTTPResponse(status: Int(head.status.code), headers: .http1(head.headers))
      case .body(let data):
        guard let head = response else { return }
        var body = head.body
        body.writeImmutableBuffer(data)
        response = HTTPResponse(status: head.status, headers: head.headers, body: body)
      case .head, .end:
        break
      }
    }
  }

  private static let api: EToroAPI = {
    do {
      let endpoint = try Endpoint(baseURL: "https://api.example")
      return EToroAPI(endpoint: endpoint, paths: CancelPaths(), version: "fuzz")
    } catch {
      preconditionFailure("the base URL is valid: \(error)")
    }
  }()

  /// User keys that come short and long, with characters that JSON, URLs and HTML may escape.
  private static let canaries = [
    "Cy+k/9\"q", "canary-5", "canary-user-key-0123456789", "canary+user/key=\"0123\\4567'89\"&<>%2B",
    String(repeating: "canary+/", count: 40),
  ]

  private static func call(with userKey: String) -> CancelCall {
    let credential = Credential.keyPair(apiKey: Secret("other-api-key-0123456789"), userKey: Secret(userKey))
    do {
      guard let order = OrderID(1) else { preconditionFailure("1 is an order's number") }
      return CancelCall(
        orderID: order, account: try Account(name: "desk", environment: .demo, credential: credential))
    } catch {
      preconditionFailure("the credential is valid: \(error)")
    }
  }

  /// What a reader of the answer's result can see: the answer as text, and every string of its problem, decoded.
  private static func texts(of answer: CancelAnswer) -> [String] {
    let decoded = (answer.problem.flatMap { try? JSONValue($0.json.utf8) }).map(strings) ?? []
    return ["\(answer)"]
      + (decoded + [answer.token].compactMap(\.self)).flatMap { [$0, $0.removingPercentEncoding ?? $0] }
  }

  private static func strings(in value: JSONValue) -> [String] {
    switch value {
    case .string(let text): [text]
    case .array(let elements): elements.flatMap(strings)
    case .object(let members): members.flatMap { [$0.name] + strings(in: $0.value) }
    case .null, .boolean, .number: []
    }
  }

  /// The text in one of the ways in which servers spell it; for JSON, with its escapes.
  private static func echo(_ text: String, _ random: inout SplitMix64) -> String {
    let plain = String(decoding: JSONSpelling.string(text, &random).dropFirst().dropLast(), as: UTF8.self)
    switch random.below(4) {
    case 0: return text.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? plain
    case 1: return text.utf16.map { "\\u" + String(format: random.oneIn(2) ? "%04x" : "%04X", $0) }.joined()
    default: return plain
    }
  }

  private static func response(_ random: inout SplitMix64, echoing canary: String) -> [UInt8] {
    let status = random.pick([200, 200, 202, 204, 301, 400, 401, 403, 404, 408, 422, 429, 500, 503, 100, 999])
    var head = "HTTP/1.1 \(status) \(random.pick(["OK", "", "Too Many Requests"]))\r\n"
    let numbers = ["0", "1", "20", "-1", "60", "99999999999999999999", "1.5", "x", canary, echo(canary, &random)]
    let names = [
      "X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset", "RateLimit-Limit", "RateLimit", "Retry-After",
      "Date", "Location", "Content-Type", "Connection", "Keep-Alive",
    ]
    for _ in 0..<random.below(6) { head += "\(random.pick(names)): \(random.pick(numbers))\r\n" }
    let echoed = echo(canary, &random)
    let body = random.pick([
      "{\"token\":\"7f1da128-f516-4710-8474-915566c4b22e\"}", "{\"token\":\"\(echoed)\"}", "<html>\(canary)</html>", "",
      "{\"type\":\"about:blank\",\"title\":\"x\",\"detail\":\"\(echoed)\",\"status\":404}",
      "{\"title\":\"x\",\"errors\":{\"\(echoed)\":[\"key \(echoed) is unknown\"]}}", "{\"token\":null}", "[",
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
