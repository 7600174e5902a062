import CancelContract

/// Why a call has no answer from the API.
///
/// The distinction that matters is whether the API can have seen the call. Where that is not certain, it may have.
struct CallFault: Error, Hashable, Sendable {
  /// Whether the call may have reached the API.
  let mayBeSent: Bool
  /// What happened, for people: never a header, never a secret.
  let detail: String
  /// Whether the fault is one connection's, and says nothing of the API: the call goes again on another one at once.
  var isConnectionFault = false

  /// The call did not leave, or not whole: nothing can have come of it.
  static func unsent(_ detail: String) -> CallFault {
    CallFault(mayBeSent: false, detail: detail + " The call was not sent.")
  }

  /// The call was sent, and its answer did not come or could not be read.
  static func answerLost(_ detail: String) -> CallFault {
    CallFault(mayBeSent: true, detail: detail + " The order may or may not be cancelled.")
  }

  /// The fault as an answer: transient where the call was not sent, else ambiguous.
  ///
  /// - Parameter credential: What the call was sent with, or was to be; a detail that repeats a part of it is left out.
  func answer(sentWith credential: Credential) -> CancelAnswer {
    let detail =
      credential.isRepeated(in: detail)
      ? "The call failed, and the words for it repeat a part of the account's credential: they are left out." : detail
    var answer =
      mayBeSent
      ? CancelAnswer(kind: .ambiguous, problem: Problem(.apiAnswerLost, detail: detail))
      : CancelAnswer(kind: .transient, problem: Problem(.apiUnreachable, detail: detail))
    answer.isConnectionFault = isConnectionFault
    return answer
  }
}
