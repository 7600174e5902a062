import Foundation
import Synchronization

/// Everything the simulated API knows: orders, quotas, faults, and the calls that came.
public final class SimulatorState: Sendable {
  private struct State {
    var configuration: SimulatorConfiguration
    var random: FaultGenerator
    var quotas: [String: QuotaLog] = [:]
    var tokens: [Int64: String] = [:]
    var cancels: [Int64: Int] = [:]
    var callsPerOrder: [Int64: Int] = [:]
    var statuses: [Int: Int] = [:]
    var calls: [SimulatedCall] = []
    var total = 0
    var requestIDs: Set<String> = []
    var pending: [OrderBook: PendingOrders] = [:]
    var lists: [String: QuotaLog] = [:]
    var lookups: [String: QuotaLog] = [:]
    var throttledReads = 0
    var waiters: [(calls: Int, resume: CheckedContinuation<Void, Never>)] = []
  }

  /// Whose pending orders: a key's real and demo accounts have lists of their own.
  fileprivate struct OrderBook: Hashable {
    var key: String
    var environment: String
  }

  private let state: Mutex<State>

  init(_ configuration: SimulatorConfiguration) {
    state = Mutex(State(configuration: configuration, random: FaultGenerator(seed: configuration.seed)))
  }

  /// The behaviour in force.
  public var configuration: SimulatorConfiguration {
    state.withLock { $0.configuration }
  }

  /// Changes the behaviour from the next call on.
  public func configure(_ change: @Sendable (inout SimulatorConfiguration) -> Void) {
    state.withLock { change(&$0.configuration) }
  }

  /// Calls that came in, by status; 0 for those that were given no answer.
  public var statuses: [Int: Int] { state.withLock { $0.statuses } }

  /// Calls that came in.
  public var totalCalls: Int { state.withLock { $0.total } }

  /// Calls for each order that got past the checks and the quota.
  public var callsPerOrder: [Int64: Int] { state.withLock { $0.callsPerOrder } }

  /// Lists and lookups that were answered 429.
  public var throttledReads: Int { state.withLock { $0.throttledReads } }

  /// Orders of a user key that are neither cancelled nor executed; `environment` is `demo` or `real`.
  public func pendingOrders(of key: String, environment: String = "demo") -> Int {
    state.withLock { $0.pending[OrderBook(key: key, environment: environment)]?.pending ?? 0 }
  }

  /// These orders of a user key are pending from now on; `environment` is `demo` or `real`.
  public func addOrders(
    _ orders: some Sequence<Int64> & Sendable, to key: String, environment: String = "demo"
  ) {
    state.withLock { $0.pending[OrderBook(key: key, environment: environment), default: PendingOrders()].add(orders) }
  }

  /// An order of a user key is executed, where it is pending; `environment` is `demo` or `real`.
  public func fillOrder(_ order: Int64, of key: String, environment: String = "demo") {
    state.withLock { $0.pending[OrderBook(key: key, environment: environment)]?.fill(order, at: .now) }
  }

  /// The calls that came in, oldest first, as far back as they are kept.
  public var calls: [SimulatedCall] { state.withLock { $0.calls } }

  /// Waits until at least `calls` calls have come in.
  public func waitForCalls(_ calls: Int) async {
    await withCheckedContinuation { continuation in
      let isMet = state.withLock { state in
        if state.total >= calls { return true }
        state.waiters.append((calls, continuation))
        return false
      }
      if isMet { continuation.resume() }
    }
  }

