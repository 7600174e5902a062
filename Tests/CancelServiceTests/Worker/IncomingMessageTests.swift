import CancelContract
import Kafka
import Testing

@testable import CancelService

/// When a request counts as produced, from which its deadline is reckoned.
@Suite struct IncomingMessageTests {
  private let receivedAt = Timestamp(milliseconds: 1_780_000_000_000)

  private func producedAt(_ milliseconds: Int64?) throws -> Timestamp {
    let message = KafkaMessage(
      topic: "requests", partition: 0, offset: 0, timestampMilliseconds: milliseconds,
      value: Array("{\"orderId\":7}".utf8))
    let decoder = RequestDecoder(echoedHeaderNames: [], maximumBytes: 1000)
    guard case .request(let request, _) = IncomingMessage(message, decoder: decoder, receivedAt: receivedAt) else {
      throw Unreadable()
    }
    return request.producedAt
  }

  private struct Unreadable: Error {}

  @Test(arguments: [nil, -1, 0, 946_684_799_999] as [Int64?])
  func aRecordWithoutATimeStampOrOneBefore2000CountsFromItsReceipt(milliseconds: Int64?) throws {
    #expect(try producedAt(milliseconds) == receivedAt)
  }

  @Test(arguments: [300_001, 14 * 3_600_000, Int64.max / 2] as [Int64])
  func aTimeStampFarAheadCountsFromItsReceipt(ahead: Int64) throws {
    #expect(try producedAt(receivedAt.microseconds / 1000 + ahead) == receivedAt)
  }

  @Test(arguments: [-86_400_000, -1, 0, 1, 299_999] as [Int64])
  func anyOtherTimeStampIsBelieved(difference: Int64) throws {
    let stamp = receivedAt.microseconds / 1000 + difference
    #expect(try producedAt(stamp) == Timestamp(milliseconds: stamp))
  }

  @Test func aRecordWithoutATimeStampIsNotExpired() throws {
    // As old producers and kcat send it: 1969 would have passed every deadline.
    let deadline = try producedAt(-1) + .seconds(600)
    #expect(deadline > receivedAt)
  }
}
