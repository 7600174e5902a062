import NIOCore
import NIOHTTP1

/// One HTTP/1.1 connection, which carries one request at a time. No I/O and no clock.
struct HTTP1ConnectionStateMachine {
  /// Where the connection stands.
  enum State {
    /// Nothing is under way. → `writing`, `closed`
    case idle
    /// A request's bytes are on their way out of this process. → `waiting`, `answered`, `closed`
    case writing
    /// The request has left. → `answered`, `closed`
    case waiting
    /// The whole response is there, and the read that brought it has not ended: what follows in it belongs to no
    /// request, and must not be taken for the next one's response. → `idle`, `closed`
    case answered(isReusable: Bool)
    /// The connection is of no more use. Final.
    case closed
  }

  /// What the connection must do.
  enum Action: Equatable {
    /// Nothing.
    case none
    /// Pass on this part of the body.
    case passOn(ByteBuffer)
    /// Answer the request, and then take the next one, or close.
    case answer(HTTPResponse, isReusable: Bool)
    /// Answer the request with this fault, and close.
    case fail(HTTPFault)
    /// Close; no request is under way.
    case close
  }

  private(set) var state = State.idle
  private let longestBody: Int
  /// The response to the request under way, as far as it has come.
  private var response: HTTPResponse?
  private var isKeptAlive = false
  private var passesBodyOn = false

  /// - Parameter longestBody: The most of a body that is read, in bytes.
  init(longestBody: Int) {
    self.longestBody = longestBody
  }

  /// Whether a request is under way.
  var isBusy: Bool {
    switch state {
    case .writing, .waiting, .answered: true
    case .idle, .closed: false
    }
  }

  /// A request is about to be written.
  ///
  /// - Parameter passesBodyOn: Whether the body of its response is wanted as it comes.
  mutating func send(passesBodyOn: Bool = false) {
    self.passesBodyOn = passesBodyOn
    guard case .idle = state else { preconditionFailure("a request was given to a connection that is not idle") }
    response = nil
    state = .writing
  }

  /// The request's last byte was handed to the operating system.
  mutating func written() {
    if case .writing = state { state = .waiting }
  }

  /// A part of a response came.
  mutating func received(_ part: HTTPClientResponsePart) -> Action {
    switch state {
    case .idle:
      // what comes unasked could be taken for the next request's response
      state = .closed
      return .close
    case .answered:
      return finish(orElse: .closedEarly)
    case .closed:
      return .none
    case .writing, .waiting:
      switch part {
      case .head(let head): return receive(head)
      case .body(let data) where passesBodyOn && response?.isFitForPassingOn == true:
        guard response?.passOn(data, limit: longestBody) == true else { return finish(orElse: .closedEarly) }
        return .passOn(data)
      case .body(let data):
        // more than anybody wants: the rest is not waited for
        if response?.append(data, limit: longestBody) == false { return finish(orElse: .closedEarly) }
      case .end:
        // a response before the whole request has left leaves the rest of the request in the way
        if case .waiting = state {
          state = .answered(isReusable: isKeptAlive)
        } else {
          return finish(orElse: .closedEarly)
        }
      }
      return .none
    }
  }

  /// The read that brought parts has ended.
  mutating func readEnded() -> Action {
    guard case .answered(let isReusable) = state, let response else { return .none }
    state = isReusable ? .idle : .closed
    return .answer(response, isReusable: isReusable)
  }

  /// The decoder refused what came, or the connection broke.
  mutating func failed(_ fault: HTTPFault) -> Action {
    switch state {
    case .idle:
      state = .closed
      return .close
    case .writing where fault.code == .closed:
      state = .closed
      return .fail(.brokenWhileSending)
    case .writing, .waiting, .answered: return finish(orElse: fault)
    case .closed: return .none
    }
  }

  /// The time for a response is over.
  mutating func timedOut(after timeout: TimeAmount) -> Action {
    switch state {
    case .writing:
      state = .closed
      return .fail(.brokenWhileSending)
    case .waiting, .answered: return finish(orElse: .noResponse(within: timeout))
    case .idle, .closed: preconditionFailure("a connection without a request has nothing to time out")
    }
  }

  /// The connection is to take no more requests.
  mutating func drain() -> Action {
    switch state {
    case .idle:
      state = .closed
      return .close
    case .writing, .waiting:
      isKeptAlive = false
      isDraining = true
      return .none
    case .answered:
      state = .answered(isReusable: false)
      return .none
    case .closed: return .none
    }
  }

  /// The client is being shut down.
  mutating func shutDown() -> Action {
    switch state {
    case .idle:
      state = .closed
      return .close
    case .writing:
      state = .closed
      return .fail(.shutDownBeforeSending)
    case .waiting, .answered: return finish(orElse: .shutDownAfterSending)
    case .closed: return .none
    }
  }

  private var isDraining = false

  private mutating func receive(_ head: HTTPResponseHead) -> Action {
    guard head.status.code >= 200 else {
      return finish(orElse: .unreadable("it changes the protocol (101), which was not asked for"))
    }
    isKeptAlive = head.isKeepAlive && !isDraining
    response = HTTPResponse(status: Int(head.status.code), headers: .http1(head.headers))
    return .none
  }

  /// What has come is all that comes: with a whole head it is a response, for the status decides.
  private mutating func finish(orElse fault: HTTPFault) -> Action {
    state = .closed
    if let response { return .answer(response, isReusable: false) }
    return .fail(fault)
  }
}
