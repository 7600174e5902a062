import NIOCore

/// Reads one HTTP/1.1 response from bytes that come in pieces of any size. No I/O.
///
/// It is strict where leniency would let one response run into the next, and keeps only what an answer needs. A
/// malformed head makes the response unreadable; after the head, whatever goes wrong with the body only cuts it short
/// and ends the connection's use.
package struct HTTP1ResponseParser {
  /// How far the response has got.
  package enum Progress: Equatable {
    /// More bytes are needed.
    case incomplete
    /// The response is there.
    ///
    /// - Parameter isReusable: Whether the connection can carry another call.
    case complete(isReusable: Bool)
    /// This is no HTTP/1.1 response.
    case malformed
  }

  /// What comes next. Every phase may end in `malformed` (before the head's end) or `ended`.
  private enum Phase {
    /// → `headers`
    case statusLine
    /// → `statusLine` after an interim response (1xx), else a body's phase or `ended`
    case headers
    /// → `ended`
    case fixedBody(remaining: Int)
    /// → `chunk`, or `trailers` after the last one
    case chunkSize
    /// → `chunkEnd`
    case chunk(remaining: Int)
    /// → `chunkSize`
    case chunkEnd
    /// → `ended`
    case trailers
    /// → `ended` when the connection closes
    case bodyUntilClose
    /// Nothing follows.
    case ended
  }

  /// The most bytes of status lines and headers, interim responses and trailers included.
  static let longestHead = 32 * 1024

  /// The status code, once the head is whole; 0 before.
  package private(set) var status = 0
  /// The headers that matter.
  package private(set) var headers = AnswerHeaders()
  /// The body as far as it has come, up to ``AnswerReader/longestBody``.
  package private(set) var body = ByteBuffer()
  /// How long the server keeps an idle connection (`keep-alive: timeout=`), in seconds, where it says.
  var idleLimit: Int? { framing.idleLimit }

  private var phase = Phase.statusLine
  private var framing = HTTP1Framing()
  private var input = ByteBuffer()
  private var headBytes = 0
  private var isHeadWhole = false
  /// Bytes at the front of `input` that are known to hold no line end.
  private var searched = 0

  /// A parser that waits for the status line.
  package init() {}

  /// Takes what came.
  package mutating func receive(_ bytes: ByteBuffer) -> Progress {
    if input.readableBytes == 0 { input = bytes } else { input.writeImmutableBuffer(bytes) }
    while true {
      switch step() {
      case .goOn: continue
      case .wait: return .incomplete
      case .malformed: return isHeadWhole ? .complete(isReusable: false) : .malformed
      case .end:
        let isReusable = framing.isKeptAlive && input.readableBytes == 0
        input = ByteBuffer()
        return .complete(isReusable: isReusable)
      }
    }
  }

  /// Takes the end of the connection, or of the time for an answer: what has come is all that comes.
  package mutating func finish() -> Progress {
    isHeadWhole ? .complete(isReusable: false) : .malformed
  }

  private enum Step { case goOn, wait, malformed, end }

  private mutating func step() -> Step {
    switch phase {
    case .statusLine, .headers, .chunkSize, .chunkEnd, .trailers: stepByLine()
    case .fixedBody(let remaining):
      takeBody(remaining) {
        .fixedBody(remaining: $0)
      } whenDone: {
        .ended
      }
    case .chunk(let remaining):
      takeBody(remaining) {
        .chunk(remaining: $0)
      } whenDone: {
        .chunkEnd
      }
    case .bodyUntilClose:
      takeBody(.max) { _ in
        .bodyUntilClose
      } whenDone: {
        .ended
      }
    case .ended: .end
    }
  }

  private mutating func stepByLine() -> Step {
    let source = input
    let bytes = source.readableBytesUInt8Span
    var end = searched
    while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
    guard headBytes + end < Self.longestHead else { return .malformed }
    guard end < bytes.count else {
      searched = end
      return .wait
    }
    guard end > 0, bytes[end - 1] == UInt8(ascii: "\r") else { return .malformed }
    input.moveReaderIndex(forwardBy: end + 1)
    searched = 0
    headBytes += end + 1
    return take(line: bytes.extracting(0..<(end - 1)))
  }

  private mutating func take(line: Span<UInt8>) -> Step {
    switch phase {
    case .statusLine:
      guard let status = framing.takeStatusLine(line) else { return .malformed }
      self.status = status
      phase = .headers
    case .headers:
      guard line.isEmpty else { return takeHeader(line) ? .goOn : .malformed }
      return endHead()
    case .chunkSize:
      guard let size = HTTP1Framing.chunkSize(line) else { return .malformed }
      phase = size == 0 ? .trailers : .chunk(remaining: size)
    case .chunkEnd:
      guard line.isEmpty else { return .malformed }
      phase = .chunkSize
    case .trailers:
      if line.isEmpty { phase = .ended }
    case .fixedBody, .chunk, .bodyUntilClose, .ended:
      preconditionFailure("a body is not taken by lines")
    }
    return .goOn
  }

  private mutating func takeHeader(_ line: Span<UInt8>) -> Bool {
    guard let colon = HTTP1Framing.nameEnd(line) else { return false }
    let name = line.extracting(0..<colon)
    var value = line.extracting((colon + 1)..<line.count)
    value = value.extracting(value.trimmedRange)
    for index in value.indices where value[index] < 0x20 && value[index] != 0x09 { return false }
    framing.take(name: name, value: value)
    headers.take(name: name, value: value)
    return true
  }

  private mutating func endHead() -> Step {
    if (100..<200).contains(status) {
      // an upgrade was not asked for; any other interim response is skipped
      guard status != 101 else { return .malformed }
      status = 0
      headers = AnswerHeaders()
      framing = HTTP1Framing()
      phase = .statusLine
      return .goOn
    }
    isHeadWhole = true
    switch framing.body(status: status) {
    case .none: phase = .ended
    case .length(let length): phase = .fixedBody(remaining: length)
    case .chunked: phase = .chunkSize
    case .untilClose: phase = .bodyUntilClose
    case .unreadable: return .malformed
    }
    return .goOn
  }

  /// Moves up to `remaining` bytes of the input to the body.
  private mutating func takeBody(
    _ remaining: Int, whenMore: (Int) -> Phase, whenDone: () -> Phase
  ) -> Step {
    let count = min(remaining, input.readableBytes)
    let room = AnswerReader.longestBody - body.readableBytes
    guard var part = input.readSlice(length: count) else { return .malformed }
    if body.readableBytes == 0, count <= room {
      body = part
    } else if let kept = part.readSlice(length: min(count, room)) {
      body.writeImmutableBuffer(kept)
    }
    guard count <= room else { return .malformed }
    guard count == remaining else {
      phase = whenMore(remaining - count)
      return .wait
    }
    phase = whenDone()
    return .goOn
  }
}
