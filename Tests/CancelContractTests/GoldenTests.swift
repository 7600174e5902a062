import CancelContract
import CancelCore
import Foundation
@testable import Fuzz
import Testing

/// Holds what is written against files, and reads the files back.
///
/// With `UPDATE_GOLDEN=1` in the environment the files are written anew; look at the difference before you keep it.
struct GoldenTests {
  private static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Golden")

  @Test(arguments: Golden.requests.indices)
  func `requests are written as the files have them and read back`(index: Int) throws {
    let golden = Golden.requests[index]
    let record = RequestEncoder(golden.format).encode(golden.request, at: Golden.time(0), headers: Golden.echoed)
    let stored = try stored(golden.name, record)
    let incoming = try RequestDecoder()
      .decode(
        value: stored.value,
        key: stored.key,
        headers: stored.headers,
        source: Golden.source,
        producedAt: Golden.time(0),
        receivedAt: Golden.time(1)
      )
      .get()
    guard case .cancel(let received) = incoming else {
      Issue.record("\(golden.name) was read as a sweep")
      return
    }
    #expect(received.request == golden.request)
    #expect(received.echoedHeaders == Golden.echoed)
  }

  @Test(arguments: Golden.results.indices)
  func `results are written as the files have them and read back`(index: Int) throws {
    let golden = Golden.results[index]
    let record = ResultEncoder(worker: Golden.worker, eventSource: Golden.eventSource).encode(golden.result)
    let stored = try stored(golden.name, record)
    let event = try ResultDecoder().decode(value: stored.value, key: record.key, headers: stored.headers)
    #expect(event.result == golden.result)
    #expect(event.worker == Golden.worker)
    #expect(event.id == EventIdentity.id(of: golden.result).uuidString.lowercased())
  }

  @Test(arguments: Golden.progress.indices)
  func `progress events are written as the files have them and read back`(index: Int) throws {
    let golden = Golden.progress[index]
    let record = ProgressEncoder(worker: Golden.worker, eventSource: Golden.eventSource).encode(golden.event)
    let stored = try stored(golden.name, record)
    let event = try ProgressDecoder().decode(value: stored.value, key: record.key, headers: stored.headers)
    #expect(event.progress == golden.event)
    #expect(event.worker == Golden.worker)
  }

  @Test(arguments: Golden.sweeps.indices)
  func `requests to sweep are written as the files have them and read back`(index: Int) throws {
    let golden = Golden.sweeps[index]
    let record = RequestEncoder(golden.format).encode(golden.request, at: Golden.time(0))
    let stored = try stored(golden.name, record)
    let incoming = try RequestDecoder().decode(
      value: stored.value, key: stored.key, headers: stored.headers, source: Golden.source,
      producedAt: Golden.time(0), receivedAt: Golden.time(1)
    ).get()
    guard case .sweep(let received) = incoming else {
      Issue.record("\(golden.name) was read as a cancel")
      return
    }
    #expect(received.request == golden.request)
  }

  @Test(arguments: Golden.sweepResults.indices)
  func `results of sweeps are written as the files have them and read back`(index: Int) throws {
    let golden = Golden.sweepResults[index]
    let record = ResultEncoder(worker: Golden.worker, eventSource: Golden.eventSource).encode(golden.result)
    let stored = try stored(golden.name, record)
    let event = try ResultDecoder().decode(value: stored.value, key: record.key, headers: stored.headers)
    #expect(event.result == golden.result)
    #expect(event.id == EventIdentity.id(of: golden.result).uuidString.lowercased())
  }

  @Test(arguments: Golden.campaigns.indices)
  func `campaigns are written as the files have them and read back`(index: Int) throws {
    let golden = Golden.campaigns[index]
    let record = CampaignEncoder(worker: Golden.worker, eventSource: Golden.eventSource).encode(golden.record)
    let stored = try stored(golden.name, record)
    #expect(record.key == Array(golden.record.campaignID.utf8))
    #expect(try CampaignDecoder().decode(value: stored.value, headers: stored.headers) == golden.record)
  }

  @Test(arguments: Golden.confirmations.indices)
  func `confirmations are written as the files have them and read back`(index: Int) throws {
    let golden = Golden.confirmations[index]
    let record = ConfirmationEncoder(worker: Golden.worker, eventSource: Golden.eventSource).encode(golden.event)
    let stored = try stored(golden.name, record)
    let event = try ConfirmationDecoder().decode(value: stored.value, key: record.key, headers: stored.headers)
    #expect(event == golden.event)
  }

