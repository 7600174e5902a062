import CancelContract
import Dispatch
import InMemoryLogging
import Logging
import Testing

@testable import Operations

@Suite struct RequestLogTests {
  private let lines = InMemoryLogHandler()

  private func logger(_ level: Logger.Level = .info) -> Logger {
    var logger = Logger(label: "test") { _ in lines }
    logger.logLevel = level
    return logger
  }

  @Test func oneLineForEachResult() async {
    let log = RequestLog(logger: logger())
    log.published(
      [
        Sample.result(
          1, headers: [RecordHeader("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")]),
        Sample.result(2, order: nil, account: nil, outcome: .invalid, attempts: 0),
      ], refused: [], at: Sample.start + .microseconds(9250))
    await log.flush()
    #expect(lines.entries.map(\.message) == [RequestLog.message, RequestLog.message])
    #expect(
      lines.entries.first?.facts == [
        LogKey.orderID: "1", LogKey.cancelID: "cancel-1", LogKey.account: "default", LogKey.outcome: "accepted",
        LogKey.attempts: "1", LogKey.httpStatus: "200", LogKey.deduplicated: "false", LogKey.source: "requests/0/1",
        LogKey.queueMilliseconds: "2.0", LogKey.callMilliseconds: "5.0", LogKey.totalMilliseconds: "9.25",
        LogKey.traceID: "4bf92f3577b34da6a3ce929d0e0e4736",
      ])
    #expect(
      lines.entries.last?.facts == [
        LogKey.cancelID: "cancel-2", LogKey.outcome: "invalid", LogKey.attempts: "0", LogKey.deduplicated: "false",
        LogKey.source: "requests/0/2", LogKey.totalMilliseconds: "9.25",
      ])
  }

  @Test func whatFailedIsAWarningWithItsProblem() async {
    var failed = Sample.result(1, outcome: .failed)
    failed.problem = Problem(.credentialRefused, detail: "the API refuses the credential")
    // At `warning` the lines of what went well are left out, and no other.
    let log = RequestLog(logger: logger(.warning))
    log.published([Sample.result(2), failed, Sample.result(3, outcome: .expired)], refused: [], at: Sample.start)
    await log.flush()
    #expect(lines.entries.map(\.level) == [.warning, .warning])
    #expect(lines.entries.first?.facts[LogKey.problem] == "urn:cancel-worker:problem:credential-refused")
    #expect(lines.entries.first?.facts[LogKey.problemDetail] == "the API refuses the credential")
  }

  @Test func aSharedAnswerHasNoStagesOfItsOwn() {
    let metadata = RequestLog.metadata(
      of: Sample.result(1, deduplicated: true), publishedAt: Sample.start)
    #expect(metadata[LogKey.queueMilliseconds] == nil)
    #expect(metadata[LogKey.callMilliseconds] == nil)
  }

  @Test func aQuietLevelCostsNothing() async {
    let log = RequestLog(logger: logger(.warning))
    log.published([Sample.result(1)], refused: [], at: Sample.start)
    await log.flush()
    #expect(lines.entries.isEmpty)
  }

  @Test func whatASenderWroteStaysOnItsLine() {
    var result = Sample.result(1)
    result.echo.cancelID = "a\nlevel=error\u{202E}\u{7F}é" + String(repeating: "x", count: 1000)
    let text = RequestLog.metadata(of: result, publishedAt: Sample.start)[LogKey.cancelID]?.description ?? ""
    #expect(text.hasPrefix(#"a\u{a}level=error\u{202e}\u{7f}éxxx"#))
    #expect(text.count < 200)
  }

  @Test func linesThatCanNotBeWrittenAreCounted() async {
    let gated = GatedLogHandler(handler: lines)
    let log = RequestLog(logger: Logger(label: "test") { _ in gated }, maxBacklog: 2)
    gated.gate.wait()
    log.published([Sample.result(1), Sample.result(2)], refused: [], at: Sample.start)
    log.published((3...7).map { Sample.result($0) }, refused: [], at: Sample.start)
    gated.gate.signal()
    await log.flush()
    #expect(lines.entries.count == 3)
    #expect(lines.entries.last?.facts == [LogKey.count: "5"])
  }

  @Test func aLineSaysWhoAskedWhyAndForWhichCampaign() {
    var result = Sample.result(1)
    #expect(RequestLog.metadata(of: result, publishedAt: Sample.start)[LogKey.requestedBy] == nil)
    result.echo.details = RequestDetails(
      reason: "limit", origin: RequestDetails.Origin(system: "risk", actor: "ann"), campaignID: "ks-1")
    let metadata = RequestLog.metadata(of: result, publishedAt: Sample.start)
    #expect(metadata[LogKey.requestedBy] == "ann" && metadata[LogKey.requestedBecause] == "limit")
    #expect(metadata[LogKey.campaignID] == "ks-1")
    result.echo.details.origin?.actor = nil
    #expect(RequestLog.metadata(of: result, publishedAt: Sample.start)[LogKey.requestedBy] == "risk")
  }
}

/// Hands lines on as long as it is open.
private struct GatedLogHandler: LogHandler {
  let handler: InMemoryLogHandler
  /// Signalled while lines may pass.
  let gate = DispatchSemaphore(value: 1)
  var metadata: Logger.Metadata = [:]
  var logLevel = Logger.Level.trace

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    gate.wait()
    handler.log(event: event)
    gate.signal()
  }
}
