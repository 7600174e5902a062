/// A decoder under attack: makes one input from the random generator, and judges what the decoder does with it.
public struct FuzzTarget: Sendable {
  /// What became of one input.
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
