import NIOCore
import Testing

@testable import HTTPTransport

/// What a request looks like as HTTP/1.1.
struct HTTPRequestTests {
  private static let origin = HTTPOrigin(isEncrypted: false, host: "collector", port: 4318)

  private func encoded(body: ByteBuffer?) -> String {
    let template = HTTPRequestTemplate(
      method: .POST, origin: Self.origin, pathPrefix: "/v1/traces", headers: ["user-agent": "x"])
    let request = HTTPRequest(
      template, argument: "", header: ("content-type", "application/json"),
      secrets: HTTPSecretHeaders([("authorization", "y")]), body: body)
    var buffer = ByteBuffer()
    request.encode(into: &buffer)
    return String(buffer: buffer)
  }

  private let head =
    "POST /v1/traces HTTP/1.1\r\nhost: collector:4318\r\nuser-agent: x\r\ncontent-type: application/json\r\n"
    + "authorization: y\r\n"

  @Test func aBodyFollowsItsLength() {
    #expect(encoded(body: ByteBuffer(string: "{\"é\":1}")) == head + "content-length: 8\r\n\r\n{\"é\":1}")
    #expect(encoded(body: ByteBuffer()) == head + "content-length: 0\r\n\r\n")
  }

  @Test func withoutABodyThereIsNoLength() {
    #expect(encoded(body: nil) == head + "\r\n")
  }
}
