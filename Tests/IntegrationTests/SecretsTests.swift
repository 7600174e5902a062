import CancelContract
import EToroSimulator
import Foundation
import Kafka
import Testing
import WorkerHarness

/// Canaries stand for every secret; nothing that comes out of the worker has one in it.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct SecretsTests {
  private static let canaries = [
    "CANARY-api-key-1", "CANARY-user-key-1", "CANARY-api-key-2", "CANARY-user-key-2", "CANARY-user-key-3",
    "CANARY-bearer/token+4", "CANARY-sasl-password", "CANARY-ssl-password", "CANARY-url-password", "CANARY-misplaced",
  ]

  @Test(.timeLimit(.minutes(3)))
  func noSecretComesOut() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 10
    simulation.window = .seconds(1)
    simulation.refusedKeys = ["CANARY-user-key-2"]
    simulation.forbiddenKeys = ["CANARY-user-key-3"]
    simulation.quotaHeaders = .none
    simulation.faults.serverErrorRate = 0.2
    simulation.faults.lostAnswerRate = 0.05
    simulation.faults.garbageRate = 0.1
    let port = try WorkerHarness.freePort()
    let stage = try await Stage.make(
      simulation: simulation,
      settings: [
        "LOG_LEVEL": "trace", "KAFKA_PROPERTIES_DEBUG": "all", "ADMIN_PORT": "\(port)", "PROGRESS_AFTER": "100ms",
        "QUOTA_CALLS": "20", "QUOTA_WINDOW": "1s", "METRICS_ACCOUNT_LABELS": "true",
        "KAFKA_PROPERTIES_SASL_PASSWORD": "CANARY-sasl-password",
        "KAFKA_PROPERTIES_SSL_KEY_PASSWORD": "CANARY-ssl-password", "DESK_KEY": "CANARY-user-key-3",
      ])
    let folder = stage.accountsFile.deletingLastPathComponent()
    try "CANARY-bearer/token+4\n".write(
      to: folder.appendingPathComponent("token"), atomically: true, encoding: .utf8)
    let accounts = """
      {"accounts":{
        "a0":{"environment":"demo","apiKey":"CANARY-api-key-1","userKey":"CANARY-user-key-1"},
        "a1":{"environment":"demo","apiKey":"CANARY-api-key-2","userKey":"CANARY-user-key-2"},
        "a2":{"environment":"demo","apiKey":"CANARY-api-key-1","userKey":"env:DESK_KEY"},
        "a3":{"environment":"real","bearerToken":"file:token"}
      }}
      """
    try accounts.write(to: stage.accountsFile, atomically: true, encoding: .utf8)
    let worker = try stage.worker()
    try await stage.send((0..<80).map { ($0 % 4, 1_000_000 + $0, "routine") })
    try await stage.send([(key: Array("k".utf8), value: Array("{".utf8)), (key: [], value: [])])
    let results = try await stage.results(82)
    // Each path was taken.
    #expect(Set(results.compactMap(\.httpStatus)).isSuperset(of: [200, 401, 403]))
    #expect(Set(stage.simulator.state.statuses.keys).isSuperset(of: [200, 401, 403, 429, 500]))

    var outputs: [(name: String, text: String)] = []
    for path in ["", "metrics", "readyz", "livez", "status", "results", "nowhere"] {
      outputs.append((path, try await WorkerHarness.page("http://127.0.0.1:\(port)/\(path)").text))
    }
    let arguments = try Data(contentsOf: URL(fileURLWithPath: "/proc/\(worker.processID)/cmdline"))
    outputs.append(("process list", String(decoding: arguments, as: UTF8.self)))
    // A secret where none belongs, and a file that can't be read.
    for text in [
      accounts.replacingOccurrences(of: "\"demo\"", with: "\"CANARY-misplaced\""), accounts + "CANARY-misplaced",
      accounts.replacingOccurrences(of: "file:token", with: "CANARY misplaced"),
    ] {
      try text.write(to: stage.accountsFile, atomically: true, encoding: .utf8)
      worker.send(SIGHUP)
      let check = try stage.worker("check", command: "check")
      #expect(await check.waitForExit() == 78)
    }
    try accounts.write(to: stage.accountsFile, atomically: true, encoding: .utf8)
    worker.send(SIGHUP)
    #expect(await worker.stop() == 0)
    let settings = [
      ["API_BASE_URL": "http://someone:CANARY-url-password@127.0.0.1:1"],
      ["KAFKA_PROPERTIES_SSL_KEY_PASSWORD": "file:/nowhere/CANARY", "KAFKA_PROPERTIES_SASL_MECHANISMS": "NONE"],
      [
        "KAFKA_PROPERTIES_SECURITY_PROTOCOL": "SASL_PLAINTEXT", "KAFKA_PROPERTIES_SASL_USERNAME": "u",
        "KAFKA_PROPERTIES_SASL_MECHANISMS": "PLAIN", "LOG_LEVEL": "trace",
      ],
    ]
    for setting in settings {
      _ = await (try stage.worker("check", command: "check", settings: setting)).waitForExit()
    }
    for name in ["w0", "check"] {
      outputs.append(("log of \(name)", try String(contentsOf: stage.log(of: name), encoding: .utf8)))
    }
    for topic in stage.topics.names.all where topic != stage.topics.names.requests {
      outputs.append((topic, String(decoding: try await stage.topics.bytes(of: topic), as: UTF8.self)))
    }
    var searched = 0
    for (name, text) in outputs {
      searched += text.utf8.count
      for canary in SecretsTests.canaries {
        for form in SecretsTests.forms(of: canary) {
          #expect(!text.contains(form), "\(canary) stands in \(name)")
        }
      }
    }
    print("secrets: canaries=\(SecretsTests.canaries.count) places=\(outputs.count) bytes=\(searched)")
    await stage.clear()
  }

  /// As it is, percent-encoded, and in Base64 at each of the three alignments.
  private static func forms(of canary: String) -> [String] {
    let aligned = (0..<3).map { shift in
      let encoded = Data(repeating: 0x20, count: shift) + Data(canary.utf8)
      return String(encoded.base64EncodedString().dropFirst(shift == 0 ? 0 : 4).prefix(12))
    }
    return [canary, canary.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? canary] + aligned
  }
}
