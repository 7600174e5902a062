import NIOCore
import NIOHPACK
import NIOHTTP1

/// A response as far as it came: the whole head, and the body up to the transport's bound.
package struct HTTPResponse: Sendable, Equatable {
  /// The headers in the form of the protocol that brought them.
  package enum Headers: Sendable, Equatable {
    case http1(HTTPHeaders)
    case http2(HPACKHeaders)
  }

  /// `421 Misdirected Request`: another connection may lead to the right server.
  static let misdirected = 421

  /// The final status code.
  package let status: Int
  /// The headers.
  package let headers: Headers
  /// The body, decoded where it came as gzip or deflate.
  package internal(set) var body = ByteBuffer()
  /// The name of the content coding that could not be undone; `body` is empty then.
  package internal(set) var undecodedCoding: String?
  /// How much of the body was passed on while it came, in bytes; `body` is empty then.
  private(set) var passedOn = 0

  /// A response without a body.
  package init(status: Int, headers: Headers, body: ByteBuffer = ByteBuffer()) {
    self.status = status
    self.headers = headers
    self.body = body
  }

  /// Calls `body` with every header; an HTTP/2 status is among them as `:status`.
  package func forEachHeader(_ body: (_ name: String, _ value: String) -> Void) {
    switch headers {
    case .http1(let headers): for (name, value) in headers { body(name, value) }
    case .http2(let headers): for (name, value, _) in headers { body(name, value) }
    }
  }

  /// The values of the header `name` (in lower case), as a list.
  func list(_ name: String) -> [Substring] {
    switch headers {
    case .http1(let headers): headers[canonicalForm: name]
    case .http2(let headers): headers[canonicalForm: name].map { Substring($0) }
    }
  }

  /// How long the server keeps an idle connection (`keep-alive: timeout=5`), in seconds, where it says.
  var idleLimit: Int? {
    for part in list("keep-alive") {
      let pair = part.split(separator: "=", maxSplits: 1)
      if pair.count == 2, pair[0].trimmed.lowercased() == "timeout", let seconds = Int(pair[1].trimmed), seconds >= 0 {
        return seconds
      }
    }
    return nil
  }

  /// Whether the body can be passed on as it comes: a success whose body is not coded.
  var isFitForPassingOn: Bool {
    200..<300 ~= status
      && list("content-encoding").allSatisfy { $0.trimmed.isEmpty || $0.trimmed.lowercased() == "identity" }
  }

  /// Counts a part of the body that is passed on.
  ///
  /// - Returns: Whether it lies within `limit` bytes.
  mutating func passOn(_ data: ByteBuffer, limit: Int) -> Bool {
    passedOn += data.readableBytes
    return passedOn <= limit
  }

  /// Appends to the body.
  ///
  /// - Returns: Whether all of `data` had room in `limit` bytes.
  mutating func append(_ data: ByteBuffer, limit: Int) -> Bool {
    let room = limit - body.readableBytes
    var data = data
    guard data.readableBytes <= room else {
      if let kept = data.readSlice(length: room) { body.writeImmutableBuffer(kept) }
      return false
    }
    if body.readableBytes == 0 { body = data } else { body.writeImmutableBuffer(data) }
    return true
  }
}

extension Substring {
  /// The text without spaces and tabs at its ends.
  var trimmed: Substring {
    var text = self
    while let last = text.last, last == " " || last == "\t" { text.removeLast() }
    while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
    return text
  }
}
