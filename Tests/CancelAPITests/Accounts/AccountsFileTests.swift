import CancelContract
import Testing

@testable import CancelAPI

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

struct AccountsFileTests {
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
  }

  private func load(_ text: String, environment: [String: String] = [:]) throws -> AccountsFile {
    try AccountsFile.load(path: directory.write("accounts.yaml", text), environment: environment)
  }

  /// What loading `text` finds fault with, `account|member|message` each.
  private func faults(_ text: String, environment: [String: String] = [:]) throws -> [AccountFault] {
    let error = #expect(throws: AccountsFileError.self) { try load(text, environment: environment) }
    for canary in Canary.all { #expect(error?.description.contains(canary) == false) }
    return error?.faults ?? []
  }

  @Test func readsAMapping() throws {
    try directory.write("user.key", "\n \(Canary.userKey) \r\n\n")
    let file = try load(
      """
      accounts:
        desk-a:
          environment: real
          apiKey: env:DESK_A
          userKey: file:user.key
        "desk b": { environment: demo, bearerToken: 1234567 }
      """, environment: ["DESK_A": Canary.apiKey])
    #expect(file.accounts.count == 2)
    let a = try #require(file.accounts["desk-a"])
    #expect(a.environment == .real)
    #expect(a.credential == .keyPair(apiKey: Secret(Canary.apiKey), userKey: Secret(Canary.userKey)))
    let b = try #require(file.accounts["desk b"])
    #expect(b.environment == .demo)
    #expect(b.credential == .bearer(Secret("1234567")))
    #expect(file.accounts["nobody"] == nil)
    #expect(file.warnings.isEmpty)
    #expect(file.paths == ["\(directory.path)/accounts.yaml", "\(directory.path)/user.key"])
  }

  @Test func readsAList() throws {
    let file = try load(
      """
      accounts:
        - { name: a, environment: demo, apiKey: k, userKey: u }
        - name: b
          environment: real
          bearerToken: t
      """)
    #expect(Set(file.accounts.names) == ["a", "b"])
  }

  @Test func readsJSON() throws {
    let file = try load(
      """
      {
      \t"accounts": {
      \t\t"a": {"environment": "demo", "apiKey": "k\\u0041\\/", "userKey": "u"},
      \t\t"b":{"environment":"real","bearerToken":"t"}
      \t}
      }
      """)
    #expect(file.accounts["a"]?.credential == .keyPair(apiKey: Secret("kA/"), userKey: Secret("u")))
    #expect(file.accounts["b"]?.environment == .real)
  }

  @Test func readsMergeKeysAndExtensionsAsComposeDoes() throws {
    let file = try load(
      """
      x-demo: &demo
        environment: demo
        apiKey: env:KEY
        x-owner: desk
      x-note: [1, {a: b}]
      accounts:
        one: { <<: *demo, userKey: user-key-1 }
        two:
          <<: [{ userKey: user-key-2 }, *demo]
          x-comment: anything
          environment: real
        three:
          <<: &three { <<: *demo, userKey: user-key-3 }
        <<: { four: { <<: *three, userKey: user-key-4 } }
      """, environment: ["KEY": Canary.apiKey])
    #expect(Set(file.accounts.names) == ["one", "two", "three", "four"])
    for (name, number) in ["one": 1, "two": 2, "three": 3, "four": 4] {
      #expect(
        file.accounts[AccountName(name)]?.credential
          == .keyPair(apiKey: Secret(Canary.apiKey), userKey: Secret("user-key-\(number)")))
    }
    #expect(file.accounts["two"]?.environment == .real)
    #expect(file.accounts["three"]?.environment == .demo)
  }

  @Test func aMergeOfWhatIsNoMappingIsTold() throws {
    let faults = try faults("accounts: { a: { <<: \(Canary.token), environment: demo, bearerToken: a-secret } }")
    #expect(faults.count == 1 && faults[0].account == "a")
  }

  @Test func tellsEveryFaultAtOnce() throws {
    let long = String(repeating: "n", count: 129)
    let faults = try faults(
      """
      extra: 1
      accounts:
        - { name: both, environment: demo, apiKey: \(Canary.apiKey), userKey: \(Canary.userKey), bearerToken: \(Canary.token) }
        - { name: none, environment: demo }
        - { name: half, environment: demo, apiKey: \(Canary.apiKey) }
        - { name: nowhere, apiKey: \(Canary.apiKey), userKey: \(Canary.userKey) }
        - { name: elsewhere, environment: production, bearerToken: \(Canary.token) }
        - { name: hostile, environment: demo, bearerToken: "\(Canary.token)\\r\\nx-evil: 1" }
        - { name: unset, environment: demo, bearerToken: "env:NOT_SET" }
        - { name: lost, environment: demo, bearerToken: "file:lost.key" }
        - { name: twice, environment: demo, bearerToken: a }
        - { name: twice, environment: demo, bearerToken: b }
        - { name: misspelt, environment: demo, apikey: \(Canary.apiKey), userKey: \(Canary.userKey) }
        - { name: \(long), environment: demo, bearerToken: a }
        - { environment: demo, bearerToken: a }
        - \(Canary.token)
        - { name: fine, environment: demo, bearerToken: a }
      """)
    let told = Set(faults.map { "\($0.account ?? "-")|\($0.member ?? "-")" })
    #expect(
      told == [
        "-|-", "both|bearerToken", "none|-", "half|userKey", "nowhere|environment", "elsewhere|environment",
        "hostile|bearerToken", "unset|bearerToken", "lost|bearerToken", "twice|name", "misspelt|apikey",
        "misspelt|apiKey", "number 12|name", "number 13|name", "number 14|-",
      ])
    #expect(faults.count == told.count)
    for fault in faults { #expect(fault.message.count > 10) }
  }

  @Test(arguments: [
    "", "- a", "accounts: 3", "accounts: {}", "accounts: []", "accounts:", "[", "{\"accounts\": {", "\u{1}",
    "accounts: {a: {environment: demo, bearerToken: \(Canary.token)}, a: {}}", "accounts: *\(Canary.token)",
    "accounts: {\(Canary.token): \(Canary.apiKey) : x}", "accounts: \"\(Canary.token)", "%\(Canary.token)",
  ])
  func tellsWhatIsNoAccountsFile(_ text: String) throws {
    #expect(try !faults(text).isEmpty)
  }

  @Test func nestingCannotExhaustTheStack() throws {
    let text = "accounts: " + String(repeating: "[", count: 100_000)
    #expect(try !faults(text).isEmpty)
  }

  @Test func tellsWhyAFileCannotBeRead() throws {
    let missing = #expect(throws: AccountsFileError.self) {
      try AccountsFile.load(path: "\(directory.path)/none.yaml", environment: [:])
    }
    #expect(missing?.description.contains("does not exist") == true)
    let folder = #expect(throws: AccountsFileError.self) {
      try AccountsFile.load(path: directory.path, environment: [:])
    }
    #expect(folder?.description.contains("not a regular file") == true)
  }

  @Test func warnsOfFilesThatEverybodyMayRead() throws {
    let secret = try directory.write("open.key", "a-secret", mode: 0o604)
    let path = try directory.write(
      "open.yaml", "accounts: {a: {environment: demo, bearerToken: 'file:\(secret)'}}", mode: 0o644)
    let file = try AccountsFile.load(path: path, environment: [:])
    #expect(file.warnings.count == 2)
    #expect(file.warnings.allSatisfy { $0.contains("chmod o-rwx") })
    let shared = try directory.write(
      "group.yaml", "accounts: {a: {environment: demo, bearerToken: a-secret}}", mode: 0o440)
    #expect(try AccountsFile.load(path: shared, environment: [:]).warnings.isEmpty)
  }

  @Test func warnsOfSecretsTooShortToBeFoundInAnAnswer() throws {
    let file = try load("accounts: {a: {environment: demo, apiKey: short, userKey: longer}}")
    #expect(file.warnings.count == 1)
    #expect(file.warnings.allSatisfy { $0.contains("account a, apiKey") && !$0.contains("short;") })
  }

  @Test(arguments: [true, false])
  func tenThousandAccountsLoadInUnderASecond(_ isYAML: Bool) throws {
    var text = isYAML ? "accounts:\n" : "{\"accounts\":{\n"
    for number in 0..<10_000 {
      let key = "\(String(repeating: "k", count: 64))\(number)"
      let user = "\(String(repeating: "u", count: 180))\(number)"
      text +=
        isYAML
        ? "  account-\(number):\n    environment: real\n    apiKey: \(key)\n    userKey: \(user)\n"
        : "\(number == 0 ? "" : ",\n")\"account-\(number)\":"
          + "{\"environment\":\"real\",\"apiKey\":\"\(key)\",\"userKey\":\"\(user)\"}"
    }
    if !isYAML { text += "}}" }
    let start = processorTime()
    #expect(try load(text).accounts.count == 10_000)
    let time = processorTime() - start
    print("10,000 accounts (\(isYAML ? "YAML" : "JSON")): \(time) of processor time")
    // a debug build is many times slower than what is promised of a release build
    #if DEBUG
      #expect(time < .seconds(10))
    #else
      #expect(time < .seconds(1))
    #endif
  }
}

