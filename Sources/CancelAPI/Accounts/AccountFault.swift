/// What is wrong with one account's configuration, and what to do about it; never a secret's value.
public struct AccountFault: Error, Hashable, Sendable, CustomStringConvertible {
  /// The account's name, or its place in the file; `nil` where the fault is the file's.
  public var account: String?
  /// The member at fault; `nil` where it is the account as a whole.
  public var member: String?
  /// What is wrong and the fix.
  public var message: String

  /// A fault of `member` of `account`.
  public init(account: String? = nil, member: String? = nil, message: String) {
    self.account = account
    self.member = member
    self.message = message
  }

  /// `account, member: message`
  public var description: String {
    let place = [account.map { "account \($0)" }, member].compactMap(\.self).joined(separator: ", ")
    return place.isEmpty ? message : "\(place): \(message)"
  }

  /// The message about a secret with bytes that a header must not have.
  static let notHeaderSafe =
    "the secret is empty, or has a space, line end, control character or non-ASCII character inside; "
    + "copy it again from the API's settings page"
}
