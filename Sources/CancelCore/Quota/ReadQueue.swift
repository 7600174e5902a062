import CancelContract
import DequeModule

/// Reads of one kind that wait for one user key: the API counts them in a pool of their own, apart from the cancels.
struct ReadQueue<Subject: Sendable>: Sendable {
  /// What may be done now.
  enum Next {
    /// Read this; `sent` is to be given back with the answer.
    case send(Subject, sent: QuotaWindow.Slot)
    /// Ask again at this time.
    case wait(until: Timestamp)
    /// Ask again after an answer, or when something was added.
    case nothing
  }

  private var window: QuotaWindow
  private var waiting = Deque<Subject>()

  init(calls: Int, window: Duration) {
    self.window = QuotaWindow(calls: calls, window: window, reserved: 0)
  }

  var isEmpty: Bool { waiting.isEmpty }

  mutating func add(_ subject: Subject) {
    waiting.append(subject)
  }

  mutating func next(at now: Timestamp) -> Next {
    guard !waiting.isEmpty else { return .nothing }
    switch window.availability(for: .killSwitch, at: now) {
    case .now: return .send(waiting.removeFirst(), sent: window.take(at: now))
    case .at(let time): return .wait(until: time)
    case .afterAnswer: return .nothing
    }
  }

  /// A read was answered, or given up: `fault` tells how where it failed.
  mutating func answered(
    _ slot: QuotaWindow.Slot, fault: CancelAnswer?, rateLimit: RateLimit?, at now: Timestamp
  ) {
    if let fault, fault.kind == .throttled {
      window.throttled(slot, rateLimit: rateLimit ?? fault.rateLimit, at: now)
    } else if let fault, fault.neverReachedTheServer {
      window.notSent(slot)
    } else {
      window.answered(slot, rateLimit: rateLimit, at: now)
      if let wait = fault?.rateLimit?.retryAfter { window.pause(for: wait, at: now) }
    }
  }

  /// The clock was set: every time keeps its distance to the present.
  mutating func clockStepped(by step: Duration) {
    window.clockStepped(by: step)
  }

  /// What was to be read is no longer of interest.
  mutating func neverSent(_ slot: QuotaWindow.Slot) {
    window.notSent(slot)
  }
}
