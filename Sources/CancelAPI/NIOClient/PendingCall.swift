import CancelContract
import NIOCore

/// A call with the promise of its answer.
struct PendingCall {
  let call: CancelCall
  let promise: EventLoopPromise<CancelAnswer>

  /// Answers the call with a fault.
  func fail(_ fault: CallFault) {
    promise.succeed(fault.answer)
  }

  /// Answers the call with what the API said.
  func answer(status: Int, headers: AnswerHeaders, body: ByteBuffer) {
    promise.succeed(
      AnswerReader.answer(
        status: status, headers: headers, body: Array(body.readableBytesView),
        credential: call.account.credential, now: .now))
  }
}
