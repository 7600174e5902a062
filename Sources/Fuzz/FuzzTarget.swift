import CancelCore

/// A decoder and its promises: makes one input from the random generator, and judges what the decoder does with it.
public struct FuzzTarget: Sendable {
  /// The verdict on one input.
  public enum Verdict: Hashable, Sendable {
    /// The input was read, and rightly so.
    case accepted
    /// The input was refused, and properly so.
    case refused
    /// A promise was broken; says which, and shows the input.
    case violated(String)
  }

  /// The name on the command line.
  public let name: String
  /// Tries one input.
  public let attempt: @Sendable (inout SplitMix64) -> Verdict

  /// A target of that name.
  public init(name: String, attempt: @escaping @Sendable (inout SplitMix64) -> Verdict) {
    self.name = name
    self.attempt = attempt
  }

  /// The decoders of the contract.
  public static let contract: [FuzzTarget] = [.request, .result, .progress, .problem, .json]

  /// All decoders that take what others wrote.
  public static let all: [FuzzTarget] = contract + [.ledger, .answer, .accounts, .configuration]

  /// The verdict for a check that may fail.
  static func verdict(_ accepted: Bool, unless violation: String?, input: @autoclosure () -> [UInt8]) -> Verdict {
    guard let violation else { return accepted ? .accepted : .refused }
    return .violated("\(violation); input: \(printable(input()))")
  }

  /// Bytes for people: as text where they are UTF-8 without control characters, else in hexadecimal.
  static func printable(_ bytes: [UInt8]) -> String {
    let shown = Array(bytes.prefix(2048))
    if let text = String(validating: shown, as: UTF8.self), !text.utf8.contains(where: { $0 < 0x20 }) { return text }
    return shown.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
  }
}

/// Many inputs against one target.
///
/// Input number `i` comes from the seed `seed + i` alone, so that a violation is repeated by one run with that seed.
public struct FuzzRun: Sendable {
  /// What the run found.
  public struct Report: Hashable, Sendable, CustomStringConvertible {
    /// The target's name.
    public var target: String
    /// Inputs that were tried.
    public var runs = 0
    /// Inputs that were read.
    public var accepted = 0
    /// Inputs that were refused.
    public var refused = 0
    /// The seed and the sentence of each broken promise, at most ten.
    public var violations: [String] = []

    /// The figures in one line.
    public var description: String {
      "target=\(target) runs=\(runs) accepted=\(accepted) refused=\(refused) violations=\(violations.count)"
    }
  }

  /// The target.
  public var target: FuzzTarget
  /// How many inputs to try.
  public var runs: Int
  /// The first input's seed.
  public var seed: UInt64

  /// A run with the given members.
  public init(target: FuzzTarget, runs: Int, seed: UInt64) {
    self.target = target
    self.runs = runs
    self.seed = seed
  }

  /// Tries all inputs, or stops at the tenth broken promise.
  ///
  /// - Parameter progress: Called with the figures so far, every `interval` inputs.
  public func perform(every interval: Int = .max, progress: (Report) -> Void = { _ in }) -> Report {
    var report = Report(target: target.name)
    for index in 0..<runs {
      let seed = seed &+ UInt64(index)
      var random = SplitMix64(seed: seed)
      report.runs += 1
      switch target.attempt(&random) {
      case .accepted: report.accepted += 1
      case .refused: report.refused += 1
      case .violated(let sentence):
        report.violations.append("seed \(seed): \(sentence)")
        if report.violations.count == 10 { return report }
      }
      if report.runs.isMultiple(of: interval) { progress(report) }
    }
    return report
  }
}
