import NIOCore
import Synchronization

/// Reaches the stub from handlers that are made while it is being made.
final class StubBox: Sendable {
  let stub = Mutex<StubAPI?>(nil)
}

final class StubHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let box: StubBox
  private let delay: TimeAmount
  private let notesArrivals: Bool
  private var stub: StubAPI?
  private var pending = ByteBuffer()
  private static let answer = ByteBuffer(
    string: "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 48\r\n\r\n"
      + "{\"token\":\"7f1da128-f516-4710-8474-915566c4b22e\"}")
  private static let requestEnd: [UInt8] = Array("\r\n\r\n".utf8)

  init(box: StubBox, delay: Duration, notesArrivals: Bool) {
    self.box = box
    self.delay = .nanoseconds(delay.components.seconds * 1_000_000_000 + delay.components.attoseconds / 1_000_000_000)
    self.notesArrivals = notesArrivals
  }

  func channelActive(context: ChannelHandlerContext) {
    stub = box.stub.withLock { $0 }
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    var bytes = unwrapInboundIn(data)
    if pending.readableBytes > 0 {
      pending.writeBuffer(&bytes)
      swap(&pending, &bytes)
      pending.clear()
    }
    while let end = bytes.readableBytesView.firstRange(of: StubHandler.requestEnd) {
      let start = bytes.readerIndex
      if notesArrivals { note(bytes, from: start) }
      bytes.moveReaderIndex(to: end.upperBound)
      stub?.calls.add(1, ordering: .relaxed)
      answer(context)
    }
    if bytes.readableBytes > 0 { pending = bytes }
  }

  private func answer(_ context: ChannelHandlerContext) {
    guard delay > .zero else {
      context.writeAndFlush(wrapOutboundOut(StubHandler.answer), promise: nil)
      return
    }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    context.eventLoop.assumeIsolated().scheduleTask(in: delay) { [self] in
      bound.value.writeAndFlush(self.wrapOutboundOut(StubHandler.answer), promise: nil)
    }
  }

  /// The digits before the first line's second blank are the order id.
  private func note(_ bytes: ByteBuffer, from start: Int) {
    let view = bytes.viewBytes(at: start, length: min(160, bytes.readableBytes)) ?? ByteBuffer().readableBytesView
    var order: Int64 = 0
    var blanks = 0
    for byte in view {
      if byte == UInt8(ascii: " ") {
        blanks += 1
        if blanks == 2 { break }
      } else if byte >= 0x30 && byte <= 0x39 {
        order = order &* 10 &+ Int64(byte - 0x30)
      } else {
        order = 0
      }
    }
    let now = monotonicNanoseconds()
    stub?.arrivals.withLock { if $0[order] == nil { $0[order] = now } }
  }
}
