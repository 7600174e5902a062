import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// The live pages' streams of server-sent events.
///
/// Each stream takes what is news to it when it has written what was before: nothing is kept for a slow reader, and one
/// that doesn't read at all is dropped by its connection's bounds.
struct EventStreams: Sendable {
  private let snapshots: SnapshotSource
  private let feed: LiveFeed
  private let connections: AdminSources.Connections?
  private let interval: Duration
  private let places: Places
  private let logger: Logger

  /// The most user keys that a page is sent, the neediest first: enough to search among, and small enough to send each second.
  static let shownKeys = 200

  /// - Parameters:
  ///   - most: the most streams at a time.
  ///   - interval: the pause between two events of a stream.
  init(
    snapshots: SnapshotSource, feed: LiveFeed, connections: AdminSources.Connections?, most: Int, interval: Duration,
    logger: Logger
  ) {
    self.snapshots = snapshots
    self.feed = feed
    self.connections = connections
    self.interval = interval
    self.places = Places(most)
    self.logger = logger
  }

  /// A new stream, unless there are too many.
  func open(isHead: Bool) -> Response {
    var headers = HTTPFields()
    headers[.contentType] = "text/event-stream; charset=utf-8"
    if isHead { return Response(status: .ok, headers: headers) }
    guard let place = places.take() else {
      var response = Response.text(.serviceUnavailable, "too many live pages are open: close one")
      response.headers[.retryAfter] = "10"
      return response
    }
    return Response(
      status: .ok, headers: headers,
      body: ResponseBody { writer in
        defer { place.giveBack() }
        try await write(to: &writer)
        try await writer.finish(nil)
      })
  }

  private func write(to writer: inout any ResponseBodyWriter) async throws {
    try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
    var position: Int?
    while !Task.isShuttingDownGracefully {
      let news = feed.news(after: position)
      position = news.position
      let status = StatusDocument(
        await snapshots.current(), totals: feed.totals, maxKeys: Self.shownKeys, connections: connections)
      var buffer = ByteBuffer()
      buffer.writeEvent("status", status.json)
      if !news.entries.isEmpty { buffer.writeEvent("results", ResultsDocument(news).json) }
      try await writer.write(buffer)
      do {
        try await cancelWhenGracefulShutdown { try await Task.sleep(for: interval) }
      } catch is CancellationError {
        return
      }
    }
  }
}

extension ByteBuffer {
  /// One event; its data must be a single line, as JSON is.
  fileprivate mutating func writeEvent(_ name: StaticString, _ data: [UInt8]) {
    writeString("event: \(name)\ndata: ")
    writeBytes(data)
    writeString("\n\n")
  }
}

/// A bounded number of places.
final class Places: Sendable {
  private let free: Mutex<Int>

  init(_ count: Int) {
    free = Mutex(count)
  }

  /// One place; `nil` where all are taken.
  func take() -> Place? {
    free.withLock { free in
      guard free > 0 else { return nil }
      free -= 1
      return Place(of: self)
    }
  }

  fileprivate func giveBack() {
    free.withLock { $0 += 1 }
  }
}

/// A place that was taken; given back once, by its owner or with its last reference.
final class Place: Sendable {
  private let places: Places
  private let isTaken = Atomic<Bool>(true)

  fileprivate init(of places: Places) {
    self.places = places
  }

  func giveBack() {
    guard isTaken.exchange(false, ordering: .relaxed) else { return }
    places.giveBack()
  }

  deinit {
    giveBack()
  }
}
