import CancelContract
import HTTPTransport
import Logging
import NIOCore

/// How a client reaches the API.
public struct CancelClientConfiguration: Sendable {
  /// The API's address; `https://public-api.etoro.com` by default. Plain `http://` is for loopback hosts.
  public var baseURL = "https://public-api.etoro.com"
  /// The cancel endpoint's path in each environment.
  public var paths = CancelPaths()
  /// The paths of lists and lookups.
  public var readPaths = ReadPaths()
  /// How long a call may take from sending to the answer's last byte, and a connection to be made; 5 s by default.
  public var timeout: Duration = .seconds(5)
  /// The most connections at a time, which is the most calls at a time where HTTP/2 is not offered; 64 by default.
  public var connections = 64
  /// How many connections are kept open when there is nothing to do, ``connections`` at most; 2 by default, and one
  /// where the API speaks HTTP/2.
  public var warmConnections = 2
  /// How long a connection beyond the warm ones may be idle before it is closed; 30 s by default.
  public var idleTimeout: Duration = .seconds(30)
  /// How old a connection becomes before a new one takes its place, so that changes of the host name's addresses
  /// arrive; 5 min by default.
  public var connectionMaxAge: Duration = .seconds(300)
  /// How long a call may wait for a connection; twice ``timeout`` by default.
  public var waitTimeout: Duration?
  /// The most calls that may wait for a connection; one more is answered at once. 100,000 by default.
  public var maxWaiting = 100_000
  /// Whose certificates are trusted.
  public var trustRoots = TrustRoots.system
  /// A PEM file with the client's certificate, where the API's gateway demands one.
  public var clientCertificate: String?
  /// A PEM file with that certificate's private key; `nil` where it stands in the certificate's file.
  public var clientKey: String?
  /// The proxy that makes tunnels to the API.
  package var proxy: HTTPProxy?
  /// Whether a plain `http://` base URL may name a host other than this machine; `false` by default.
  public var allowPlaintext = false
  /// The version in the `user-agent` header.
  public var version = "0"

  /// The defaults.
  public init() {}

  /// Whose certificates are trusted. The certificate and its host name are always verified, over TLS 1.2 or newer.
  public enum TrustRoots: Hashable, Sendable {
    /// The system's certificate authorities.
    case system
    /// The authorities in a PEM file, and no others.
    case file(String)
  }

  /// The endpoint, once everything else was found in order as well.
  ///
  /// - Throws: ``CancelClientError``.
  public func validated() throws(CancelClientError) -> Endpoint {
    let endpoint = try Endpoint(baseURL: baseURL, allowPlaintext: allowPlaintext)
    guard timeout >= .milliseconds(1), timeout <= .seconds(3600) else {
      throw CancelClientError(.limit, "the API's timeout is not between 1ms and 1h")
    }
    guard (1...10_000).contains(connections) else {
      throw CancelClientError(.limit, "the API's connections are not between 1 and 10000")
    }
    guard warmConnections >= 0 else {
      throw CancelClientError(.limit, "the number of the API's warm connections is negative")
    }
    guard idleTimeout >= .seconds(1), idleTimeout <= .seconds(86_400) else {
      throw CancelClientError(.limit, "the API's idle timeout is not between 1s and 24h")
    }
    guard connectionMaxAge >= .seconds(1), connectionMaxAge <= .seconds(86_400) else {
      throw CancelClientError(.limit, "the greatest age of the API's connections is not between 1s and 24h")
    }
    guard waitTimeout.map({ $0 >= .milliseconds(1) && $0 <= .seconds(3600) }) ?? true else {
      throw CancelClientError(.limit, "the time that a call may wait for a connection is not between 1ms and 1h")
    }
    guard clientKey == nil || clientCertificate != nil else {
      throw CancelClientError(.tls, "api.clientKey is set without api.clientCertificate; set both")
    }
    guard maxWaiting >= 0 else {
      throw CancelClientError(.limit, "the number of calls that may wait for the API is negative")
    }
    guard !version.isEmpty, version.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw CancelClientError(.limit, "the version has characters that a header may not have")
    }
    return endpoint
  }

  /// The transport for `endpoint`.
  package func transport(to endpoint: Endpoint) -> HTTPTransportConfiguration {
    var transport = HTTPTransportConfiguration(origin: endpoint.origin)
    transport.tls = tls
    transport.proxy = proxy
    transport.timeout = timeout
    transport.waitTimeout = waitTimeout
    transport.connections = connections
    transport.warmConnections = warmConnections
    transport.idleTimeout = idleTimeout
    transport.maxAge = connectionMaxAge
    transport.maxWaiting = maxWaiting
    transport.longestBody = AnswerReader.longestBody
    return transport
  }

  /// The transport of lists and lookups: few connections, and room for a long list.
  package func readTransport(to endpoint: Endpoint) -> HTTPTransportConfiguration {
    var transport = transport(to: endpoint)
    transport.connections = min(connections, 8)
    transport.warmConnections = 0
    transport.timeout = max(timeout, .seconds(30))
    transport.longestBody = PortfolioReader.longestBody
    return transport
  }

  /// The TLS settings that the trust roots ask for.
  package var tls: TLSSettings {
    var tls = TLSSettings()
    if case .file(let path) = trustRoots { tls.trustRootsFile = path }
    tls.certificateFile = clientCertificate
    tls.keyFile = clientKey
    return tls
  }
}

extension CancelClientConfiguration: CancelClientFactory {
  /// A client of eToro's API.
  ///
  /// - Throws: ``CancelClientError`` where the configuration is at fault.
  public func makeClient(on loop: any EventLoop, version: String, logger: Logger) throws -> any CancelClient {
    var configuration = self
    configuration.version = version
    return try EToroCancelClient(configuration: configuration, on: loop, logger: logger)
  }
}

/// Why a client could not be made.
public struct CancelClientError: Error, Sendable, CustomStringConvertible {
  /// The kinds of fault; more may come.
  public struct Code: Hashable, Sendable, CustomStringConvertible {
    /// The code's name.
    public let description: String

    /// The base URL can't be read.
    public static let baseURL = Code(description: "baseURL")
    /// The base URL would let credentials travel readable.
    public static let plaintext = Code(description: "plaintext")
    /// A cancel path's template is wrong.
    public static let path = Code(description: "path")
    /// The trust roots can't be read, or TLS can't be set up with them.
    public static let tls = Code(description: "tls")
    /// A number or duration is out of its range.
    public static let limit = Code(description: "limit")
  }

  /// The kind of fault.
  public let code: Code
  /// What is wrong and what to do about it.
  public let message: String
  /// The error underneath, where there is one.
  public let cause: (any Error)?

  /// A fault of that kind.
  init(_ code: Code, _ message: String, cause: (any Error)? = nil) {
    self.code = code
    self.message = message
    self.cause = cause
  }

  /// The message.
  public var description: String { message }
}
