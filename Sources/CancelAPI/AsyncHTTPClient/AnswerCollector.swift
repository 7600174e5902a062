import AsyncHTTPClient
import CancelContract
import FoundationEssentials
import NIOCore
import NIOHTTP1

/// Gathers one response and notes how far the call got, for what a fault means depends on that.
final class AnswerCollector: HTTPClientResponseDelegate {
  private struct State {
    var isSent = false
    var status: Int?
    var headers = AnswerHeaders()
    var body = ByteBuffer()
  }

  /// Ends a response whose body is longer than anybody wants.
  private struct BodyTooLong: Error {}

  private let call: CancelCall
  private let endpoint: Endpoint
  private let timeout: TimeAmount
  private let state: NIOLoopBoundBox<State>

  init(call: CancelCall, endpoint: Endpoint, timeout: TimeAmount, loop: any EventLoop) {
    self.call = call
    self.endpoint = endpoint
    self.timeout = timeout
    self.state = .makeBoxSendingValue(State(), eventLoop: loop)
  }

  func didSendRequestHead(task: HTTPClient.Task<CancelAnswer>, _ head: HTTPRequestHead) {
    state.value.isSent = true
  }

  func didReceiveHead(task: HTTPClient.Task<CancelAnswer>, _ head: HTTPResponseHead) -> EventLoopFuture<Void> {
    state.value.status = Int(head.status.code)
    for (name, value) in head.headers { state.value.headers.take(name: name, value: value) }
    return task.eventLoop.makeSucceededVoidFuture()
  }

  func didReceiveBodyPart(task: HTTPClient.Task<CancelAnswer>, _ part: ByteBuffer) -> EventLoopFuture<Void> {
    let room = AnswerReader.longestBody - state.value.body.readableBytes
    var part = part
    let isTooLong = part.readableBytes > room
    if let kept = part.readSlice(length: min(room, part.readableBytes)) { state.value.body.writeImmutableBuffer(kept) }
    return isTooLong
      ? task.eventLoop.makeFailedFuture(BodyTooLong()) : task.eventLoop.makeSucceededVoidFuture()
  }

  func didFinishRequest(task: HTTPClient.Task<CancelAnswer>) -> CancelAnswer {
    answer ?? CallFault.answerLost("The API's answer had no status.").answer
  }

  /// The answer to a call that ended in `error`; called on the loop.
  func answer(insteadOf error: any Error) -> CancelAnswer {
    if let answer { return answer }
    return fault(error).answer
  }

  /// The answer, once the head has come.
  private var answer: CancelAnswer? {
    let state = state.value
    guard let status = state.status else { return nil }
    return AnswerReader.answer(
      status: status, headers: state.headers, body: Array(state.body.readableBytesView),
      credential: call.account.credential, now: .now)
  }

  private func fault(_ error: any Error) -> CallFault {
    state.value.isSent ? faultAfterSending(error) : faultBeforeSending(error)
  }

  private func faultBeforeSending(_ error: any Error) -> CallFault {
    switch error as? HTTPClientError {
    case .alreadyShutdown?, .cancelled?:
      .shutDownBeforeSending
    case .deadlineExceeded?, .getConnectionFromPoolTimeout?, .connectTimeout?, .tlsHandshakeTimeout?:
      .unreachable(endpoint, ChannelError.connectTimeout(timeout))
    default:
      .unreachable(endpoint, error)
    }
  }

  private func faultAfterSending(_ error: any Error) -> CallFault {
    switch error as? HTTPClientError {
    case .deadlineExceeded?, .readTimeout?: .noAnswer(within: timeout)
    case .cancelled?: .shutDownAfterSending
    case .remoteConnectionClosed?: .closedEarly
    default: error is IOError || error is ChannelError ? .closedEarly : .unreadableAnswer
    }
  }
}
