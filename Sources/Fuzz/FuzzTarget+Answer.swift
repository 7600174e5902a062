import CancelAPI
import CancelContract
import CancelCore
import HTTPTransport
import NIOCore
import NIOEmbedded
import NIOHTTP1

extension FuzzTarget {
  /// The API's answers as bytes in pieces: read to the end or refused, and a 2xx is never anything but accepted.
  public static let answer = FuzzTarget(name: "answer") { random in
    var bytes = response(&random)
    if !random.oneIn(4) { bytes = Mutation.spoil(bytes, &random) }
    guard let response = read(bytes, &random) else { return .refused }
    let answer = api.answer(to: call, .success(response))
    var violation: String?
    if (answer.kind == .accepted) != (200..<300).contains(response.status) { violation = "the kind is \(answer.kind)" }
    if "\(answer)".contains(canary) { violation = "the answer repeats the credential: \(answer)" }
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

  private static let call: CancelCall = {
    do {
      guard let order = OrderID(1) else { preconditionFailure("1 is an order's number") }
      return CancelCall(
        orderID: order, account: try Account(name: "desk", environment: .demo, credential: credential))
    } catch {
      preconditionFailure("the credential is valid: \(error)")
    }
  }()

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
