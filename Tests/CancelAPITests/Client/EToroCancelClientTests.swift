import CancelContract
import NIOCore
import NIOPosix
import Testing

@testable import CancelAPI

/// What only the worker's own client promises.
@Suite(.serialized, .timeLimit(.minutes(2)))
struct EToroCancelClientTests {
  private static let ok = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
  private static let accepted = CancelAnswer(kind: .accepted, httpStatus: 200)

  @Test func keepsConnectionsAlive() async throws {
    try await ScriptedServer.run { _ in
      [.send(Self.ok)]
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port)
      configuration.warmConnections = 1
      try await ClientKind.nio.run(configuration) { client in
        for _ in 0..<100 {
          let answer = try await client.cancel(.example()).get()
          #expect(answer == Self.accepted)
        }
        #expect(server.connections == 1)
      }
    }
  }

  @Test func queuesWhatTheConnectionsCannotCarry() async throws {
    try await ScriptedServer.run { _ in
      [.send(Self.ok)]
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port)
      configuration.connections = 3
      try await ClientKind.nio.run(configuration) { client in
        let calls = try (1...1000).map { client.cancel(try .example($0)) }
        for call in calls { #expect(try await call.get() == Self.accepted) }
        #expect(server.connections == 3)
        #expect(Set(server.requests.map { $0.prefix { $0 != "\r" } }).count == 1000)
      }
    }
  }

  @Test func sendsWhatWaitsInOrder() async throws {
    try await ScriptedServer.run { _ in
      [.send(Self.ok)]
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port)
      configuration.connections = 1
      configuration.warmConnections = 0
      try await ClientKind.nio.run(configuration) { client in
        let calls = try (1...100).map { client.cancel(try .example($0)) }
        for call in calls { _ = try await call.get() }
        let orders = server.requests.compactMap { $0.split(separator: " ")[1].split(separator: "/").last }
        #expect(orders == (1...100).map { "\($0)" })
      }
    }
  }

  @Test func theQueueHasABound() async throws {
    try await ScriptedServer.run { _ in
      []
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port, timeout: .seconds(1))
      configuration.connections = 1
      configuration.maxWaiting = 1
      try await ClientKind.nio.run(configuration) { client in
        let calls = try (1...4).map { client.cancel(try .example($0)) }
        var kinds: [CancelAnswer.Kind] = []
        for call in calls { kinds.append(try await call.get().kind) }
        #expect(kinds.count { $0 == .transient } >= 2)
      }
    }
  }

  @Test func aCallsTimeBeginsWhenItIsSent() async throws {
    // the first is never answered; the second waits for its connection's end, and still has all its time
    try await ScriptedServer.run { number in
      number == 0 ? [] : [.send(Self.ok)]
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port, timeout: .seconds(1))
      configuration.connections = 1
      try await ClientKind.nio.run(configuration) { client in
        let first = client.cancel(try .example(1))
        let second = client.cancel(try .example(2))
        #expect(try await first.get().kind == .ambiguous)
        #expect(try await second.get() == Self.accepted)
      }
    }
  }

  @Test func everyUnansweredCallTimesOut() async throws {
    try await ScriptedServer.run { number in
      number % 2 == 0 ? [] : [.send(Self.ok)]
    } _: { server in
      let configuration = CancelClientConfiguration.local(port: server.port, timeout: .seconds(1))
      try await ClientKind.nio.run(configuration) { client in
        let calls = try (1...128).map { client.cancel(try .example($0)) }
        var kinds: [CancelAnswer.Kind] = []
        for call in calls { kinds.append(try await call.get().kind) }
        #expect(kinds.count { $0 == .ambiguous } == 64)
        #expect(kinds.count { $0 == .accepted } == 64)
      }
    }
  }

  @Test func aConnectionThatTheServerClosesIsToldTruly() async throws {
    try await ScriptedServer.run { _ in
      [.send(Self.ok)]
    } _: { server in
      try await ClientKind.nio.run(.local(port: server.port)) { client in
        for _ in 0..<20 {
          // whether the end is seen before the call is a race, and either way it is told truly
          let answer = try await client.cancel(.example()).get()
          #expect([.accepted, .ambiguous, .transient].contains(answer.kind))
          server.closeConnections()
        }
      }
    }
  }

  @Test func bytesThatNobodyAskedForAnswerNoCall() async throws {
    let forged = "HTTP/1.1 200 OK\r\ncontent-length: 18\r\n\r\n{\"token\":\"forged\"}"
    try await ScriptedServer.run { _ in
      [.send(Self.ok + forged)]
    } _: { server in
      try await ClientKind.nio.run(.local(port: server.port)) { client in
        for _ in 0..<10 {
          let answer = try await client.cancel(.example()).get()
          #expect(answer.token == nil)
        }
        #expect(server.connections >= 10)
      }
    }
  }

  @Test func warmConnectionsAreMadeAtOnce() async throws {
    try await ScriptedServer.run { _ in
      [.send(Self.ok)]
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port)
      configuration.warmConnections = 3
      try await ClientKind.nio.run(configuration) { client in
        _ = try await client.cancel(.example()).get()
        await server.waitForConnections(3)
        #expect(server.connections == 3)
      }
    }
  }

  @Test func theEndTellsEachCallWhereItStood() async throws {
    try await ScriptedServer.run { _ in
      []
    } _: { server in
      var configuration = CancelClientConfiguration.local(port: server.port)
      configuration.connections = 1
      let client = try EToroCancelClient(
        configuration: configuration, on: MultiThreadedEventLoopGroup.singleton.next(), logger: .init(label: "test"))
      let sent = client.cancel(try .example(1))
      let waiting = client.cancel(try .example(2))
      await server.waitForRequests(1)
      await client.shutdown()
      #expect(try await sent.get().kind == .ambiguous)
      #expect(try await waiting.get().kind == .transient)
      #expect(try await client.cancel(.example(3)).get().kind == .transient)
      await client.shutdown()
    }
  }

  @Test func answersOnItsOwnLoop() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    try await ScriptedServer.run { _ in
      [.send(Self.ok)]
    } _: { server in
      let client = try EToroCancelClient(
        configuration: .local(port: server.port), on: group.next(), logger: .init(label: "test"))
      let call = try CancelCall.example()
      let isOnLoop = await withCheckedContinuation { told in
        client.cancel(call) { _ in told.resume(returning: group.next().inEventLoop) }
      }
      #expect(isOnLoop)
      await client.shutdown()
    }
    try await group.shutdownGracefully()
  }
}
