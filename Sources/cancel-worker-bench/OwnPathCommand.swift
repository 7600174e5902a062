import ArgumentParser
import CancelAPI
import CancelContract
import CancelCore
import CancelService
import Foundation
import HTTPTransport
import Kafka
import NIOCore
import NIOHTTP1

/// The way of requests through the worker's own code: no thread, no socket, no librdkafka, no clock.
///
/// What it executes is the same in every run, so it can be counted exactly where times would only tell the machine's
/// mood. `Tests/counts.sh` does.
struct OwnPathCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "own-path", abstract: "Takes requests from their bytes to their results' bytes, in memory.",
    shouldDisplay: false)

  @Option var requests: Int

  func run() throws {
    var path = try OwnPath()
    while path.results < requests { path.round(of: 64) }
    print("own-path: results=\(path.results) bytes=\(path.bytes)")
  }
}

/// A worker that owns all partitions, with what stands around it played by hand.
private struct OwnPath {
  private static let partitions: Int32 = 4
  private let decoder = RequestDecoder()
  private let encoder = ResultEncoder(
    worker: WorkerIdentity(instance: "counted", version: "0"), eventSource: "/counted")
  private let api: EToroAPI
  private let account: Account
  private let response: HTTPResponse
  private var worker: Worker
  private var now = Timestamp(milliseconds: 1_800_000_000_000)
  private var effects: [Worker.Effect] = []
  private var sent = 0
  private(set) var results = 0
  /// What was written: results and the ledger's records.
  private(set) var bytes = 0

  init() throws {
    api = EToroAPI(endpoint: try Endpoint(baseURL: "https://localhost"), paths: CancelPaths(), version: "0")
    account = try Account(
      name: "default", environment: .demo,
      credential: .keyPair(apiKey: Secret("an-api-key-of-some-length"), userKey: Secret("a-user-key-of-some-length")))
    response = HTTPResponse(
      status: 200,
      headers: .http1([
        "date": "Fri, 15 Jan 2027 08:00:00 GMT", "content-type": "application/json", "content-length": "58",
        "x-ratelimit-limit": "1000000", "x-ratelimit-remaining": "999999", "x-ratelimit-reset": "60",
      ]),
      body: ByteBuffer(string: #"{"token":"12377773-c038-4e62-b4f2-50546491ef14","ok":true}"#))
    var settings = Worker.Settings()
    settings.policy.quotaCalls = 0
    settings.policy.maxInFlight = 64
    let ids = RandomUUIDs()
    worker = Worker(
      settings, accounts: ["default": QuotaKey(index: 0)], seed: 1, requestID: { ids.next() }, at: now)
    let all = 0..<Self.partitions
    take(
      .assigned(Dictionary(uniqueKeysWithValues: all.map { ($0, Worker.Start(position: 0, logEnd: 0)) }), number: 1))
    for partition in all { take(.ledgerRead(Assignment(partition: partition, number: 1))) }
  }

  /// So many requests come together, and everything that follows is done.
  mutating func round(of count: Int) {
    now = now + .milliseconds(5)
    let messages = (0..<count).map { _ in
      sent += 1
      return IncomingMessage(message(sent), decoder: decoder, receivedAt: now)
    }
    take(.messages(messages, number: 1, credit: count))
    // What gathers for a commit waits a while at most.
    for _ in 0..<100 where results < sent {
      now = now + .milliseconds(1)
      take(.timer)
    }
  }

  private func message(_ number: Int) -> KafkaMessage {
    KafkaMessage(
      topic: "requests", partition: Int32(number) % Self.partitions, offset: Int64(number) / Int64(Self.partitions),
      timestampMilliseconds: now.microseconds / 1000, key: Array("\(number)".utf8),
      value: Array(#"{"orderId":\#(number),"priority":"routine"}"#.utf8), headers: [])
  }

  private mutating func take(_ event: Worker.Event) {
    var effects: [Worker.Effect] = []
    swap(&effects, &self.effects)
    defer {
      effects.removeAll(keepingCapacity: true)
      swap(&effects, &self.effects)
    }
    worker.handle(event, at: now, into: &effects)
    for effect in effects {
      switch effect {
      case .send(let call):
        let cancel = CancelCall(orderID: call.orderID, account: account, requestID: call.requestID)
        _ = api.request(for: cancel)
        take(.answered(call, api.answer(to: cancel, .success(response))))
      case .commit(let batch, _):
        for result in batch.results {
          let record = encoder.encode(result)
          bytes += (record.value?.count ?? 0) + (record.key?.count ?? 0)
        }
        for entry in batch.ledger { bytes += entry.key.count + (entry.value?.count ?? 0) }
        results += batch.results.count
        take(.committed)
      default: break
      }
    }
  }
}