/// What this thread has used of the processor, so that a busy machine makes no difference.
private func processorTime() -> Duration {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return .seconds(Int64(time.tv_sec)) + .nanoseconds(Int64(time.tv_nsec))
}

struct AccountsFromEnvironmentTests {
  @Test func readsAKeyPairAndAToken() throws {
    let pair = try Accounts.fromEnvironment(["ETORO_API_KEY": "k", "ETORO_USER_KEY": "u"])
    #expect(pair["default"]?.environment == .demo)
    #expect(pair["default"]?.credential == .keyPair(apiKey: Secret("k"), userKey: Secret("u")))
    let token = try Accounts.fromEnvironment(["ETORO_BEARER_TOKEN": "t", "ETORO_ENVIRONMENT": "real"])
    #expect(token["default"]?.environment == .real)
    #expect(token["default"]?.credential == .bearer(Secret("t")))
  }

  @Test func readsSecretsFromFiles() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("token", "\(Canary.token)\n", mode: 0o604)
    let file = try AccountsFile.fromEnvironment(["ETORO_BEARER_TOKEN_FILE": path])
    #expect(file.accounts["default"]?.credential == .bearer(Secret(Canary.token)))
    #expect(file.paths == [path])
    #expect(file.warnings.count == 1)
  }

  @Test func namesTheVariablesInItsFaults() {
    let error = #expect(throws: AccountsFileError.self) {
      try Accounts.fromEnvironment([
        "ETORO_API_KEY": Canary.apiKey, "ETORO_BEARER_TOKEN": Canary.token, "ETORO_ENVIRONMENT": "live",
        "ETORO_USER_KEY": Canary.userKey, "ETORO_USER_KEY_FILE": "/dev/null",
      ])
    }
    let members = Set(error?.faults.compactMap(\.member) ?? [])
    #expect(members == ["ETORO_ENVIRONMENT", "ETORO_BEARER_TOKEN", "ETORO_USER_KEY"])
    for canary in Canary.all { #expect(error?.description.contains(canary) == false) }
    #expect(throws: AccountsFileError.self) { try Accounts.fromEnvironment([:]) }
    #expect(throws: AccountsFileError.self) { try Accounts.fromEnvironment(["ETORO_API_KEY": ""]) }
  }
}
