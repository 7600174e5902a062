import CancelContract

/// An account in the making: its members as text, checked when all are there.
struct AccountDraft {
  /// The members of an account, apart from its name.
  enum Member: String, CaseIterable {
    case environment
    case apiKey
    case userKey
    case bearerToken

    /// The members in a sentence.
    static let list = "an account has environment, and either apiKey and userKey or bearerToken"
  }

  /// What is wrong so far.
  private(set) var faults: [AccountFault] = []
  private let name: String
  private let labels: [Member: String]
  private var values: [Member: String] = [:]
  private var isComplete = true

  /// - Parameter labels: What the members are called in faults, where that is not their own name.
  init(name: String, labels: [Member: String] = [:]) {
    self.name = name
    self.labels = labels
  }

  /// Notes a member's text; `nil` stands for a value that is no text.
  mutating func set(_ member: Member, _ text: String?) {
    guard let text, !text.isEmpty else {
      refuse(label(member), "is empty or not text; give a value, or remove it")
      return
    }
    values[member] = text
  }

  /// Notes a fault.
  mutating func refuse(_ member: String?, _ message: String) {
    faults.append(AccountFault(account: name, member: member, message: message))
  }

  /// The account; `nil` where something is wrong with it.
  mutating func account(_ secrets: inout SecretSource) -> Account? {
    let environment = environment()
    let credential = credential(&secrets)
    guard let environment, let credential, faults.isEmpty else { return nil }
    do {
      return try Account(name: AccountName(name), environment: environment, credential: credential)
    } catch {
      faults.append(error)
      return nil
    }
  }

  private mutating func environment() -> APIEnvironment? {
    guard let text = values[.environment] else {
      refuse(label(.environment), "is missing; write demo or real")
      return nil
    }
    guard let environment = APIEnvironment(name: text) else {
      refuse(label(.environment), "is neither demo nor real")
      return nil
    }
    return environment
  }

  private mutating func credential(_ secrets: inout SecretSource) -> Credential? {
    let hasPair = values[.apiKey] != nil || values[.userKey] != nil
    switch (hasPair, values[.bearerToken] != nil) {
    case (false, false):
      if faults.isEmpty {
        refuse(nil, "has no credential; give \(label(.apiKey)) and \(label(.userKey)), or \(label(.bearerToken))")
      }
      return nil
    case (true, true):
      refuse(
        label(.bearerToken),
        "stands beside a key pair, and the API refuses both together; remove the one or the other")
      return nil
    case (true, false):
      guard let apiKey = secret(.apiKey, &secrets), let userKey = secret(.userKey, &secrets) else { return nil }
      return .keyPair(apiKey: apiKey, userKey: userKey)
    case (false, true):
      return secret(.bearerToken, &secrets).map { .bearer($0) }
    }
  }

  private mutating func secret(_ member: Member, _ secrets: inout SecretSource) -> Secret? {
    guard let text = values[member] else {
      if !faults.contains(where: { $0.member == label(member) }) {
        refuse(label(member), "is missing; a key pair needs both \(label(.apiKey)) and \(label(.userKey))")
      }
      return nil
    }
    do {
      return try secrets.secret(text)
    } catch {
      refuse(label(member), error.message)
      return nil
    }
  }

  private func label(_ member: Member) -> String { labels[member] ?? member.rawValue }
}
