import Foundation

/// One measured figure: a value for each turn, with the floors that the same turns measured, and what is to be reached.
struct Figure: Codable {
  var name: String
  var setting: String
  var unit: String
  /// One for each turn, in order.
  var values: [Double]
  /// What the machine allowed, as the same turns measured it; empty where nothing bounds the figure.
  var floors: [Double]
  /// What is to be reached: at most this, or at least this where more is better.
  var target: Double?
  var moreIsBetter = false

  /// The middle of all turns.
  var value: Double { Percentiles(values)[0.5] }

  /// Each turn's value divided by its floor.
  var ratios: [Double] { zip(values, floors).map { $0 / $1 } }

  var meetsTarget: Bool? { target.map { moreIsBetter ? value >= $0 : value <= $0 } }

  func isSame(as other: Figure) -> Bool { name == other.name && setting == other.setting }
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

  /// Notes a turn's value.
  mutating func add(
    _ name: String, _ setting: String, _ value: Double, _ unit: String, floor: Double? = nil, target: Double? = nil,
    moreIsBetter: Bool = false
  ) {
    let figure = Figure(
      name: name, setting: setting, unit: unit, values: [value], floors: floor.map { [$0] } ?? [], target: target,
      moreIsBetter: moreIsBetter)
    guard let index = figures.firstIndex(where: figure.isSame) else { return figures.append(figure) }
    figures[index].values.append(value)
    figures[index].floors += figure.floors
  }

  /// Notes all that another report of one turn holds.
  mutating func add(_ turn: Report) {
    for figure in turn.figures {
      for (number, value) in figure.values.enumerated() {
        add(
          figure.name, figure.setting, value, figure.unit,
          floor: figure.floors.indices.contains(number) ? figure.floors[number] : nil, target: figure.target,
          moreIsBetter: figure.moreIsBetter)
      }
    }
  }

  /// The value of the latest turn.
  func value(_ name: String, _ setting: String = "") -> Double? {
    figures.first { $0.name == name && $0.setting == setting }?.values.last
  }

  /// A table for people; where there are figures to compare with, the ratio to theirs stands beside each.
  ///
  /// Values are the middle of all turns; ratios have their least and greatest behind them.
  func table(comparedWith others: [Figure]? = nil) -> String {
    let comparison = others == nil ? [] : ["OTHER", "TO OTHER"]
    let head = ["FIGURE", "SETTING", "VALUE", "FLOOR", "TO FLOOR"] + comparison + ["TARGET", ""]
    let rows = figures.map { figure in
      var row = [figure.name, figure.setting, "\(Report.text(figure.value)) \(figure.unit)"]
      row.append(figure.floors.isEmpty ? "" : Report.text(Percentiles(figure.floors)[0.5]))
      row.append(Report.spread(figure.ratios))
      if let others {
        let other = others.first(where: figure.isSame)
        row.append(other.map { Report.text($0.value) } ?? "")
        row.append(other.map { Report.spread(figure.ratios(to: $0)) } ?? "")
      }
      row.append(figure.target.map { (figure.moreIsBetter ? "≥ " : "≤ ") + Report.text($0) } ?? "")
      row.append(figure.meetsTarget.map { $0 ? "reached" : "missed" } ?? "")
      return row
    }
    let lines = [head] + rows
    let widths = head.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
    return lines.map { line in
      zip(line, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
    }.joined(separator: "\n")
  }

  /// The same for machines: what `--against` reads.
  func write(to file: URL) throws {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    try FileManager.default.createDirectory(at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
    try encoder.encode(figures).write(to: file)
  }

  /// The figures that a run has written.
  static func figures(of file: URL) throws -> [Figure] {
    try JSONDecoder().decode([Figure].self, from: Data(contentsOf: file))
  }

  /// The middle, with the least and the greatest where there are several.
  private static func spread(_ ratios: [Double]) -> String {
    guard let least = ratios.min(), let greatest = ratios.max() else { return "" }
    let middle = String(format: "%.2f", Percentiles(ratios)[0.5])
    return ratios.count == 1 ? middle : middle + String(format: " (%.2f–%.2f)", least, greatest)
  }

  private static func text(_ value: Double) -> String {
    switch value.magnitude {
    case 1000...: String(format: "%.0f", value)
    case 10...: String(format: "%.1f", value)
    default: String(format: "%.2f", value)
    }
  }
}

extension Figure {
  /// Turn by turn where both have as many turns, else to the middle of the other's.
  fileprivate func ratios(to other: Figure) -> [Double] {
    values.count == other.values.count
      ? zip(values, other.values).map { $0 / $1 } : values.map { $0 / other.value }
  }
}
