import CancelContract
import FoundationEssentials
import NIOHPACK
import Synchronization
import Testing

@testable import CancelAPI

/// Lists and lookups at the client: what goes out, and what it makes of answers of every kind.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct ReadsTests {
  private static func response(_ status: String, _ body: String, _ headers: String = "") -> String {
    "HTTP/1.1 \(status)\r\n\(headers)content-length: \(body.utf8.count)\r\n\r\n\(body)"
  }

  private static let portfolio =
    #"{"clientPortfolio":{"orders":[{"orderID":1},{"orderID":2}],"exitOrders":[{"orderID":3}]}}"#

  private static let noOrders: @Sendable ([OrderID]) -> Void = { _ in }

  private func list(
    _ answer: String, _ account: Account? = nil, configure: (inout CancelClientConfiguration) -> Void = { _ in }
  ) async throws -> (answer: OrderListAnswer, request: String) {
    try await ScriptedServer.run { _ in
      [.send(answer), .close]
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port)
      configure(&configuration)
      let asked = try account ?? Canary.pair()
      return try await ClientKind.nio.run(configuration) { client in
        let answer = try await client.listOrders(of: asked, requestID: .random(), onOrders: Self.noOrders).get()
        return (answer, server.requests.first ?? "")
      }
    }
  }

  private func lookup(_ answer: String, _ account: Account? = nil) async throws -> (OrderLookupAnswer, String) {
    try await ScriptedServer.run { _ in
      [.send(answer), .close]
    } _: { server in
      let asked = try account ?? Canary.pair()
      return try await ClientKind.nio.run(.local(port: server.port)) { client in
        let answer = try await client.lookUp(try CancelCall.order(7), of: asked, requestID: .random()).get()
        return (answer, server.requests.first ?? "")
      }
    }
  }

  @Test func ordersAreToldWhileTheListIsStillComing() async throws {
    let cut = Self.portfolio.range(of: "},{")?.lowerBound ?? Self.portfolio.endIndex
    let (first, rest) = (Self.portfolio[...cut], Self.portfolio[Self.portfolio.index(after: cut)...])
    try await ScriptedServer.run { _ in
      [.send("HTTP/1.1 200 OK\r\ncontent-length: \(Self.portfolio.utf8.count)\r\n\r\n\(first)")]
    } _: { server in
      try await ClientKind.nio.run(.local(port: server.port)) { client in
        let (told, teller) = AsyncStream.makeStream(of: [OrderID].self)
        let answer = client.listOrders(of: try Canary.pair(), requestID: .random()) { teller.yield($0) }
        var iterator = told.makeAsyncIterator()
        #expect(await iterator.next()?.map(\.value) == [1])
        server.sendOnEveryConnection(String(rest))
        #expect(await iterator.next()?.map(\.value) == [2])
        guard case .complete(let list) = try await answer.get().outcome else {
          Issue.record("the list is complete")
          return
        }
        #expect(list.orders.map(\.value) == [1, 2] && list.notCancellable.closingOrders == 1)
      }
    }
  }

  @Test func anHTTP2ListIsReadFrameByFrame() async throws {
    let directory = try TemporaryDirectory()
    let pieces = Self.portfolio.map(String.init)
    try await ScriptedServer.runHTTP2 { _, _ in
      [.headers([":status": "200", "x-ratelimit-remaining": "58"], end: false)]
        + pieces.map { .data($0, end: false) } + [.data("", end: true)]
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port)
      configuration.baseURL = "https://localhost:\(server.port)"
      configuration.trustRoots = .file(try directory.write("roots.pem", TestCertificate.authority))
      try await ClientKind.nio.run(configuration) { client in
        let told = Mutex<[Int64]>([])
        let answer = try await client.listOrders(of: try Canary.pair(), requestID: .random()) { orders in
          told.withLock { $0 += orders.map(\.value) }
        }.get()
        guard case .complete(let list) = answer.outcome else { throw Unexpected(answer) }
        #expect(list.orders.map(\.value) == [1, 2])
        #expect(told.withLock { $0 } == [1, 2])
        #expect(answer.rateLimit == RateLimit(remaining: 58))
      }
    }
  }

  @Test func theRequestsAreThoseOfTheContract() async throws {
    let id = UUID.random()
    for (environment, list, lookup) in [
      (
        APIEnvironment.real, "GET /api/v1/trading/info/portfolio HTTP",
        "GET /api/v2/trading/info/orders:lookup?orderId=7 "
      ),
      (.demo, "GET /api/v1/trading/info/demo/portfolio HTTP", "GET /api/v2/trading/info/demo/orders:lookup?orderId=7 "),
    ] {
      try await ScriptedServer.run { number in
        [.send(Self.response("200 OK", number == 0 ? Self.portfolio : #"{"status":{"id":1,"name":"Open"}}"#))]
      } _: { server in
        try await ClientKind.nio.run(.local(port: server.port)) { client in
          let account = try Canary.pair(environment: environment)
          _ = try await client.listOrders(of: account, requestID: id, onOrders: Self.noOrders).get()
          let status = try await client.lookUp(try CancelCall.order(7), of: account, requestID: id).get()
          #expect(status.outcome == .found(OrderStatus(id: 1, name: "Open")))
          #expect(server.requests[0].hasPrefix(list), "\(server.requests[0])")
          #expect(server.requests[1].hasPrefix(lookup), "\(server.requests[1])")
          for request in server.requests {
            #expect(request.contains("x-request-id: \(id.uuidString.lowercased())\r\n"))
            #expect(request.contains("x-api-key: \(Canary.apiKey)\r\n"))
          }
        }
      }
    }
  }

  @Test func thePathsAreSettings() async throws {
    let (_, request) = try await list(Self.response("200 OK", Self.portfolio)) {
      $0.readPaths.realPortfolio = "/v9/all?kind=pending"
    }
    #expect(request.hasPrefix("GET /v9/all?kind=pending HTTP/1.1\r\n"))
  }

  @Test(arguments: [
    ("401 Unauthorized", #"{"errorCode":"Unauthorized"}"#, "", CancelAnswer.Kind.credentialRefused),
    ("429 Too Many Requests", "{}", "retry-after: 7\r\n", .throttled),
    ("503 Service Unavailable", "", "", .transient),
    ("404 Not Found", "{}", "", .rejected),
    ("200 OK", "<html>maintenance</html>", "content-type: text/html\r\n", .transient),
    ("200 OK", "", "", .transient),
    ("200 OK", #"{"clientPortfolio":{"orders":[{"orderID":1}"#, "", .transient),
    ("200 OK", "abc", "content-encoding: br\r\n", .transient),
  ])
  func whatIsNoListIsAFault(_ status: String, _ body: String, _ headers: String, _ kind: CancelAnswer.Kind) async throws
  {
    let (answer, _) = try await list(Self.response(status, body, headers))
    guard case .fault(let fault) = answer.outcome else { throw Unexpected(answer) }
    #expect(fault.kind == kind, "\(fault)")
    #expect(fault.httpStatus == Int(status.prefix(3)))
    if kind == .throttled { #expect(answer.rateLimit?.retryAfter == .seconds(7)) }
    if headers.contains("br") { #expect(fault.problem?.description.contains("came as br") == true, "\(fault)") }
    // A lookup is read by the same rules.
    let (found, _) = try await lookup(Self.response(status, body, headers))
    guard case .fault(let other) = found.outcome else { throw Unexpected(found) }
    #expect(other.kind == kind, "\(other)")
  }

  @Test func aListThatBreaksOffIsNoList() async throws {
    let (answer, _) = try await list(
      "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n\(Self.portfolio.dropLast(2))")
    guard case .fault(let fault) = answer.outcome else { throw Unexpected(answer) }
    #expect(fault.kind == .transient, "\(fault)")
  }

  @Test func aCompressedListIsReadAllTheSame() async throws {
    let gzip: [UInt8] = [
      0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xAB, 0x56, 0x4A, 0xCE, 0xC9, 0x4C, 0xCD, 0x2B,
      0x09, 0xC8, 0x2F, 0x2A, 0x49, 0xCB, 0xCF, 0xC9, 0xCC, 0x57, 0xB2, 0xAA, 0x56, 0xCA, 0x2F, 0x4A, 0x49, 0x2D,
      0x2A, 0x56, 0xB2, 0x8A, 0x86, 0x32, 0x3D, 0x5D, 0x94, 0xAC, 0xCC, 0x6B, 0x63, 0x6B, 0x6B, 0x01, 0x1E, 0xAF,
      0x57, 0x0F, 0x2E, 0x00, 0x00, 0x00,
    ]
    try await ScriptedServer.run { _ in
      [.send("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: \(gzip.count)\r\n\r\n"), .sendBytes(gzip)]
    } _: { server in
      try await ClientKind.nio.run(.local(port: server.port)) { client in
        let answer = try await client.listOrders(of: try Canary.pair(), requestID: .random(), onOrders: Self.noOrders)
          .get()
        guard case .complete(let list) = answer.outcome else { throw Unexpected(answer) }
        #expect(list.orders.map(\.value) == [7])
      }
    }
  }

  @Test func anEchoOfTheCredentialIsNotRepeated() async throws {
    let echo = #"{"status":{"id":4,"name":"Rejected","errorMessage":"key \#(Canary.userKey) is unknown"}}"#
    let (found, _) = try await lookup(Self.response("200 OK", echo))
    #expect(!"\(found)".contains(Canary.userKey))
    guard case .found(let status) = found.outcome else { throw Unexpected(found) }
    #expect(status.id == 4)
    let (listed, _) = try await list(Self.response("400 Bad Request", #"{"message":"\#(Canary.apiKey)"}"#))
    #expect(!"\(listed)".contains(Canary.apiKey))
  }

  private struct Unexpected: Error {
    var answer: String
    init(_ answer: some Any) { self.answer = "\(answer)" }
  }
}
