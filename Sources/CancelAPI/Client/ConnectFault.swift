import NIOCore
import NIOPosix
import NIOSSL

extension CallFault {
  /// The fault of a call for which no connection could be had.
  static func unreachable(_ endpoint: Endpoint, _ error: any Error) -> CallFault {
    .unsent(sentence(endpoint.authority, error))
  }

  /// What `error` means, in words of ours: the libraries' own may quote what they were given.
  private static func sentence(_ authority: String, _ error: any Error) -> String {
    switch error {
    case let error as NIOConnectionError:
      if let failure = error.connectionErrors.first { return sentence(authority, failure.error) }
      return "The host name of \(authority) could not be resolved; check api.baseURL and the name server."
    case ChannelError.connectTimeout:
      return "No connection to \(authority) could be made in time; check api.baseURL, routes and firewalls."
    case let error as IOError:
      return sentence(authority, errno: error.errnoCode)
    case is NIOSSLError, is BoringSSLError, is NIOSSLExtraError:
      return tlsSentence(authority, error)
    default:
      return "The connection to \(authority) could not be made."
    }
  }

  private static func sentence(_ authority: String, errno code: CInt) -> String {
    switch code {
    case ECONNREFUSED:
      "\(authority) refused the connection; check api.baseURL and whether the API is up."
    case ECONNRESET, EPIPE:
      "\(authority) reset the connection before it was ready."
    case ETIMEDOUT:
      "No connection to \(authority) could be made in time; check api.baseURL, routes and firewalls."
    case ENETUNREACH, EHOSTUNREACH:
      "There is no route to \(authority); check the network."
    case EMFILE, ENFILE:
      "This process has no file descriptors left for a connection to \(authority); raise the limit (ulimit -n)."
    case EADDRNOTAVAIL:
      "This machine has no local ports left for a connection to \(authority)."
    default:
      "The connection to \(authority) failed (errno \(code))."
    }
  }

  private static func tlsSentence(_ authority: String, _ error: any Error) -> String {
    let isCertificate =
      switch error {
      case NIOSSLError.unableToValidateCertificate, is NIOSSLExtraError: true
      case NIOSSLError.handshakeFailed(let cause): String(describing: cause).contains("CERTIFICATE")
      default: false
      }
    return isCertificate
      ? "The certificate of \(authority) was refused: it is not issued for this host by a trusted authority, or has "
        + "expired. Check api.baseURL, or name the authority in the trust roots."
      : "The TLS handshake with \(authority) failed; TLS 1.2 or newer is needed."
  }
}
