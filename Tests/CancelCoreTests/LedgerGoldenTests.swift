import CancelContract
import Foundation
import Testing

@testable import CancelCore

/// Holds the ledger's bytes against files in `Golden/`, one for each kind of record and version: `<name>.v<version>.hex`.
///
/// The files of a version that was released never change: a newer worker reads what an older one wrote. With
/// `UPDATE_GOLDEN=1` in the environment the files of the current version are written anew; look at the difference before
/// you keep it.
@Suite struct LedgerGoldenTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")

  @Test(arguments: LedgerGolden.records.map(\.name))
  func theCurrentVersionIsWrittenAsTheFilesHaveIt(name: String) throws {
    let record = try #require(LedgerGolden.records.first { $0.name == name }).record
    let file = Self.folder.appending(path: "\(name).v\(LedgerVersion.current.rawValue).hex")
    let hex = record.encoded().map { String(format: "%02x", $0) }.joined()
    if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
      try Data("\(hex)\n".utf8).write(to: file)
    }
    #expect(try hex == String(contentsOf: file, encoding: .utf8).trimmingCharacters(in: .newlines))
    #expect(try LedgerRecord(decoding: record.encoded()) == record)
  }

  @Test(arguments: LedgerGolden.namesOfOrders, [LedgerVersion.one, .two])
  func recordsOfEarlierVersionsAreReadForGood(name: String, version: LedgerVersion) throws {
    let record = try #require(LedgerGolden.records.first { $0.name == name }).record
    let read = try LedgerRecord(decoding: Self.bytes(ofFile: "\(name).v\(version.rawValue).hex"))
    #expect(read == record.as(of: version))
  }

  @Test(arguments: ["settled-accepted", "settled-rejected", "calls"])
  func memoriesOfVersionOneAreRestoredAsTheyAre(name: String) throws {
    let record = try #require(LedgerGolden.records.first { $0.name == name }).record
    let bytes = try Self.bytes(ofFile: "\(name).v1.hex")
    let restored = try #require(try RememberedRecord.restoring(bytes, window: .seconds(60)))
    let written = try #require(try RememberedRecord.restoring(record.encoded(), window: .seconds(60)))
    #expect(restored.record.bytes == bytes)
    #expect(restored.record.settled == written.record.settled)
    #expect(restored.record.sends == written.record.sends)
    #expect(restored.record.end(window: .seconds(60)) == restored.end)
    #expect((restored.end, restored.release) == (written.end, written.release))
  }

  /// A member that is added must be in the golden records, for they are what holds writer and reader together.
  @Test func theGoldenRecordsHaveEveryDetailThatARequestMayHave() {
    let details = LedgerGolden.fullRequest.received.request.details
    let members = Mirror(reflecting: details).children
    #expect(members.contains { $0.label == "venue" })
    let missing = members.filter { child in
      let mirror = Mirror(reflecting: child.value)
      return mirror.displayStyle == .optional && mirror.children.isEmpty || child.value as? Bool == false
    }
    #expect(missing.map(\.label) == [])
  }

  @Test func aRecordWithoutAVersionIsAnError() {
    #expect(throws: LedgerError.truncated(at: 0)) { try LedgerRecord(decoding: []) }
    #expect(throws: LedgerError.malformed("the version is 0", at: 0)) { try LedgerRecord(decoding: [0, 1]) }
  }

  private static func bytes(ofFile name: String) throws -> [UInt8] {
    let text = try String(contentsOf: folder.appending(path: name), encoding: .utf8)
    let digits = Array(text.trimmingCharacters(in: .newlines))
    return try stride(from: 0, to: digits.count, by: 2).map { index in
      try #require(UInt8(String(digits[index...index + 1]), radix: 16))
    }
  }
}

/// The records whose bytes stand in `Golden/`: every kind, with every member there and with every optional one missing.
enum LedgerGolden {
  struct Named {
    var name: String
    var record: LedgerRecord
  }

  static let records = [
    Named(name: "open-full", record: .open(fullState)),
    Named(name: "open-minimal", record: .open(OpenState(requests: [minimalRequest]))),
    Named(name: "settled-accepted", record: .settled(accepted)),
    Named(name: "settled-rejected", record: .settled(rejected)),
    Named(name: "calls", record: .calls(calls)),
    Named(name: "more", record: .more([fullRequest, minimalRequest])),
    Named(name: "sweep-account", record: .sweep(sweep)),
    Named(name: "sweep-all", record: .sweep(firedSweep)),
    Named(name: "switch", record: .deadMansSwitch(SwitchRecord(received: armed, due: time(60_000_000)))),
    Named(name: "mark", record: .mark(.rejected)),
    Named(name: "confirmation", record: .confirmation(confirmation)),
    Named(name: "campaign", record: .campaign(campaign)),
  ]

  /// The records that the first versions had.
  static let namesOfOrders = ["open-full", "open-minimal", "settled-accepted", "settled-rejected", "calls", "more"]

  static func time(_ microseconds: Int64) -> Timestamp {
    Timestamp(microseconds: 1_785_402_900_000_000 + microseconds)
  }

  private static func order(_ value: Int64) -> OrderID {
    guard let order = OrderID(value) else { preconditionFailure("The golden records use positive order ids.") }
    return order
  }

