import NIOCore

/// One HTTP/1.1 connection, which carries one call at a time. No I/O and no clock.
struct HTTP1ConnectionStateMachine {
  /// Where the connection stands.
  enum State {
    /// Nothing is under way. → `writing`, `closed`
    case idle
    /// A call's bytes are on their way out of this process. → `waiting`, `idle`, `closed`
    case writing
    /// The call has left. → `idle`, `closed`
    case waiting
    /// The connection is of no more use. Final.
    case closed
  }

  /// What the connection must do.
  enum Action: Equatable {
    /// Nothing.
    case none
    /// Answer the call from ``response``, and then take the next one, or close.
    case answer(isReusable: Bool)
    /// Answer the call with this fault, and close.
    case fail(CallFault)
    /// Close; no call is under way.
    case close
  }

  private(set) var state = State.idle
  /// The response to the call under way, or the last one.
  private(set) var response = HTTP1ResponseParser()

  /// Whether a call is under way.
  var isBusy: Bool {
    switch state {
    case .writing, .waiting: true
    case .idle, .closed: false
    }
  }

  /// A call is about to be written.
  mutating func send() {
    guard case .idle = state else { preconditionFailure("a call was given to a connection that is not idle") }
    response = HTTP1ResponseParser()
    state = .writing
  }

  /// The call's last byte was handed to the operating system.
  mutating func written() {
    if case .writing = state { state = .waiting }
  }

  /// Bytes came.
  mutating func received(_ bytes: ByteBuffer) -> Action {
    switch state {
    case .idle:
      // what comes unasked could be taken for the next call's answer
      state = .closed
      return .close
    case .writing, .waiting:
      return act(on: response.receive(bytes))
    case .closed:
      return .none
    }
  }

  /// The connection is gone, or broke.
  mutating func ended() -> Action {
    defer { state = .closed }
    switch state {
    case .idle: return .close
    // an HTTP/1.1 request without its last byte is no request
    case .writing: return .fail(.brokenWhileSending)
    case .waiting: return finish(orElse: .closedEarly)
    case .closed: return .none
    }
  }

  /// The time for an answer is over.
  mutating func timedOut(after timeout: TimeAmount) -> Action {
    defer { state = .closed }
    switch state {
    case .writing: return .fail(.brokenWhileSending)
    case .waiting: return finish(orElse: .noAnswer(within: timeout))
    case .idle, .closed: preconditionFailure("a connection without a call has nothing to time out")
    }
  }

  /// The client is being shut down.
  mutating func shutDown() -> Action {
    defer { state = .closed }
    switch state {
    case .idle: return .close
    case .writing: return .fail(.shutDownBeforeSending)
    case .waiting: return finish(orElse: .shutDownAfterSending)
    case .closed: return .none
    }
  }

  private mutating func act(on progress: HTTP1ResponseParser.Progress) -> Action {
    switch progress {
    case .incomplete:
      return .none
    case .complete(let isReusable):
      // an answer before the whole call has left leaves the rest of the call in the way
      let isReusable = isReusable && isWritten
      state = isReusable ? .idle : .closed
      return .answer(isReusable: isReusable)
    case .malformed:
      state = .closed
      return .fail(.unreadableAnswer)
    }
  }

  private var isWritten: Bool {
    if case .waiting = state { true } else { false }
  }

  private mutating func finish(orElse fault: CallFault) -> Action {
    switch response.finish() {
    case .complete: .answer(isReusable: false)
    case .incomplete, .malformed: .fail(fault)
    }
  }
}
