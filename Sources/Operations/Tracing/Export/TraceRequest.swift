import Tracing

/// What one export sends: the spans, who made them, and by what (OTLP's `ExportTraceServiceRequest`).
struct TraceRequest: Sendable {
  /// Of attributes, the most that a span, an event or a link is sent with.
  static let mostAttributes = 128
  /// What the spans are made by (OTLP's `InstrumentationScope`).
  static let scopeName = "cancel-worker"

  /// The attributes of the process.
  let resource: [(key: String, value: String)]
  /// The worker's version.
  let version: String
  let spans: [EndedSpan]

  /// An attribute's value, as OTLP has them.
  enum Value: Hashable, Sendable {
    case text(String)
    case boolean(Bool)
    case integer(Int64)
    case double(Double)
    case list([Value])

    init?(_ attribute: SpanAttribute) {
      switch attribute {
      case .string(let value): self = .text(value)
      case .bool(let value): self = .boolean(value)
      case .int32(let value): self = .integer(Int64(value))
      case .int64(let value): self = .integer(value)
      case .double(let value): self = .double(value)
      case .stringConvertible(let value): self = .text(value.description)
      case .stringArray(let values): self = .list(values.map { .text($0) })
      case .boolArray(let values): self = .list(values.map { .boolean($0) })
      case .int32Array(let values): self = .list(values.map { .integer(Int64($0)) })
      case .int64Array(let values): self = .list(values.map { .integer($0) })
      case .doubleArray(let values): self = .list(values.map { .double($0) })
      case .stringConvertibleArray(let values): self = .list(values.map { .text($0.description) })
      default: return nil
      }
    }
  }

  /// Attributes in the order of their names, and how many of them are left out.
  static func listed(_ attributes: SpanAttributes) -> (kept: [(key: String, value: Value)], dropped: Int) {
    var all: [(key: String, value: Value)] = []
    all.reserveCapacity(attributes.count)
    attributes.forEach { key, attribute in
      if let value = Value(attribute) { all.append((key, value)) }
    }
    all.sort { $0.key < $1.key }
    return (Array(all.prefix(mostAttributes)), max(0, all.count - mostAttributes))
  }
}

extension SpanKind {
  /// OTLP's number.
  var number: Int64 {
    switch self {
    case .internal: 1
    case .server: 2
    case .client: 3
    case .producer: 4
    case .consumer: 5
    }
  }
}

extension SpanStatus.Code {
  /// OTLP's number.
  var number: Int64 {
    switch self {
    case .ok: 1
    case .error: 2
    }
  }
}

extension EndedSpan {
  /// OTLP's flags of a span: those of its trace, and whether its parent is of another process.
  var flags: UInt32 { identity.traceFlags | SpanIdentity.remoteness(parent?.isRemote ?? false) }
}

extension EndedSpan.Link {
  /// OTLP's flags of a link: those of the other's trace, and whether it is of another process.
  var flags: UInt32 { identity.traceFlags | SpanIdentity.remoteness(identity.isRemote) }
}

extension SpanIdentity {
  fileprivate var traceFlags: UInt32 { isSampled ? 1 : 0 }

  /// The bit that says whether it is known, and the one that says so.
  fileprivate static func remoteness(_ isRemote: Bool) -> UInt32 { isRemote ? 0x300 : 0x100 }
}
