import CancelContract

/// Decides which of many like messages are written: the first few of each interval, and then how many were left out.
public struct RepeatedMessageLimit: Sendable {
  /// What to do with a message.
  public enum Verdict: Equatable, Sendable {
    /// Write it; this many like it were left out since the last one.
    case write(leftOut: Int)
    /// Leave it out.
    case leaveOut
  }

  private struct Window {
    var startedAt: Timestamp
    var written: Int
    var leftOut: Int
  }

  private let interval: Duration
  private let most: Int
  private let mostMessages = 1000
  private var windows: [String: Window] = [:]

  /// At most `most` of each message per `interval`.
  public init(interval: Duration = .seconds(10), most: Int = 5) {
    self.interval = interval
    self.most = most
  }

  /// What was left out since it was last told, by message; told with that.
  public mutating func takeLeftOut() -> [(message: String, count: Int)] {
    var leftOut: [(message: String, count: Int)] = []
    for (message, window) in windows where window.leftOut > 0 {
      leftOut.append((message, window.leftOut))
      windows[message]?.leftOut = 0
    }
    return leftOut.sorted { $0.message < $1.message }
  }

  /// Whether this message is written.
  public mutating func verdict(on message: String, at now: Timestamp) -> Verdict {
    if var window = windows[message], now < window.startedAt + interval {
      guard window.written < most else {
        window.leftOut += 1
        windows[message] = window
        return .leaveOut
      }
      window.written += 1
      windows[message] = window
      return .write(leftOut: 0)
    }
    let leftOut = windows[message]?.leftOut ?? 0
    if windows.count >= mostMessages { windows.removeAll() }
    windows[message] = Window(startedAt: now, written: 1, leftOut: 0)
    return .write(leftOut: leftOut)
  }
}
