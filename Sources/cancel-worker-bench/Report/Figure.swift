/// One measured figure, with the floor that the same run measured, and what is to be reached.
struct Figure: Codable {
  var name: String
  var setting: String
  var value: Double
  var unit: String
  /// What the machine allows, as the same run measured it.
  var floor: Double?
  /// What is to be reached: at most this, or at least this where more is better.
  var target: Double?
  var moreIsBetter = false

  var ratio: Double? { floor.map { value / $0 } }

  var meetsTarget: Bool? { target.map { moreIsBetter ? value >= $0 : value <= $0 } }
}
