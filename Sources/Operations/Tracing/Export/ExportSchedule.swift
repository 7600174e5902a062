import DequeModule
import NIOCore

/// Decides when spans are exported, how often a batch is tried, and what is given up. No I/O, no lock, no clock.
///
/// One batch is under way at a time. What ends meanwhile waits in a queue of bounded length.
struct ExportSchedule<Item: Sendable>: Sendable {
  /// The bounds that are kept to.
  struct Limits: Hashable, Sendable {
    /// The most items that wait.
    var maxQueue = 2048
    /// The most items of one batch.
    var maxBatch = 512
    /// How long an item may wait for others to make up a batch.
    var delay = TimeAmount.seconds(5)
    /// How long a batch may take with all of its tries.
    var batchTimeout = TimeAmount.seconds(30)
    /// The wait after a first failure, which doubles with each further one.
    var firstBackOff = TimeAmount.seconds(1)
    /// The longest wait after a failure, unless the collector asks for more.
    var longestBackOff = TimeAmount.seconds(30)
    /// The longest wait that the collector may ask for.
    var longestRetryAfter = TimeAmount.minutes(5)
    /// How long after a warning the same loss is only counted.
    var warningInterval = TimeAmount.seconds(60)
  }

  /// What became of a try.
  enum Answer: Hashable, Sendable {
    /// The collector has the batch, but for so many items; what it says of it.
    case taken(rejected: Int, why: String)
    /// It may be tried again, after a time where the collector names one.
    case failed(why: String, retryAfter: TimeAmount?)
    /// It is not to be tried again.
    case refused(why: String)
  }

  enum Event: Sendable {
    /// An item is to be exported.
    case ended(Item)
    /// The time of the last `wake` has come.
    case woke
    /// The try under way has come to its end.
    case answered(Answer)
    /// Everything is to be exported by then, and nothing after it.
    case stop(by: NIODeadline)
  }

  enum Action: Sendable {
    /// Try this batch; `answered` is to follow.
    case send([Item])
    /// Try the last batch again; `answered` is to follow.
    case sendAgain
    /// Say when this time has come; it takes the place of the last one.
    case wake(at: NIODeadline)
    /// So many items have been exported.
    case exported(Int)
    /// So many items never will be.
    case lost(Int, SpanLoss)
    /// Tell people of items lost since this kind of loss was last told.
    case warn(Int, SpanLoss, why: String)
    /// Nothing follows any more.
    case stopped
  }

  private enum State {
    /// Nothing is on its way. → `sending`, `stopped`
    case waiting
    /// A try of a batch is on its way. → `waiting`, `backingOff`, `stopped`
    case sending(Batch)
    /// The batch is tried again at this time. → `sending`, `waiting`, `stopped`
    case backingOff(Batch, until: NIODeadline)
    /// Final.
    case stopped
  }

  private struct Batch {
    var count: Int
    var deadline: NIODeadline
  }

  private struct Untold {
    var count = 0
    var why = ""
    var lastTold: NIODeadline?
  }

  private let limits: Limits
  private var random: UInt64
  private var state = State.waiting
  private var queue: Deque<Item> = []
  /// When what waits becomes due; `nil` where nothing waits.
  private var dueAt: NIODeadline?
  /// No try is made before it, except while stopping.
  private var notBefore = NIODeadline.uptimeNanoseconds(0)
  private var failuresInARow = 0
  private var stopBy: NIODeadline?
  private var untold: [SpanLoss: Untold] = [:]

  /// - Parameter seed: for how much back-offs differ from one worker to the next.
  init(_ limits: Limits, seed: UInt64) {
    self.limits = limits
    self.random = seed
  }

  /// Items that wait.
  var waiting: Int { queue.count }

  /// Takes an event.
  mutating func handle(_ event: Event, now: NIODeadline) -> [Action] {
    if case .stopped = state { return lateActions(event) }
    var actions: [Action] = []
    switch event {
    case .ended(let item): take(item, now, &actions)
    case .woke: wake(now, &actions)
    case .answered(let answer): settle(answer, now, &actions)
    case .stop(let deadline): stop(by: deadline, now, &actions)
    }
    return actions
  }

  private func lateActions(_ event: Event) -> [Action] {
    if case .ended = event { [.lost(1, .stopped)] } else { [] }
  }

  private mutating func take(_ item: Item, _ now: NIODeadline, _ actions: inout [Action]) {
    guard queue.count < limits.maxQueue else {
      return lose(1, .queueFull, why: "they end faster than they are exported", now, &actions)
    }
    queue.append(item)
    guard case .waiting = state else { return }
    if dueAt == nil {
      proceed(now, &actions)
    } else if queue.count == limits.maxBatch {
      proceed(now, &actions)
    }
  }

