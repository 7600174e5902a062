/// Decides which traces are recorded, as OpenTelemetry's standard samplers do.
struct TraceSampler: Hashable, Sendable {
  /// What decides where there is no parent, or where the parent does not count.
  enum Root: Hashable, Sendable {
    /// Every trace is recorded.
    case always
    /// None is.
    case never
    /// This share of all traces is recorded, from 0 to 1.
    case ratio(Double)
  }

  /// What decides by itself.
  var root = Root.always
  /// Whether a span with a parent does as its parent does.
  var followsParent = true

  /// Whether a span of this trace is recorded.
  ///
  /// - Parameter parent: the span that it is a child of, where there is one.
  func records(_ trace: TraceID, parent: SpanIdentity?) -> Bool {
    if followsParent, let parent { return parent.isSampled }
    switch root {
    case .always: return true
    case .never: return false
    case .ratio(let share):
      // the id's last 8 bytes are random; other languages' samplers compare the same ones, so that all agree on a trace
      return share >= 1 || Double(trace.low >> 1) < share * 0x1p63
    }
  }
}
