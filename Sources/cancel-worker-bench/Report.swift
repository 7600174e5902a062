import Foundation

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

/// Exact percentiles of samples.
struct Percentiles {
  private let sorted: [Double]

  init(_ samples: [Double]) {
    sorted = samples.sorted()
  }

  /// The smallest sample that at least this share of all does not exceed.
  subscript(share: Double) -> Double {
    guard !sorted.isEmpty else { return .nan }
    return sorted[min(sorted.count - 1, max(0, Int((share * Double(sorted.count)).rounded(.up)) - 1))]
  }
}

/// All figures of a run.
struct Report {
  private(set) var figures: [Figure] = []

  mutating func add(
    _ name: String, _ setting: String, _ value: Double, _ unit: String, floor: Double? = nil, target: Double? = nil,
    moreIsBetter: Bool = false
  ) {
    figures.append(
      Figure(
        name: name, setting: setting, value: value, unit: unit, floor: floor, target: target, moreIsBetter: moreIsBetter
      ))
  }

  func value(_ name: String, _ setting: String = "") -> Double? {
    figures.first { $0.name == name && $0.setting == setting }?.value
  }

  /// A table for people.
  var table: String {
    let head = ["FIGURE", "SETTING", "VALUE", "FLOOR", "RATIO", "TARGET", ""]
    let rows = figures.map { figure in
      [
        figure.name, figure.setting, "\(Report.text(figure.value)) \(figure.unit)",
        figure.floor.map(Report.text) ?? "", figure.ratio.map { String(format: "%.2f", $0) } ?? "",
        figure.target.map { (figure.moreIsBetter ? "≥ " : "≤ ") + Report.text($0) } ?? "",
        figure.meetsTarget.map { $0 ? "reached" : "missed" } ?? "",
      ]
    }
    let lines = [head] + rows
    let widths = head.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      zip(line, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
    }.joined(separator: "\n")
  }

  /// The same for machines.
  var json: Data {
    get throws {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      return try encoder.encode(figures)
    }
  }

  private static func text(_ value: Double) -> String {
    switch value.magnitude {
    case 1000...: String(format: "%.0f", value)
    case 10...: String(format: "%.1f", value)
    default: String(format: "%.2f", value)
    }
  }
}
