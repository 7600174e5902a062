import CancelContract
import CancelService
import Foundation
import Kafka
import Synchronization

/// Sentences about sweeps and campaigns.
enum SweepLines {
  /// What a sweep's own result says.
  static func summary(_ result: CancelResult, _ report: SweepReport) -> String {
    let counts = report.counts
    var lines: [String] = []
    switch (report.deadMansSwitch, result.outcome) {
    case (.armed(let until)?, _):
      lines.append("armed: the sweep begins at \(until.rfc3339) unless it is moved or disarmed")
    case (.disarmed(let wasArmed)?, _): lines.append(wasArmed ? "disarmed" : "there was no such switch to disarm")
    case (_, .acknowledged):
      lines.append("dry run: \(counted(counts.listed, "order")) would be cancelled, nothing was")
      if let end = report.estimatedEnd {
        lines.append("under the quota the last cancel would be sent at \(end.rfc3339)")
      }
    case (_, .accepted):
      lines.append("done: no order is left; listed=\(counts.listed) accepted=\(counts.accepted)")
    default:
      lines.append(
        "NOT done: listed=\(counts.listed) accepted=\(counts.accepted) rejected=\(counts.rejected) "
          + "failed=\(counts.failed) expired=\(counts.expired) remaining=\(counts.remaining)")
    }
    if report.notCancellable.total > 0 {
      lines.append(
        "not cancelled, for this endpoint can't: \(counted(report.notCancellable.closingOrders, "closing order")), "
          + counted(report.notCancellable.copiedOrders, "order") + " of copied portfolios")
    }
    return lines.joined(separator: "\n")
  }

  /// How a campaign stands, in one line.
  static func line(_ parts: [CampaignRecord], width: Int = 30) -> String {
    let answered = parts.reduce(0) { $0 + $1.counts.answered }
    let waiting = parts.reduce(0) { $0 + $1.counts.waiting }
    let total = max(answered + waiting, parts.compactMap(\.size).max() ?? 0)
    let filled = total == 0 ? width : width * answered / total
    let bar = String(repeating: "#", count: filled) + String(repeating: ".", count: width - filled)
    var text = "[\(bar)] \(answered)/\(total)"
    for outcome in CancelOutcome.allCases {
      let count = parts.reduce(0) { $0 + ($1.counts.outcomes[outcome] ?? 0) }
      if count > 0 { text += " \(outcome.name)=\(count)" }
    }
    if waiting > 0 { text += " waiting=\(waiting)" }
    if let reason = parts.compactMap(\.waitingFor).first { text += " for \(reason.rawValue)" }
    if waiting > 0, let end = parts.compactMap(\.estimatedEnd).max() { text += ", end about \(end.rfc3339)" }
    return text
  }
}

/// Keeps a campaign's bar on standard error up to date, where that is a terminal; elsewhere a line for each change.
final class CampaignBar: Sendable {
  private struct State {
    var parts: [Int32: CampaignRecord] = [:]
    var isShown = false
  }

  private let campaignID: String
  private let isLive = StandardError.isTerminal
  private let state = Mutex(State())

  init(_ campaignID: String) {
    self.campaignID = campaignID
  }

  /// Takes a record of the campaigns topic.
  func take(_ message: KafkaMessage) {
    guard message.value != nil,
      let record = try? CampaignDecoder().decode(
        value: message.value, headers: message.headers.map { RecordHeader(name: $0.name, value: $0.value) }),
      record.campaignID == campaignID
    else { return }
    state.withLock { state in
      state.parts[record.partition] = record
      let line = SweepLines.line(Array(state.parts.values))
      StandardError.write(isLive ? "\r\(line)\u{1B}[K" : "campaign \(line)\n")
      state.isShown = isLive
    }
  }

  /// Does `print` with the bar taken away; nothing else is written meanwhile.
  func interrupt(_ print: () -> Void) {
    state.withLock { state in
      clear(&state)
      print()
    }
  }

  /// Takes the bar away.
  func end() {
    state.withLock { clear(&$0) }
  }

  private func clear(_ state: inout State) {
    guard state.isShown else { return }
    StandardError.write("\r\u{1B}[K")
    state.isShown = false
  }
}
