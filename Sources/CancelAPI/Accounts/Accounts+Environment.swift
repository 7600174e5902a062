import CancelContract

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
