import NIOCore

extension CallFault {
  /// No answer came in time.
  static func noAnswer(within timeout: TimeAmount) -> CallFault {
    .answerLost("The call was sent, and no answer came within \(timeout.nanoseconds / 1_000_000) ms.")
  }

  /// The connection closed before the answer's head was whole.
  static let closedEarly = CallFault.answerLost(
    "The connection was lost after the call was sent and before its answer.")

  /// What came was no HTTP response.
  static let unreadableAnswer = CallFault.answerLost("What the API answered could not be read as HTTP.")

  /// The client was shut down while a call waited for a connection.
  static let shutDownBeforeSending = CallFault.unsent("The client was shut down.")

  /// The client was shut down while a call waited for its answer.
  static let shutDownAfterSending = CallFault.answerLost("The client was shut down before the answer came.")

  /// More calls wait than may.
  static let tooManyWaiting = CallFault.unsent("Too many calls wait for a connection to the API already.")

  /// The API said itself that it did not process the call (HTTP/2 `REFUSED_STREAM` or `GOAWAY`).
  static let notProcessed = CallFault.unsent("The API closed the connection without processing the call.")

  /// The connection broke before the call had left whole.
  static let brokenWhileSending = CallFault.unsent("The connection broke before the call had left whole.")
}
