import CancelContract
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// Answers one request.
struct AdminResponder: Sendable {
  private let hosts: HostGuard
  private let sources: AdminSources
  private let snapshots: SnapshotSource
  private let heartbeat: CoalescedQuery<Bool>
  private let events: EventStreams
  private let gauges: SnapshotGauges
  private let process: ProcessMetrics

  init(configuration: AdminConfiguration, sources: AdminSources, eventLoop: any EventLoop, logger: Logger) {
    self.hosts = HostGuard(bound: configuration.host, allowed: configuration.allowedHosts)
    self.sources = sources
    self.snapshots = SnapshotSource(
      initial: sources.initialSnapshot, patience: configuration.patience, eventLoop: eventLoop,
      snapshot: sources.snapshot)
    self.heartbeat = CoalescedQuery(
      maxAge: .milliseconds(250), patience: configuration.patience, eventLoop: eventLoop, ask: sources.heartbeat)
    self.events = EventStreams(
      snapshots: snapshots, feed: sources.feed, most: configuration.bounds.eventStreams,
      interval: configuration.bounds.eventInterval, logger: logger)
    self.gauges = SnapshotGauges(factory: sources.registry, accountLabels: configuration.accountLabels)
    self.process = ProcessMetrics(factory: sources.registry)
  }

  func respond(to request: Request) async -> Response {
    var response = await answer(to: request)
    for (name, value) in Self.securityHeaders { response.headers[name] = value }
    return request.method == .head ? response.createHeadResponse() : response
  }

  private func answer(to request: Request) async -> Response {
    guard hosts.allows(request.head.authority) else {
      return .text(
        .misdirectedRequest,
        "this name is not allowed for the admin server: call it by its address, or list the name in admin.allowedHosts")
    }
    guard request.method == .get || request.method == .head else {
      var response = Response.text(.methodNotAllowed, "only GET and HEAD: nothing can be changed here")
      response.headers[.allow] = "GET, HEAD"
      return response
    }
    switch request.uri.path {
    case "/": return page()
    case "/events": return events.open(isHead: request.method == .head)
    case "/status": return await status()
    case "/metrics": return await metrics(accept: request.headers[.accept])
    case "/livez": return await liveness()
    case "/readyz": return await readiness()
    default:
      return .text(.notFound, "there are /, /status, /metrics, /livez and /readyz")
    }
  }

  private func page() -> Response {
    let page = LivePage()
    var response = Response.bytes(.ok, "text/html; charset=utf-8", Array(page.html.utf8))
    response.headers[.contentSecurityPolicy] = page.contentSecurityPolicy
    return response
  }

  private func status() async -> Response {
    let document = StatusDocument(await snapshots.current(), totals: sources.feed.totals, maxKeys: 1000)
    return .bytes(.ok, "application/json", document.json)
  }

  private func metrics(accept: String?) async -> Response {
    let format = ExpositionFormat(accept: accept)
    gauges.set(from: await snapshots.current())
    process.update()
    var response = Response.bytes(.ok, format.contentType, Array(sources.registry.exposition(format).utf8))
    response.headers[.vary] = "accept"
    return response
  }

  private func liveness() async -> Response {
    await heartbeat.value() == true
      ? .text(.ok, "alive") : .text(.serviceUnavailable, "the worker's loop does not turn")
  }

  private func readiness() async -> Response {
    let document = ReadinessDocument(await snapshots.current())
    return .bytes(document.ready ? .ok : .serviceUnavailable, "application/json", document.json)
  }

  private static let securityHeaders: [(HTTPField.Name, String)] = [
    (.cacheControl, "no-store"),
    (.xContentTypeOptions, "nosniff"),
    (.named("referrer-policy"), "no-referrer"),
    (.named("cross-origin-resource-policy"), "same-origin"),
    (.named("cross-origin-opener-policy"), "same-origin"),
    (.named("x-frame-options"), "DENY"),
  ]
}

extension HTTPField.Name {
  fileprivate static func named(_ name: StaticString) -> HTTPField.Name {
    guard let made = HTTPField.Name("\(name)") else {
      preconditionFailure("A header's name is a token.")
    }
    return made
  }
}

extension Response {
  static func text(_ status: HTTPResponse.Status, _ text: String) -> Response {
    bytes(status, "text/plain; charset=utf-8", Array("\(text)\n".utf8))
  }

  static func bytes(_ status: HTTPResponse.Status, _ type: String, _ bytes: [UInt8]) -> Response {
    var headers = HTTPFields()
    headers[.contentType] = type
    headers[.contentSecurityPolicy] = "default-src 'none'; frame-ancestors 'none'"
    return Response(status: status, headers: headers, body: ResponseBody(byteBuffer: ByteBuffer(bytes: bytes)))
  }
}