  /// Decides what a call is answered, and counts it.
  func answer(_ call: IncomingCall) -> SimulatedAnswer {
    let now = ContinuousClock.now
    let (answer, met) = state.withLock { state in
      let answer = SimulatorState.decide(call, &state, now)
      state.total += 1
      let status = answer.kind == .respond ? answer.status : 0
      state.statuses[status, default: 0] += 1
      if state.calls.count >= state.configuration.mostCallsKept {
        state.calls.removeFirst(state.configuration.mostCallsKept / 2)
      }
      state.calls.append(
        SimulatedCall(
          order: call.order, userKey: call.userKey ?? call.bearer ?? "", arrivedAt: now, status: status,
          environment: call.environment))
      let total = state.total
      let met = state.waiters.filter { $0.calls <= total }
      state.waiters.removeAll { $0.calls <= total }
      return (answer, met)
    }
    for waiter in met { waiter.resume.resume() }
    return answer
  }

  /// Answers a list of pending orders. It has a pool of its own in the API.
  func portfolio(_ call: IncomingCall) -> SimulatedAnswer {
    let now = ContinuousClock.now
    return state.withLock { state in
      if let refusal = SimulatorState.refusal(of: call, &state, \.lists, now) { return refusal }
      let book = OrderBook(call)
      let (fillRate, lag) = (state.configuration.fillRate, state.configuration.listLag)
      if fillRate > 0, var orders = state.pending[book] {
        orders.fill(at: now) { state.random.fraction() < fillRate }
        state.pending[book] = orders
      }
      let orders = state.pending[book]?.listed(at: now, lag: lag) ?? []
      let listed = orders.map { "{\"orderID\":\($0),\"cid\":1,\"instrumentID\":7,\"amount\":100.5}" }
      let half = listed.count / 2
      let closing = (0..<state.configuration.closingOrders).map { "{\"orderID\":\(900_000_000 + $0)}" }
      let copied = (0..<state.configuration.copiedOrders).map { "{\"orderID\":\(910_000_000 + $0)}" }
      let body =
        "{\"clientPortfolio\":{\"credit\":1000.25,\"positions\":[],\"orders\":[\(listed[..<half].joined(separator: ","))],"
        + "\"ordersForOpen\":[\(listed[half...].joined(separator: ","))],\"stockOrders\":null,\"entryOrders\":[],"
        + "\"exitOrders\":[\(closing.joined(separator: ","))],"
        + "\"mirrors\":[{\"mirrorID\":5,\"ordersForOpen\":[\(copied.joined(separator: ","))]}]}}"
      return SimulatedAnswer(status: 200, headers: [("content-type", "application/json")], body: body)
    }
  }

  /// Refuses a read whose headers or key are at fault, whose request id was used, or that is one too many in its pool.
  private static func refusal(
    of call: IncomingCall, _ state: inout State, _ pool: WritableKeyPath<State, [String: QuotaLog]>,
    _ now: ContinuousClock.Instant
  ) -> SimulatedAnswer? {
    let configuration = state.configuration
    if let refusal = call.refusal(configuration) { return refusal }
    guard let requestID = call.requestID, state.requestIDs.insert(requestID).inserted else {
      return .problem(400, "Bad Request", "The x-request-id was used before.")
    }
    guard configuration.readQuota > 0 else { return nil }
    let verdict = state[keyPath: pool][call.key, default: QuotaLog()].take(
      at: now, limit: configuration.readQuota, window: configuration.readWindow)
    guard !verdict.isAllowed else { return nil }
    state.throttledReads += 1
    return .problem(
      429, "Too Many Requests", "The quota of the user key for reads is used up.",
      verdict.headers(configuration.quotaHeaders, limit: configuration.readQuota))
  }

