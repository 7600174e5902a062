import Foundation
import Hummingbird
import NIOCore

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
