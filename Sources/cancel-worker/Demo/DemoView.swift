import CancelContract
import Foundation
import Synchronization

/// Shows results as they come, no faster than eyes can follow: what is left out is counted.
final class DemoView: Sendable {
  private struct State {
    var shownInSlot = 0
    var leftOut = 0
    var slotEndsAt = ContinuousClock.now
  }

  private let state = Mutex(State())
  private let lines = ResultLines.forStandardOutput()
  private static let perSlot = 12
  private static let slot = Duration.milliseconds(500)

  func begin(_ title: String) {
    StandardOutput.write(title + "\n" + lines.header + "\n")
  }

  func show(_ result: CancelResult) {
    let now = ContinuousClock.now
    let text: String? = state.withLock { state in
      var text = ""
      if now >= state.slotEndsAt {
        if state.leftOut > 0 { text = "  … and \(state.leftOut) more\n" }
        state = State(slotEndsAt: now + DemoView.slot)
      }
      guard state.shownInSlot < DemoView.perSlot else {
        state.leftOut += 1
        return nil
      }
      state.shownInSlot += 1
      return text + lines.line(result) + "\n"
    }
    if let text { StandardOutput.write(text) }
  }

  func end() {
    let leftOut = state.withLock { $0.leftOut }
    if leftOut > 0 { StandardOutput.write("  … and \(leftOut) more\n") }
  }
}
