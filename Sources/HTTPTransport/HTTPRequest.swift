import NIOCore
import NIOHPACK
import NIOHTTP1

/// The parts of a request that never change, encoded once for HTTP/1.1 and HTTP/2.
package final class HTTPRequestTemplate: Sendable {
  /// Told to the response decoder, for where a body ends depends on the request's method.
  let head: HTTPRequestHead
  let common: HPACKHeaders
  let pathPrefix: String
  let pathSuffix: String
  let beforeArgument: [UInt8]
  let afterArgument: [UInt8]

  /// A request to `origin`.
  ///
  /// - Parameters:
  ///   - pathPrefix: The path before the request's argument.
  ///   - pathSuffix: The path, and the query, after it.
  ///   - headers: The headers that every request has, names in lower case; names and values must be fit for a header.
  package init(
    method: HTTPMethod, origin: HTTPOrigin, pathPrefix: String, pathSuffix: String = "",
    headers: KeyValuePairs<String, String>
  ) {
    self.head = HTTPRequestHead(version: .http1_1, method: method, uri: pathPrefix + pathSuffix)
    self.pathPrefix = pathPrefix
    self.pathSuffix = pathSuffix
    self.beforeArgument = Array("\(method.rawValue) \(pathPrefix)".utf8)
    let lines = headers.map { "\($0.key): \($0.value)\r\n" }.joined()
    self.afterArgument = Array("\(pathSuffix) HTTP/1.1\r\nhost: \(origin.authority)\r\n\(lines)".utf8)
    var common: HPACKHeaders = [
      ":method": method.rawValue, ":scheme": origin.isEncrypted ? "https" : "http", ":authority": origin.authority,
    ]
    for (name, value) in headers { common.add(name: name, value: value) }
    self.common = common
  }
}

/// Headers that carry secrets, encoded once. HTTP/2 keeps them out of the compression table.
package final class HTTPSecretHeaders: Sendable {
  let lines: [UInt8]
  let fields: [(name: String, value: String)]

  /// These headers, names in lower case; names and values must be fit for a header.
  package init(_ fields: [(name: String, value: String)]) {
    self.fields = fields
    self.lines = fields.flatMap { Array("\($0.name): \($0.value)\r\n".utf8) }
  }
}

/// One request.
package struct HTTPRequest: Sendable {
  /// What it shares with others.
  package let template: HTTPRequestTemplate
  /// What stands in the template's path; must be fit for a path.
  package let argument: String
  /// The one header that differs with every request, such as its id; the name in lower case.
  package let header: (name: String, value: String)
  /// The headers with secrets.
  package let secrets: HTTPSecretHeaders
  /// What is sent; `nil` for a request without a body, which has no `content-length` either. Only clients that speak
  /// nothing but HTTP/1.1 send one (``HTTPTransportConfiguration/offersHTTP2``).
  package let body: ByteBuffer?

  /// A request from these parts.
  package init(
    _ template: HTTPRequestTemplate, argument: String, header: (name: String, value: String),
    secrets: HTTPSecretHeaders, body: ByteBuffer? = nil
  ) {
    self.template = template
    self.argument = argument
    self.header = header
    self.secrets = secrets
    self.body = body
  }

  /// The path with its argument.
  package var path: String { template.pathPrefix + argument + template.pathSuffix }

  /// Writes the request as HTTP/1.1.
  func encode(into buffer: inout ByteBuffer) {
    buffer.writeBytes(template.beforeArgument)
    buffer.writeString(argument)
    buffer.writeBytes(template.afterArgument)
    buffer.writeString(header.name)
    buffer.writeStaticString(": ")
    buffer.writeString(header.value)
    buffer.writeStaticString("\r\n")
    buffer.writeBytes(secrets.lines)
    guard let body else {
      buffer.writeStaticString("\r\n")
      return
    }
    buffer.writeString("content-length: \(body.readableBytes)\r\n\r\n")
    buffer.writeImmutableBuffer(body)
  }

  /// The request as HTTP/2 headers.
  package func headers() -> HPACKHeaders {
    var headers = HPACKHeaders()
    headers.reserveCapacity(template.common.count + 4)
    // what differs with every request would only push the rest out of the compression table
    headers.add(name: ":path", value: path, indexing: .nonIndexable)
    headers.add(contentsOf: template.common)
    headers.add(name: header.name, value: header.value, indexing: .nonIndexable)
    for (name, value) in secrets.fields { headers.add(name: name, value: value, indexing: .neverIndexed) }
    return headers
  }
}

/// Where requests go: scheme, host and port.
package struct HTTPOrigin: Hashable, Sendable {
  /// Whether the connection is encrypted (`https`).
  package let isEncrypted: Bool
  /// The host's name or address in lower case, without brackets.
  package let host: String
  /// The port.
  package let port: Int

  /// An origin; `host` must be a valid name or address in lower case.
  package init(isEncrypted: Bool, host: String, port: Int) {
    self.isEncrypted = isEncrypted
    self.host = host
    self.port = port
  }

  /// The `host` header: the host, with its port where that is not the scheme's own.
  package var authority: String {
    let name = host.contains(":") ? "[\(host)]" : host
    return port == (isEncrypted ? 443 : 80) ? name : "\(name):\(port)"
  }

  /// Whether the host is this machine by name or address.
  package var isLoopback: Bool {
    host == "localhost" || host == "::1" || isIPv4 && host.hasPrefix("127.")
  }

  /// Whether the host is an address, which has no place in a TLS server name.
  package var isAddress: Bool { isIPv4 || host.contains(":") }

  private var isIPv4: Bool {
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }
}

/// The text with each `%` and its two hexadecimal digits as the byte that they stand for (RFC 3986, section 2.1); `nil`
/// where the digits are missing, or the bytes are not UTF-8.
package func percentDecoded(_ text: Substring) -> String? {
  var bytes: [UInt8] = []
  var rest = Array(text.utf8)[...]
  while let byte = rest.popFirst() {
    guard byte == UInt8(ascii: "%") else {
      bytes.append(byte)
      continue
    }
    guard let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16), rest.count >= 2 else {
      return nil
    }
    bytes.append(value)
    rest = rest.dropFirst(2)
  }
  return String(validating: bytes, as: UTF8.self)
}

/// A request and what to call with its response. A class, because it is passed on often and would be copied each time.
final class PendingRequest: Sendable {
  /// No request is sent more often than this for being turned away unprocessed; one more is answered with the fault.
  private static let mostRepetitions = 2

  let request: HTTPRequest
  /// Takes the body of a success as it comes, where that is wanted and the body is not coded.
  let onBody: (@Sendable (ByteBuffer) -> Void)?
  let completion: @Sendable (Result<HTTPResponse, HTTPFault>) -> Void
  /// How often it was turned away and sent again.
  private let repetitions: Int

  init(
    request: HTTPRequest, onBody: (@Sendable (ByteBuffer) -> Void)? = nil, repetitions: Int = 0,
    completion: @escaping @Sendable (Result<HTTPResponse, HTTPFault>) -> Void
  ) {
    self.request = request
    self.onBody = onBody
    self.repetitions = repetitions
    self.completion = completion
  }

  /// The request for another try, unless it has had them all.
  var repeated: PendingRequest? {
    guard repetitions < Self.mostRepetitions else { return nil }
    return PendingRequest(
      request: request, onBody: onBody, repetitions: repetitions + 1, completion: completion)
  }

  func fail(_ fault: HTTPFault) {
    completion(.failure(fault))
  }

  func answer(_ response: HTTPResponse) {
    completion(.success(response))
  }
}
