import CoreMetrics

/// Counts spans by what became of them.
struct SpanCounters: Sendable {
  private let exported: Counter
  private let lost: [SpanLoss: Counter]

  /// Instruments in `factory`, each with a series from now on.
  init(factory: any MetricsFactory) {
    exported = Counter(label: "cancel_worker_spans_exported_total", dimensions: [], factory: factory)
    lost = Dictionary(
      uniqueKeysWithValues: SpanLoss.allCases.map { loss in
        (
          loss,
          Counter(label: "cancel_worker_spans_lost_total", dimensions: [("reason", loss.rawValue)], factory: factory)
        )
      })
  }

  /// The collector took so many.
  func exported(_ count: Int) { exported.increment(by: count) }

  /// So many will not be exported.
  func lost(_ count: Int, _ loss: SpanLoss) { lost[loss]?.increment(by: count) }
}

/// Why spans are not exported.
enum SpanLoss: String, CaseIterable, Sendable {
  /// They came faster than they could be exported.
  case queueFull = "queue_full"
  /// The collector could not be reached, or asked for patience, for too long.
  case undelivered
  /// The collector refused a batch.
  case refused
  /// The collector took a batch without them.
  case rejected
  /// The process ended before.
  case stopped
}
