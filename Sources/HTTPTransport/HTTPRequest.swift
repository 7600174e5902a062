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
