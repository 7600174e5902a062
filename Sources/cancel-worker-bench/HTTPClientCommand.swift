import ArgumentParser
import AsyncHTTPCancelClient
import CancelAPI
import CancelContract
import Foundation
import Logging
import NIOCore
import NIOPosix

/// The HTTP client alone, in a process of its own so that its processor time is its own.
struct HTTPClientCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "http-client", abstract: "Calls the address with one of the clients; prints calls, seconds, CPU.",
    shouldDisplay: false)

  @Option var url: String
  @Option var calls: Int
  @Option var inFlight: Int
  @Flag(help: "async-http-client instead of the lean client.") var asyncHTTPClient = false

  func run() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    var configuration = CancelClientConfiguration()
    configuration.baseURL = url
    configuration.connections = inFlight
    let logger = Logger(label: "http-client") { _ in SwiftLogNoOpLogHandler() }
    let client: any CancelClient =
      asyncHTTPClient
      ? try HTTPCancelClient(configuration: configuration, on: group.next(), logger: logger)
      : try EToroCancelClient(configuration: configuration, on: group.next(), logger: logger)
    let account = try Account(
      name: "a0", environment: .demo, credential: .keyPair(apiKey: Secret("key"), userKey: Secret("user")))
    let loop = CallLoop(client: client, account: account, calls: calls, loop: group.next())
    try await loop.run(inFlight: min(inFlight, calls))
    let cpu = processorSeconds()
    let start = monotonicNanoseconds()
    try await loop.run(inFlight: min(inFlight, calls))
    let seconds = Double(monotonicNanoseconds() - start) / 1e9
    print(
      String(
        decoding: try JSONEncoder().encode(
          HTTPClientFigures(calls: calls, seconds: seconds, processorSeconds: processorSeconds() - cpu)), as: UTF8.self)
    )
    await client.shutdown()
    try await group.shutdownGracefully()
  }

  private func processorSeconds() -> Double {
    var usage = rusage()
    getrusage(Int32(RUSAGE_SELF.rawValue), &usage)
    return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
      + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
  }
}

struct HTTPClientFigures: Codable {
  var calls: Int
  var seconds: Double
  var processorSeconds: Double

  var perSecond: Double { Double(calls) / seconds }
  var processorMicroseconds: Double { processorSeconds * 1e6 / Double(calls) }
}

/// Keeps calls in flight on the client's own loop: each answer sends the next.
private final class CallLoop: Sendable {
  private let client: any CancelClient
  private let account: Account
  private let calls: Int
  private let loop: any EventLoop

  init(client: any CancelClient, account: Account, calls: Int, loop: any EventLoop) {
    self.client = client
    self.account = account
    self.calls = calls
    self.loop = loop
  }

  func run(inFlight: Int) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for lane in 0..<inFlight {
        let promise = loop.makePromise(of: Void.self)
        loop.execute { self.next(lane, step: inFlight, promise) }
        group.addTask { try await promise.futureResult.get() }
      }
      try await group.waitForAll()
    }
  }

  private func next(_ number: Int, step: Int, _ done: EventLoopPromise<Void>) {
    guard number < calls, let order = OrderID(Int64(number + 1)) else { return done.succeed() }
    client.cancel(CancelCall(orderID: order, account: account)).whenSuccess { answer in
      self.next(number + step, step: step, done)
    }
  }
}
