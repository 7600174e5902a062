import NIOCore
import NIOSSL

/// Whose certificates are trusted, and with what the client proves itself. TLS is 1.2 or newer, and the certificate and
/// its host name are always verified.
package struct TLSSettings: Sendable {
  /// A PEM file with the authorities that are trusted in the place of the system's.
  package var trustRootsFile: String?
  /// A PEM file with the client's certificate, followed by those that lead to its authority.
  package var certificateFile: String?
  /// A PEM file with the client certificate's private key; `nil` where it stands in the certificate's file.
  package var keyFile: String?

  /// The system's authorities, and no client certificate.
  package init() {}

  /// What is wrong with a file.
  package struct Fault: Error, CustomStringConvertible {
    /// What is wrong and what to do about it; never what is in the file.
    package let description: String
    /// The error underneath, where there is one.
    package let cause: (any Error)?
  }

  /// How long a closing connection waits for the server's part of the TLS shutdown. Nothing depends on it, and a dead
  /// server never sends it.
  private static let shutdownTimeout = TimeAmount.milliseconds(250)

  /// These settings for swift-nio-ssl.
  ///
  /// - Throws: ``Fault`` where a file can't be read or does not hold what it should.
  package func configuration() throws(Fault) -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    tls.certificateVerification = .fullVerification
    tls.shutdownTimeout = Self.shutdownTimeout
    if let trustRootsFile {
      tls.trustRoots = .certificates(try Self.certificates("trust roots", trustRootsFile))
    }
    if let certificateFile {
      tls.certificateChain = try Self.certificates("client certificate's", certificateFile).map { .certificate($0) }
      let keyFile = keyFile ?? certificateFile
      do {
        tls.privateKey = .privateKey(try NIOSSLPrivateKey(file: keyFile, format: .pem))
      } catch {
        throw Fault(
          description: "the client key's file \(keyFile) can't be read as a PEM private key without a passphrase; "
            + "check its path and contents",
          cause: error)
      }
    }
    return tls
  }

  /// A context for connections with these settings.
  ///
  /// - Parameter protocols: What is offered by ALPN, the best first.
  /// - Throws: ``Fault``.
  func context(protocols: [String]) throws(Fault) -> NIOSSLContext {
    var tls = try configuration()
    tls.applicationProtocols = protocols
    do {
      return try NIOSSLContext(configuration: tls)
    } catch {
      throw Fault(
        description: "TLS can't be set up; check that the client certificate and its key belong together, and the "
          + "trust roots file",
        cause: error)
    }
  }

  private static func certificates(_ what: String, _ path: String) throws(Fault) -> [NIOSSLCertificate] {
    let certificates: [NIOSSLCertificate]
    do {
      certificates = try NIOSSLCertificate.fromPEMFile(path)
    } catch {
      throw Fault(
        description: "the \(what) file \(path) can't be read as PEM certificates; check its path and contents",
        cause: error)
    }
    guard !certificates.isEmpty else {
      throw Fault(description: "the \(what) file \(path) has no certificate in it", cause: nil)
    }
    return certificates
  }
}
