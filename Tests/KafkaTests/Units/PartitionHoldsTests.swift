import CancelCore
import Testing

@testable import Kafka

@Suite struct PartitionHoldsTests {
  private let one = KafkaTopicPartition(topic: "t", partition: 1)
  private let two = KafkaTopicPartition(topic: "t", partition: 2)

  @Test func aPartitionStartsHeldAndIsResumedOnce() {
    var holds = PartitionHolds()
    holds.assign([one, two], backpressure: false)
    #expect(holds.release([one], from: .owner) == [one])
    #expect(holds.release([one], from: .owner) == [])
    #expect(Set(holds.partitions) == [one, two])
  }

  @Test func backpressureNeverResumesWhatItsOwnerStillHolds() {
    var holds = PartitionHolds()
    holds.assign([one, two], backpressure: false)
    #expect(holds.release([two], from: .owner) == [two])
    #expect(holds.hold([one, two], for: .backpressure) == [two], "the other is paused already")
    #expect(holds.release([one], from: .owner) == [], "still held back")
    #expect(holds.release([two], from: .backpressure) == [two])
    #expect(holds.release([one], from: .backpressure) == [one])
  }

  @Test func whatIsAssignedWhileHeldBackWaitsForBoth() {
    var holds = PartitionHolds()
    holds.assign([one], backpressure: true)
    #expect(holds.release([one], from: .owner) == [])
    #expect(holds.release([one], from: .backpressure) == [one])
  }

  @Test func partitionsThatAreNotAssignedAreLeftAlone() {
    var holds = PartitionHolds()
    #expect(holds.isEmpty)
    holds.assign([one], backpressure: false)
    #expect(holds.release([two], from: .owner) == [])
    #expect(holds.hold([two], for: .owner) == [])
    #expect(holds.partitions == [one])
  }

  /// Against a plain model: a partition is paused exactly while it has a reason, and is told of each change once.
  @Test func randomHistoriesAgreeWithAModel() {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix64(seed: seed)
    let places = (0..<4).map { KafkaTopicPartition(topic: "t", partition: $0) }
    var holds = PartitionHolds()
    var reasons: [KafkaTopicPartition: PartitionHolds.Reasons] = [:]
    var paused: Set<KafkaTopicPartition> = []
    for _ in 0..<20_000 {
      let place = places[Int.random(in: 0..<4, using: &random)]
      let reason: PartitionHolds.Reasons = Bool.random(using: &random) ? .owner : .backpressure
      switch Int.random(in: 0..<8, using: &random) {
      case 0 where reasons[place] == nil:
        holds.assign([place], backpressure: reason == .backpressure)
        reasons[place] = reason == .backpressure ? [.owner, .backpressure] : .owner
        paused.insert(place)
      case 1 where Int.random(in: 0..<20, using: &random) == 0:
        (holds, reasons, paused) = (PartitionHolds(), [:], [])
      case 2...4:
        for changed in holds.hold([place], for: reason) { #expect(paused.insert(changed).inserted, "seed \(seed)") }
        reasons[place]?.insert(reason)
      default:
        for changed in holds.release([place], from: reason) { #expect(paused.remove(changed) != nil, "seed \(seed)") }
        reasons[place]?.remove(reason)
      }
      #expect(paused == Set(reasons.filter { !$0.value.isEmpty }.keys), "seed \(seed)")
    }
  }
}
