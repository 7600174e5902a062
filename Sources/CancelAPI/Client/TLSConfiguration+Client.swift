import NIOSSL

extension CancelClientConfiguration {
  /// TLS as every client here uses it: 1.2 or newer, certificate and host name verified.
  ///
  /// - Throws: ``CancelClientError`` with the code `tls` where the trust roots can't be read.
  func makeTLSConfiguration() throws(CancelClientError) -> TLSConfiguration {
    var tls = TLSConfiguration.makeClientConfiguration()
    tls.minimumTLSVersion = .tlsv12
    tls.certificateVerification = .fullVerification
    switch trustRoots {
    case .system:
      tls.trustRoots = .default
    case .file(let path):
      do {
        let certificates = try NIOSSLCertificate.fromPEMFile(path)
        guard !certificates.isEmpty else {
          throw CancelClientError(.tls, "the trust roots file \(path) has no certificate in it")
        }
        tls.trustRoots = .certificates(certificates)
      } catch let error as CancelClientError {
        throw error
      } catch {
        throw CancelClientError(
          .tls, "the trust roots file \(path) can't be read as PEM certificates; check its path and contents",
          cause: error)
      }
    }
    return tls
  }
}
