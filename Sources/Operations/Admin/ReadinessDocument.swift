import CancelService
import FoundationEssentials

/// What `/readyz` says.
struct ReadinessDocument: Encodable {
  struct Reason: Encodable {
    var code: String
    var detail: String
  }

  var ready: Bool
  var state: String
  var reasons: [Reason]

  init(_ snapshot: WorkerSnapshot) {
    ready = snapshot.isReady
    state = snapshot.state.rawValue
    reasons = snapshot.notReady.map { Reason(code: $0.code, detail: $0.detail) }
  }

  var json: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return (try? encoder.encode(self)).map(Array.init) ?? Array("{}".utf8)
  }
}
