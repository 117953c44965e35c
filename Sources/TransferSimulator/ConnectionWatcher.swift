import NIOCore

/// Tells the registry when connections come and go.
final class ConnectionWatcher: ChannelInboundHandler, RemovableChannelHandler {
  typealias InboundIn = Never

  private let registry: ConnectionRegistry

  init(registry: ConnectionRegistry) {
    self.registry = registry
  }

  func handlerAdded(context: ChannelHandlerContext) { registry.add(context.channel) }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if case .some(.inputClosed) = event as? ChannelEvent { registry.connection(of: context.channel).leave() }
    context.fireUserInboundEventTriggered(event)
  }

  func channelInactive(context: ChannelHandlerContext) {
    registry.remove(context.channel)
    context.fireChannelInactive()
  }
}
