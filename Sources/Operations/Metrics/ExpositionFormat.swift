/// The text formats in which metrics are read.
public enum ExpositionFormat: Sendable {
  /// Prometheus text format 0.0.4.
  case text
  /// OpenMetrics 1.0.
  case openMetrics

  /// The `content-type` of an answer.
  public var contentType: String {
    switch self {
    case .text: "text/plain; version=0.0.4; charset=utf-8"
    case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
    }
  }

  /// The format that an `accept` header asks for: OpenMetrics where it is named with no less weight than plain text.
  public init(accept: String?) {
    var openMetrics = 0.0
    var text = 0.0
    for range in (accept ?? "").prefix(4096).split(separator: ",") {
      let parts = range.split(separator: ";").map(Self.trimmed)
      guard let type = parts.first?.lowercased() else { continue }
      var weight = 1.0
      var version: String?
      for parameter in parts.dropFirst() {
        let pair = parameter.split(separator: "=", maxSplits: 1)
        guard pair.count == 2, let name = pair.first, let value = pair.last else { continue }
        switch Self.trimmed(name).lowercased() {
        case "q": weight = Double(Self.trimmed(value)).map { min(max($0, 0), 1) } ?? 0
        case "version": version = Self.trimmed(value)
        default: break
        }
      }
      switch type {
      case "application/openmetrics-text":
        guard version == nil || version == "1.0.0" || version == "0.0.1" else { continue }
        openMetrics = max(openMetrics, weight)
      case "text/plain", "text/*", "*/*": text = max(text, weight)
      default: break
      }
    }
    self = openMetrics > 0 && openMetrics >= text ? .openMetrics : .text
  }

  private static func trimmed(_ text: some StringProtocol) -> String {
    var rest = Substring(text)
    while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
    while let last = rest.last, last == " " || last == "\t" || last == "\"" { rest.removeLast() }
    if rest.first == "\"" { rest.removeFirst() }
    return String(rest)
  }
}
