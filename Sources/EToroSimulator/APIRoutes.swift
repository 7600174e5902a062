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
