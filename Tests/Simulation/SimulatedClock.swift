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
  }

  private let hands = Hands()
  private let mutant: Mutant?
  private var steady: SteadyClock
  private var startedAhead = Duration.zero
  /// By how much the system's clock is ahead of the true time; negative where it is behind.
  private(set) var ahead = Duration.zero

  init(mutant: Mutant?) {
    self.mutant = mutant
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
      monotonic: { hands.trueTime.load(ordering: .relaxed) },
      wall: { hands.trueTime.load(ordering: .relaxed) + hands.ahead.load(ordering: .relaxed) })
  }
}
