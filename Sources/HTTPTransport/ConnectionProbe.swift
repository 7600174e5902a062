import NIOCore
import NIOSSL
import Synchronization

/// Makes one connection as the client does, up to the choice of the protocol, and tells what was agreed on. Nothing is
/// sent on it.
package enum ConnectionProbe {
  /// What a connection agreed on.
  package struct Facts: Sendable {
    /// What is spoken on it.
    package var protocolName: ConnectionProtocol
    /// `TLS 1.3`; `nil` where the origin is not encrypted.
    package var tlsVersion: String?
    /// The cipher suite by its registered name.
    package var cipher: String?
    /// The server's certificate.
    package var certificate: Certificate?
  }

  /// What matters of a server's certificate.
  package struct Certificate: Sendable {
    /// When it begins to be valid, in seconds since the Unix epoch.
    package var notBefore: Int64
    /// When it ends to be valid, in seconds since the Unix epoch.
    package var notAfter: Int64
    /// The host names that it is for.
    package var names: [String]

    init(_ certificate: NIOSSLCertificate) {
      notBefore = Int64(certificate.notValidBefore)
      notAfter = Int64(certificate.notValidAfter)
      names = certificate._subjectAlternativeNames().filter { $0.nameType == .dnsName }.map {
        // what comes from outside is shown: visible ASCII only
        String(decoding: $0.contents.filter { (0x21...0x7E).contains($0) }.prefix(253), as: UTF8.self)
      }
    }
  }

  /// Why there is no connection.
  package struct Failure: Error {
    /// The fault that requests would have.
    package var fault: HTTPFault
    /// The certificate that was refused.
    package var certificate: Certificate?
  }

  /// Makes one connection, and closes it.
  ///
  /// - Throws: ``Failure``, or ``TLSSettings/Fault`` where TLS can't be set up.
  package static func run(_ configuration: HTTPTransportConfiguration, on loop: any EventLoop) async throws -> Facts {
    let connector = try Connector(configuration, on: loop)
    let cipher = CipherBox()
    do {
      return try await facts(connector, on: loop, handlers: { [ServerHelloHandler(cipher)] }) { channel, name in
        let pipeline = channel.pipeline.syncOperations
        let isEncrypted = configuration.origin.isEncrypted
        return Facts(
          protocolName: name,
          tlsVersion: isEncrypted ? try pipeline.nioSSL_tlsVersion().map(shown) : nil,
          cipher: cipher.value.withLock { $0 },
          certificate: isEncrypted ? try pipeline.nioSSL_peerCertificate().map(Certificate.init) : nil)
      }
    } catch let fault as HTTPFault {
      throw Failure(
        fault: fault, certificate: fault.code == .tls ? await refusedCertificate(connector, on: loop) : nil)
    }
  }

  private static func facts(
    _ connector: Connector, on loop: any EventLoop,
    handlers: @escaping @Sendable () -> [any ChannelHandler],
    read: @escaping @Sendable (any Channel, ConnectionProtocol) throws -> Facts
  ) async throws -> Facts {
    let promise = loop.makePromise(of: Facts.self)
    loop.execute {
      connector.negotiate(onChannel: { _ in }, beforeTLS: handlers) { result in
        switch result {
        case .success((let channel, let name)):
          promise.completeWith(Result { try read(channel, name) })
          channel.close(promise: nil)
        case .failure(let fault):
          promise.fail(fault)
        }
      }
    }
    return try await promise.futureResult.get()
  }

  /// Shakes hands once more to see the certificate that was refused, and refuses it again.
  private static func refusedCertificate(_ connector: Connector, on loop: any EventLoop) async -> Certificate? {
    let seen = CertificateBox()
    var connector = connector
    connector.inspectCertificate = { certificate in seen.value.withLock { $0 = certificate } }
    // it fails: that is the inspection's nature
    _ = try? await facts(connector, on: loop, handlers: { [] }) { _, name in Facts(protocolName: name) }
    return seen.value.withLock { $0 }
  }

  private static func shown(_ version: TLSVersion) -> String {
    switch version {
    case .tlsv1: "TLS 1.0"
    case .tlsv11: "TLS 1.1"
    case .tlsv12: "TLS 1.2"
    case .tlsv13: "TLS 1.3"
    }
  }

  /// The names of the suites that swift-nio-ssl offers (IANA's TLS registry); of any other, its number.
  private static func cipherName(_ suite: UInt16) -> String {
    switch suite {
    case 0x1301: return "TLS_AES_128_GCM_SHA256"
    case 0x1302: return "TLS_AES_256_GCM_SHA384"
    case 0x1303: return "TLS_CHACHA20_POLY1305_SHA256"
    case 0xC02B: return "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"
    case 0xC02C: return "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"
    case 0xC02F: return "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
    case 0xC030: return "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"
    case 0xCCA8: return "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"
    case 0xCCA9: return "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256"
    default: return "cipher suite 0x" + String(suite, radix: 16, uppercase: true)
    }
  }

  private final class CipherBox: Sendable {
    let value = Mutex<String?>(nil)
  }

  private final class CertificateBox: Sendable {
    let value = Mutex<Certificate?>(nil)
  }

  /// Reads the cipher suite from the server's hello, which is not encrypted (RFC 8446, section 4.1.3), for
  /// swift-nio-ssl does not tell it.
  private final class ServerHelloHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let cipher: CipherBox
    private var hello = ByteBuffer()
    private var isDone = false

    init(_ cipher: CipherBox) {
      self.cipher = cipher
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      if !isDone {
        hello.writeImmutableBuffer(unwrapInboundIn(data))
        read()
      }
      context.fireChannelRead(data)
    }

    private func read() {
      // the record's head (5), the message's (4), the version (2), the random number (32), then the session's id
      guard let length = hello.getInteger(at: 43, as: UInt8.self),
        let suite = hello.getInteger(at: 44 + Int(length), as: UInt16.self)
      else { return }
      isDone = true
      guard hello.getInteger(at: 0, as: UInt8.self) == 22, hello.getInteger(at: 5, as: UInt8.self) == 2 else { return }
      cipher.value.withLock { $0 = ConnectionProbe.cipherName(suite) }
    }
  }
}
