import CancelContract
import Foundation
import Testing

@testable import CancelCore

@Suite struct LedgerRecordTests {
  private func settled(token: String?) -> SettledOutcome {
    SettledOutcome(
      until: Timestamp(milliseconds: 1_700_000_000_000), outcome: .accepted, cancelID: "c-17", token: token,
      problem: nil, httpStatus: 200, attempts: 1,
      sends: [
        Send(
          requestID: UUID(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)),
          sentAt: Timestamp(milliseconds: 1_699_999_999_000), answeredAt: nil)
      ])
  }

  @Test(arguments: [
    nil, "", "7f1da128-f516-4710-8474-915566c4b22e", "7F1DA128-F516-4710-8474-915566C4B22E", "any text",
  ])
  func aSettledOutcomeIsReadAsItWasWritten(token: String?) throws {
    let outcome = settled(token: token)
    let record = try LedgerRecord(decoding: LedgerRecord.settled(outcome).encoded())
    guard case .settled(let read) = record else {
      Issue.record("another kind was read")
      return
    }
    #expect(read == outcome)
    #expect(RememberedRecord(outcome).settled == outcome)
  }

  @Test func everyTruncationIsAnError() {
    let bytes = LedgerRecord.settled(settled(token: "any text")).encoded()
    for length in bytes.indices {
      #expect(throws: LedgerError.self) { try LedgerRecord(decoding: Array(bytes[..<length])) }
    }
  }

  @Test func aNewerVersionIsToldApart() {
    var bytes = LedgerRecord.settled(settled(token: nil)).encoded()
    let newer = LedgerVersion.current.rawValue + 1
    bytes[0] = newer
    #expect(throws: LedgerError.newerVersion(newer)) { try LedgerRecord(decoding: bytes) }
  }

  @Test func randomBytesNeverCrash() {
    var random = SplitMix64(seed: 7)
    for _ in 0..<20_000 {
      let bytes = (0..<Int.random(in: 0...80, using: &random)).map { index in
        index == 0
          ? .random(in: 1...LedgerVersion.current.rawValue, using: &random)
          : UInt8.random(in: 0...(index == 1 ? 4 : 255), using: &random)
      }
      _ = try? LedgerRecord(decoding: bytes)
    }
  }

  @Test func theRequestsOfOneOrderAreSpreadOverRecordsThatABrokerTakes() throws {
    var engine = CancelEngine(policy: CancelPolicy(), defaultAccount: "default", seed: 1)
    engine.configure(accounts: ["default": QuotaKey(index: 0)], at: at(0))
    engine.assign(.first)
    engine.restored(.first, position: 0, at: at(0))
    for offset in 0..<Int64(20_000) {
      let receipt = engine.receive(.make(order: 1, offset: offset, producedAt: at(0)), at: at(0))
      #expect(receipt == (offset == 0 ? .opened : .attached))
    }
    let taken = engine.nextBatch()
    let batch = try #require(taken)
    let records = batch.ledger
    #expect(records.count > 5)
    #expect(records.allSatisfy { ($0.value?.count ?? 0) < 500_000 })

    var successor = CancelEngine(policy: CancelPolicy(), defaultAccount: "default", seed: 2)
    successor.configure(accounts: ["default": QuotaKey(index: 0)], at: at(1))
    successor.assign(.first)
    for record in records { try successor.restore(.first, key: record.key, value: record.value, at: at(1)) }
    successor.restored(.first, position: 0, at: at(1))
    #expect(successor.openRequests == 20_000)
    #expect(successor.openOrders == 1)
  }
}
