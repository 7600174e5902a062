import AsyncHTTPClient
import CancelAPI
import HTTPTransport
import NIOCore
import NIOHTTP1

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
