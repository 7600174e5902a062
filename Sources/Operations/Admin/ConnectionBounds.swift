import NIOCore
import NIOHTTPTypes

/// Closes a connection whose request doesn't come in whole, or whose client doesn't read.
final class ConnectionBounds: ChannelDuplexHandler, RemovableChannelHandler {
  typealias InboundIn = HTTPRequestPart
  typealias InboundOut = HTTPRequestPart
  typealias OutboundIn = HTTPResponsePart
  typealias OutboundOut = HTTPResponsePart

  private let bounds: AdminConfiguration.Bounds
  private var bodyBytes = 0
  private var requestTimer: Scheduled<Void>?
  private var stallTimer: Scheduled<Void>?

  init(_ bounds: AdminConfiguration.Bounds) {
    self.bounds = bounds
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head:
      bodyBytes = 0
      requestTimer?.cancel()
      requestTimer = closeLater(context, after: bounds.requestTimeout)
    case .body(let part):
      bodyBytes += part.readableBytes
      guard bodyBytes <= bounds.bodyBytes else { return context.close(promise: nil) }
    case .end:
      requestTimer?.cancel()
      requestTimer = nil
    }
    context.fireChannelRead(data)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) {
    stallTimer?.cancel()
    stallTimer = context.channel.isWritable ? nil : closeLater(context, after: bounds.stallTimeout)
    context.fireChannelWritabilityChanged()
  }

  func handlerRemoved(context: ChannelHandlerContext) {
    requestTimer?.cancel()
    stallTimer?.cancel()
  }

  private func closeLater(_ context: ChannelHandlerContext, after delay: TimeAmount) -> Scheduled<Void> {
    let channel = context.channel
    return context.eventLoop.scheduleTask(in: delay) { channel.close(promise: nil) }
  }
}