  @Test(arguments: Golden.holds.indices)
  func `holds are written as the files have them and read back`(index: Int) throws {
    let golden = Golden.holds[index]
    let record = HoldEncoder(eventSource: "/cancel-worker/hold").encode(golden.event)
    let stored = try stored(golden.name, record)
    #expect(record.key == Array(golden.key.utf8))
    #expect(try HoldDecoder().decode(value: stored.value, headers: stored.headers) == golden.event)
  }

  /// A member that is added must be in the golden events, for they are what holds writers and readers together.
  @Test func `the golden events have every detail that a request may have`() {
    let missing = Mirror(reflecting: Golden.details).children.filter { isNil($0.value) }.map(\.label)
    // No request has it: a sweep gives it to the requests that it makes.
    #expect(missing == ["sweptBy"])
    let origin = Golden.details.origin.map { Mirror(reflecting: $0).children.filter { isNil($0.value) }.map(\.label) }
    #expect(origin == [])
  }

  /// A member that is added must be among what the fuzz targets try.
  @Test func `the fuzz targets try every detail that a request may have`() {
    var random = SplitMix64(seed: 1)
    var missing = Set(Mirror(reflecting: RequestDetails()).children.compactMap(\.label))
    for _ in 0..<200 {
      for child in Mirror(reflecting: RandomRequests.details(&random)).children where !isNil(child.value) {
        if let label = child.label { missing.remove(label) }
      }
    }
    #expect(missing == ["sweptBy"])
  }

  private func isNil(_ value: Any) -> Bool {
    let mirror = Mirror(reflecting: value)
    return mirror.displayStyle == .optional && mirror.children.isEmpty
  }

  @Test func `a structured event is read`() throws {
    let value = try Data(contentsOf: Self.folder.appending(path: "event-structured.value.json"))
    let request = try RequestFixture.structured.received(Array(value)).request
    #expect(request.cancelID == "A234-1234-1234")
    #expect(request.orderID == OrderID(13_902_598))
    #expect(request.priority == .killSwitch)
  }

  /// What the schemas refuse, the decoder refuses too; `Tests/schemas.sh` looks at the schemas.
  @Test func `requests in the folder of bad ones are refused`() throws {
    let folder = Self.folder.appending(path: "refused")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path()).filter { $0.hasPrefix("request-") }
    #expect(files.count >= 10)
    let schema = try JSONSchema("request")
    for file in files {
      let value = Array(try Data(contentsOf: folder.appending(path: file)))
      #expect(throws: UnreadableRequest.self, "\(file)") { try RequestFixture().decode(value).get() }
      #expect(schema.faults(of: try JSONValue(value)) != [], "\(file)")
    }
  }

  /// What the schemas take, the decoder takes too; `Tests/schemas.sh` looks at the schemas.
  @Test func `requests in the folder of unusual ones are accepted`() throws {
    let folder = Self.folder.appending(path: "accepted")
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path()).filter { $0.hasPrefix("request-") }
    #expect(files.count >= 10)
    let schema = try JSONSchema("request")
    for file in files {
      let value = Array(try Data(contentsOf: folder.appending(path: file)))
      #expect(throws: Never.self, "\(file)") { try RequestFixture().decode(value).get() }
      #expect(schema.faults(of: try JSONValue(value)) == [], "\(file)")
    }
  }

  /// The record in the files, after `record` was compared with it.
  private func stored(_ name: String, _ record: OutgoingRecord) throws -> OutgoingRecord {
    let valueFile = Self.folder.appending(path: "\(name).value.json")
    let headerFile = Self.folder.appending(path: "\(name).headers.txt")
    let value = Data(try #require(record.value))
    let headers = record.headers.map { "\($0.name): \(String(decoding: $0.value ?? [], as: UTF8.self))\n" }.joined()
    if ProcessInfo.processInfo.environment["UPDATE_GOLDEN"] == "1" {
      try value.write(to: valueFile)
      try Data(headers.utf8).write(to: headerFile)
    }
    let storedValue = try Data(contentsOf: valueFile)
    let storedHeaders = try String(decoding: Data(contentsOf: headerFile), as: UTF8.self)
    #expect(String(decoding: value, as: UTF8.self) == String(decoding: storedValue, as: UTF8.self))
    #expect(headers == storedHeaders)
    let parsed = storedHeaders.split(separator: "\n").compactMap { line -> RecordHeader? in
      guard let colon = line.range(of: ": ") else { return nil }
      return RecordHeader(String(line[..<colon.lowerBound]), String(line[colon.upperBound...]))
    }
    return OutgoingRecord(key: record.key, value: Array(storedValue), headers: parsed)
  }
}
