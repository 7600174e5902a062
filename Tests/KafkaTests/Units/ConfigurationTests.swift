import Foundation
import Logging
import Testing

@testable import Kafka

@Suite struct ConfigurationTests {
  private func configuration(_ properties: [String: String]) -> KafkaClientConfiguration {
    KafkaClientConfiguration(bootstrapServers: "localhost:9092", clientID: "tests", properties: properties)
  }

  @Test func whatLibrdkafkaAcceptsHasNoFaults() {
    let valid = configuration([
      "security.protocol": "sasl_ssl", "sasl.mechanisms": "PLAIN", "linger.ms": "3",
      "sasl.username": "me", "sasl.password": "canary",
    ])
    #expect(valid.validate() == [])
  }

  @Test func everyFaultIsToldAtOnce() {
    let faults = configuration([
      "securty.protocol": "ssl", "linger.ms": "soon", "enable.auto.commit": "true", "isolation.level": "whatever",
    ]).validate()
    #expect(faults.map(\.property) == ["enable.auto.commit", "isolation.level", "linger.ms", "securty.protocol"])
    #expect(faults.last?.message.contains("security.protocol") == true)
  }

  @Test func everyPromiseBreakingNameIsOneOfLibrdkafkas() {
    for name in KafkaClientConfiguration.promiseBreakingProperties.keys {
      let faults = configuration([name: "1"]).validate()
      #expect(faults.count == 1 && faults[0].message.contains("can't be set here"), "\(name)")
    }
  }

  @Test func aMissingFileIsAFault() {
    let faults = configuration(["security.protocol": "ssl", "ssl.ca.location": "/nowhere/ca.pem"]).validate()
    #expect(faults.count == 1)
    #expect(faults.first?.message.contains("/nowhere/ca.pem") == true)
  }

  @Test func noBrokerIsAFault() {
    let empty = KafkaClientConfiguration(bootstrapServers: " ", clientID: "tests")
    #expect(empty.validate().map(\.property) == ["bootstrapServers"])
  }

  @Test func secretsShowNowhere() {
    let secret = "canary-7f3a"
    let configuration = configuration([
      "sasl.password": secret, "ssl.key.password": secret, "ssl.key.pem": secret, "sasl.mechanisms": secret,
      "sasl.oauthbearer.client.secret": secret,
    ])
    var shown = ["\(configuration)", String(reflecting: configuration)]
    dump(configuration, to: &shown[0])
    shown += configuration.validate().map(\.description)
    #expect(shown.allSatisfy { !$0.contains(secret) })
    do {
      _ = try ClientSettings().makeConfiguration(for: configuration, logLevel: 6)
      // From 2.1 on the key is read only where a client is made.
      #expect(!KafkaLibrary.version.hasPrefix("2.0."), "the key is none")
    } catch {
      #expect(!"\(error)".contains(secret))
    }
  }

  @Test func secretsAreTakenOutOfLibrdkafkasMessages() {
    let lines = Recorder<[String]>([])
    let log = ClientLog(
      logger: Logger(label: "t") { _ in RecordingLogHandler(log: lines, isLoud: false) },
      secrets: configuration(["sasl.password": "canary-7f3a", "sasl.mechanisms": "PLAIN"]).secrets)
    log.receive(level: 3, facility: "SASL", text: "refused PLAIN canary-7f3a twice canary-7f3a", client: "c")
    #expect(lines.state.count == 1)
    #expect(lines.state.first?.contains("refused PLAIN *** twice ***") == true)
  }

  /// What librdkafka says of a sensitive property reaches the operator, without the value.
  @Test func librdkafkasReasonIsShownWithoutTheValue() {
    let faults = configuration([
      "sasl.jaas.config": "username=canary-7f3a password=canary-7f3b",
      "sasl.kerberos.min.time.before.relogin": "canary",
    ]).validate()
    let texts = Dictionary(uniqueKeysWithValues: faults.map { ($0.property, $0.message) })
    #expect(texts["sasl.jaas.config"]?.contains("JAAS configuration is not supported") == true, "\(faults)")
    #expect(texts["sasl.kerberos.min.time.before.relogin"]?.isEmpty == false)
    #expect(!"\(faults)".contains("canary"), "\(faults)")
  }

  /// `Tests/run.sh` runs the tests with two versions: the one that is wanted is the one that is loaded.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["LIBRDKAFKA_VERSION"] != nil))
  func theWantedLibrdkafkaIsLoaded() {
    #expect(KafkaLibrary.version == ProcessInfo.processInfo.environment["LIBRDKAFKA_VERSION"])
  }

  @Test func versionsBefore24SpinInTransactions() {
    #expect(KafkaLibrary.spinsInTransactions(0x0200_02FF) && KafkaLibrary.spinsInTransactions(0x0203_00FF))
    #expect(!KafkaLibrary.spinsInTransactions(0x0204_00FF) && !KafkaLibrary.spinsInTransactions(0x0208_00FF))
    #expect(KafkaLibrary.spinsInTransactions == (KafkaLibrary.version.hasPrefix("2.0.")))
  }

  /// A burst fills librdkafka's queue, and then what follows it would wait for a second.
  @Test func aFullQueueDelaysTheNextFetchByMillisecondsWhereThatCanBeSet() {
    let isOld = ["2.0.", "2.1."].contains { KafkaLibrary.version.hasPrefix($0) }
    #expect(KafkaLibrary.promptFetching == (isOld ? [:] : ["fetch.queue.backoff.ms": "10"]))
  }

  @Test func whatThisBuildOfLibrdkafkaCanNotDoIsNamedWithAPackage() {
    #expect(!KafkaLibrary.features.isEmpty && KafkaLibrary.version.first?.isNumber == true)
    let wanted = configuration([
      "security.protocol": "SASL_SSL", "sasl.mechanisms": "OAUTHBEARER", "sasl.oauthbearer.method": "oidc",
      "compression.codec": "zstd",
    ])
    let faults = wanted.missingFeatures(["sasl", "sasl_oauthbearer", "zstd"], version: "2.0.2")
    #expect(faults.map(\.property) == ["security.protocol", "sasl.oauthbearer.method"])
    for fault in faults {
      #expect(fault.message.contains("2.0.2") && fault.message.contains("librdkafka1"), "\(fault)")
    }
    #expect(wanted.missingFeatures(["ssl", "sasl", "sasl_oauthbearer", "oidc", "zstd"], version: "2.0.2").isEmpty)
  }
}
