import CancelAPI
import CancelContract

/// The label `environment`: of the account, or `none` where there is no configured account.
enum MetricEnvironment: String, CaseIterable {
  case demo
  case real
  case none

  init(_ environment: APIEnvironment?) {
    switch environment {
    case .demo: self = .demo
    case .real: self = .real
    case nil: self = .none
    }
  }

  /// The position among all cases.
  var index: Int {
    switch self {
    case .demo: 0
    case .real: 1
    case .none: 2
    }
  }
}

extension CancelAnswer.Kind {
  /// The label `class`.
  var metricLabel: String {
    switch self {
    case .accepted: "accepted"
    case .rejected: "rejected"
    case .credentialRefused: "credential_refused"
    case .throttled: "throttled"
    case .transient: "transient"
    case .ambiguous: "ambiguous"
    }
  }

  /// The position among all cases.
  var metricIndex: Int {
    switch self {
    case .accepted: 0
    case .rejected: 1
    case .credentialRefused: 2
    case .throttled: 3
    case .transient: 4
    case .ambiguous: 5
    }
  }
}
