import CancelAPI
import Foundation
import Kafka

extension WorkerConfiguration {
  /// Properties whose values are secrets, and may be given as `file:PATH` or `env:NAME`.
  static let secretProperties: Set<String> = [
    "sasl.password", "ssl.key.password", "ssl.key.pem", "ssl.keystore.password", "sasl.oauthbearer.client.secret",
  ]

  /// Takes `kafka.properties.*` from the file, and `KAFKA_PROPERTIES_*` from the environment: its underscores stand for
  /// dots.
  mutating func readProperties(
    _ values: inout ConfigurationValues, file: ConfigurationFile?, environment: [String: String]
  ) {
    for (name, entry) in file?.properties ?? [:] {
      kafka.properties.values[name] = entry.texts.joined(separator: ",")
    }
    let prefix = "KAFKA_PROPERTIES_"
    for (variable, value) in environment where variable.hasPrefix(prefix) {
      let name = variable.dropFirst(prefix.count).lowercased().replacingOccurrences(of: "_", with: ".")
      kafka.properties.values[name] = value
    }
    for name in kafka.properties.values.keys.sorted() {
      resolveSecret(name, &values, environment)
    }
    for (name, reason) in KafkaClientConfiguration.promiseBreakingProperties.sorted(by: { $0.key < $1.key })
    where kafka.properties.values[name] != nil {
      values.add(.init(key: "kafka.properties.\(name)", message: "may not be set: \(reason)"))
    }
    for fault in kafkaClient.validate()
    where KafkaClientConfiguration.promiseBreakingProperties[fault.property] == nil {
      values.add(.init(key: "kafka.properties.\(fault.property)", message: fault.message))
    }
  }

  private mutating func resolveSecret(
    _ name: String, _ values: inout ConfigurationValues, _ environment: [String: String]
  ) {
    guard WorkerConfiguration.secretProperties.contains(name), let text = kafka.properties.values[name] else { return }
    if text.hasPrefix("env:") {
      let variable = String(text.dropFirst(4))
      guard let value = environment[variable] else {
        return values.add(.init(key: "kafka.properties.\(name)", message: "the variable \(variable) is not set"))
      }
      kafka.properties.values[name] = value
    } else if text.hasPrefix("file:") {
      let path = String(text.dropFirst(5))
      guard let value = try? String(contentsOfFile: path, encoding: .utf8) else {
        return values.add(.init(key: "kafka.properties.\(name)", message: "the file \(path) can't be read"))
      }
      kafka.properties.values[name] = value.trimmingCharacters(in: .newlines)
    }
  }

  /// How the Kafka clients are configured.
  public var kafkaClient: KafkaClientConfiguration {
    KafkaClientConfiguration(
      bootstrapServers: kafka.bootstrapServers, clientID: "cancel-worker-\(worker.instanceID)",
      properties: kafka.properties.values)
  }
}