  private static let calls = [
    Send(
      requestID: UUID(uuid: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)), sentAt: time(3900),
      answeredAt: time(31_007)),
    Send(
      requestID: UUID(uuid: (16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1)), sentAt: time(40_000),
      answeredAt: nil, holdsSlot: false),
  ]

  static let fullRequest = OpenRequest(
    received: ReceivedRequest(
      request: CancelRequest(
        cancelID: "kill-2026-07-30/0001",
        orderID: order(.max),
        account: "desk-fx",
        priority: .killSwitch,
        deadline: time(60_000_000),
        details: RequestDetails(
          reason: "limit \"gross\" hit\n– stop",
          origin: .init(system: "risk-engine", actor: "ann", algorithm: "twap", desk: "fx"),
          campaignID: "kill-2026-07-30",
          decidedAt: time(0),
          context: JSONText(wellFormed: Array(#"{ "legs": [1.50, {"n":9007199254740993}] }"#.utf8)),
          venue: "XETR",
          campaignSize: 1000,
          wantsConfirmation: true,
          sweptBy: "kill-2026-07-30"
        )),
      source: SourceCoordinates(topic: "order-cancel.requests", partition: 3, offset: 42),
      producedAt: time(2000),
      receivedAt: time(3250),
      key: Array("13902598".utf8),
      echoedHeaders: [RecordHeader("correlation-id", "8f14e45f"), RecordHeader(name: "x-desk", value: nil)]
    ),
    deadline: time(60_000_000),
    progressEvents: 300,
    isRepetition: true
  )

  private static let sweep = SweepRecord(
    received: ReceivedSweep(
      request: SweepRequest(
        cancelID: "ks-7", scope: .account("desk-fx"), details: fullRequest.received.request.details),
      source: fullRequest.received.source, producedAt: time(2000), receivedAt: time(3250), key: Array("desk-fx".utf8),
      echoedHeaders: fullRequest.received.echoedHeaders),
    deadline: time(3_600_000_000), accounts: ["desk-fx"])

  private static let armed = ReceivedSweep(
    request: SweepRequest(
      cancelID: "dms-1", scope: .all(accounts: ["desk-fx", "desk-eq"], environment: .real), priority: .routine,
      deadline: time(90_000_000), start: .after(.seconds(60)), details: RequestDetails(campaignID: "dms")),
    source: SourceCoordinates(topic: "order-cancel.requests", partition: 3, offset: 43), producedAt: time(0),
    receivedAt: time(1))

  private static let firedSweep = SweepRecord(
    received: armed, deadline: time(90_000_000), accounts: ["desk-fx", "desk-eq"], firedDue: time(60_000_000))

  private static let confirmation = ConfirmationRecord(
    echo: fullRequest.received.echo, producedAt: time(2000), receivedAt: time(3250), acceptedAt: time(31_007),
    until: time(60_031_007))

  private static let campaign: CampaignTally = {
    var tally = CampaignTally(firstProducedAt: time(2000))
    tally.size = 1000
    tally.outcomes = [.accepted: 3, .failed: 1]
    tally.accounts = ["desk-fx": [.accepted: 3], "desk-eq": [.failed: 1]]
    tally.lastAnsweredAt = time(31_007)
    return tally
  }()

  private static let minimalRequest = OpenRequest(
    received: ReceivedRequest(
      request: CancelRequest(cancelID: "7f1da128-f516-4710-8474-915566c4b22e", orderID: order(1)),
      source: SourceCoordinates(topic: "t", partition: 0, offset: 0),
      producedAt: time(0),
      receivedAt: time(1)
    ),
    deadline: time(600_000_000)
  )

  private static let fullState = OpenState(
    requests: [fullRequest, minimalRequest],
    attempts: 2,
    failures: 1,
    sends: calls,
    earlierSends: Array(calls.prefix(1)),
    lastHTTPStatus: 503,
    lastFault: "the API answered 503",
    outcomeUnknown: true,
    throttled: true
  )

  private static let accepted = SettledOutcome(
    until: time(86_400_000_000), outcome: .accepted, cancelID: "c-1", token: "7f1da128-f516-4710-8474-915566c4b22e",
    problem: nil, httpStatus: 200, attempts: 1, sends: Array(calls.prefix(1)))

  private static let rejected = SettledOutcome(
    until: time(5_000_000), outcome: .rejected, cancelID: "c-2", token: nil,
    problem: Problem(json: JSONText(wellFormed: Array(#"{"title":"Not Found","status":404}"#.utf8))),
    httpStatus: 404, attempts: 3, sends: calls, earlierSends: calls)
}

extension LedgerRecord {
  /// What an earlier version has of it.
  fileprivate func `as`(of version: LedgerVersion) -> LedgerRecord {
    switch self {
    case .open(var state):
      state.requests = state.requests.map { $0.as(of: version) }
      return .open(state)
    case .more(let requests): return .more(requests.map { $0.as(of: version) })
    default: return self
    }
  }
}

extension OpenRequest {
  fileprivate func `as`(of version: LedgerVersion) -> OpenRequest {
    var request = self
    if version < .two { request.received.request.details.venue = nil }
    if version < .three {
      request.received.request.details.campaignSize = nil
      request.received.request.details.wantsConfirmation = false
      request.received.request.details.sweptBy = nil
      request.isRepetition = false
    }
    return request
  }
}
