import AsyncHTTPClient
import CancelAPI
import CancelContract
import FoundationEssentials
import HTTPTransport
import Logging
import NIOCore
import NIOHTTP1

/// The cancel endpoint over async-http-client: the second client, which tests and the benchmark hold against the
/// worker's own. The worker does not ship it.
///
/// Redirects are not followed, cookies not kept, and proxies not looked for.
package final class HTTPCancelClient: CancelClient {
  private let client: HTTPClient
  private let loop: any EventLoop
  private let endpoint: Endpoint
  private let api: EToroAPI
  private let timeout: TimeAmount
  private let logger: Logger

  /// A client whose calls and connections run on `loop`.
  ///
  /// - Throws: `CancelClientError` or `TLSSettings.Fault` where the configuration is at fault.
  package init(configuration: CancelClientConfiguration, on loop: any EventLoop, logger: Logger) throws {
    self.endpoint = try configuration.validated()
    self.api = EToroAPI(endpoint: endpoint, paths: configuration.paths, version: configuration.version)
    self.timeout = TimeAmount(configuration.timeout)
    self.logger = logger
    self.loop = loop

    var settings = HTTPClient.Configuration(
      tlsConfiguration: try configuration.tls.configuration(),
      redirectConfiguration: .disallow,
      timeout: .init(connect: TimeAmount(configuration.timeout)),
      proxy: nil,
      decompression: .disabled)
    settings.connectionPool.idleTimeout = TimeAmount(configuration.idleTimeout)
    settings.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = configuration.connections
    // no pre-warming: with it the shutdown of async-http-client 1.37 may never end
    // an unreachable API is the caller's to wait out: it knows the deadlines
    settings.connectionPool.retryConnectionEstablishment = false
    settings.tracing.tracer = nil
    self.client = HTTPClient(eventLoopGroupProvider: .shared(loop), configuration: settings)
  }

  /// Sends one call; see `CancelClient`.
  package func cancel(_ call: CancelCall, onAnswer: @escaping @Sendable (CancelAnswer) -> Void) {
    let request = api.request(for: call)
    var headers = HTTPHeaders()
    for (name, value, _) in request.headers() where !name.hasPrefix(":") { headers.add(name: name, value: value) }
    let collector = ResponseCollector(endpoint: endpoint, timeout: timeout, loop: loop)
    let origin = endpoint.origin
    let url = "\(origin.isEncrypted ? "https" : "http")://\(origin.authority)\(request.path)"
    do {
      let request = try HTTPClient.Request(url: url, method: .DELETE, headers: headers)
      client.execute(
        request: request, delegate: collector, eventLoop: .delegateAndChannel(on: loop), deadline: .now() + timeout
      ).futureResult.flatMapErrorThrowing { .failure(collector.fault($0)) }.whenSuccess { [api] result in
        onAnswer(api.answer(to: call, collector.response.map { .success($0) } ?? result))
      }
    } catch {
      let fault = HTTPFault(.unreachable, mayBeSent: false, "The request could not be made.")
      loop.execute { [api] in onAnswer(api.answer(to: call, .failure(fault))) }
    }
  }

  /// Not offered: this client is for comparing cancels. The answer says so.
  package func listOrders(
    of account: Account, requestID: UUID, onOrders: @escaping @Sendable ([OrderID]) -> Void,
    onAnswer: @escaping @Sendable (OrderListAnswer) -> Void
  ) {
    loop.execute { onAnswer(OrderListAnswer(.fault(Self.notOffered))) }
  }

  /// Not offered: this client is for comparing cancels. The answer says so.
  package func lookUp(
    _ orderID: OrderID, of account: Account, requestID: UUID,
    onAnswer: @escaping @Sendable (OrderLookupAnswer) -> Void
  ) {
    loop.execute { onAnswer(OrderLookupAnswer(.fault(Self.notOffered))) }
  }

  private static let notOffered = CancelAnswer(
    kind: .failed, problem: Problem(.apiUnreachable, detail: "this client sends cancels only"))

  /// Closes every connection; see `CancelClient`.
  package func shutdown() async {
    do {
      try await client.shutdown()
    } catch {
      logger.debug("The HTTP client was shut down already")
    }
  }
}

