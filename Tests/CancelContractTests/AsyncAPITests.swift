import CancelContract
import CancelService
import Foundation
@testable import Operations
import Testing
import Yams

/// Holds what `Deploy/asyncapi.yaml` and `Deploy/schemas` repeat from the code against the code.
struct AsyncAPITests {
  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()

  private let text: String
  private let document: Node

  init() throws {
    text = try String(contentsOf: Self.root.appending(path: "Deploy/asyncapi.yaml"), encoding: .utf8)
    document = try #require(try Yams.compose(yaml: text))
  }

  private func node(_ path: String) throws -> Node {
    try path.split(separator: "/").reduce(document) { node, name in
      try #require(node.mapping?[Node(String(name))], "asyncapi.yaml has no \(path)")
    }
  }

  @Test func `the licence is the repository's`() throws {
    #expect(try node("info/license/name").string == "Apache-2.0")
    let licence = try String(contentsOf: Self.root.appending(path: "LICENSE"), encoding: .utf8)
    #expect(licence.contains("Apache License") && licence.contains("Version 2.0, January 2004"))
  }

  @Test func `topics have the default names and partitions`() throws {
    let defaults = WorkerConfiguration.TopicsSection()
    let names = [
      "requests": defaults.names.requests, "results": defaults.names.results, "ledger": defaults.names.ledger,
      "deadLetters": defaults.names.deadLetters, "progress": defaults.names.progress,
      "campaigns": defaults.names.campaigns, "confirmations": defaults.names.confirmations,
      "control": defaults.names.control,
    ]
    #expect(Set(try node("channels").mapping?.keys.compactMap(\.string) ?? []) == Set(names.keys))
    for (channel, name) in names {
      #expect(try node("channels/\(channel)/address").string == name)
      #expect(try node("channels/\(channel)/bindings/kafka/topic").string == name)
      #expect(
        try node("channels/\(channel)/bindings/kafka/partitions").int
          == (channel == "control" ? 1 : defaults.partitions))
      let policy = try node("channels/\(channel)/bindings/kafka/topicConfiguration/cleanup.policy")
      #expect(
        policy.sequence?.compactMap(\.string) == [
          ["ledger", "campaigns", "control"].contains(channel) ? "compact" : "delete"
        ])
    }
    let group = try node("operations/receiveRequests/bindings/kafka/groupId/enum")
    #expect(group.sequence?.compactMap(\.string) == [WorkerConfiguration.ConsumerSection().groupID])
  }

  @Test func `what shares a quota is called a user key`() throws {
    #expect(text.contains("share a user key"))
    #expect(!text.contains("API key"))
  }

  @Test func `events have their types, ids and headers`() throws {
    let messages = "components/messages"
    for (message, type) in [
      ("cancelResult", EventType.result), ("cancelProgress", .progress), ("confirmation", .confirmation),
      ("campaign", .campaign), ("hold", .hold),
    ] {
      let headers = try node("\(messages)/\(message)/headers/allOf").sequence.map { Array($0) } ?? []
      let properties = headers.compactMap { $0.mapping?["properties"] }
      let own = try #require(properties.first, "\(message)")
      #expect(own["ce_type"]?["const"]?.string == type.rawValue)
    }
    #expect(text.contains(EventIdentity.namespace.uuidString.lowercased()))
    let deadLetter = try node("\(messages)/deadLetter/headers")
    let ours = [
      DeadLetter.topicHeader, DeadLetter.partitionHeader, DeadLetter.offsetHeader, DeadLetter.problemHeader,
      DeadLetter.detailHeader,
    ]
    #expect(deadLetter["required"]?.sequence?.compactMap(\.string) == ours)
    let known = Set(deadLetter["properties"]?.mapping?.keys.compactMap(\.string) ?? [])
    #expect(known == Set(ours + [DeadLetter.leftOutHeader]))
  }

  @Test func `the schemas list the names that the code has`() throws {
    #expect(try schema("result", "properties/outcome/enum") == CancelOutcome.allCases.map(\.name))
    #expect(try schema("progress", "properties/reason/enum") == ProgressEvent.Reason.allCases.map(\.rawValue))
    #expect(try schema("request", "properties/priority/enum") == Priority.allCases.map(\.name))
    #expect(
      try schema("confirmation", "properties/verdict/enum") == ConfirmationEvent.Verdict.allCases.map(\.rawValue))
    #expect(try schema("campaign", "$defs/outcomes/propertyNames/enum") == CancelOutcome.allCases.map(\.name))
    #expect(try schema("hold", "properties/hold/enum") == HoldEvent.Extent.allCases.map(\.rawValue))
    #expect(try schema("result", "properties/scope/enum") == SweepReport.Scope.allCases.map(\.rawValue))
  }

  /// The strings of a list in a schema.
  private func schema(_ name: String, _ path: String) throws -> [String] {
    let file = Self.root.appending(path: "Deploy/schemas/\(name).schema.json")
    let schema = try JSONValue(Array(Data(contentsOf: file)))
    let list = try path.split(separator: "/").reduce(schema) { value, name in try #require(value[String(name)]) }
    return list.elements?.compactMap(\.string) ?? []
  }
}
