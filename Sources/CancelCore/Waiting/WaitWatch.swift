import CancelContract

/// What was told of an order's wait, and when it is looked at again.
struct WaitWatch: Sendable {
  /// When its entry among the engine's checks is due; `nil` until a look is planned.
  var checkAt: Timestamp?
  /// Those who were told are told again once the estimate is past this; `nil` until anyone was.
  var tellAgainAt: Timestamp?
}
