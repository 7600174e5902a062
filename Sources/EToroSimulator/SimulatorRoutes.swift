import Foundation
import HTTPTypes
import Hummingbird
import NIOCore

/// `DELETE /api/v2/trading/execution/orders/{orderId}`, `GET /api/v2/trading/info/orders:lookup?orderId=`,
/// `GET /api/v1/trading/info/portfolio`, and their twins for demo accounts.
struct APIRoutes: Sendable {
  let state: SimulatorState

  func add(to router: Router<BasicRequestContext>) {
    router.delete("/api/v2/trading/execution/orders/{orderId}") { request, context in
      try await respond(state.answer(call(request, context.parameters.get("orderId"), environment: "real")))
    }
    router.delete("/api/v2/trading/execution/demo/orders/{orderId}") { request, context in
      try await respond(state.answer(call(request, context.parameters.get("orderId"), environment: "demo")))
    }
    router.get("/api/v2/trading/info/orders:lookup") { request, _ in
      try await respond(state.lookUp(call(request, request.uri.queryParameters.get("orderId"), environment: "real")))
    }
    addLists(to: router)
    router.get("/api/v2/trading/info/demo/orders:lookup") { request, _ in
      try await respond(state.lookUp(call(request, request.uri.queryParameters.get("orderId"), environment: "demo")))
    }
  }

  private func addLists(to router: Router<BasicRequestContext>) {
    router.get("/api/v1/trading/info/portfolio") { request, _ in
      try await respond(state.portfolio(call(request, nil, environment: "real")))
    }
    router.get("/api/v1/trading/info/demo/portfolio") { request, _ in
      try await respond(state.portfolio(call(request, nil, environment: "demo")))
    }
  }

  private func call(_ request: Request, _ orderID: String?, environment: String) -> IncomingCall {
    IncomingCall(
      order: orderID.flatMap { Int64($0) }.flatMap { $0 > 0 ? $0 : nil },
      environment: environment,
      requestID: request.headers[.requestID],
      apiKey: request.headers[.apiKey],
      userKey: request.headers[.userKey],
      bearer: request.headers[.authorization].flatMap { $0.hasPrefix("Bearer ") ? String($0.dropFirst(7)) : nil })
  }

  private func respond(_ answer: SimulatedAnswer) async throws -> Response {
    if answer.delay > .zero { try await Task.sleep(for: answer.delay) }
    switch answer.kind {
    case .respond: break
    case .drop:
      return Response(status: .ok, body: ResponseBody(contentLength: 48) { _ in throw ConnectionDropped() })
    case .hang: try await Task.sleep(for: .seconds(3600))
    }
    var fields = HTTPFields()
    for header in answer.headers {
      guard let name = HTTPField.Name(header.name) else { continue }
      fields[name] = header.value
    }
    let body = answer.body.map { ResponseBody(byteBuffer: ByteBuffer(string: $0)) } ?? ResponseBody()
    return Response(status: .init(code: answer.status), headers: fields, body: body)
  }
}

/// Closes the connection instead of answering: the body breaks off before its first byte.
struct ConnectionDropped: Error {}

extension HTTPField.Name {
  static let requestID = constant("x-request-id")
  static let apiKey = constant("x-api-key")
  static let userKey = constant("x-user-key")

  private static func constant(_ name: String) -> HTTPField.Name {
    guard let name = HTTPField.Name(name) else { preconditionFailure("The name of a header is a token.") }
    return name
  }
}

/// What a test or an operator may ask and change while the simulator runs, under `/_simulator`.
struct ControlRoutes: Sendable {
  let state: SimulatorState

