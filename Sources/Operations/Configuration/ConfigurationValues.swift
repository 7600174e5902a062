/// Reads values by their keys, environment over file, and collects every fault instead of ending at the first.
struct ConfigurationValues {
  private let file: ConfigurationFile?
  private let environment: [String: String]
  private(set) var faults: [ConfigurationError.Fault] = []
  private(set) var known: Set<String> = []

  init(file: ConfigurationFile?, environment: [String: String]) {
    self.file = file
    self.environment = environment
  }

  /// The variable that overrides a key: `kafka.bootstrapServers` is `KAFKA_BOOTSTRAP_SERVERS`.
  static func variable(for key: String) -> String {
    var name = ""
    var previous: Character = "."
    for character in key {
      if previous.isLowercase && character.isUppercase { name.append("_") }
      name.append(contentsOf: character == "." ? "_" : character.uppercased())
      previous = character
    }
    return name
  }

  mutating func text(_ key: String) -> String? {
    known.insert(key)
    // A variable that is set to nothing counts as not set, as in compose files and shells.
    if let value = environment[Self.variable(for: key)], !value.isEmpty { return value }
    guard let value = file?.entries[key]?.texts.joined(separator: ","), !value.isEmpty else { return nil }
    return value
  }

  mutating func read<Value>(
    _ key: String, into target: inout Value, expecting expectation: String, _ parse: (String) -> Value?
  ) {
    guard let text = text(key) else { return }
    guard let value = parse(text) else {
      return fault(key, "'\(text.prefix(80))' is not \(expectation)\(serviceHint(key, text))")
    }
    target = value
  }

  /// Kubernetes sets `NAME_PORT=tcp://…` in each pod for each Service of the namespace, also for one whose name makes this
  /// the name of a variable of ours.
  private func serviceHint(_ key: String, _ text: String) -> String {
    let variable = Self.variable(for: key)
    guard environment[variable] == text, variable.hasSuffix("_PORT"), text.contains("://") else { return "" }
    let service = variable.dropLast("_PORT".count).lowercased().replacing("_", with: "-")
    return
      "; Kubernetes sets this variable for a Service named '\(service)': set 'enableServiceLinks: false' in the pod, or "
      + "set \(variable) in the container, or name the Service differently"
  }

  mutating func read(_ key: String, into target: inout String) {
    if let text = text(key) { target = text }
  }

  mutating func read(_ key: String, into target: inout String?) {
    if let text = text(key) { target = text }
  }

  mutating func read(_ key: String, into target: inout Int, in range: ClosedRange<Int>) {
    read(key, into: &target, expecting: "a whole number from \(range.lowerBound) to \(range.upperBound)") { text in
      Int(text).flatMap { range.contains($0) ? $0 : nil }
    }
  }

  mutating func read(_ key: String, into target: inout Bool) {
    let words = [
      "true": true, "yes": true, "on": true, "1": true, "false": false, "no": false, "off": false, "0": false,
    ]
    read(key, into: &target, expecting: "'true' or 'false'") { words[$0.lowercased()] }
  }

  mutating func read(_ key: String, into target: inout Duration, atLeast least: Duration) {
    read(key, into: &target, expecting: "a duration such as 500ms, 30s, 10m or 24h of at least \(least)") { text in
      Duration(configured: text).flatMap { $0 >= least ? $0 : nil }
    }
  }

  /// Reads one of a list of words, without regard to case, `-` and `_`.
  ///
  /// - Parameters:
  ///   - choices: the words as they are documented.
  ///   - synonyms: further spellings that people use, with the word they stand for.
  mutating func read<Value>(
    _ key: String, into target: inout Value, from choices: KeyValuePairs<String, Value>,
    synonyms: [String: String] = [:]
  ) {
    let names = choices.map { "'\($0.key)'" }.joined(separator: ", ")
    read(key, into: &target, expecting: "one of \(names)") { text in
      let word = Self.folded(text)
      let meant = synonyms[word].map(Self.folded) ?? word
      return choices.first { Self.folded($0.key) == meant }?.value
    }
  }

