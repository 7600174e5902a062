import InMemoryLogging
import Logging
import Testing

@testable import Operations

@Suite struct LimitedLogHandlerTests {
  private let lines = InMemoryLogHandler()

  @Test func whatWasLeftOutIsToldAtTheEnd() {
    let handler = LimitedLogHandler(lines)
    var logger = Logger(label: "test") { _ in handler }
    logger[metadataKey: "copy"] = "of the logger, with the same counts"
    for _ in 0..<25 { logger.warning("storm") }
    logger.warning("once")
    for _ in 0..<25 { logger.info("each of them tells of one request") }
    let written = lines.entries.count { $0.message == "storm" }
    #expect(written < 25)
    #expect(lines.entries.count == written + 1 + 25)
    handler.tellLeftOut()
    #expect(lines.entries.count == written + 1 + 25 + 1)
    #expect(lines.entries.last?.facts == ["line": "storm", LogKey.count: "\(25 - written)"])
    handler.tellLeftOut()
    #expect(lines.entries.count == written + 1 + 25 + 1, "told twice")
  }
}
