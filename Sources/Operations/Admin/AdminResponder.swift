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
      snapshots: snapshots, feed: sources.feed, connections: sources.connections,
      most: configuration.bounds.eventStreams,
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
    case let path:
      if let file = LivePage.files[path] { return .bytes(.ok, file.contentType, file.bytes) }
      return .text(.notFound, "there are /, /status, /metrics, /livez and /readyz")
    }
  }

  private func page() -> Response {
    var response = Response.bytes(.ok, LivePage.document.contentType, LivePage.document.bytes)
    response.headers[.contentSecurityPolicy] = LivePage.contentSecurityPolicy
    return response
  }

  private func status() async -> Response {
    let document = StatusDocument(
      await snapshots.current(), totals: sources.feed.totals, maxKeys: 1000, connections: sources.connections)
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

/// Which names a client may call the server by, in its `host` header.
///
/// A page of a stranger can have its own name point to this machine and read what the server says (DNS rebinding). It
/// can't do so under an address, `localhost` or a name without a dot, which nobody can register: these are allowed, as
/// are the bound host and the names that the operator lists. Probes and scrapes by address or service name so need no
/// setting. A request without the header comes from no browser and is allowed.
struct HostGuard: Sendable {
  private let names: Set<String>
  private let suffixes: [String]

  init(bound: String, allowed: [String]) {
    let all = ([bound] + allowed).map { $0.lowercased() }
    names = Set(all.filter { !$0.hasPrefix(".") })
    suffixes = all.filter { $0.hasPrefix(".") && $0.count > 1 }
  }

  func allows(_ authority: String?) -> Bool {
    guard let authority, !authority.isEmpty else { return true }
    guard authority.utf8.count <= 300 else { return false }
    guard let host = Self.host(of: authority.lowercased()) else { return false }
    if Self.isAddress(host) || names.contains(host) { return true }
    if host == "localhost" || host.hasSuffix(".localhost") { return true }
    return !host.contains(".") || suffixes.contains { host.hasSuffix($0) }
  }

  /// The host without its port, brackets and closing dot; `nil` where it can't be one.
  private static func host(of authority: String) -> String? {
    if authority.hasPrefix("[") {
      guard let end = authority.firstIndex(of: "]") else { return nil }
      let rest = authority[authority.index(after: end)...]
      guard rest.isEmpty || rest.hasPrefix(":") && isPort(rest.dropFirst()) else { return nil }
      return String(authority[...end])
    }
    let parts = authority.split(separator: ":", omittingEmptySubsequences: false)
    guard let first = parts.first, parts.count <= 2, parts.count == 1 || isPort(parts[1]) else { return nil }
    let host = first.hasSuffix(".") ? first.dropLast() : first
    guard !host.isEmpty, host.utf8.allSatisfy({ isNameByte($0) }) else { return nil }
    return String(host)
  }

  /// Whether this is a host's name, or `.` and the name of a domain.
  static func isName(_ text: String) -> Bool {
    let name = text.hasPrefix(".") ? text.dropFirst() : text[...]
    return !name.isEmpty && name.utf8.count <= 253 && !name.hasPrefix(".") && name.utf8.allSatisfy(isNameByte)
  }

  private static func isPort(_ text: Substring) -> Bool { UInt16(text) != nil }

  private static func isAddress(_ host: String) -> Bool {
    if host.hasPrefix("[") {
      return host.dropFirst().dropLast().utf8.allSatisfy {
        (0x30...0x39).contains($0) || (0x61...0x66).contains($0) || $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: ".")
      }
    }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }

  private static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
      UInt8(ascii: "."), UInt8(ascii: "_"):
      true
    default: false
    }
  }
}

/// The live page's files. They lie beside this one and are compiled into the binary, so the page needs nothing from anywhere.
enum LivePage {
  /// One file as the admin server gives it out.
  struct File {
    var contentType: String
    var bytes: [UInt8]
  }

  /// The document, at `/`.
  static let document = File(contentType: "text/html; charset=utf-8", bytes: PackageResources.live_html)

  /// The files that the document names, by their paths.
  static let files = [
    "/live.css": File(contentType: "text/css; charset=utf-8", bytes: PackageResources.live_css),
    "/live.js": File(contentType: "text/javascript; charset=utf-8", bytes: PackageResources.live_js),
  ]

  /// What the browser may do with the document: use this server's script and style, and listen to its events. Every other
  /// answer of the server is of a type that the browser takes for neither.
  static let contentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
