import CancelAPI
import CancelService
import Kafka

/// What the process's exit status tells; the numbers of BSD's `sysexits.h` where it has one.
public enum ExitCode: Int32, Sendable, CaseIterable {
  /// All went well.
  case ok = 0
  /// `request --wait`: at least one request was not accepted.
  case notAccepted = 1
  /// `demo`: a result is missing or repeated.
  case verdict = 2
  /// The command line can't be understood.
  case usage = 64
  /// The broker or the API can't be reached, or refuses the work; or the admin port is taken.
  case unavailable = 69
  /// The worker can't go on: its producer was fenced or failed for good, or a fault of its own.
  case software = 70
  /// The ledger can't be read, or the group's position lies beyond the end of the requests.
  case data = 65
  /// The configuration, the accounts or the topics are not as they must be.
  case configuration = 78

  /// What it means.
  public var meaning: String {
    switch self {
    case .ok: "all went well"
    case .notAccepted: "request --wait: at least one request was not accepted"
    case .verdict: "demo: a result is missing or repeated"
    case .usage: "the command line can't be understood"
    case .data:
      "the ledger can't be read (a newer worker wrote it?), or the group's position lies beyond the requests' end"
    case .unavailable: "the broker or the API can't be reached, or refuses the work; or the admin port is taken"
    case .software: "the worker can't go on (its producer was fenced); start it again"
    case .configuration: "configuration, accounts or topics are not as they must be"
    }
  }

  /// A line for each code, for the help.
  public static var table: String {
    allCases.sorted { $0.rawValue < $1.rawValue }.map { "  \($0.rawValue)  \($0.meaning)" }.joined(separator: "\n")
  }

  /// The code for what ended a command.
  public init(for error: any Error) {
    switch error {
    case is ConfigurationError, is AccountsFileError, is TopicsUnfit, is CancelClientError: self = .configuration
    case is LedgerUnreadable: self = .data
    case is AdminServerError, is KafkaPublishError: self = .unavailable
    case let error as KafkaError where error.code == .positionBeyondEnd: self = .data
    case let error as KafkaError: self = error.isFatal ? .software : .unavailable
    default: self = .software
    }
  }
}
