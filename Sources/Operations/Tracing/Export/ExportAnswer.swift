import CancelAPI
import CancelContract
import HTTPTransport
import NIOCore

extension ExportSchedule.Answer {
  /// What an answer of a collector means, as the specification of OTLP over HTTP has it.
  ///
  /// - Parameter now: in seconds since the Unix epoch, for a `Retry-After` that is a date.
  init(_ response: HTTPResponse, _ encoding: TraceExport.Encoding, now: Int64) {
    switch response.status {
    case 200..<300:
      let (rejected, why) = PartialSuccess.read(Array(response.body.readableBytesView), encoding)
      self = .taken(rejected: rejected, why: why)
    case 429, 502, 503, 504:
      self = .failed(why: "the collector answered \(response.status)", retryAfter: Self.retryAfter(response, now: now))
    case 300..<400:
      self = .refused(why: "the collector answered \(response.status), and redirects are not followed")
    default:
      self = .refused(why: "the collector answered \(response.status)")
    }
  }

  /// `Retry-After`: a number of seconds, or a date.
  private static func retryAfter(_ response: HTTPResponse, now: Int64) -> TimeAmount? {
    var found: TimeAmount?
    response.forEachHeader { name, value in
      guard name.lowercased() == "retry-after" else { return }
      if let seconds = Int64(value), seconds >= 0 {
        found = .seconds(min(seconds, 86_400))
      } else if let date = HTTPDate.seconds(value) {
        found = .seconds(min(max(date - now, 0), 86_400))
      }
    }
    return found
  }
}

/// What a collector says of a request that it took only a part of (OTLP's `ExportTracePartialSuccess`).
enum PartialSuccess {
  /// How many spans were rejected, and why; none where the body says nothing that can be read.
  static func read(_ body: [UInt8], _ encoding: TraceExport.Encoding) -> (rejected: Int, why: String) {
    let found: (rejected: Int, why: String?)
    switch encoding {
    case .json: found = json(body)
    case .protobuf: found = protobuf(body)
    }
    return (max(0, found.rejected), BoundedText.of(found.why ?? "the collector does not say why", limit: 300))
  }

  private static func json(_ body: [UInt8]) -> (Int, String?) {
    guard let partial = (try? JSONValue(body))?["partialSuccess"] else { return (0, nil) }
    let rejected: Int? =
      switch partial["rejectedSpans"] {
      case .string(let digits), .number(let digits): Int(digits)
      default: nil
      }
    guard case .string(let why)? = partial["errorMessage"], !why.isEmpty else { return (rejected ?? 0, nil) }
    return (rejected ?? 0, why)
  }

  private static func protobuf(_ body: [UInt8]) -> (Int, String?) {
    guard case .bytes(let inner)? = ProtobufReader.fields(body)?[1], let partial = ProtobufReader.fields(inner) else {
      return (0, nil)
    }
    var rejected = 0
    if case .varint(let count)? = partial[1] { rejected = Int(truncatingIfNeeded: count) }
    guard case .bytes(let why)? = partial[2], !why.isEmpty else { return (rejected, nil) }
    return (rejected, String(decoding: why, as: UTF8.self))
  }
}