  private mutating func wake(_ now: NIODeadline, _ actions: inout [Action]) {
    if let stopBy, stopBy <= now { return end(now, &actions) }
    switch state {
    case .waiting: proceed(now, &actions)
    case .backingOff(let batch, let until) where until <= now: tryAgain(batch, &actions)
    case .backingOff(_, let until): actions.append(.wake(at: until))
    case .sending, .stopped: break
    }
  }

  private mutating func settle(_ answer: Answer, _ now: NIODeadline, _ actions: inout [Action]) {
    guard case .sending(let batch) = state else { return }
    state = .waiting
    switch answer {
    case .taken(let rejected, let why):
      failuresInARow = 0
      let rejected = min(max(rejected, 0), batch.count)
      if rejected < batch.count { actions.append(.exported(batch.count - rejected)) }
      if rejected > 0 { lose(rejected, .rejected, why: why, now, &actions) }
    case .refused(let why):
      failuresInARow = 0
      lose(batch.count, .refused, why: why, now, &actions)
    case .failed(let why, let retryAfter):
      failuresInARow += 1
      let ownWait = backOff()
      // a server that asks for no wait at all is not asked without end
      let wait = retryAfter.map { min(max($0, limits.firstBackOff), limits.longestRetryAfter) } ?? ownWait
      notBefore = now + wait
      let isLate = notBefore >= batch.deadline || stopBy.map { notBefore >= $0 } ?? false
      guard isLate else {
        state = .backingOff(batch, until: notBefore)
        return actions.append(.wake(at: min(notBefore, stopBy ?? .distantFuture)))
      }
      lose(batch.count, .undelivered, why: why, now, &actions)
      // what waits would wait for the same time
      if stopBy != nil { return end(now, &actions) }
    }
    proceed(now, &actions)
  }

  private mutating func stop(by deadline: NIODeadline, _ now: NIODeadline, _ actions: inout [Action]) {
    guard stopBy == nil else { return }
    stopBy = deadline
    guard deadline > now else { return end(now, &actions) }
    actions.append(.wake(at: deadline))
    switch state {
    case .waiting: proceed(now, &actions)
    case .backingOff(let batch, _): tryAgain(batch, &actions)
    case .sending, .stopped: break
    }
  }

  /// Sends the next batch, or says when it will be due.
  private mutating func proceed(_ now: NIODeadline, _ actions: inout [Action]) {
    tell(now, isLast: false, &actions)
    guard !queue.isEmpty else {
      dueAt = nil
      if stopBy != nil { end(now, &actions) }
      return
    }
    let due = dueAt ?? now + limits.delay
    dueAt = due
    let isDue = stopBy != nil || (queue.count >= limits.maxBatch || due <= now) && notBefore <= now
    guard isDue else {
      let isFull = queue.count >= limits.maxBatch
      return actions.append(.wake(at: isFull ? notBefore : max(due, notBefore)))
    }
    let count = min(queue.count, limits.maxBatch)
    let items = Array(queue.prefix(count))
    queue.removeFirst(count)
    dueAt = nil
    state = .sending(Batch(count: count, deadline: now + limits.batchTimeout))
    actions.append(.send(items))
  }

  private mutating func tryAgain(_ batch: Batch, _ actions: inout [Action]) {
    state = .sending(batch)
    if let stopBy { actions.append(.wake(at: stopBy)) }
    actions.append(.sendAgain)
  }

  /// Gives up what is left.
  private mutating func end(_ now: NIODeadline, _ actions: inout [Action]) {
    var left = queue.count
    switch state {
    case .sending(let batch), .backingOff(let batch, _): left += batch.count
    case .waiting, .stopped: break
    }
    queue = []
    state = .stopped
    if left > 0 { lose(left, .stopped, why: "the process ended before they could be exported", now, &actions) }
    tell(now, isLast: true, &actions)
    actions.append(.stopped)
  }

  /// From the half to the whole of a time that doubles with each failure.
  private mutating func backOff() -> TimeAmount {
    let doublings = min(failuresInARow - 1, 20)
    let whole = min(limits.firstBackOff.nanoseconds << doublings, limits.longestBackOff.nanoseconds)
    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return .nanoseconds(whole / 2 + Int64(random >> 33) % max(1, whole / 2 + 1))
  }

  private mutating func lose(
    _ count: Int, _ loss: SpanLoss, why: String, _ now: NIODeadline, _ actions: inout [Action]
  ) {
    actions.append(.lost(count, loss))
    untold[loss, default: Untold()].count += count
    untold[loss]?.why = why
    tell(now, isLast: false, &actions)
  }

  /// Tells of losses that were not told a moment ago.
  private mutating func tell(_ now: NIODeadline, isLast: Bool, _ actions: inout [Action]) {
    guard !untold.isEmpty else { return }
    for loss in SpanLoss.allCases {
      guard let found = untold[loss], found.count > 0 else { continue }
      if !isLast, let last = found.lastTold, now - last < limits.warningInterval { continue }
      actions.append(.warn(found.count, loss, why: found.why))
      untold[loss] = Untold(lastTold: now)
    }
  }
}
