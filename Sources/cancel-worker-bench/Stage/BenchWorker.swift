import AsyncHTTPClient
import Foundation

/// A worker that is ready, as a process of its own.
struct BenchWorker {
  let process: MeasuredProcess
  let log: URL
  /// From its start until it said that it is ready.
  let startSeconds: Double

  init(binary: URL, environment: [String: String], log: URL) async throws {
    self.log = log
    let port = try BenchWorker.freePort()
    let start = monotonicNanoseconds()
    process = try MeasuredProcess(
      binary: binary, arguments: ["run"],
      environment: environment.merging(["ADMIN_PORT": "\(port)"]) { _, own in own }, log: log)
    while true {
      guard process.isRunning else {
        throw WorkerEnded(log: (try? String(contentsOf: log, encoding: .utf8)) ?? "")
      }
      let request = HTTPClientRequest(url: "http://127.0.0.1:\(port)/readyz")
      if let answer = try? await HTTPClient.shared.execute(request, timeout: .seconds(5)), answer.status == .ok {
        break
      }
      try await Task.sleep(for: .milliseconds(5))
    }
    startSeconds = Double(monotonicNanoseconds() - start) / 1e9
  }

  private static func freePort() throws -> Int {
    let socket = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(socket) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(socket, $0, length) == 0 && getsockname(socket, $0, &length) == 0
      }
    }
    guard isBound else { throw WorkerEnded(log: "no port is free") }
    return Int(UInt16(bigEndian: address.sin_port))
  }
}

/// The worker ended before it was ready.
struct WorkerEnded: Error, CustomStringConvertible {
  var log: String

  var description: String { "the worker ended before it was ready: \(log)" }
}
