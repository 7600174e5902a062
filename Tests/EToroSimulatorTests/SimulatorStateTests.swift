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
}
