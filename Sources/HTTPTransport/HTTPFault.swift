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

/// Why a certificate was refused that its authority and dates would allow.
struct CertificateWithoutNames: Error {}

extension HTTPFault {
  /// The fault of a request for which no connection could be had, in words of ours: the libraries' own may quote what
  /// they were given.
  package init(connectingTo origin: HTTPOrigin, through proxy: HTTPProxy?, _ error: any Error) {
    let target = proxy.map { "the proxy \($0)" } ?? origin.authority
    switch error {
    case let error as HTTPFault:
      self = error
    case let error as NIOConnectionError:
      if let failure = error.connectionErrors.first {
        self.init(connectingTo: origin, through: proxy, failure.error)
      } else {
        self = .unreachable("The host name of \(target) could not be resolved.")
      }
    case ChannelError.connectTimeout:
      self = .unreachable("No connection to \(target) could be made in time.")
    case let error as IOError:
      self = .unreachable(Self.sentence(target, errno: error.errnoCode))
    case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError, is CertificateWithoutNames:
      self = HTTPFault(.tls, mayBeSent: false, Self.sentence(origin.authority, tls: error))
    case let error as NIOHTTP1ProxyConnectHandler.Error:
      self = HTTPFault(.proxy, mayBeSent: false, Self.sentence(target, proxy: error))
    default:
      self = .unreachable("The connection to \(target) could not be made.")
    }
  }

  private static func unreachable(_ sentence: String) -> HTTPFault {
    HTTPFault(.unreachable, mayBeSent: false, sentence)
  }

  private static func sentence(_ target: String, errno code: CInt) -> String {
    switch code {
    case ECONNREFUSED: "\(target) refused the connection."
    case ECONNRESET, EPIPE: "\(target) reset the connection before it was ready."
    case ETIMEDOUT: "No connection to \(target) could be made in time."
    case ENETUNREACH, EHOSTUNREACH: "There is no route to \(target)."
    case EMFILE, ENFILE:
      "This process has no file descriptors left for a connection to \(target); raise the limit (ulimit -n)."
    case EADDRNOTAVAIL: "This machine has no local ports left for a connection to \(target)."
    default: "The connection to \(target) failed (errno \(code))."
    }
  }

  private static func sentence(_ authority: String, tls error: any Error) -> String {
    switch error {
    case is CertificateWithoutNames:
      return "The certificate of \(authority) was refused: it has a common name only, and no subject alternative name."
    case is NIOSSLExtraError, NIOSSLError.unableToValidateCertificate:
      return "The certificate of \(authority) was refused: it is for another host."
    default:
      break
    }
    let reason = "\(error)"
    for (mark, sentence) in [
      (
        "CERTIFICATE_VERIFY_FAILED",
        "The certificate of \(authority) was refused: it has expired, or no trusted authority issued it."
      ),
      ("WRONG_VERSION_NUMBER", "\(authority) does not speak TLS on this port, but something else, such as plain HTTP."),
      ("HTTP_REQUEST", "\(authority) does not speak TLS on this port, but plain HTTP."),
      ("UNSUPPORTED_PROTOCOL", "\(authority) offers no TLS 1.2 or newer."),
      ("PROTOCOL_VERSION", "\(authority) offers no TLS 1.2 or newer."),
      ("CERTIFICATE_REQUIRED", "\(authority) demands a client certificate, and none is configured."),
      ("UNKNOWN_CA", "\(authority) refused the client certificate: it does not trust who issued it."),
      ("BAD_CERTIFICATE", "\(authority) refused the client certificate."),
    ] where reason.contains(mark) {
      return sentence
    }
    return "The TLS handshake with \(authority) failed; TLS 1.2 or newer is needed."
  }

  private static func sentence(_ target: String, proxy error: NIOHTTP1ProxyConnectHandler.Error) -> String {
    if error == .proxyAuthenticationRequired() {
      return "\(target) demands credentials (407), or refuses those that are configured."
    }
    if error == .httpProxyHandshakeTimeout() { return "\(target) made no tunnel in time." }
    if error == .remoteConnectionClosed() || error == .channelUnexpectedlyInactive() {
      return "\(target) closed the connection instead of making a tunnel."
    }
    return "\(target) refused to make a tunnel to the server."
  }
}