  private static func folded(_ word: String) -> String {
    word.lowercased().filter { $0 != "-" && $0 != "_" && $0 != " " }
  }

  mutating func fault(_ key: String, _ message: String) {
    faults.append(ConfigurationError.Fault(key: key, message: message, origin: origin(of: key)))
  }

  mutating func add(_ fault: ConfigurationError.Fault) {
    faults.append(fault)
  }

  func origin(of key: String) -> String? {
    let variable = ConfigurationValues.variable(for: key)
    if environment[variable] != nil { return "environment variable \(variable)" }
    guard let file, let entry = file.entries[key] else { return nil }
    return "\(file.path), line \(entry.line)"
  }
}

/// Finds the known name that an unknown one was probably meant to be.
public struct NearestKey {
  let known: [String]

  /// A search among these names.
  public init(known: [String]) { self.known = known }

  /// The nearest known key, where one is near enough to be meant.
  public func suggestion(for unknown: String) -> String? {
    guard let (key, distance) = nearest(to: unknown) else { return nil }
    return distance <= max(3, unknown.count / 3) ? key : nil
  }

  /// The known environment variable of which `variable` is a misspelling; `nil` for a variable that others may use.
  ///
  /// Everybody shares the environment, so a variable must be very near: a letter or two in a long name. One that only has
  /// a number behind a known name, or whose nearest name is set too, was meant as it is.
  func misspelt(_ variable: String, isSet: (String) -> Bool) -> String? {
    guard let (name, distance) = nearest(to: variable), distance > 0 else { return nil }
    guard distance <= min(2, variable.count / 5), !isSet(name) else { return nil }
    let stem = variable.reversed().drop { $0.isNumber || $0 == "_" }.reversed()
    return String(stem) == name ? nil : name
  }

  private func nearest(to unknown: String) -> (key: String, distance: Int)? {
    known.map { ($0, NearestKey.distance(unknown.lowercased(), $0.lowercased())) }
      .min { ($0.1, $0.0) < ($1.1, $1.0) }
  }

  /// How many characters must be added, dropped, changed or swapped with their neighbour to get from one text to the other
  /// (optimal string alignment).
  static func distance(_ left: String, _ right: String) -> Int {
    let (left, right) = (Array(left), Array(right))
    var beforePrevious: [Int] = []
    var previous = Array(0...right.count)
    for (row, character) in left.enumerated() {
      var current = [row + 1]
      for (column, other) in right.enumerated() {
        let change = previous[column] + (character == other ? 0 : 1)
        var least = min(change, previous[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, character == right[column - 1], left[row - 1] == other {
          least = min(least, beforePrevious[column - 1] + 1)
        }
        current.append(least)
      }
      (beforePrevious, previous) = (previous, current)
    }
    return previous[right.count]
  }
}

extension Duration {
  /// This duration as it would be configured, in seconds where it has no smaller part: `10s`, `1500ms`.
  var configured: String {
    let milliseconds = microseconds / 1000
    return milliseconds % 1000 == 0 ? "\(milliseconds / 1000)s" : "\(milliseconds)ms"
  }

  /// The duration that a configured text names: a whole number and one of the units `ms`, `s`, `m`, `h`, `d`.
  ///
  /// Returns `nil` for anything else, and for more than a hundred years.
  public init?(configured text: String) {
    let digits = text.prefix { $0.isASCII && $0.isNumber }
    guard let number = Int64(digits), number <= 4_000_000_000_000 else { return nil }
    let milliseconds: Int64
    switch text.dropFirst(digits.count) {
    case "ms": milliseconds = 1
    case "s": milliseconds = 1000
    case "m": milliseconds = 60_000
    case "h": milliseconds = 3_600_000
    case "d": milliseconds = 86_400_000
    default: return nil
    }
    let (product, overflow) = number.multipliedReportingOverflow(by: milliseconds)
    guard !overflow, product <= 3_155_760_000_000 else { return nil }
    self = .milliseconds(product)
  }
}
