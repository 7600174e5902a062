import CancelContract
import FoundationEssentials
import NIOCore
import Testing

@testable import CancelAPI
@testable import HTTPTransport

struct EToroAPITests {
  @Test func writesTheWholeRequest() throws {
    let api = EToroAPI(
      endpoint: try Endpoint(baseURL: "https://example.com:8443/gateway/"),
      paths: CancelPaths(real: try CancelPath("/v3/{orderId}/cancel")), version: "1.2")
    let id = try #require(UUID(uuidString: "842880A3-F5A6-4CFC-88A8-31E142CEA739"))
    let call = CancelCall(orderID: try CancelCall.order(.max), account: try Canary.pair(), requestID: id)
    var buffer = ByteBuffer()
    let request = api.request(for: call)
    request.encode(into: &buffer)
    #expect(
      String(buffer: buffer)
        == """
        DELETE /gateway/v3/9223372036854775807/cancel HTTP/1.1\r
        host: example.com:8443\r
        user-agent: cancel-worker/1.2\r
        accept: application/json\r
        accept-encoding: identity\r
        x-request-id: 842880a3-f5a6-4cfc-88a8-31e142cea739\r
        x-api-key: \(Canary.apiKey)\r
        x-user-key: \(Canary.userKey)\r
        \r\n
        """)
    let headers = request.headers()
    #expect(headers.first(name: ":path") == "/gateway/v3/9223372036854775807/cancel")
    #expect(headers.first(name: ":authority") == "example.com:8443")
    #expect(headers.first(name: "x-user-key") == Canary.userKey)
    #expect(headers.first(name: "x-request-id") == "842880a3-f5a6-4cfc-88a8-31e142cea739")
  }
}
