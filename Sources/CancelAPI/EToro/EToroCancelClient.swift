import CancelContract
import FoundationEssentials
import HTTPTransport
import Logging
import NIOCore

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
  public func cancel(_ call: CancelCall) -> EventLoopFuture<CancelAnswer> {
    let promise = transport.loop.makePromise(of: CancelAnswer.self)
    transport.send(api.request(for: call)) { [api] result in promise.succeed(api.answer(to: call, result)) }
    return promise.futureResult
  }

  /// Reads the account's pending orders as they come; see ``CancelClient``. Where the API sends the list compressed,
  /// though plain text was asked for, it is read as a whole.
  public func listOrders(
    of account: Account, requestID: UUID, onOrders: @escaping @Sendable ([OrderID]) -> Void
  ) -> EventLoopFuture<OrderListAnswer> {
    let promise = reads.loop.makePromise(of: OrderListAnswer.self)
    let reader = NIOLoopBoundBox.makeBoxSendingValue(PortfolioReader(), eventLoop: reads.loop)
    let onBody: @Sendable (ByteBuffer) -> Void = { piece in
      reader.value.read(piece.readableBytesView)
      let orders = reader.value.takeOrders()
      if !orders.isEmpty { onOrders(orders) }
    }
    reads.send(api.portfolio(of: account, requestID: requestID), onBody: onBody) { [api] result in
      promise.succeed(api.orders(result, readBy: reader.value, of: account))
    }
    return promise.futureResult
  }

  /// Looks one order up; see ``CancelClient``.
  public func lookUp(_ orderID: OrderID, of account: Account, requestID: UUID) -> EventLoopFuture<OrderLookupAnswer> {
    let promise = reads.loop.makePromise(of: OrderLookupAnswer.self)
    reads.send(api.lookup(of: orderID, for: account, requestID: requestID)) { [api] result in
      promise.succeed(api.status(result, of: account))
    }
    return promise.futureResult
  }

  /// Closes every connection; see ``CancelClient``.
  public func shutdown() async {
    await reads.shutdown()
    await transport.shutdown()
  }
}
