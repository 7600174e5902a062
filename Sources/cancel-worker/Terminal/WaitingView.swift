import CancelContract
import Foundation
import Synchronization

/// What a command that waits for results shows on standard error: on a terminal one line that is kept up to date,
/// elsewhere a line for each progress event.
final class WaitingView: Sendable {
  private struct State {
    var waiting: Set<String>
    var progress: [String: ProgressEvent] = [:]
    var isShown = false
  }

  private let state: Mutex<State>
  private let total: Int
  private let startedAt = ContinuousClock.now
  private let isLive: Bool
  private let write: @Sendable (String) -> Void

  init(
    _ cancelIDs: Set<String>, isLive: Bool = StandardError.isTerminal,
    write: @escaping @Sendable (String) -> Void = { StandardError.write($0) }
  ) {
    state = Mutex(State(waiting: cancelIDs))
    total = cancelIDs.count
    self.isLive = isLive
    self.write = write
  }

  /// The result is here; `print` shows it, and nothing else is written meanwhile.
  func answered(_ cancelID: String, print: () -> Void) {
    state.withLock { state in
      state.waiting.remove(cancelID)
      state.progress[cancelID] = nil
      clear(&state)
      print()
      draw(&state)
    }
  }

  /// Takes the progress of requests that are waited for.
  func take(_ event: ProgressEvent) {
    state.withLock { state in
      guard state.waiting.contains(event.cancelID) else { return }
      state.progress[event.cancelID] = event
      if isLive {
        draw(&state)
      } else {
        write("waiting: order \(event.orderID): \(Self.reason(event))\n")
      }
    }
  }

  /// Shows the time that has passed, on a terminal.
  func tick() {
    state.withLock { draw(&$0) }
  }

  /// Takes the line away.
  func end() {
    state.withLock { clear(&$0) }
  }

  private func clear(_ state: inout State) {
    guard state.isShown else { return }
    write("\r\u{1B}[K")
    state.isShown = false
  }

  private func draw(_ state: inout State) {
    guard isLive, !state.waiting.isEmpty else { return }
    let seconds = (ContinuousClock.now - startedAt).components.seconds
    var line = "waiting \(seconds)s for \(state.waiting.count) of \(total)"
    // The one that goes next says most; among very many any one will do.
    let told = state.progress.values
    if let next = told.count <= 1000 ? told.min(by: { $0.place < $1.place }) : told.first {
      line += ": order \(next.orderID): \(Self.reason(next))"
    }
    write("\r\(line.prefix(Self.columns - 1))\u{1B}[K")
    state.isShown = true
  }

  private static var columns: Int {
    var size = winsize()
    guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
    return Int(size.ws_col)
  }

  private static func reason(_ event: ProgressEvent) -> String {
    let reason =
      switch event.reason {
      case .quota: "the key's quota is used up"
      case .outage: "the API does not answer"
      case .breakerHeld: "the API refuses the key"
      case .held: "an operator holds them"
      }
    return "\(reason), place \(event.place)"
      + (event.estimatedAt.map { ", likely at \($0.timeOfDay.prefix(8)) UTC" } ?? "")
  }
}
