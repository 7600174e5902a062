import Configuration

/// Reads values by their keys, environment over file, and gathers every fault instead of ending at the first.
struct ConfigurationValues {
  private let reader: ConfigReader
  private let file: ConfigurationFile?
  private let environment: [String: String]
  private(set) var faults: [ConfigurationError.Fault] = []
  private(set) var known: Set<String> = []

  init(file: ConfigurationFile?, environment: [String: String]) {
    self.file = file
    self.environment = environment
    var values: [AbsoluteConfigKey: ConfigValue] = [:]
    for (key, entry) in file?.entries ?? [:] {
      let path = AbsoluteConfigKey(key.split(separator: ".").map(String.init), context: [:])
      values[path] = ConfigValue(.string(entry.texts.joined(separator: ",")), isSecret: false)
    }
    reader = ConfigReader(providers: [
      EnvironmentVariablesProvider(environmentVariables: environment),
      InMemoryProvider(name: "file", values: values),
    ])
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
    guard let value = reader.string(forKey: ConfigKey(key)), !value.isEmpty else { return nil }
    return value
  }

  mutating func read<Value>(
    _ key: String, into target: inout Value, expecting expectation: String, _ parse: (String) -> Value?
  ) {
    guard let text = text(key) else { return }
    guard let value = parse(text) else {
      return fault(key, "'\(text.prefix(80))' is not \(expectation)")
    }
    target = value
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
    read(key, into: &target, expecting: "'true' or 'false'") { ["true": true, "false": false][$0] }
  }

  mutating func read(_ key: String, into target: inout Duration, atLeast least: Duration) {
    read(key, into: &target, expecting: "a duration such as 500ms, 30s, 10m or 24h of at least \(least)") { text in
      Duration(configured: text).flatMap { $0 >= least ? $0 : nil }
    }
  }

  mutating func read<Value>(_ key: String, into target: inout Value, from choices: [String: Value]) {
    let names = choices.keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
    read(key, into: &target, expecting: "one of \(names)") { choices[$0] }
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
