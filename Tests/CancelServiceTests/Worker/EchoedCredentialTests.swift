import CancelContract
import CancelCore
import Foundation
import Testing

@testable import CancelAPI

/// Answers that repeat the credential, followed to the bytes of the results and the ledger.
struct EchoedCredentialTests {
  private static let userKey = "CANARY+user/key=\"77\\d0&e2+of/some+length"
  private static let shortKey = "a+b/c=d9"
  private static let credential = Credential.keyPair(apiKey: Secret(shortKey), userKey: Secret(userKey))

  /// The secret as a server may write it into a JSON string.
  private static func spellings(_ secret: String) -> [String] {
    let quoted = secret.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    let coded = Data("k:\(secret)".utf8).base64EncodedString()
    return [
      quoted, quoted.replacing("+", with: "\\u002B").replacing("/", with: "\\/"),
      secret.utf16.map { "\\u00" + String($0, radix: 16) }.joined(),
      secret.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "", coded,
      coded.replacing("+", with: "-").replacing("/", with: "_"),
      secret.utf8.map { String($0, radix: 16).uppercased() }.joined(), quoted.uppercased(),
      String(quoted.prefix(quoted.utf8.count / 2 + 4)),
    ]
  }

  @Test(arguments: [200, 400, 401, 403, 404, 418, 422, 429, 500, 503], [shortKey, userKey])
  func noneReachesTheResultsOrTheLedger(_ status: Int, _ secret: String) throws {
    for echo in Self.spellings(secret) {
      for body in ["{\"token\":\"\(echo)\"}", "{\"title\":\"x\",\"detail\":\"a \(echo) b\"}", "{\"\(echo)\":1}"] {
        let written = try Self.written(status, body)
        #expect(!written.isEmpty)
        for form in [echo, secret, secret.lowercased(), secret.replacing("/", with: "\\/")] {
          #expect(!written.contains(form), "\(status) \(body)")
        }
      }
    }
  }

  /// What is published while an order gets this answer again and again, until its deadline is over.
  private static func written(_ status: Int, _ body: String) throws -> String {
    var policy = CancelPolicy()
    policy.quotaCalls = 0
    var engine = CancelEngine(policy: policy, defaultAccount: "a", seed: 1)
    var now = Timestamp(milliseconds: 1_800_000_000_000)
    engine.configure(accounts: ["a": QuotaKey(index: 0)], at: now)
    engine.assign(Assignment(partition: 0, number: 1))
    engine.restored(Assignment(partition: 0, number: 1), position: 0, at: now)
    let request = CancelRequest(
      cancelID: "c", orderID: try #require(OrderID(1)), deadline: now + .seconds(20))
    _ = engine.receive(
      ReceivedRequest(
        request: request, source: SourceCoordinates(topic: "requests", partition: 0, offset: 1), producedAt: now,
        receivedAt: now), at: now)
    let encoder = ResultEncoder(worker: WorkerIdentity(instance: "w", version: "0"), eventSource: "urn:test")
    var written = ""
    for _ in 0..<60 {
      while let call = engine.nextCall(at: now, requestID: { UUID() }) {
        let answer = AnswerReader.answer(
          status: status, headers: AnswerHeaders(), body: Array(body.utf8), credential: credential, now: now)
        written += "\(answer)"
        engine.answered(call.id, answer, at: now)
      }
      while let batch = engine.nextBatch() {
        for result in batch.results { written += String(decoding: encoder.encode(result).value ?? [], as: UTF8.self) }
        for entry in batch.ledger { written += String(decoding: entry.value ?? [], as: UTF8.self) }
        engine.committed()
      }
      now = now + .milliseconds(500)
      engine.advance(to: now)
    }
    return written
  }
}