/// Gathers one response and notes how far the request got, for what a fault means depends on that.
final class ResponseCollector: HTTPClientResponseDelegate {
  private struct State {
    var isSent = false
    var status: Int?
    var headers = HTTPHeaders()
    var body = ByteBuffer()
  }

  /// Ends a response whose body is longer than anybody wants.
  private struct BodyTooLong: Error {}

  private let endpoint: Endpoint
  private let timeout: TimeAmount
  private let state: NIOLoopBoundBox<State>

  init(endpoint: Endpoint, timeout: TimeAmount, loop: any EventLoop) {
    self.endpoint = endpoint
    self.timeout = timeout
    self.state = .makeBoxSendingValue(State(), eventLoop: loop)
  }

  /// The response, once the head has come.
  var response: HTTPResponse? {
    let state = state.value
    return state.status.map { HTTPResponse(status: $0, headers: .http1(state.headers), body: state.body) }
  }

  func didSendRequestHead(task: HTTPClient.Task<Result<HTTPResponse, HTTPFault>>, _ head: HTTPRequestHead) {
    state.value.isSent = true
  }

  func didReceiveHead(
    task: HTTPClient.Task<Result<HTTPResponse, HTTPFault>>, _ head: HTTPResponseHead
  ) -> EventLoopFuture<Void> {
    state.value.status = Int(head.status.code)
    state.value.headers = head.headers
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didReceiveBodyPart(
    task: HTTPClient.Task<Result<HTTPResponse, HTTPFault>>, _ part: ByteBuffer
  ) -> EventLoopFuture<Void> {
    let room = AnswerReader.longestBody - state.value.body.readableBytes
    var part = part
    let isTooLong = part.readableBytes > room
    if let kept = part.readSlice(length: min(room, part.readableBytes)) { state.value.body.writeImmutableBuffer(kept) }
    return isTooLong
      ? task.eventLoop.makeFailedFuture(BodyTooLong()) : task.eventLoop.makeSucceededVoidFuture()
  }

  func didFinishRequest(
    task: HTTPClient.Task<Result<HTTPResponse, HTTPFault>>
  ) -> Result<HTTPResponse, HTTPFault> {
    response.map { .success($0) } ?? .failure(HTTPFault(.unreadable, mayBeSent: true, "The response had no status."))
  }

  /// The fault of a request that ended in `error`; called on the loop.
  func fault(_ error: any Error) -> HTTPFault {
    // A response that can't be parsed shows that the request had left, though its delegate may hear of that later.
    state.value.isSent || error is HTTPParserError ? faultAfterSending(error) : faultBeforeSending(error)
  }

  private func faultBeforeSending(_ error: any Error) -> HTTPFault {
    switch error as? HTTPClientError {
    case .alreadyShutdown?, .cancelled?:
      HTTPFault(.shutDown, mayBeSent: false, "The client was shut down.")
    case .deadlineExceeded?, .getConnectionFromPoolTimeout?, .connectTimeout?, .tlsHandshakeTimeout?:
      HTTPFault(connectingTo: endpoint.origin, through: nil, ChannelError.connectTimeout(timeout))
    default:
      HTTPFault(connectingTo: endpoint.origin, through: nil, error)
    }
  }

  private func faultAfterSending(_ error: any Error) -> HTTPFault {
    switch error as? HTTPClientError {
    case .deadlineExceeded?, .readTimeout?:
      HTTPFault(.timedOut, mayBeSent: true, "The request was sent, and no response came in time.")
    case .cancelled?: HTTPFault(.shutDown, mayBeSent: true, "The client was shut down before the response came.")
    default: HTTPFault(endOfConnection: error)
    }
  }
}
