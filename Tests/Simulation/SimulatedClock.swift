import CancelContract
import CancelService
import Synchronization

/// The clocks of one machine: the system's wall clock, which may be wrong and may be set, and the worker's own clock (the
/// real `SteadyClock`), which a process makes when it starts.
final class SimulatedClock {
  /// What the worker's clock reads, in microseconds: it wants functions that may be called from anywhere.
  private final class Hands: Sendable {
    let trueTime = Atomic<Int64>(0)
    let ahead = Atomic<Int64>(0)
    /// What the machine's oscillator gains in a million microseconds; negative where it loses.
    let drift: Int64

    init(drift: Int64) { self.drift = drift }

    /// The time that the machine counts, from the start of all histories on.
    var counted: Int64 {
      let trueTime = trueTime.load(ordering: .relaxed)
      return trueTime + (trueTime - World.beginning.microseconds) * drift / 1_000_000
    }
  }

  private let hands: Hands
  private let mutant: Mutant?
  private var steady: SteadyClock
  private var startedAhead = Duration.zero
  /// By how much the system's clock is ahead of the true time; negative where it is behind.
  private(set) var ahead = Duration.zero

  /// - Parameter drift: by how many millionths the machine's clocks run too fast; both of them, as one oscillator drives
  ///   them.
  init(mutant: Mutant?, drift: Int) {
    self.mutant = mutant
    hands = Hands(drift: Int64(drift))
    steady = SimulatedClock.steadyClock(hands)
  }

  /// The process starts at this true time.
  func start(at trueTime: Timestamp) {
    hands.trueTime.store(trueTime.microseconds, ordering: .relaxed)
    startedAhead = ahead
    steady = SimulatedClock.steadyClock(hands)
  }

  /// The system's clock is set.
  func set(ahead: Duration) {
    self.ahead = ahead
    hands.ahead.store(ahead.microseconds, ordering: .relaxed)
  }

  /// The worker's time at this true time.
  func reading(at trueTime: Timestamp) -> SteadyClock.Reading {
    switch mutant {
    case .neverCorrectsTheClock: return SteadyClock.Reading(trueTime + startedAhead)
    case .followsTheSystemClock: return SteadyClock.Reading(trueTime + ahead)
    default:
      hands.trueTime.store(trueTime.microseconds, ordering: .relaxed)
      return steady.reading
    }
  }

  private static func steadyClock(_ hands: Hands) -> SteadyClock {
    SteadyClock(
      monotonic: { hands.counted },
      wall: { hands.counted + hands.ahead.load(ordering: .relaxed) })
  }
}
