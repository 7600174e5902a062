import CancelContract

/// The path of the cancel endpoint in each environment.
///
/// A table, not a rule that turns one into the other: the API moves its routes one at a time.
public struct CancelPaths: Hashable, Sendable {
  /// The path for demo accounts.
  public var demo: CancelPath
  /// The path for real accounts.
  public var real: CancelPath

  /// These two paths.
  public init(demo: CancelPath = .demoV2, real: CancelPath = .realV2) {
    self.demo = demo
    self.real = real
  }

  /// The path for accounts of `environment`.
  public subscript(environment: APIEnvironment) -> CancelPath {
    switch environment {
    case .demo: demo
    case .real: real
    }
  }
}

/// The paths that tell what is pending, in each environment. Real and demo differ irregularly, so they are a table.
public struct ReadPaths: Hashable, Sendable {
  /// The list of a demo account's orders.
  public var demoPortfolio = "/api/v1/trading/info/demo/portfolio"
  /// The list of a real account's orders.
  public var realPortfolio = "/api/v1/trading/info/portfolio"
  /// The lookup of a demo account's order.
  public var demoLookup = CancelPath.demoLookupV2
  /// The lookup of a real account's order.
  public var realLookup = CancelPath.realLookupV2

  /// The contract's paths.
  public init() {}

  /// What is wrong with a path of a list; `nil` for nothing.
  package static func fault(ofPortfolio path: String) -> String? {
    guard path.hasPrefix("/"), !path.hasPrefix("//"), path.utf8.allSatisfy({ CancelPath.isPathByte($0) || $0 == 0x3F })
    else { return "is not a path: write it like /api/v1/trading/info/portfolio" }
    return nil
  }
}

/// A path with one place for the order's number, written `{orderId}`.
public struct CancelPath: Hashable, Sendable, CustomStringConvertible {
  /// What stands before the number.
  let prefix: String
  /// What stands after it.
  let suffix: String

  private init(prefix: String, suffix: String) {
    self.prefix = prefix
    self.suffix = suffix
  }

  /// The v2 route for demo accounts.
  public static let demoV2 = CancelPath(prefix: "/api/v2/trading/execution/demo/orders/", suffix: "")

  /// The v2 route for real accounts.
  public static let realV2 = CancelPath(prefix: "/api/v2/trading/execution/orders/", suffix: "")

  /// The v2 route that looks up an order of a demo account.
  public static let demoLookupV2 = CancelPath(prefix: "/api/v2/trading/info/demo/orders:lookup?orderId=", suffix: "")

  /// The v2 route that looks up an order of a real account.
  public static let realLookupV2 = CancelPath(prefix: "/api/v2/trading/info/orders:lookup?orderId=", suffix: "")

  /// Reads a template such as `/api/v3/orders/{orderId}`.
  ///
  /// - Throws: ``CancelClientError`` with the code `path`, unless the template begins with one `/`, has `{orderId}`
  ///   exactly once, and apart from that only characters that a path may have.
  ///
  /// - Parameter allowsQuery: Whether the order's number may stand in a query, as it does in a lookup.
  public init(_ template: String, allowsQuery: Bool = false) throws(CancelClientError) {
    func refuse(_ why: String) -> CancelClientError {
      CancelClientError(
        .path,
        "the path \"\(template.prefix(200))\" \(why); "
          + "write it like /api/v2/trading/execution/orders/{orderId}")
    }
    guard template.hasPrefix("/"), !template.hasPrefix("//") else { throw refuse("does not begin with a single /") }
    let parts = template.split(separator: "{orderId}", omittingEmptySubsequences: false)
    guard parts.count == 2 else { throw refuse("does not have {orderId} exactly once") }
    guard let prefix = parts.first, let suffix = parts.last else { throw refuse("is empty") }
    for part in parts where !part.utf8.allSatisfy({ Self.isPathByte($0) || allowsQuery && $0 == UInt8(ascii: "?") }) {
      throw refuse("has characters that a path may not have (a query, a fragment, a space, a brace or the like)")
    }
    guard !template.split(separator: "/").contains(where: { $0 == "." || $0 == ".." }) else {
      throw refuse("has . or .. as a segment")
    }
    self.init(prefix: String(prefix), suffix: String(suffix))
  }

  /// The template as it was written.
  public var description: String { prefix + "{orderId}" + suffix }

  /// Whether `byte` may stand in a path (RFC 3986, `pchar` and `/`).
  static func isPathByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"):
      true
    default:
      "/-._~%!$&'()*+,;=:@".utf8.contains(byte)
    }
  }
}
