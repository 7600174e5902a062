import NIOCore
import NIOExtras
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL

/// Why a request has no response.
///
/// The distinction that matters is whether the server can have seen the request. Where that is not certain, it may have.
package struct HTTPFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kinds of fault.
  package enum Code: String, Sendable {
    /// No connection could be made.
    case unreachable
    /// The TLS handshake failed.
    case tls
    /// The proxy did not make a tunnel.
    case proxy
    /// No response came in time.
    case timedOut
    /// The connection was lost.
    case closed
    /// What came is no HTTP response.
    case unreadable
    /// The server sent more HTTP/2 control frames than are allowed.
    case controlFrames
    /// The server said that it did not process the request.
    case notProcessed
    /// No connection had room in time, or too many requests wait already.
    case noRoom
    /// The client was shut down.
    case shutDown
  }

  /// The kind of fault.
  package let code: Code
  /// Whether the request may have reached the server.
  package let mayBeSent: Bool
  /// What happened, as a sentence: never a header's value, never a secret.
  package let description: String

  /// A fault.
  package init(_ code: Code, mayBeSent: Bool, _ description: String) {
    self.code = code
    self.mayBeSent = mayBeSent
    self.description = description
  }
}

extension HTTPFault {
  /// No response came in time.
  static func noResponse(within timeout: TimeAmount) -> HTTPFault {
    HTTPFault(
      .timedOut, mayBeSent: true,
      "The request was sent, and no response came within \(timeout.nanoseconds / 1_000_000) ms.")
  }

  /// The connection closed before the response's head was whole.
  static let closedEarly = HTTPFault(
    .closed, mayBeSent: true, "The connection was lost after the request was sent and before its response.")

  /// The connection broke before the request had left whole.
  static let brokenWhileSending = HTTPFault(
    .closed, mayBeSent: false, "The connection broke before the request had left whole.")

  /// The client was shut down while a request waited for a connection.
  static let shutDownBeforeSending = HTTPFault(.shutDown, mayBeSent: false, "The client was shut down.")

  /// The client was shut down while a request waited for its response.
  static let shutDownAfterSending = HTTPFault(
    .shutDown, mayBeSent: true, "The client was shut down before the response came.")

  /// More requests wait than may.
  static let tooManyWaiting = HTTPFault(
    .noRoom, mayBeSent: false, "Too many requests wait for a connection to the server already.")

  /// A request waited for too long.
  static func noRoom(within timeout: TimeAmount) -> HTTPFault {
    HTTPFault(
      .noRoom, mayBeSent: false,
      "No connection to the server had room for the request within \(timeout.nanoseconds / 1_000_000) ms.")
  }

  /// The server said itself that it did not process the request (HTTP/2 `REFUSED_STREAM` or `GOAWAY`).
  static let notProcessed = HTTPFault(
    .notProcessed, mayBeSent: false, "The server turned the request away without processing it.")

  /// What came could not be read.
  static func unreadable(_ cause: String) -> HTTPFault {
    HTTPFault(.unreadable, mayBeSent: true, "What the server answered could not be read as HTTP: \(cause).")
  }

  /// The error that ended a connection, as the fault of a request that was sent on it.
  package init(endOfConnection error: any Error) {
    switch error {
    case let error as HTTPParserError:
      self = .unreadable(Self.cause(error))
    case is NIOHTTPDecoderError:
      self = .unreadable("a response came that belongs to no request")
    case is NIOHTTP2Errors.ExcessiveControlFrames:
      self = HTTPFault(
        .controlFrames, mayBeSent: true,
        "The connection was given up: the server sent too many HTTP/2 control frames (PING, SETTINGS) in a short time.")
    case is NIOHTTP2Errors.ExcessiveRSTFrames, is NIOHTTP2Errors.ExcessiveContinuationFrames,
      is NIOHTTP2Errors.ExcessiveStreamErrors, is NIOHTTP2Errors.ExcessiveEmptyDataFrames,
      is NIOHTTP2Errors.ExcessiveNumberOfGlitches, is NIOHTTP2Errors.ExcessiveOutboundFrameBuffering:
      self = HTTPFault(
        .controlFrames, mayBeSent: true,
        "The connection was given up: the server sent too many HTTP/2 frames of a kind that floods use.")
    case is NIOHTTP2Errors.ExcessivelyLargeHeaderBlock:
      self = .unreadable("the headers are larger than the limit")
    case is any NIOHTTP2Error:
      // the type's name says what was broken, and quotes nothing of what came
      self = .unreadable("the server broke the rules of HTTP/2 (\(type(of: error)))")
    case is IOError, is ChannelError, is NIOSSLError, is BoringSSLError:
      self = .closedEarly
    default:
      self = .unreadable("an error of the kind \(type(of: error)) ended the connection")
    }
  }

  private static func cause(_ error: HTTPParserError) -> String {
    switch error {
    case .headerOverflow: "the headers are larger than the limit"
    case .invalidHeaderToken:
      "a header line has no colon, is folded, or has a character that its name or value may not have"
    case .lfExpected, .strictModeAssertion: "a line does not end in a carriage return and a line feed"
    case .invalidVersion: "the protocol's version is not HTTP/1.0 or 1.1"
    case .invalidConstant: "it does not begin with HTTP/"
    case .invalidStatus: "the status code is not a number of three digits"
    case .invalidContentLength: "the content-length is not a number"
    case .unexpectedContentLength: "there are two content-length headers, or one beside a transfer-encoding"
    case .invalidChunkSize: "a chunk's size is not a number"
    case .invalidEOFState: "the connection closed in the middle of it"
    case .closedConnection: "something followed the last response of the connection"
    default: "the parser refused it (\(error))"
    }
  }
}
