import CancelContract

/// The rules by which orders are cancelled: everything the decisions depend on besides events and time.
public struct CancelPolicy: Sendable {
  /// Calls allowed in any rolling window per user key; 0 for no local quota.
  public var quotaCalls = 20
  /// The length of the rolling window.
  public var quotaWindow = Duration.seconds(60)
  /// Calls of the window that routine requests leave free for kill-switches.
  public var reservedForKillSwitch = 5
  /// Whether the API's headers may raise the number of calls; they may always lower it.
  public var quotaTrustsHeaders = false
  /// What a key does whose requests were another worker's, which may have sent calls that no record tells of.
  public var afterTakeover = Takeover.probe
  /// How long an acceptance answers duplicates.
  public var acceptedWindow = Duration.seconds(86_400)
  /// How long a rejection answers duplicates: briefly, for an order may be younger than its cancel.
  public var rejectedWindow = Duration.seconds(5)
  /// The deadline of a routine request that names none, counted from when it was produced.
  public var routineDeadline = Duration.seconds(600)
  /// The deadline of a kill-switch that names none, counted from when it was produced.
  public var killSwitchDeadline = Duration.seconds(3600)
  /// Calls in flight at once, over all keys.
  public var maxInFlight = 64
  /// The longest a call can take until it counts as timed out.
  public var callTimeout = Duration.seconds(5)
  /// Waits longer than this are told in a progress event; `nil` for none.
  public var progressAfter: Duration? = .seconds(5)
  /// What happens to requests while the API refuses their key.
  public var breakerMode = BreakerMode.failFast
  /// Delays between attempts at one order.
  public var retryBackoff = Backoff(base: .milliseconds(200), cap: .seconds(10))
  /// Delays between probes of a refused credential.
  public var credentialProbeBackoff = Backoff(base: .seconds(1), cap: .seconds(60))
  /// Delays between probes of an API that is out.
  public var outageProbeBackoff = Backoff(base: .milliseconds(500), cap: .seconds(5))

  /// Lists of an account's orders allowed in any rolling `readWindow` per user key; 0 for no local quota.
  public var listCalls = 60
  /// Lookups of orders allowed in any rolling `readWindow` per user key; 0 for no local quota.
  public var lookupCalls = 60
  /// The length of the rolling window of lists, and of that of lookups.
  public var readWindow = Duration.seconds(60)
  /// Whether every accepted cancel is confirmed by a lookup; a request may ask for it where not.
  public var confirms = false
  /// How long an order is looked up before its confirmation says what is known by then.
  public var confirmWithin = Duration.seconds(60)
  /// How long a campaign is kept after its last result.
  public var campaignRetention = Duration.seconds(86_400)

  /// Bytes of requests that one ledger record is to hold: an order with more is spread over several records.
  var ledgerRecordSize = 128 * 1024

  /// The defaults.
  public init() {}

  /// How a key goes on that another worker, or this one before a restart, may have called for a moment ago.
  public enum Takeover: Sendable {
    /// The first call goes alone, and its answer tells what is left of the window: a 429 where nothing is.
    case probe
    /// Nothing goes for a whole window, so that no such call can cost a 429.
    case wait
  }

  /// What happens to requests while the API refuses their key.
  public enum BreakerMode: Sendable {
    /// They are answered `failed` at once, but for one probe at a time.
    case failFast
    /// They wait until their deadline.
    case hold
  }
}
