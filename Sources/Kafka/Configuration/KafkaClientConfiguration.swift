/// How to reach a cluster, shared by every client of this module.
///
/// The values of `properties` may be secrets: neither the description nor reflection shows them.
public struct KafkaClientConfiguration: Sendable {
  /// The brokers to begin with, `host:port` separated by commas.
  public var bootstrapServers: String
  /// The name under which the brokers log and count these clients.
  public var clientID: String
  /// librdkafka's properties as the operator gives them: TLS, SASL, timeouts. See `promiseBreakingProperties` for those
  /// that are not for the operator to set.
  public var properties: [String: String]

  /// A configuration for the given brokers.
  public init(bootstrapServers: String, clientID: String, properties: [String: String] = [:]) {
    self.bootstrapServers = bootstrapServers
    self.clientID = clientID
    self.properties = properties
  }

  /// Whether a property's value is kept out of every text.
  static func isSensitive(_ property: String) -> Bool {
    property.hasPrefix("sasl.") || property.hasPrefix("ssl.")
      || ["password", "secret", "token", "key", "pem", "credential"].contains { property.contains($0) }
  }

  /// The values that may not show up in a log line, longest first.
  var secrets: [String] {
    properties.filter { Self.isSensitive($0.key) && $0.value.utf8.count >= 4 }
      .filter { !Self.isPlainWord(property: $0.key) }
      .map(\.value).sorted { $0.utf8.count > $1.utf8.count }
  }

  /// Names under `ssl.` and `sasl.` whose values are choices or places and no secrets.
  private static func isPlainWord(property: String) -> Bool {
    property.hasSuffix(".location") || property.hasSuffix("mechanism") || property.hasSuffix("mechanisms")
      || property.hasSuffix(".algorithm") || property.hasSuffix(".suites") || property.hasSuffix(".method")
      || property.hasSuffix(".ms") || property == "sasl.kerberos.service.name"
  }
}

extension KafkaClientConfiguration: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// The brokers, the client's name and the names (never the values) of the properties.
  public var description: String {
    "KafkaClientConfiguration(bootstrapServers: \(bootstrapServers), clientID: \(clientID), "
      + "properties: \(properties.keys.sorted()))"
  }

  /// The same as `description`.
  public var debugDescription: String { description }

  /// Reflects the same parts as `description`.
  public var customMirror: Mirror {
    Mirror(
      self,
      children: [
        "bootstrapServers": bootstrapServers, "clientID": clientID, "properties": properties.keys.sorted(),
      ])
  }
}