  func add(to router: Router<BasicRequestContext>) {
    router.get("/_simulator/statuses") { _, _ in
      json(Dictionary(uniqueKeysWithValues: state.statuses.map { ("\($0.key)", $0.value) }))
    }
    router.get("/_simulator/orders") { _, _ in
      json(Dictionary(uniqueKeysWithValues: state.callsPerOrder.map { ("\($0.key)", $0.value) }))
    }
    router.put("/_simulator/faults") { request, _ in
      try change(request)
      return json(["changed": 1])
    }
    router.put("/_simulator/keys/{key}/orders") { request, context in
      let key = try context.parameters.require("key")
      let query = request.uri.queryParameters
      guard let first = query["first"].flatMap({ Int64($0) }), let count = query["count"].flatMap({ Int64($0) }),
        first > 0, (1...100_000).contains(count)
      else { throw HTTPError(.badRequest, message: "give first, a number from 1, and count, from 1 to 100000") }
      let environment = try environment(of: request)
      state.addOrders(first..<first + count, to: key, environment: environment)
      return json(["pending": state.pendingOrders(of: key, environment: environment)])
    }
    router.get("/_simulator/keys/{key}/orders") { request, context in
      let key = try context.parameters.require("key")
      return json(["pending": state.pendingOrders(of: key, environment: try environment(of: request))])
    }
    router.put("/_simulator/keys/{key}/orders/{order}/fill") { request, context in
      let key = try context.parameters.require("key")
      guard let order = Int64(try context.parameters.require("order")), order > 0 else {
        throw HTTPError(.badRequest, message: "an order is a number from 1")
      }
      let environment = try environment(of: request)
      state.fillOrder(order, of: key, environment: environment)
      return json(["pending": state.pendingOrders(of: key, environment: environment)])
    }
    router.put("/_simulator/keys/{key}/refuse") { _, context in
      let key = try context.parameters.require("key")
      state.configure { $0.refusedKeys.insert(key) }
      return json(["refused": 1])
    }
    router.delete("/_simulator/keys/{key}/refuse") { _, context in
      let key = try context.parameters.require("key")
      state.configure { $0.refusedKeys.remove(key) }
      return json(["refused": 0])
    }
  }

  /// The environment that the query names, `demo` where it names none.
  private func environment(of request: Request) throws -> String {
    let name = request.uri.queryParameters["environment"].map(String.init) ?? "demo"
    guard ["demo", "real"].contains(name) else {
      throw HTTPError(.badRequest, message: "environment is demo or real")
    }
    return name
  }

  /// Takes the rates and delays that the query names: `serverErrorRate=0.1&delayMilliseconds=20`.
  private func change(_ request: Request) throws {
    let query = request.uri.queryParameters
    let rates: [(String, @Sendable (inout SimulatorConfiguration.Faults, Double) -> Void)] = [
      ("serverErrorRate", { $0.serverErrorRate = $1 }), ("unavailableRate", { $0.unavailableRate = $1 }),
      ("lostAnswerRate", { $0.lostAnswerRate = $1 }), ("hangRate", { $0.hangRate = $1 }),
      ("garbageRate", { $0.garbageRate = $1 }), ("delayMilliseconds", { $0.delay = .milliseconds(Int64($1)) }),
      ("jitterMilliseconds", { $0.jitter = .milliseconds(Int64($1)) }),
    ]
    for (name, apply) in rates {
      guard let text = query[Substring(name)] else { continue }
      guard let value = Double(text), value >= 0 else { throw HTTPError(.badRequest, message: "\(name) is no number") }
      state.configure { apply(&$0.faults, value) }
    }
  }

  private func json(_ counts: [String: Int]) -> Response {
    let members = counts.sorted { $0.key < $1.key }.map { "\"\($0.key)\":\($0.value)" }
    let body = "{\(members.joined(separator: ","))}"
    return Response(
      status: .ok, headers: [.contentType: "application/json"],
      body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
  }
}

/// A call of one of the routes, as far as its answer depends on it.
struct IncomingCall: Sendable {
  var order: Int64?
  var environment: String
  var requestID: String?
  var apiKey: String?
  var userKey: String?
  var bearer: String?

  /// What its quota is counted under.
  var key: String { userKey ?? bearer ?? "" }

  /// Refuses a call whose headers are not what the contract asks for, or whose key is.
  func refusal(_ configuration: SimulatorConfiguration) -> SimulatedAnswer? {
    guard let requestID, UUID(uuidString: requestID) != nil else {
      return .problem(400, "Bad Request", "The header x-request-id is missing or no UUID.")
    }
    if bearer != nil && (apiKey != nil || userKey != nil) {
      return .problem(422, "Unprocessable Content", "Send the keys or a bearer token, not both.")
    }
    let key: String
    if let bearer, !bearer.isEmpty {
      key = bearer
    } else if let apiKey, let userKey, !apiKey.isEmpty, !userKey.isEmpty {
      key = userKey
    } else {
      return .problem(401, "Unauthorized", "Invalid or missing authentication.")
    }
    if configuration.refusedKeys.contains(key) {
      return .problem(401, "Unauthorized", "Invalid or missing authentication.")
    }
    if configuration.forbiddenKeys.contains(key) {
      return .problem(403, "Forbidden", "The key may not cancel orders.")
    }
    return nil
  }
}
