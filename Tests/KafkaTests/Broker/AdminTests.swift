import Kafka
import Testing

@Suite(.enabled(if: TestCluster.bootstrap != nil, "needs a broker: KAFKA_BOOTSTRAP")) struct AdminTests {
  private func withAdmin(_ body: (KafkaAdmin) async throws -> Void) async throws {
    let cluster = try TestCluster.broker(TestCluster.bootstrap ?? "").open()
    let admin = try KafkaAdmin(configuration: cluster.configuration, logger: cluster.logger)
    try await body(admin)
    #expect(await admin.close(timeout: .seconds(5)))
  }

  @Test(.timeLimit(.minutes(1))) func topicsAreCreatedDescribedAndDeletedEachForItself() async throws {
    try await withAdmin { admin in
      let name = OpenCluster.uniqueName("admin")
      let specification = KafkaTopicSpecification(
        name: name, partitions: 3, replicationFactor: 1, configuration: ["cleanup.policy": "compact"])
      let created = try await admin.createTopics([specification])
      #expect(created.count == 1 && created[0].name == name && created[0].error == nil)
      let again = try await admin.createTopics([specification])
      #expect(again.first?.error?.code == .topicAlreadyExists)

      // A broker learns of a topic a moment after its controller made it.
      var described = try await admin.describeTopics([name, name + "-not"])
      while described.first?.partitions == nil { described = try await admin.describeTopics([name, name + "-not"]) }
      #expect(described.map(\.partitions) == [3, nil])
      #expect(try await admin.listTopics().contains(KafkaTopicDescription(name: name, partitions: 3)))
      #expect(try await admin.topicConfiguration(name)["cleanup.policy"] == "compact")
      #expect(
        try await admin.watermarks(of: name) == [
          0: .init(low: 0, high: 0), 1: .init(low: 0, high: 0), 2: .init(low: 0, high: 0),
        ])

      #expect(try await admin.deleteTopics([name]).first?.error == nil)
      let gone = try await admin.deleteTopics([name + "-not"])
      #expect(gone.first?.error?.code == .unknownTopicOrPartition)
    }
  }

  @Test func theClusterTellsItsBrokers() async throws {
    try await withAdmin { admin in
      let cluster = try await admin.describeCluster(timeout: .seconds(10))
      #expect(!cluster.brokers.isEmpty)
    }
  }
}

@Suite struct AdminWithoutBrokerTests {
  @Test func anUnreachableClusterSaysWhy() async throws {
    let cluster = OpenCluster(mock: nil, bootstrap: "127.0.0.1:1")
    let admin = try KafkaAdmin(configuration: cluster.configuration, logger: cluster.logger)
    do {
      _ = try await admin.describeCluster(timeout: .seconds(5))
      Issue.record("nobody is there")
    } catch let error as KafkaError {
      #expect(error.isRetriable)
      #expect("\(error)".contains("Connection refused"), "\(error)")
    }
    #expect(await admin.close(timeout: .seconds(10)))
  }

  @Test func theMockClusterIsDescribed() async throws {
    let cluster = try TestCluster.mock.open(brokers: 3)
    let topic = try await cluster.createTopic("described", partitions: 2)
    let admin = try KafkaAdmin(configuration: cluster.configuration, logger: cluster.logger)
    #expect(try await admin.describeCluster(timeout: .seconds(10)).brokers.count == 3)
    #expect(try await admin.describeTopics([topic]).map(\.partitions) == [2])
    #expect(await admin.close(timeout: .seconds(10)))
  }
}
