import NIOCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What an HTTP/1.1 server does when a request has come.
enum HTTP1Step: Sendable {
  /// Sends these characters.
  case send(String)
  /// Sends these bytes.
  case sendBytes([UInt8])
  /// Sends the same block again and again until the connection closes.
  case sendForever(String)
  /// Reads nothing any more, as a machine that has lost its power.
  case stopReading
  /// Closes the connection with a FIN.
  case close
  /// Closes the connection with a RST.
  case reset
}

/// Reads requests without a body and does what the script says.
final class HTTP1ScriptHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let log: ServerLog
  private let script: ScriptedServer.Script
  private var received = ""

  init(log: ServerLog, script: @escaping ScriptedServer.Script) {
    self.log = log
    self.script = script
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received += String(buffer: unwrapInboundIn(data))
    while let end = received.firstRange(of: "\r\n\r\n") {
      let head = String(received[..<end.upperBound])
      received.removeSubrange(..<end.upperBound)
      let number = log.change { state in
        state.requests.append(head)
        return state.requests.count - 1
      }
      for step in script(number) { act(step, context: context) }
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func act(_ step: HTTP1Step, context: ChannelHandlerContext) {
    switch step {
    case .send(let text):
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
    case .sendBytes(let bytes):
      context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)), promise: nil)
    case .sendForever(let text):
      sendForever(ByteBuffer(string: text), context: context)
    case .stopReading:
      // it fails only on a channel that is closed, which reads nothing either
      _ = context.channel.setOption(.autoRead, value: false)
    case .close:
      context.close(promise: nil)
    case .reset:
      // a close that lingers for no time is a reset
      _ = (context.channel as? any SocketOptionProvider)?.setSoLinger(linger(l_onoff: 1, l_linger: 0))
      context.close(promise: nil)
    }
  }

  private func sendForever(_ block: ByteBuffer, context: ChannelHandlerContext) {
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenSuccess { self.sendForever(block, context: context) }
    context.writeAndFlush(wrapOutboundOut(block), promise: written)
  }
}
