import CancelContract
import CancelCore
import CancelService
import InMemoryLogging
import Logging
import Testing

@testable import Operations

@Suite struct StateLogTests {
  private let lines = InMemoryLogHandler()
  private let key = WorkerChange.Key(digest: "aaaa0000", accounts: ["desk-a", "desk-b"])

  private var log: StateLog {
    let lines = lines
    return StateLog(logger: Logger(label: "test") { _ in lines })
  }

  @Test(arguments: [
    (
      EngineChange.credentialRefused(QuotaKey(index: 0), httpStatus: 401, detail: "expired"),
      EngineChange.credentialWorks(QuotaKey(index: 0), refusedSince: Sample.start), Logger.Level.error
    ),
    (
      .keyOut(QuotaKey(index: 0), httpStatus: 503, detail: "busy"),
      .keyBack(QuotaKey(index: 0), outSince: Sample.start), .warning
    ),
    (.apiOut(httpStatus: 503, detail: "busy"), .apiBack(outSince: Sample.start), .error),
    (.throttled(QuotaKey(index: 0), until: Sample.start), .throttlingOver(QuotaKey(index: 0)), .warning),
  ])
  func oneLineWhenItBeginsAndOneWhenItIsOver(began: EngineChange, ended: EngineChange, level: Logger.Level) {
    let isOfAll = began == .apiOut(httpStatus: 503, detail: "busy")
    log.changed(.engine(began, key: isOfAll ? nil : key))
    log.changed(.engine(ended, key: isOfAll ? nil : key))
    #expect(lines.entries.map(\.level) == [level, .info])
    guard !isOfAll else { return }
    for entry in lines.entries {
      #expect(entry.facts[LogKey.userKey] == "aaaa0000" && entry.facts[LogKey.accounts] == "desk-a, desk-b")
    }
  }

  @Test func theReasonIsInTheLine() {
    log.changed(
      .engine(.credentialRefused(QuotaKey(index: 0), httpStatus: 401, detail: "key\nexpired"), key: key))
    log.changed(.brokerUnreachable(since: Sample.start, reason: "1/1 brokers are down"))
    log.changed(.brokerReachable(unreachableFor: .seconds(90)))
    #expect(lines.entries.first?.facts[LogKey.httpStatus] == "401")
    #expect(lines.entries.first?.facts[LogKey.reason] == #"key\u{a}expired"#)
    #expect(lines.entries.map(\.level) == [.error, .error, .info])
    #expect(lines.entries[1].facts[LogKey.reason] == "1/1 brokers are down")
    #expect(lines.entries[2].facts[LogKey.seconds] == "90.0")
  }

  @Test(arguments: [(-900, "-900.0"), (2, "2.0")])
  func aClockThatWasSetIsAWarningWithItsStep(step: Int, said: String) {
    log.changed(.clockStepped(by: .seconds(step)))
    #expect(lines.entries.map(\.level) == [.warning])
    #expect(lines.entries.first?.facts["step_seconds"] == said)
  }

  @Test func partitionsComeAndGo() {
    log.assigned([1, 0])
    log.restored([0, 1], records: 7, after: .seconds(2))
    log.gaveUp([0, 1], lost: true)
    log.gaveUp([0], lost: false)
    #expect(lines.entries.map(\.level) == [.info, .info, .warning, .info])
    #expect(lines.entries.allSatisfy { $0.facts[LogKey.partitions] != nil })
  }
}
