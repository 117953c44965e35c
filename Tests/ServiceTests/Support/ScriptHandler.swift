import NIOConcurrencyHelpers
import NIOCore
import NIOSSL
import TestSupport

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Scripts still to be begun, shared by all connections.
final class ScriptQueue: Sendable {
  private let scripts: NIOLockedValueBox<[[ScriptedServer.Step]]>

  init(_ scripts: [[ScriptedServer.Step]]) { self.scripts = NIOLockedValueBox(scripts) }

  /// The next script; without one, nothing is done.
  func next() -> [ScriptedServer.Step] {
    scripts.withLockedValue { $0.isEmpty ? [.readRequest, .read(bytes: .max)] : $0.removeFirst() }
  }
}

/// One connection of a ``ScriptedServer``.
final class ScriptHandler: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias OutboundOut = ByteBuffer

  private let scripts: ScriptQueue
  private let requests: Journal<[UInt8]>
  private let connections: Journal<Void>
  private let closings: Journal<Void>
  private let errors: Journal<String>
  private let marks: Journal<Void>
  private let gate: Gate
  private var script: [ScriptedServer.Step] = []
  private var isRunning = false
  private var isFlooding = false
  private var block = ByteBuffer(repeating: UInt8(ascii: "x"), count: 16 * 1_024)
  private var buffer: [UInt8] = []

  init(
    scripts: ScriptQueue, requests: Journal<[UInt8]>, connections: Journal<Void>, closings: Journal<Void>,
    errors: Journal<String>, marks: Journal<Void>, gate: Gate
  ) {
    self.scripts = scripts
    self.requests = requests
    self.connections = connections
    self.closings = closings
    self.errors = errors
    self.marks = marks
    self.gate = gate
  }

  func channelActive(context: ChannelHandlerContext) {
    connections.append(())
    begin(context)
  }

  func channelInactive(context: ChannelHandlerContext) {
    isFlooding = false
    closings.append(())
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    buffer += unwrapInboundIn(data).readableBytesView
    if isRunning { step(context) } else { begin(context) }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    errors.append("\(error)")
    context.close(promise: nil)
  }

  func channelWritabilityChanged(context: ChannelHandlerContext) { flood(context) }

  private func begin(_ context: ChannelHandlerContext) {
    script = scripts.next()
    isRunning = true
    step(context)
  }

  private func step(_ context: ChannelHandlerContext) {
    while let next = script.first {
      switch next {
      case .readRequest:
        guard let end = requestEnd else { return context.read() }
        requests.append(Array(buffer[..<end]))
        buffer.removeFirst(end)
      case .read(let bytes):
        guard buffer.count >= bytes else { return context.read() }
      case .send(let text):
        context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
      case .startTLS(let identity):
        startTLS(context, identity)
      case .floodOf(let text):
        block = ByteBuffer(string: String(repeating: text, count: 16 * 1_024 / text.utf8.count + 1))
        isFlooding = true
        flood(context)
      case .flood:
        isFlooding = true
        flood(context)
      case .close:
        context.close(promise: nil)
      case .reset:
        reset(context)
      case .mark:
        marks.append(())
      case .stall:
        return
      case .wait:
        script.removeFirst()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        gate.whenOpen { bound.eventLoop.execute { bound.value.0.step(bound.value.1) } }
        return
      }
      script.removeFirst()
    }
    isRunning = false
    // Either another request or the end of the connection comes next; both have to be noticed.
    if !isFlooding { context.read() }
  }

  /// Where the first request in the buffer ends: its head, and as many bytes as `Content-Length` says.
  private var requestEnd: Int? {
    let text = String(decoding: buffer, as: UTF8.self)
    guard let head = text.firstRange(of: "\r\n\r\n") else { return nil }
    let headLength = text[..<head.upperBound].utf8.count
    var length = 0
    for line in text[..<head.lowerBound].split(separator: "\r\n") {
      let parts = line.split(separator: ":", maxSplits: 1)
      if parts.count == 2, parts[0].lowercased() == "content-length" {
        length = Int(parts[1].drop { $0 == " " }) ?? 0
      }
    }
    return buffer.count >= headLength + length ? headLength + length : nil
  }

  private func flood(_ context: ChannelHandlerContext) {
    while isFlooding, context.channel.isActive, context.channel.isWritable {
      context.writeAndFlush(wrapOutboundOut(block), promise: nil)
    }
  }

  private func startTLS(_ context: ChannelHandlerContext, _ identity: TestCertificates.Identity) {
    do {
      let key = try NIOSSLPrivateKey(bytes: Array(identity.key.utf8), format: .pem)
      let chain = try NIOSSLCertificate.fromPEMBytes(Array(identity.certificate.utf8))
      let configuration = TLSConfiguration.makeServerConfiguration(
        certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
      let handler = NIOSSLServerHandler(context: try NIOSSLContext(configuration: configuration))
      try context.pipeline.syncOperations.addHandler(handler, position: .before(self))
    } catch {
      context.close(promise: nil)
    }
  }

  private func reset(_ context: ChannelHandlerContext) {
    guard let channel = context.channel as? any SocketOptionProvider else { return }
    let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
    channel.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in bound.value.close(promise: nil) }
  }
}
