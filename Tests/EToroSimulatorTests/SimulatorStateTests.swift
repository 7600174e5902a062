import Foundation
import Testing

@testable import EToroSimulator

@Suite struct SimulatorStateTests {
  private func call(
    _ order: Int64? = 13_902_598, id: String? = UUID().uuidString, api: String? = "a", user: String? = "u",
    bearer: String? = nil
  ) -> IncomingCall {
    IncomingCall(order: order, environment: "demo", requestID: id, apiKey: api, userKey: user, bearer: bearer)
  }

  @Test func answersAsTheContractSays() {
    let state = SimulatorState(SimulatorConfiguration())
    #expect(state.answer(call()).status == 200)
    #expect(state.answer(call(1_404)).status == 404)
    #expect(state.answer(call(1_400)).status == 400)
    #expect(state.answer(call(nil)).status == 400)
    #expect(state.answer(call(id: nil)).status == 400)
    #expect(state.answer(call(id: "no-uuid")).status == 400)
    #expect(state.answer(call(user: nil)).status == 401)
    #expect(state.answer(call(bearer: "t")).status == 422)
    #expect(state.answer(call(api: nil, user: nil, bearer: "t")).status == 200)
  }

  @Test func looksUpWhatWasCancelled() {
    let state = SimulatorState(SimulatorConfiguration())
    #expect(state.lookUp(call()).status == 404)
    #expect(state.answer(call()).status == 200)
    #expect(state.lookUp(call()).body?.contains("\"name\":\"Cancelled\"") == true)
    #expect(state.lookUp(call(user: nil)).status == 401)
    #expect(state.lookUp(call(nil)).status == 400)
  }

  @Test func aRequestIDIsTakenOnce() {
    let state = SimulatorState(SimulatorConfiguration())
    let id = UUID().uuidString
    #expect(state.answer(call(id: id)).status == 200)
    #expect(state.answer(call(id: id)).status == 400)
  }

  @Test func repeatsAreIdempotentAndCounted() {
    let state = SimulatorState(SimulatorConfiguration())
    let first = state.answer(call())
    let second = state.answer(call())
    #expect(first.body == second.body)
    #expect(state.callsPerOrder == [13_902_598: 2])
  }

  @Test func theQuotaIsPerUserKeyAndToldInHeaders() {
    var configuration = SimulatorConfiguration()
    configuration.quota = 2
    let state = SimulatorState(configuration)
    #expect(state.answer(call()).status == 200)
    #expect(state.answer(call()).headers.contains { $0.name == "x-ratelimit-remaining" && $0.value == "0" })
    let refused = state.answer(call())
    #expect(refused.status == 429)
    #expect(refused.headers.contains { $0.name == "retry-after" && $0.value == "60" })
    #expect(state.answer(call(user: "other")).status == 200)
  }

  @Test func keysAreRefusedOnDemand() {
    let state = SimulatorState(SimulatorConfiguration())
    state.configure { $0.refusedKeys = ["u"] }
    #expect(state.answer(call()).status == 401)
    state.configure {
      $0.refusedKeys = []
      $0.forbiddenKeys = ["u"]
    }
    #expect(state.answer(call()).status == 403)
    #expect(state.statuses == [401: 1, 403: 1])
  }

  private func listed(_ state: SimulatorState, _ call: IncomingCall) -> Set<String> {
    let body = state.portfolio(call).body ?? ""
    return Set(body.matches(of: /"orderID":(\d+),"cid"/).map { String($0.output.1) })
  }

  @Test func aListHoldsWhatIsPendingAndLagsBehindACancel() {
    var configuration = SimulatorConfiguration()
    configuration.closingOrders = 2
    configuration.copiedOrders = 1
    configuration.listLag = .seconds(3600)
    let state = SimulatorState(configuration)
    state.addOrders([1, 2, 3], to: "u")
    state.addOrders([9], to: "u", environment: "real")
    #expect(listed(state, call(nil)) == ["1", "2", "3"])
    #expect(state.portfolio(call(nil)).body?.contains("\"exitOrders\":[{\"orderID\":900000000},") == true)
    #expect(state.answer(call(2)).status == 200)
    state.fillOrder(3, of: "u")
    // A cancel whose answer was lost is sent again: cancelling is idempotent. A filled order is too late for it.
    #expect(state.answer(call(2)).status == 200)
    #expect(state.answer(call(3)).status == 400)
    #expect(listed(state, call(nil)) == ["1", "2"])
    #expect(state.lookUp(call(2)).body?.contains("PendingCancel") == true)
    state.configure { $0.listLag = .zero }
    #expect(listed(state, call(nil)) == ["1"])
    #expect(state.lookUp(call(1)).body?.contains("WaitingForMarket") == true)
    #expect(state.lookUp(call(2)).body?.contains("\"name\":\"Canceled\"") == true)
    #expect(state.lookUp(call(3)).body?.contains("Filled") == true)
    state.configure { $0.closedOrdersAreKnownFor = .zero }
    #expect(state.lookUp(call(2)).status == 404)
    #expect(state.lookUp(call(3)).status == 404)
    #expect(state.pendingOrders(of: "u") == 1 && state.pendingOrders(of: "u", environment: "real") == 1)
    #expect(listed(state, call(nil, user: "other")) == [])
  }

  @Test func ordersFillMeanwhile() {
    var configuration = SimulatorConfiguration()
    configuration.fillRate = 0.5
    let state = SimulatorState(configuration)
    state.addOrders(1...200, to: "u")
    let first = listed(state, call(nil)).count
    let second = listed(state, call(nil)).count
    #expect((1..<200).contains(first) && (0..<first).contains(second))
  }

  @Test func listsAndLookupsHavePoolsOfTheirOwn() {
    var configuration = SimulatorConfiguration()
    configuration.quota = 1
    configuration.readQuota = 2
    let state = SimulatorState(configuration)
    state.addOrders([1], to: "u")
    for _ in 0..<2 {
      #expect(state.portfolio(call(nil)).status == 200)
      #expect(state.lookUp(call(1)).status == 200)
    }
    let refused = state.portfolio(call(nil))
    #expect(refused.status == 429)
    #expect(refused.headers.contains { $0.name == "x-ratelimit-limit" && $0.value == "2" }, "the limit of its own pool")
    #expect(state.lookUp(call(1)).status == 429)
    #expect(state.answer(call(1)).status == 200, "the cancels' pool is untouched")
    #expect(state.answer(call(1)).headers.contains { $0.name == "x-ratelimit-limit" && $0.value == "1" })
    #expect(state.throttledReads == 2)
  }
}
