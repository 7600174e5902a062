import CancelContract
import Yams

/// Reads the accounts of one file. It collects every fault instead of stopping at the first.
package struct AccountsReader {
  package private(set) var faults: [AccountFault] = []
  private(set) var secrets: SecretSource
  private let path: String

  package init(path: String, environment: [String: String]) {
    self.path = path
    self.secrets = SecretSource(directory: Self.directory(of: path), environment: environment)
  }

  /// The valid accounts; ``faults`` lists what is wrong with the others.
  package mutating func read(_ text: String) -> [Account] {
    guard let root = parse(text) else { return [] }
    guard case .mapping(let written) = root else {
      faults.append(AccountFault(message: "the file is not a mapping; it must have the member accounts"))
      return []
    }
    let members = written.merged
    for (key, _) in members where key.string != "accounts" && !key.isExtension {
      faults.append(AccountFault(message: "unknown member \(Self.shown(key)); only accounts is known"))
    }
    switch members["accounts"] {
    case .mapping(let entries)?: return read(entries.merged.map { (name: $0.key, members: $0.value) })
    case .sequence(let entries)?: return read(entries.map { (name: nil, members: $0) })
    case .scalar?, .alias?, nil:
      faults.append(AccountFault(message: "accounts is missing, or neither a mapping nor a list"))
      return []
    }
  }

  /// JSON is YAML too, so one parser reads both. Its errors quote the text, so only their place is passed on.
  private mutating func parse(_ text: String) -> Node? {
    do {
      // without the resolver's rules every scalar stays the text that was written, and a hundred times the speed
      if let root = try Parser(yaml: text, resolver: .basic).singleRoot() { return root }
      faults.append(AccountFault(message: "the file is empty; it must have the member accounts"))
    } catch YamlError.duplicatedKeysInMapping(let names, let context) {
      for name in names {
        faults.append(
          AccountFault(
            message: "\"\(name.prefix(AccountsFile.longestName))\" stands twice in one mapping, near line "
              + "\(context.mark.line); remove or rename one"))
      }
    } catch YamlError.scanner(_, _, let mark, _), YamlError.parser(_, _, let mark, _),
      YamlError.composer(_, _, let mark, _)
    {
      faults.append(
        AccountFault(
          message: "the file is neither well-formed YAML nor JSON: see line \(mark.line), column \(mark.column)"))
    } catch {
      faults.append(AccountFault(message: "the file can't be read as YAML or JSON in UTF-8"))
    }
    return nil
  }

  private mutating func read(_ entries: [(name: Node?, members: Node)]) -> [Account] {
    var accounts: [Account] = []
    accounts.reserveCapacity(entries.count)
    var seen: Set<String> = []
    if entries.isEmpty { faults.append(AccountFault(message: "accounts is empty; name at least one")) }
    for (index, entry) in entries.enumerated() {
      let place = "number \(index + 1)"
      guard case .mapping(let written) = entry.members else {
        let name = entry.name?.string.map { "\"\($0.prefix(AccountsFile.longestName))\"" } ?? place
        faults.append(AccountFault(account: name, message: "is not a mapping with the account's members"))
        continue
      }
      let members = written.merged
      guard let name = name(entry.name ?? members["name"], place: place) else { continue }
      guard seen.insert(name).inserted else {
        faults.append(AccountFault(account: name, member: "name", message: "stands twice; remove or rename one"))
        continue
      }
      if let account = account(name, members, isNamedByKey: entry.name != nil) { accounts.append(account) }
    }
    return accounts
  }

  private mutating func name(_ node: Node?, place: String) -> String? {
    guard let name = node?.string, !name.isEmpty else {
      faults.append(AccountFault(account: place, member: "name", message: "is missing, empty or not text"))
      return nil
    }
    guard name.utf8.count <= AccountsFile.longestName else {
      faults.append(
        AccountFault(account: place, member: "name", message: "is longer than \(AccountsFile.longestName) bytes"))
      return nil
    }
    guard !name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
      faults.append(AccountFault(account: place, member: "name", message: "has a control character"))
      return nil
    }
    return name
  }

  private mutating func account(_ name: String, _ members: Node.Mapping, isNamedByKey: Bool) -> Account? {
    var draft = AccountDraft(name: name)
    for (key, value) in members where !key.isExtension {
      guard let member = key.string else {
        faults.append(AccountFault(account: name, message: "a member's name is not text"))
        continue
      }
      if member == "name" {
        if isNamedByKey {
          faults.append(
            AccountFault(account: name, member: member, message: "the account has its name already; remove this one"))
        }
      } else if let known = AccountDraft.Member(rawValue: member) {
        draft.set(known, value.string)
      } else {
        draft.refuse(Self.shown(key), "is not a member that is known; \(AccountDraft.Member.list)")
      }
    }
    let account = draft.account(&secrets)
    faults += draft.faults
    return account
  }

  /// A key as it may be shown: a secret with a stray colon can end up as one, so only what looks like a name is.
  private static func shown(_ key: Node) -> String {
    guard let text = key.string, (1...24).contains(text.utf8.count),
      text.utf8.allSatisfy({ ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z") })
    else { return "(not shown)" }
    return text
  }

  private static func directory(of path: String) -> String {
    path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
  }
}

extension Node {
  /// Whether this key begins with `x-`: what stands under it is for the file's author, such as a template with an
  /// anchor. Compose files have the same.
  fileprivate var isExtension: Bool { string?.hasPrefix("x-") == true }

  /// Whether this key is YAML's merge key, `<<` without quotes.
  fileprivate var isMergeKey: Bool {
    guard case .scalar(let scalar) = self else { return false }
    return scalar.style == .plain && scalar.string == "<<"
  }
}

extension Node.Mapping {
  /// The members with those that merge keys bring in. Its own go first, then those of mappings named earlier.
  fileprivate var merged: Node.Mapping {
    guard contains(where: { $0.key.isMergeKey }) else { return self }
    var pairs: [(Node, Node)] = []
    var known: Set<Node> = []
    for (key, value) in self where !key.isMergeKey {
      pairs.append((key, value))
      known.insert(key)
    }
    for (key, value) in self where key.isMergeKey {
      let sources: [Node] = if case .sequence(let sources) = value { Array(sources) } else { [value] }
      for source in sources {
        guard case .mapping(let mapping) = source else {
          // it stays, so that it is told as a member that is not known
          pairs.append((key, value))
          continue
        }
        for (key, value) in mapping.merged where known.insert(key).inserted { pairs.append((key, value)) }
      }
    }
    return Node.Mapping(pairs)
  }
}

/// One account of the file while it is read: its members as text, which are checked together at the end.
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