  /// Answers the lookup of an order. It has a pool of its own in the API, so it takes nothing from the cancels' quota.
  func lookUp(_ call: IncomingCall) -> SimulatedAnswer {
    let now = ContinuousClock.now
    return state.withLock { state in
      if let refusal = SimulatorState.refusal(of: call, &state, \.lookups, now) { return refusal }
      guard let order = call.order else {
        return .problem(400, "Bad Request", "The order id is not a positive 64-bit integer.")
      }
      let orders = state.pending[OrderBook(call)] ?? PendingOrders()
      let (lag, memory) = (state.configuration.listLag, state.configuration.closedOrdersAreKnownFor)
      if let status = orders.status(of: order, at: now, lag: lag, memory: memory) {
        return SimulatedAnswer(
          status: 200, headers: [("content-type", "application/json")],
          body: "{\"orderId\":\(order),\"status\":{\"id\":\(status.id),\"name\":\"\(status.name)\"}}")
      }
      guard !orders.knows(order), state.cancels[order] != nil else {
        return .problem(404, "Not Found", "There is no order \(order).")
      }
      return SimulatedAnswer(
        status: 200, headers: [("content-type", "application/json")],
        body: "{\"orderId\":\(order),\"status\":{\"id\":2,\"name\":\"Cancelled\"}}")
    }
  }

  private static func decide(_ call: IncomingCall, _ state: inout State, _ now: ContinuousClock.Instant)
    -> SimulatedAnswer
  {
    let configuration = state.configuration
    if let refusal = call.refusal(configuration) { return refusal }
    guard let requestID = call.requestID, state.requestIDs.insert(requestID).inserted else {
      return .problem(400, "Bad Request", "The x-request-id was used before.")
    }
    if state.requestIDs.count > 1_000_000 { state.requestIDs = [requestID] }
    let key = call.key
    var headers: [(String, String)] = []
    if configuration.quota > 0 {
      let verdict = state.quotas[key, default: QuotaLog()].take(
        at: now, limit: configuration.quota, window: configuration.window)
      headers = verdict.headers(configuration.quotaHeaders, limit: configuration.quota)
      if !verdict.isAllowed {
        var refusal = SimulatedAnswer.problem(429, "Too Many Requests", "The quota of the user key is used up.")
        refusal.headers += headers
        return refusal
      }
    }
    guard let order = call.order else {
      return .problem(400, "Bad Request", "The order id is not a positive 64-bit integer.", headers)
    }
    state.callsPerOrder[order, default: 0] += 1
    var answer = faulty(call, order, &state, now) ?? accept(call, order, &state, now)
    answer.headers += headers
    let faults = configuration.faults
    answer.delay = faults.delay + faults.jitter * state.random.fraction()
    return answer
  }

  private static func faulty(
    _ call: IncomingCall, _ order: Int64, _ state: inout State, _ now: ContinuousClock.Instant
  ) -> SimulatedAnswer? {
    let faults = state.configuration.faults
    var draw = state.random.fraction()
    func meets(_ rate: Double) -> Bool {
      defer { draw -= rate }
      return draw >= 0 && draw < rate
    }
    if meets(faults.serverErrorRate) { return SimulatedAnswer(status: 500) }
    if meets(faults.unavailableRate) { return SimulatedAnswer(status: 503) }
    if meets(faults.lostAnswerRate) {
      var answer = accept(call, order, &state, now)
      answer.kind = .drop
      return answer
    }
    if meets(faults.hangRate) { return SimulatedAnswer(kind: .hang, status: 0) }
    if meets(faults.garbageRate) {
      return SimulatedAnswer(status: 200, headers: [("content-type", "text/html")], body: "<html>oops</html>")
    }
    return nil
  }

  /// Cancels an order. One that was never listed is there all the same, but for those whose number ends in 404, which don't
  /// exist, and in 400, which are filled already.
  private static func accept(
    _ call: IncomingCall, _ order: Int64, _ state: inout State, _ now: ContinuousClock.Instant
  ) -> SimulatedAnswer {
    if state.pending[OrderBook(call)]?.cancel(order, at: now) == .filled {
      return .problem(400, "Bad Request", "The order \(order) was filled already.")
    }
    switch order % 1000 {
    case 404: return .problem(404, "Not Found", "There is no order \(order).")
    case 400: return .problem(400, "Bad Request", "The order \(order) was filled already.")
    default: break
    }
    state.cancels[order, default: 0] += 1
    let token = state.tokens[order] ?? UUID().uuidString.lowercased()
    state.tokens[order] = token
    let body = state.configuration.givesToken ? "{\"token\":\"\(token)\"}" : "{}"
    return SimulatedAnswer(status: 200, headers: [("content-type", "application/json")], body: body)
  }
}

