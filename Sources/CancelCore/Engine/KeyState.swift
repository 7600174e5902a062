import CancelContract

/// All that is known of one user key: its quota, its breaker, whether calls with it succeed, and what waits for it.
struct KeyState: Sendable {
  var quota: QuotaWindow
  /// Accounts whose orders are to be listed.
  var lists: ReadQueue<AccountNumber>
  /// Orders that are to be looked up.
  var lookups: ReadQueue<OrderRef>
  var breaker = CredentialBreaker()
  /// The last call that may carry an earlier credential than today's; 0 while there was no other.
  var lastCallBeforeRenewal: UInt64 = 0
  /// Holds back calls of this key alone, when they fail while those of others succeed.
  var gate = OutageGate(threshold: 5, keysNeeded: 1)
  var queue = LazyHeap<QueueEntry>()
  /// Orders that wait in the queue.
  var waiting = 0
  /// Orders that wait for their next attempt.
  var backingOff = 0
  var inFlight = 0
  /// Until when the quota kept the first order of a priority waiting, when it was last looked at.
  var quotaWait = QuotaWaits()
  /// Whether the key stands in the line of keys that may have something to send, by the line's priority.
  var isReady: (routine: Bool, killSwitch: Bool) = (false, false)
  /// When its entry among the engine's key timers is due.
  var timerAt = Timestamp.distantFuture

  init(policy: CancelPolicy) {
    quota = QuotaWindow(
      calls: policy.quotaCalls, window: policy.quotaWindow, reserved: policy.reservedForKillSwitch,
      trustsHeaders: policy.quotaTrustsHeaders)
    lists = ReadQueue(calls: policy.listCalls, window: policy.readWindow)
    lookups = ReadQueue(calls: policy.lookupCalls, window: policy.readWindow)
  }
}

/// Until when the quota kept the first order of each priority waiting.
struct QuotaWaits: Sendable {
  enum Wait: Sendable {
    case until(Timestamp)
    /// Until any of the key's calls in flight is answered.
    case untilAnAnswer
  }

  private var routine: Wait?
  private var killSwitch: Wait?

  subscript(priority: Priority) -> Wait? {
    get { priority == .killSwitch ? killSwitch : routine }
    set { if priority == .killSwitch { killSwitch = newValue } else { routine = newValue } }
  }

  /// A call of the key was answered: what waited for that waits no longer.
  mutating func heardAnswer(at now: Timestamp) {
    if case .untilAnAnswer? = routine { routine = .until(now) }
    if case .untilAnAnswer? = killSwitch { killSwitch = .until(now) }
  }

  mutating func clockStepped(by step: Duration) {
    for priority in Priority.allCases {
      if case .until(let time)? = self[priority] { self[priority] = .until(time.afterClockStep(step)) }
    }
  }
}

/// An order's place in its key's queue; it stands as long as the order waits with this very rank.
struct QueueEntry: Hashable, Comparable, Sendable {
  var rank: CallRank
  var slot: OrderSlot

  static func < (left: QueueEntry, right: QueueEntry) -> Bool { left.rank < right.rank }
}

/// Where a waiting order stands among those of its user key: the smaller rank is called first.
public struct CallRank: Comparable, Hashable, Sendable {
  /// A kill-switch goes before anything routine.
  public var priority: Priority
  /// Of equal priority, the earlier deadline goes first.
  public var deadline: Timestamp
  /// Of equal deadline, the earlier arrival goes first; counted by the engine.
  public var arrival: UInt64

  /// The rank of an order with these attributes.
  public init(priority: Priority, deadline: Timestamp, arrival: UInt64) {
    self.priority = priority
    self.deadline = deadline
    self.arrival = arrival
  }

  /// Whether `left` is called before `right`.
  public static func < (left: CallRank, right: CallRank) -> Bool {
    if left.priority != right.priority { return left.priority > right.priority }
    if left.deadline != right.deadline { return left.deadline < right.deadline }
    return left.arrival < right.arrival
  }
}

/// The worker's own number for a user key: accounts that share the key share the number, and with it the quota.
public struct QuotaKey: Hashable, Sendable {
  /// Counted from 0 in the order in which the keys became known.
  public let index: Int

  /// The key with this number.
  public init(index: Int) {
    self.index = index
  }
}

/// An account by the number that an `AccountTable` gave its name.
struct AccountNumber: Hashable, Sendable {
  let index: Int32
}

/// The accounts that are configured, and the names of all that were ever seen, each under a small number.
struct AccountTable: Sendable {
  private var numbers: [AccountName: AccountNumber] = [:]
  private var names: [AccountName] = []
  private var quotaKeys: [QuotaKey?] = []
  private var environments: [AccountNumber: APIEnvironment] = [:]
  /// Stands for requests that name none.
  private let defaultNumber: AccountNumber

  init(defaultAccount: AccountName) {
    defaultNumber = AccountNumber(index: 0)
    numbers[defaultAccount] = defaultNumber
    names.append(defaultAccount)
    quotaKeys.append(nil)
  }

  /// The number of a name, given now if it has none.
  mutating func number(of name: AccountName) -> AccountNumber {
    if let number = numbers[name] { return number }
    let number = AccountNumber(index: Int32(names.count))
    numbers[name] = number
    names.append(name)
    quotaKeys.append(nil)
    return number
  }

  /// The number of a configured account (`nil`: the default); `nil` where none of that name is configured.
  func configuredNumber(of name: AccountName?) -> AccountNumber? {
    guard let number = name.map({ numbers[$0] }) ?? defaultNumber, quotaKeys[Int(number.index)] != nil else {
      return nil
    }
    return number
  }

  func name(of number: AccountNumber) -> AccountName { names[Int(number.index)] }

  /// The user key of an account; `nil` where it is not configured (any more).
  func quotaKey(of number: AccountNumber) -> QuotaKey? { quotaKeys[Int(number.index)] }

  /// The environment of an account; `nil` where it was not told.
  func environment(of number: AccountNumber) -> APIEnvironment? { environments[number] }

  /// All accounts that are configured, by name.
  var configured: [AccountNumber] {
    quotaKeys.indices.filter { quotaKeys[$0] != nil }
      .sorted { names[$0].description < names[$1].description }
      .map { AccountNumber(index: Int32($0)) }
  }

  /// Takes `accounts` as all that are configured.
  mutating func configure(_ accounts: [AccountName: QuotaKey], environments: [AccountName: APIEnvironment]) {
    self.environments = [:]
    for index in quotaKeys.indices { quotaKeys[index] = nil }
    // By name: numbers decide what goes first where nothing else does.
    for (name, key) in accounts.sorted(by: { $0.key.description < $1.key.description }) {
      let number = number(of: name)
      quotaKeys[Int(number.index)] = key
      self.environments[number] = environments[name]
    }
  }
}
