import Logging
import Testing

@testable import Operations

@Suite struct LimitedLogHandlerTests {
  private let lines = Lines()

  @Test func whatWasLeftOutIsToldAtTheEnd() {
    let handler = LimitedLogHandler(LineHandler(lines: lines))
    var logger = Logger(label: "test") { _ in handler }
    logger[metadataKey: "copy"] = "of the logger, with the same counts"
    for _ in 0..<25 { logger.warning("storm") }
    logger.warning("once")
    for _ in 0..<25 { logger.info("each of them tells of one request") }
    let written = lines.all.count { $0.message == "storm" }
    #expect(written < 25)
    #expect(lines.all.count == written + 1 + 25)
    handler.tellLeftOut()
    #expect(lines.all.count == written + 1 + 25 + 1)
    #expect(lines.all.last?.metadata == ["line": "storm", LogKey.count: "\(25 - written)"])
    handler.tellLeftOut()
    #expect(lines.all.count == written + 1 + 25 + 1, "told twice")
  }
}
