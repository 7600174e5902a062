import Foundation
import Kafka
import Logging

/// The broker that the tests run against, as the environment names it.
enum TestBroker {
  /// `KAFKA_BOOTSTRAP`; tests that need a broker are disabled without it.
  static let bootstrap = ProcessInfo.processInfo.environment["KAFKA_BOOTSTRAP"]

  /// Whether it is a full Kafka, with several members in a group, fencing by generation and transaction time-outs.
  static let isFullKafka = bootstrap != nil && ProcessInfo.processInfo.environment["KAFKA_FULL"] != "0"

  static var configuration: KafkaClientConfiguration {
    KafkaClientConfiguration(bootstrapServers: bootstrap ?? "", clientID: "integration-tests", properties: [:])
  }

  static let logger: Logger = {
    var logger = Logger(label: "integration-tests")
    logger.logLevel = .error
    return logger
  }()
}

/// The seed of a random test: printed, and taken from `SEED` to run the same again.
func testSeed() -> UInt64 {
  let seed = ProcessInfo.processInfo.environment["SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0...999_999)
  print("SEED=\(seed)")
  return seed
}
