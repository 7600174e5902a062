import CRdkafka

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

extension KafkaClientConfiguration {
  /// One thing that is wrong with a configuration.
  public struct Fault: Sendable, Hashable, CustomStringConvertible {
    /// The property's name, or `bootstrapServers` or `clientID`.
    public var property: String
    /// What is wrong, and what to do. Never holds the value of a property that may be secret.
    public var message: String

    /// A fault of a property.
    public init(property: String, message: String) {
      self.property = property
      self.message = message
    }

    /// `property: message`.
    public var description: String { "\(property): \(message)" }
  }

  /// Asks librdkafka about every property, connecting to nothing. Empty means that a client can be made of it.
  public func validate() -> [Fault] {
    var faults: [Fault] = []
    if !namesBroker {
      faults.append(Fault(property: "bootstrapServers", message: "names no broker; give host:port"))
    }
    guard let scratch = rd_kafka_conf_new() else { return faults }
    let known = Self.knownProperties(of: scratch)
    for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
      if let reason = Self.promiseBreakingProperties[name] {
        faults.append(Fault(property: name, message: "can't be set here: it \(reason)"))
      } else if name.hasSuffix(".location"), value != "probe", access(value, R_OK) != 0 {
        faults.append(Fault(property: name, message: "names a file that can't be read: \(value)"))
      } else if let message = Self.apply(name, value, to: scratch, known: known) {
        faults.append(Fault(property: name, message: message))
      }
    }
    faults += missingFeatures(KafkaLibrary.features, version: KafkaLibrary.version)
      .filter { missing in !faults.contains { $0.property == missing.property } }
    guard faults.isEmpty else {
      rd_kafka_conf_destroy(scratch)
      return faults
    }
    return faultsOfWhole(scratch)
  }

  var namesBroker: Bool { !bootstrapServers.allSatisfy { $0 == " " || $0 == "," } }

  /// Sets one property on the scratch configuration; what is wrong, if something is.
  private static func apply(_ name: String, _ value: String, to scratch: OpaquePointer, known: [String]) -> String? {
    var text = [CChar](repeating: 0, count: 512)
    let result = rd_kafka_conf_set(scratch, name, value, &text, text.count)
    if result == RD_KAFKA_CONF_OK { return nil }
    if result == RD_KAFKA_CONF_UNKNOWN {
      if let nearest = nearest(to: name, among: known) {
        return "is unknown to librdkafka; did you mean \(nearest)?"
      }
      return "is unknown to librdkafka"
    }
    return reason(String(nulTerminated: text), for: name, value: value)
  }

  /// Makes a client without brokers, for what shows only in the whole: missing files, conflicting properties.
  private func faultsOfWhole(_ scratch: OpaquePointer) -> [Fault] {
    var text = [CChar](repeating: 0, count: 512)
    rd_kafka_conf_set(scratch, "log_level", "0", nil, 0)
    guard let client = rd_kafka_new(RD_KAFKA_CONSUMER, scratch, &text, text.count) else {
      rd_kafka_conf_destroy(scratch)
      return [Fault(property: "properties", message: SecretMask(secrets).masked(String(nulTerminated: text)))]
    }
    rd_kafka_destroy(client)
    return []
  }

  /// Every name that librdkafka knows, the defaults of topics included.
  private static func knownProperties(of configuration: OpaquePointer) -> [String] {
    var count = 0
    guard let dump = rd_kafka_conf_dump(configuration, &count) else { return [] }
    defer { rd_kafka_conf_dump_free(dump, count) }
    var names = stride(from: 0, to: count, by: 2).compactMap { dump[$0].map { String(cString: $0) } }
    names += ["group.id", "sasl.username", "sasl.password", "ssl.ca.location", "ssl.key.location", "ssl.key.password"]
    names += ["ssl.certificate.location", "compression.type", "message.timeout.ms", "partitioner"]
    return names.filter { promiseBreakingProperties[$0] == nil }
  }

  /// The known name that needs the fewest changes, if it needs few.
  private static func nearest(to name: String, among known: [String]) -> String? {
    let distances = known.map { (name: $0, distance: editDistance(Array(name.utf8), Array($0.utf8))) }
    guard let best = distances.min(by: { $0.distance < $1.distance }), best.distance <= max(2, name.utf8.count / 4)
    else { return nil }
    return best.name
  }

  private static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    guard !left.isEmpty, !right.isEmpty else { return max(left.count, right.count) }
    var previous = Array(0...right.count)
    for (row, character) in left.enumerated() {
      var current = [row + 1]
      for (column, other) in right.enumerated() {
        let substitution = previous[column] + (character == other ? 0 : 1)
        current.append(min(previous[column + 1] + 1, current[column] + 1, substitution))
      }
      previous = current
    }
    return previous[right.count]
  }
}
