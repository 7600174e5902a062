import CancelContract
import Testing

@testable import Operations

@Suite struct W3CTraceContextTests {
  private static let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

  private func read(_ parent: String, _ state: String? = nil) -> W3CTraceContext? {
    W3CTraceContext(traceparent: Array(parent.utf8), tracestate: state.map { Array($0.utf8) })
  }

  @Test func wellFormed() throws {
    let context = try #require(read(Self.good, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"))
    #expect(context.traceID == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(context.parentID == "00f067aa0ba902b7")
    #expect(context.isSampled)
    #expect(context.traceparent == Self.good)
    #expect(context.state == "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7")
  }

  @Test func notSampled() {
    #expect(read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")?.isSampled == false)
  }

  @Test func aLaterVersionIsReadAsThisOne() {
    #expect(read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-ever")?.traceparent == Self.good)
    #expect(read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")?.traceparent == Self.good)
    #expect(read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what") == nil)
  }

  @Test(arguments: [
    "", "00", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
    "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
    "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
    "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
    " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
  ])
  func malformed(parent: String) {
    #expect(read(parent) == nil)
  }

  @Test(arguments: [
    "", "x", "=x", "a=b,c", "a=\u{7}", "a=é", String(repeating: "a", count: 600) + "=b",
    (0..<33).map { "k\($0)=v" }.joined(separator: ","),
  ])
  func aMalformedStateIsDroppedAlone(state: String) throws {
    let context = try #require(read(Self.good, state))
    #expect(context.state == nil)
  }

  @Test func headers() {
    #expect(W3CTraceContext(headers: []) == nil)
    #expect(W3CTraceContext(headers: [RecordHeader(name: "traceparent", value: nil)]) == nil)
    let context = W3CTraceContext(headers: [RecordHeader("tracestate", "a=b"), RecordHeader("traceparent", Self.good)])
    #expect(context?.state == "a=b")
  }

  @Test func anyBytesAreReadOrRefused() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<20_000 {
      var bytes = Array(Self.good.utf8)
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
      }
      bytes = Array(bytes.prefix(Int.random(in: 0...60, using: &random)))
      guard let context = W3CTraceContext(traceparent: bytes) else { continue }
      #expect(W3CTraceContext(traceparent: Array(context.traceparent.utf8)) == context, "\(bytes)")
    }
  }
}
