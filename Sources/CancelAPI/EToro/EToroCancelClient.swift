import CancelContract
import FoundationEssentials
import HTTPTransport
import Logging
import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The cancel endpoint over this package's own transport.
///
/// A call's time begins when it is sent; calls beyond what the connections carry wait in order.
public final class EToroCancelClient: CancelClient {
  private let api: EToroAPI
  private let transport: HTTPTransportClient
  /// Lists are long: they have connections of their own, so that no cancel waits behind one.
  private let reads: HTTPTransportClient

  /// A client that lives on `loop`, and at once makes its warm connections.
  ///
  /// - Throws: ``CancelClientError`` where the configuration is at fault.
  public init(
    configuration: CancelClientConfiguration, on loop: any EventLoop, logger: Logger
  ) throws(CancelClientError) {
    let endpoint = try configuration.validated()
    do {
      self.transport = try HTTPTransportClient(configuration.transport(to: endpoint), on: loop, logger: logger)
      self.reads = try HTTPTransportClient(configuration.readTransport(to: endpoint), on: loop, logger: logger)
    } catch {
      throw CancelClientError(.tls, error.description, cause: error.cause)
    }
    self.api = EToroAPI(
      endpoint: endpoint, paths: configuration.paths, reads: configuration.readPaths, version: configuration.version)
  }

  /// Sends one call; see ``CancelClient``.
  public func cancel(_ call: CancelCall, onAnswer: @escaping @Sendable (CancelAnswer) -> Void) {
    transport.send(api.request(for: call)) { [api] result in onAnswer(api.answer(to: call, result)) }
  }

  /// Reads the account's pending orders as they come; see ``CancelClient``. Where the API sends the list compressed,
  /// though plain text was asked for, it is read as a whole.
  public func listOrders(
    of account: Account, requestID: UUID, onOrders: @escaping @Sendable ([OrderID]) -> Void,
    onAnswer: @escaping @Sendable (OrderListAnswer) -> Void
  ) {
    let reader = NIOLoopBoundBox.makeBoxSendingValue(PortfolioReader(), eventLoop: reads.loop)
    let onBody: @Sendable (ByteBuffer) -> Void = { piece in
      reader.value.read(piece.readableBytesView)
      let orders = reader.value.takeOrders()
      if !orders.isEmpty { onOrders(orders) }
    }
    reads.send(api.portfolio(of: account, requestID: requestID), onBody: onBody) { [api] result in
      onAnswer(api.orders(result, readBy: reader.value, of: account))
    }
  }

  /// Looks one order up; see ``CancelClient``.
  public func lookUp(
    _ orderID: OrderID, of account: Account, requestID: UUID,
    onAnswer: @escaping @Sendable (OrderLookupAnswer) -> Void
  ) {
    reads.send(api.lookup(of: orderID, for: account, requestID: requestID)) { [api] result in
      onAnswer(api.status(result, of: account))
    }
  }

  /// Closes every connection; see ``CancelClient``.
  public func shutdown() async {
    await reads.shutdown()
    await transport.shutdown()
  }
}

/// Finds out whether the API can be reached, and which credentials it takes, without changing anything.
package struct EToroProbe: Sendable {
  /// What the API makes of a credential.
  package enum Verdict: Hashable, Sendable {
    /// It knows the account: the lookup was answered.
    case accepted(status: Int)
    /// It refuses the credential.
    case refused(status: Int)
    /// It said nothing of the credential.
    case unknown(String)
  }

  private let endpoint: Endpoint
  private let transport: HTTPTransportConfiguration
  private let api: EToroAPI
  private let loop: any EventLoop

  /// A probe of the API that this configuration reaches.
  ///
  /// - Throws: ``CancelClientError`` where the configuration is at fault.
  package init(_ configuration: CancelClientConfiguration, on loop: any EventLoop) throws(CancelClientError) {
    self.endpoint = try configuration.validated()
    var transport = configuration.transport(to: endpoint)
    transport.warmConnections = 0
    self.transport = transport
    self.api = EToroAPI(
      endpoint: endpoint, paths: configuration.paths, reads: configuration.readPaths, version: configuration.version)
    self.loop = loop
  }

  /// The API's host and port, and the proxy that leads there.
  package var target: String {
    "\(endpoint.host):\(endpoint.port)" + (transport.proxy.map { " through the proxy \($0)" } ?? "")
  }

  /// Makes one connection as the worker does; nothing is sent on it.
  ///
  /// - Throws: `ConnectionProbe.Failure`, or ``CancelClientError`` where a certificate's or key's file is at fault.
  package func connect() async throws -> ConnectionProbe.Facts {
    do {
      return try await ConnectionProbe.run(transport, on: loop)
    } catch let fault as TLSSettings.Fault {
      throw CancelClientError(.tls, fault.description, cause: fault.cause)
    }
  }

  /// Looks up one order with each account's credential, one after the other.
  package func verdicts(on accounts: [Account]) async throws -> [(account: Account, verdict: Verdict)] {
    let client: HTTPTransportClient
    do {
      client = try HTTPTransportClient(
        transport, on: loop, logger: Logger(label: "probe") { _ in SwiftLogNoOpLogHandler() })
    } catch {
      throw CancelClientError(.tls, error.description, cause: error.cause)
    }
    guard let order = OrderID(1) else { preconditionFailure("1 is an order's number") }
    var verdicts: [(account: Account, verdict: Verdict)] = []
    for account in accounts {
      let promise = loop.makePromise(of: HTTPResponse.self)
      client.send(api.lookup(of: order, for: account)) { promise.completeWith($0.mapError { $0 as any Error }) }
      do {
        verdicts.append((account, Self.verdict(on: try await promise.futureResult.get().status)))
      } catch {
        verdicts.append((account, .unknown("\(error)")))
      }
    }
    await client.shutdown()
    return verdicts
  }

  /// An order that the account does not have is as good an answer as one that it has: both need a valid credential.
  private static func verdict(on status: Int) -> Verdict {
    switch status {
    case 200..<300, 404: .accepted(status: status)
    case 401, 403: .refused(status: status)
    case 429: .unknown("the quota for lookups is used up (429); try again in a minute")
    default: .unknown("the lookup was answered with status \(status)")
    }
  }
}

extension Timestamp {
  /// The time by this machine's clock.
  static var now: Timestamp {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Timestamp(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }
}
