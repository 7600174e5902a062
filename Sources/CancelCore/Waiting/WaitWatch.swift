import CancelContract

/// What was told of an order's wait, and when it is looked at again.
struct WaitWatch: Sendable {
  /// When its entry among the engine's checks is due; `nil` until a look is planned.
  var checkAt: Timestamp?
  /// Those who were told are told again once the estimate is past this; `nil` until anyone was.
  var tellAgainAt: Timestamp?
  /// Its place in its key's queue when that was last counted, and when that was.
  private var counted: (place: Int, at: Timestamp)?

  /// The place that was counted at this time; `nil` where none was.
  func place(at time: Timestamp) -> Int? {
    guard let counted, counted.at == time else { return nil }
    return counted.place
  }

  mutating func setPlace(_ place: Int, at time: Timestamp) {
    counted = (place, time)
  }
}
