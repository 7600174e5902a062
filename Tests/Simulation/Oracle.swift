import CancelContract
import CancelCore

/// What the outside world knows, by simpler means than the worker's: what was asked, what the API did, what was published.
struct Oracle {
  private struct Asked {
    var order: Int64?
    var producedAt: Timestamp
    /// No earlier than this can it be said to have expired, where all clocks are right from its production on.
    var deadline = Timestamp.distantPast
    var results = 0
    /// The user keys whose accounts are swept; `nil` for one order's request.
    var sweptKeys: [Int]?
    var isSwitch = false
    /// Orders that the sweep answered for.
    var swept: Set<Int64> = []
    /// Results of its sweep, for a dead-man's switch.
    var firedResults = 0
  }

  private typealias Place = KafkaModel.Place

  private let isExactlyOnce: Bool
  /// An acceptance is remembered at least for this long; workers whose clocks are set are given longer memories.
  private let acceptedWindow = Duration.seconds(200)
  private var asked: [Place: Asked] = [:]
  /// Orders whose acceptance is published, and since when.
  private var accepted: [Int64: Timestamp] = [:]
  private var calledOrders: Set<Int64> = []
  private(set) var violations: [String] = []
  private(set) var answered = 0
  /// Since when all clocks are right and every worker has had the time to see it.
  var clocksAreRightSince: Timestamp?

  /// Whether the workers' clocks run too fast or too slow.
  private let clocksDrift: Bool

  init(isExactlyOnce: Bool, clocksDrift: Bool) {
    self.isExactlyOnce = isExactlyOnce
    self.clocksDrift = clocksDrift
  }

  /// How exactly a worker's time of an answer can be told in true time.
  private var clockTolerance: Duration {
    clocksAreRightSince == .distantPast && !clocksDrift ? .zero : .milliseconds(clocksDrift ? 300 : 100)
  }

  mutating func violation(_ text: String) { violations.append(text) }

  mutating func produced(
    _ partition: Int32, _ offset: Int64, order: Int64?, at time: Timestamp, deadline: Timestamp
  ) {
    asked[Place(partition: partition, offset: offset)] = Asked(order: order, producedAt: time, deadline: deadline)
  }

  /// Whether any worker ever called for the order.
  func hasCalled(_ order: Int64) -> Bool { calledOrders.contains(order) }

  mutating func producedSweep(_ partition: Int32, _ offset: Int64, keys: [Int], isSwitch: Bool, at time: Timestamp) {
    asked[Place(partition: partition, offset: offset)] = Asked(
      order: nil, producedAt: time, sweptKeys: keys, isSwitch: isSwitch)
  }

  /// A result of a sweep, its own or that of an order which it found.
  private mutating func publishedOfSweep(_ result: CancelResult, _ place: Place, keys: [Int], _ api: APIModel) {
    if let order = result.orderID?.value {
      let isNew = asked[place]?.swept.insert(order).inserted ?? true
      if !isNew, isExactlyOnce { violation("order \(order) is answered twice for the sweep \(result.source)") }
      if result.outcome == .accepted, api.cancelledAt[order] == nil {
        violation("order \(order) is said to be accepted for a sweep, and the API never saw it")
      }
      return
    }
    if result.outcome == .acknowledged, asked[place]?.isSwitch == true {
      asked[place]?.results += 1
      if asked[place]?.results == 1 { answered += 1 }
      if isExactlyOnce, asked[place]?.results != 1 { violation("the switch \(result.source) is answered twice") }
      return
    }
    if asked[place]?.isSwitch == true {
      asked[place]?.firedResults += 1
      if isExactlyOnce, asked[place]?.firedResults != 1 {
        violation("the fired sweep \(result.source) is answered twice")
      }
    } else {
      asked[place]?.results += 1
      if asked[place]?.results == 1 { answered += 1 }
      if isExactlyOnce, asked[place]?.results != 1 { violation("the sweep \(result.source) is answered twice") }
    }
    // The model's orders never come back, so an account that was empty stays so.
    if result.outcome == .accepted, let left = keys.first(where: { !api.pendingOrders(of: $0).isEmpty }) {
      violation(
        "the sweep \(result.source) says that nothing is left, and key \(left) has \(api.pendingOrders(of: left))")
    }
  }

  /// A call leaves a worker.
  mutating func called(_ order: Int64, isExcused: Bool, at now: Timestamp) {
    calledOrders.insert(order)
    if !isExcused, let since = accepted[order], since + acceptedWindow > now {
      violation("order \(order) is called again, though its acceptance is published and remembered")
    }
  }

  /// A result is there for a `read_committed` reader; it was answered at this true time.
  mutating func published(_ result: CancelResult, answeredAt: Timestamp, _ api: APIModel) {
    let place = Place(partition: result.source.partition, offset: result.source.offset)
    guard let request = asked[place] else { return violation("a result for \(result.source), which nobody asked for") }
    if let keys = request.sweptKeys { return publishedOfSweep(result, place, keys: keys, api) }
    asked[place]?.results += 1
    if request.results == 0 { answered += 1 }
    if request.results > 0, isExactlyOnce { violation("\(result.source) has \(request.results + 1) results") }
    if result.outcome == .accepted, let order = request.order {
      if api.cancelledAt[order] == nil { violation("order \(order) is said to be accepted, and the API never saw it") }
    }
    if (result.outcome == .accepted) != (result.problem == nil) {
      violation("\(result.source) has an acceptance and a problem, or neither")
    }
    // It speaks of the time of its answer: another request's call may have cancelled the order since.
    if result.outcome == .expired, let order = request.order,
      let cancelled = api.cancelledAt[order]?.first(where: { $0 >= request.producedAt }),
      cancelled + clockTolerance <= answeredAt
    {
      violation("\(result.source) says that order \(order) was not cancelled, and the API cancelled it")
    }
    if result.outcome == .expired, let right = clocksAreRightSince, right <= request.producedAt,
      answeredAt + .milliseconds(1500) < request.deadline
    {
      violation("\(result.source) is said to have expired \(request.deadline - answeredAt) before its deadline")
    }
    if request.order == nil, result.outcome != .invalid {
      violation("\(result.source) is no request, and was not invalid")
    }
  }

  /// The outcomes of these results are in the ledger.
  mutating func remembered(_ results: [CancelResult], at now: Timestamp) {
    for result in results where result.outcome == .accepted {
      if let order = result.orderID?.value, accepted[order] == nil { accepted[order] = now }
    }
  }

  var requests: Int { asked.count }

  var isAnswered: Bool { answered == asked.count }

  var unanswered: [String] {
    asked.filter { $0.value.results == 0 }.keys.sorted().map { "\($0.partition)/\($0.offset)" }
  }

  mutating func verifyEnd() {
    guard isExactlyOnce else { return }
    for (place, request) in asked where request.results > 1 {
      violation("\(place.partition)/\(place.offset) has \(request.results) results at the end")
    }
  }
}
