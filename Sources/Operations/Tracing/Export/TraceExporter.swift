import CoreMetrics
import HTTPTransport
import Kafka
import Logging
import NIOCore
import NIOPosix
import Synchronization
import Tracing

/// Sends spans to an OTLP collector over HTTP: the shell around ``ExportSchedule``.
///
/// Whoever ends a span puts it into a bounded queue and goes on. All else happens on an event loop that is not the
/// worker's.
final class TraceExporter: Sendable {
  private let export: TraceExport
  private let resource: [(key: String, value: String)]
  private let version: String
  private let logger: Logger
  private let loop: any EventLoop
  private let client: HTTPTransportClient
  private let template: HTTPRequestTemplate
  private let headers: HTTPSecretHeaders
  private let schedule: Mutex<ExportSchedule<EndedSpan>>
  private let work: NIOLoopBoundBox<Work>
  private let ended = Completion()
  private let counters: SpanCounters

  /// What the loop holds.
  private struct Work {
    /// The request under way, for its next try.
    var body = ByteBuffer()
    var timer: Scheduled<Void>?
  }

  /// An exporter at work; it connects when there is something to send.
  ///
  /// - Parameters:
  ///   - version: the worker's version.
  ///   - instance: the worker's instance id.
  ///   - factory: where its counters are made.
  /// - Throws: `TLSSettings.Fault` where TLS can't be set up.
  init(
    _ export: TraceExport, version: String, instance: String, factory: any MetricsFactory, logger: Logger,
    limits: (inout ExportSchedule<EndedSpan>.Limits) -> Void = { _ in }
  ) throws(TLSSettings.Fault) {
    self.export = export
    self.resource = export.resource(version: version, instance: instance)
    self.version = version
    self.logger = logger
    loop = MultiThreadedEventLoopGroup.singleton.next()
    client = try HTTPTransportClient(export.transport, on: loop, logger: logger)
    let agent = "cancel-worker/\(version)"
    template = HTTPRequestTemplate(
      method: .POST, origin: export.origin, pathPrefix: export.path,
      headers: export.isCompressed
        ? ["user-agent": agent, "accept": export.encoding.mediaType, "content-encoding": "gzip"]
        : ["user-agent": agent, "accept": export.encoding.mediaType])
    headers = export.headers.forRequests
    var bounds = ExportSchedule<EndedSpan>.Limits()
    bounds.maxQueue = export.batching.maxQueue
    bounds.maxBatch = export.batching.maxBatch
    bounds.delay = TimeAmount(export.batching.delay)
    bounds.batchTimeout = TimeAmount(export.batching.timeout)
    limits(&bounds)
    schedule = Mutex(ExportSchedule(bounds, seed: .random(in: .min ... .max)))
    work = .makeBoxSendingValue(Work(), eventLoop: loop)
    counters = SpanCounters(factory: factory)
  }

  /// The tracer whose spans are exported.
  var tracer: ExportingTracer {
    ExportingTracer(sampler: export.sampler) { [self] in handle(.ended($0)) }
  }

  /// Exports what is left, for no longer than `limit`, and ends.
  func stop(within limit: Duration) async {
    handle(.stop(by: .now() + TimeAmount(limit)))
    await ended.wait()
    await client.shutdown()
  }

  /// Actions reach the loop in the order of the decisions, for both happens under the lock.
  private func handle(_ event: ExportSchedule<EndedSpan>.Event) {
    schedule.withLock { schedule in
      let actions = schedule.handle(event, now: .now())
      guard !actions.isEmpty else { return }
      loop.execute { for action in actions { self.perform(action) } }
    }
  }

  private func perform(_ action: ExportSchedule<EndedSpan>.Action) {
    switch action {
    case .send(let spans):
      guard let body = body(of: spans) else {
        return handle(.answered(.refused(why: "the request could not be compressed")))
      }
      work.value.body = body
      post()
    case .sendAgain:
      post()
    case .wake(let time):
      work.value.timer?.cancel()
      work.value.timer = loop.scheduleTask(deadline: time) { self.handle(.woke) }
    case .exported(let count):
      counters.exported(count)
    case .lost(let count, let loss):
      counters.lost(count, loss)
    case .warn(let count, let loss, let why):
      let told = export.headers.occur(in: why) ? "what the collector says holds a secret" : why
      logger.warning(
        "spans are not exported",
        metadata: [
          "spans": "\(count)", "loss": "\(loss.rawValue)", "reason": "\(told)",
          "collector": "\(export.target)",
        ])
    case .stopped:
      work.value.timer?.cancel()
      work.value = Work()
      ended.fulfil()
    }
  }

  /// The request with these spans; `nil` where there is no memory to compress it.
  private func body(of spans: [EndedSpan]) -> ByteBuffer? {
    let request = TraceRequest(resource: resource, version: version, spans: spans)
    let bytes =
      switch export.encoding {
      case .json: request.json()
      case .protobuf: request.protobuf()
      }
    return export.isCompressed ? Gzip.compress(bytes) : ByteBuffer(bytes: bytes)
  }

  private func post() {
    let request = HTTPRequest(
      template, argument: "", header: ("content-type", export.encoding.mediaType), secrets: headers,
      body: work.value.body)
    client.send(request) { [encoding = export.encoding] result in
      switch result {
      case .success(let response):
        let now = Int64(DefaultTracerClock.now.millisecondsSinceEpoch / 1000)
        self.handle(.answered(.init(response, encoding, now: now)))
      case .failure(let fault):
        self.handle(.answered(.failed(why: fault.description, retryAfter: nil)))
      }
    }
  }
}
