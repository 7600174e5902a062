import CancelCore
import FoundationEssentials
import Synchronization

/// UUIDs from a seed, for whoever needs a `Sendable` source of them.
final class SeededBytes: Sendable {
  private let random: Mutex<SplitMix64>

  init(seed: UInt64) { random = Mutex(SplitMix64(seed: seed)) }

  func next() -> UUID {
    let (high, low) = random.withLock { ($0.next(), $0.next()) }
    var bytes: uuid_t = (0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
    withUnsafeMutableBytes(of: &bytes) {
      $0.storeBytes(of: high, as: UInt64.self)
      $0.storeBytes(of: low, toByteOffset: 8, as: UInt64.self)
    }
    return UUID(uuid: bytes)
  }
}
