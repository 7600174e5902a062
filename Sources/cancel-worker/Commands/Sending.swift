import CancelService
import Kafka
import Operations

/// Looks topics up by name, so that a mistyped one is an error also where the broker would make it.
func needTopics(_ admin: KafkaAdmin, _ needed: [(key: String, name: String)]) async throws {
  let found = try await admin.describeTopics(needed.map(\.name), timeout: .seconds(5))
  for (topic, description) in zip(needed, found) where description.partitions == nil {
    throw CommandFailure(
      .configuration,
      "there is no topic '\(topic.name)', so nothing was done; check \(topic.key), or create it with "
        + "`cancel-worker topics create`")
  }
}

/// The workers in the group; `nil` where the broker does not tell.
func groupMembers(_ admin: KafkaAdmin, _ configuration: WorkerConfiguration) async -> Int? {
  try? await admin.describeGroup(configuration.consumer.groupID, timeout: .seconds(5)).members
}

/// Warns where no worker is there to take a request.
///
/// - Parameter waits: what waits then, such as `the sweep waits`.
/// - Returns: whether a worker is there; `nil` where the broker does not tell.
@discardableResult
func warnWhenUnattended(_ admin: KafkaAdmin, _ configuration: WorkerConfiguration, waits: String) async -> Bool? {
  guard let members = await groupMembers(admin, configuration) else { return nil }
  if members == 0 {
    StandardError.write(
      "warning: no worker is running in the group '\(configuration.consumer.groupID)': \(waits) until one is\n")
  }
  return members > 0
}

/// Publishes with a producer of its own, which is closed whatever comes.
func withProducer(
  _ configuration: WorkerConfiguration, _ options: ConfigurationOption, _ body: (KafkaProducer) async throws -> Void
) async throws {
  let producer = try KafkaProducer(
    configuration: configuration.kafkaClient, transactionalID: nil, logger: CommandLog.logger(options))
  do {
    try await body(producer)
  } catch {
    await producer.close(timeout: .seconds(5))
    throw error
  }
  await producer.close(timeout: .seconds(5))
}
