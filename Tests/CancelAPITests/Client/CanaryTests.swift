import CancelContract
import Testing

@testable import CancelAPI

/// Planted secrets are looked for in whatever comes out of the clients.
@Suite(.serialized)
struct CanaryTests {
  @Test(arguments: ClientKind.allCases)
  func nothingThatComesOutHasASecretInIt(_ kind: ClientKind) async throws {
    let capture = LogCapture()
    var shown = ""
    let scripts: [ScriptedServer.Script] = [
      { _ in [.send("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")] },
      { _ in [.send("HTTP/1.1 302 Found\r\nlocation: https://\(Canary.apiKey)@host/\(Canary.userKey)\r\n\r\n"), .close]
      },
      { _ in [.send("garbage \(Canary.userKey)\r\n\r\n")] }, { _ in [.reset] }, { _ in [.close] }, { _ in [] },
      { _ in [.send("HTTP/1.1 429 \(Canary.apiKey)\r\nx-\(Canary.userKey): \(Canary.apiKey)\r\n\r\n"), .close] },
    ]
    for script in scripts {
      try await ScriptedServer.run(script: script) { server in
        try await kind.run(.local(port: server.port, timeout: .seconds(1)), logger: capture.logger) { client in
          for account in [try Canary.pair(), try Canary.bearer()] {
            let call = CancelCall(orderID: try CancelCall.order(7), account: account)
            let answer = try await client.cancel(call).get()
            shown += "\(client) \(String(reflecting: client))"
            for value in [call, answer] as [Any] {
              dump(value, to: &shown)
              shown += "\(value) " + String(reflecting: value)
            }
          }
        }
      }
    }
    // nobody listens any more
    let port = try await ScriptedServer.run { _ in
      []
    } _: {
      $0.port
    }
    try await kind.run(.local(port: port), logger: capture.logger) { client in
      shown += "\(try await client.cancel(.example()).get())"
    }
    for canary in Canary.all {
      #expect(!capture.text.contains(canary))
      #expect(!shown.contains(canary))
    }
    #expect(!shown.isEmpty)
    if case .nio = kind { #expect(capture.text.contains("connection made")) }
  }
}