extension SimulatorState.OrderBook {
  init(_ call: IncomingCall) {
    self.init(key: call.key, environment: call.environment)
  }
}

extension SimulatedAnswer {
  static func problem(_ status: Int, _ title: String, _ detail: String, _ headers: [(String, String)] = [])
    -> SimulatedAnswer
  {
    let body =
      "{\"type\":\"https://tools.ietf.org/html/rfc9110\",\"title\":\"\(title)\",\"status\":\(status),"
      + "\"detail\":\"\(detail)\",\"traceId\":\"00-simulated\"}"
    return SimulatedAnswer(
      status: status, headers: [("content-type", "application/json")] + headers.map { ($0.0, $0.1) }, body: body)
  }
}

extension QuotaLog.Verdict {
  /// How a pool of `limit` calls tells of itself.
  fileprivate func headers(_ form: SimulatorConfiguration.QuotaHeaders, limit: Int) -> [(String, String)] {
    let seconds = Int(reset.components.seconds) + (reset.components.attoseconds > 0 ? 1 : 0)
    let prefix: String
    switch form {
    case .prefixed: prefix = "x-ratelimit"
    case .plain: prefix = "ratelimit"
    case .none: return []
    }
    var headers = [
      ("\(prefix)-limit", "\(limit)"), ("\(prefix)-remaining", "\(remaining)"),
      ("\(prefix)-reset", "\(seconds)"),
    ]
    if !isAllowed { headers.append(("retry-after", "\(max(1, seconds))")) }
    return headers
  }
}

/// A seeded generator for faults.
struct FaultGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) {
    state = seed &+ 0x9E37_79B9_7F4A_7C15
  }

  mutating func next() -> UInt64 {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return (state ^ (state >> 29)) &* 0xBF58_476D_1CE4_E5B9
  }

  /// A number from 0 up to 1.
  mutating func fraction() -> Double { Double.random(in: 0..<1, using: &self) }
}

/// The rolling quota of one user key, exact: the times of the calls that it let through.
struct QuotaLog: Sendable {
  /// What the quota says to a call.
  struct Verdict: Equatable {
    var isAllowed: Bool
    /// Calls left in the window, this one counted.
    var remaining: Int
    /// Until the oldest call leaves the window.
    var reset: Duration
  }

  private var times: [ContinuousClock.Instant] = []
  private var first = 0

  mutating func take(at now: ContinuousClock.Instant, limit: Int, window: Duration) -> Verdict {
    while first < times.count, now - times[first] >= window { first += 1 }
    if first > 1024 {
      times.removeFirst(first)
      first = 0
    }
    let used = times.count - first
    guard used < limit else {
      return Verdict(isAllowed: false, remaining: 0, reset: window - (now - times[first]))
    }
    times.append(now)
    return Verdict(isAllowed: true, remaining: limit - used - 1, reset: window - (now - times[first]))
  }
}

/// One call that came in.
public struct SimulatedCall: Sendable {
  /// The order's number, where the path had one.
  public var order: Int64?
  /// The user key or token.
  public var userKey: String
  /// When it came.
  public var arrivedAt: ContinuousClock.Instant
  /// The answer's status; 0 where it was given none.
  public var status: Int
  /// `demo` or `real`.
  public var environment: String
}

/// What a call is answered.
struct SimulatedAnswer: Sendable {
  enum Kind: Sendable {
    case respond
    /// Close the connection without an answer.
    case drop
    /// Never answer.
    case hang
  }

  var kind = Kind.respond
  var status: Int
  var headers: [(name: String, value: String)] = []
  var body: String?
  var delay = Duration.zero
}
