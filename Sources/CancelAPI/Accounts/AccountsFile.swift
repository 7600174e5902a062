import CancelContract

/// The accounts file: YAML or JSON, read and checked as a whole.
///
/// ```yaml
/// accounts:
///   desk-a:
///     environment: real              # or demo
///     apiKey: env:DESK_A_API_KEY     # from the environment
///     userKey: file:desk-a.userkey   # from a file beside this one
///   desk-b: { environment: demo, bearerToken: file:/run/secrets/desk-b }
/// ```
///
/// `accounts` may also be a list whose entries have a `name`. A secret that begins with neither `env:` nor `file:` is
/// taken literally.
public struct AccountsFile: Sendable {
  /// The accounts.
  public let accounts: Accounts
  /// What an operator should know though it is no fault, such as a file that others may read.
  public let warnings: [String]
  /// Every file that was read: the accounts file itself, then the secrets' files. A change of any calls for a reload.
  public let paths: [String]

  /// The most that an accounts file may hold, in bytes.
  static let largest = 64 * 1024 * 1024
  /// The longest name of an account, in bytes of UTF-8.
  static let longestName = 128

  /// Reads and checks an accounts file.
  ///
  /// - Parameters:
  ///   - path: The file.
  ///   - environment: Where `env:` secrets come from.
  /// - Throws: ``AccountsFileError`` with every fault found.
  public static func load(
    path: String,
    environment: [String: String]
  ) throws(AccountsFileError) -> AccountsFile {
    let file: ConfidentialFile
    do {
      file = try ConfidentialFile(path: path, largest: largest)
    } catch {
      throw AccountsFileError(path: path, faults: [AccountFault(message: error.message)])
    }
    var reader = AccountsReader(path: path, environment: environment)
    let accounts = reader.read(file.text)
    guard reader.faults.isEmpty else { throw AccountsFileError(path: path, faults: reader.faults) }
    let exposed = (file.isExposed ? [path] : []) + reader.secrets.exposedPaths
    return AccountsFile(
      accounts: Accounts(accounts), warnings: ConfidentialFile.warnings(exposed: exposed) + shortSecrets(of: accounts),
      paths: [path] + reader.secrets.paths)
  }

  /// What to say of secrets that ordinary text has by chance; the first few by name.
  static func shortSecrets(of accounts: [Account]) -> [String] {
    let short = accounts.flatMap { account in
      account.credential.secrets.filter(\.secret.isFoundByChance).map { "account \(account.name), \($0.member)" }
    }
    var warnings = short.prefix(10).map {
      "\($0): has fewer than \(EchoSearch.shortestSecret) characters, too few to tell it from ordinary text, so "
        + "answers of the API that have these characters anywhere are left out of results; check that it is whole"
    }
    if short.count > 10 { warnings.append("and \(short.count - 10) more, as short") }
    return warnings
  }
}

/// Everything that is wrong with an accounts file or the accounts in the environment.
public struct AccountsFileError: Error, Sendable, CustomStringConvertible {
  /// The file; `nil` where the accounts come from environment variables.
  public let path: String?
  /// The faults in the order of the file; at least one.
  public let faults: [AccountFault]

  /// One fault a line, under a heading; the first hundred of them.
  public var description: String {
    let source = path.map { "the accounts file \($0)" } ?? "the account in the environment"
    let heading = "\(source) has \(faults.count == 1 ? "a fault" : "\(faults.count) faults"):"
    var lines = [heading] + faults.prefix(100).map { "- \($0)" }
    if faults.count > 100 { lines.append("- and \(faults.count - 100) more") }
    return lines.joined(separator: "\n")
  }
}

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

extension AccountsFile {
  /// The one account that environment variables describe, for a worker without an accounts file.
  ///
  /// `ETORO_ENVIRONMENT` is `demo` (the default) or `real`; the secrets are `ETORO_API_KEY` and `ETORO_USER_KEY`, or
  /// `ETORO_BEARER_TOKEN`, each taken literally, or from a file where its name ends in `_FILE`.
  ///
  /// - Throws: ``AccountsFileError`` with every fault found.
  public static func fromEnvironment(
    _ variables: [String: String],
    name: AccountName = "default"
  ) throws(AccountsFileError) -> AccountsFile {
    var draft = AccountDraft(
      name: name.description,
      labels: [
        .environment: "ETORO_ENVIRONMENT", .apiKey: "ETORO_API_KEY", .userKey: "ETORO_USER_KEY",
        .bearerToken: "ETORO_BEARER_TOKEN",
      ])
    var secrets = SecretSource(directory: "", environment: [:])
    draft.set(.environment, variables["ETORO_ENVIRONMENT"] ?? APIEnvironment.demo.name)
    draft.set(.apiKey, variable: "ETORO_API_KEY", of: variables)
    draft.set(.userKey, variable: "ETORO_USER_KEY", of: variables)
    draft.set(.bearerToken, variable: "ETORO_BEARER_TOKEN", of: variables)
    guard let account = draft.account(&secrets) else { throw AccountsFileError(path: nil, faults: draft.faults) }
    return AccountsFile(
      accounts: Accounts([account]),
      warnings: ConfidentialFile.warnings(exposed: secrets.exposedPaths) + shortSecrets(of: [account]),
      paths: secrets.paths)
  }
}

extension Accounts {
  /// The one account that environment variables describe; see ``AccountsFile/fromEnvironment(_:name:)``.
  public static func fromEnvironment(_ variables: [String: String]) throws(AccountsFileError) -> Accounts {
    try AccountsFile.fromEnvironment(variables).accounts
  }
}

extension AccountDraft {
  fileprivate mutating func set(_ member: Member, variable name: String, of variables: [String: String]) {
    switch (variables[name], variables[name + "_FILE"]) {
    case (nil, nil): break
    case (let value?, nil): set(member, value)
    case (nil, let path?): set(member, path.isEmpty ? nil : "file:" + path)
    case (_?, _?): refuse(name, "stands beside \(name)_FILE; remove the one or the other")
    }
  }
}
