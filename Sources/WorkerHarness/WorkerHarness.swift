import AsyncHTTPClient
import Foundation
import NIOCore

/// What the benchmark and the tests of whole workers need around a worker in a process of its own.
public enum WorkerHarness {
  /// A port of the loopback interface on which nobody listens.
  public static func freePort() throws -> Int {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, length) == 0 && getsockname(descriptor, $0, &length) == 0
      }
    }
    guard isBound else { throw CocoaError(.fileReadUnknown) }
    return Int(UInt16(bigEndian: address.sin_port))
  }

  /// The status of a page, with its headers and body as text; at most 16 MiB of it.
  ///
  /// Foundation's own client would have a statically linked program need libcurl.
  public static func page(_ url: String) async throws -> (status: Int, text: String) {
    let response = try await HTTPClient.shared.execute(HTTPClientRequest(url: url), timeout: .seconds(10))
    let body = try await response.body.collect(upTo: 16 << 20)
    let head = response.headers.map { "\($0.name): \($0.value)\n" }.joined()
    return (Int(response.status.code), "\(head)\n\(String(buffer: body))")
  }

  /// The executable of that name beside the tests, or beside the program, that this process runs.
  public static func product(_ name: String) -> URL {
    let tests = Bundle.allBundles.first { $0.bundlePath.hasSuffix(".xctest") }?.bundleURL
    return (tests ?? URL(fileURLWithPath: CommandLine.arguments[0])).deletingLastPathComponent()
      .appendingPathComponent(name)
  }

  /// A process that can be run: without input, and with its output at the end of `log`. It loads the same librdkafka as
  /// this process, and has nothing else of its environment.
  public static func process(
    _ binary: URL, _ arguments: [String], environment: [String: String], log: URL
  ) throws -> Process {
    if !FileManager.default.fileExists(atPath: log.path) {
      _ = FileManager.default.createFile(atPath: log.path, contents: nil)
    }
    let handle = try FileHandle(forWritingTo: log)
    try handle.seekToEnd()
    let process = Process()
    process.executableURL = binary
    process.arguments = arguments
    var surroundings = ["PATH": "/usr/bin:/bin"]
    surroundings["LD_LIBRARY_PATH"] = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"]
    process.environment = environment.merging(surroundings) { given, _ in given }
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = handle
    process.standardError = handle
    return process
  }

  /// The end of a log, for the message of a failure.
  public static func tail(of log: URL, lines: Int = 20) -> String {
    let text = (try? String(contentsOf: log, encoding: .utf8)) ?? "(no log)"
    return text.split(separator: "\n").suffix(lines).joined(separator: "\n")
  }
}

/// A worker ended although nobody asked it to.
public struct WorkerEnded: Error, CustomStringConvertible {
  /// The exit status.
  public var status: Int32
  /// The end of its log.
  public var log: String

  /// An end with this status.
  public init(status: Int32, log: String) {
    self.status = status
    self.log = log
  }

  /// The status and the end of the log.
  public var description: String { "the worker ended with status \(status) before its time:\n\(log)" }
}
