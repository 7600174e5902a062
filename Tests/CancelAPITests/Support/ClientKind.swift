import AsyncHTTPCancelClient
import CancelContract
import FoundationEssentials
import Logging
import NIOCore
import NIOPosix
import Testing

@testable import CancelAPI

/// Both clients, for tests that each must pass.
enum ClientKind: CaseIterable, CustomTestStringConvertible {
  case asyncHTTPClient
  case nio

  var testDescription: String {
    switch self {
    case .asyncHTTPClient: "async-http-client"
    case .nio: "swift-nio"
    }
  }

  /// Makes a client on a loop of its own, runs `body`, and shuts it down.
  func run<Result>(
    _ configuration: CancelClientConfiguration,
    logger: Logger = Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
    _ body: (any CancelClient) async throws -> Result
  ) async throws -> Result {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let client: any CancelClient =
      switch self {
      case .asyncHTTPClient:
        try HTTPCancelClient(configuration: configuration, on: loop, logger: logger)
      case .nio:
        try EToroCancelClient(configuration: configuration, on: loop, logger: logger)
      }
    do {
      let result = try await body(client)
      await client.shutdown()
      return result
    } catch {
      await client.shutdown()
      throw error
    }
  }
}

/// Answers as futures, for tests that send many calls and wait for all of them.
extension CancelClient {
  func cancel(_ call: CancelCall) -> EventLoopFuture<CancelAnswer> {
    let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: CancelAnswer.self)
    cancel(call) { promise.succeed($0) }
    return promise.futureResult
  }

  func listOrders(
    of account: Account, requestID: UUID, onOrders: @escaping @Sendable ([OrderID]) -> Void
  ) -> EventLoopFuture<OrderListAnswer> {
    let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: OrderListAnswer.self)
    listOrders(of: account, requestID: requestID, onOrders: onOrders) { promise.succeed($0) }
    return promise.futureResult
  }

  func lookUp(_ orderID: OrderID, of account: Account, requestID: UUID) -> EventLoopFuture<OrderLookupAnswer> {
    let promise = MultiThreadedEventLoopGroup.singleton.any().makePromise(of: OrderLookupAnswer.self)
    lookUp(orderID, of: account, requestID: requestID) { promise.succeed($0) }
    return promise.futureResult
  }
}

extension CancelClientConfiguration {
  /// Plain HTTP to a port of this machine.
  static func local(port: Int, timeout: Duration = .seconds(60)) -> CancelClientConfiguration {
    var configuration = CancelClientConfiguration()
    configuration.baseURL = "http://127.0.0.1:\(port)"
    configuration.timeout = timeout
    configuration.version = "test"
    return configuration
  }
}

/// Secrets that are looked for where they must not be.
enum Canary {
  static let apiKey = "canary-api-key-3f1c9a"
  static let userKey = "canary-user-key-77d0e2"
  static let token = "canary-bearer-token-b81a44"

  static let all = [apiKey, userKey, token]

  static func pair(_ name: AccountName = "desk", environment: APIEnvironment = .real) throws -> Account {
    try Account(
      name: name, environment: environment, credential: .keyPair(apiKey: Secret(apiKey), userKey: Secret(userKey)))
  }

  static func bearer(_ name: AccountName = "desk", environment: APIEnvironment = .demo) throws -> Account {
    try Account(name: name, environment: environment, credential: .bearer(Secret(token)))
  }
}

extension CancelCall {
  /// A call for the order of the specification's example.
  static func example(_ number: Int64 = 13_902_598) throws -> CancelCall {
    CancelCall(orderID: try order(number), account: try Canary.pair())
  }

  static func order(_ number: Int64) throws -> OrderID {
    guard let id = OrderID(number) else { throw NotAnOrder() }
    return id
  }

  private struct NotAnOrder: Error {}
}
