import NIOCore
import NIOExtras
import NIOPosix
import NIOSSL

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
