import CancelAPI
import CancelContract
import CancelCore
import Testing

@testable import CancelService

@Suite struct AccountDirectoryTests {
  private func accounts(_ credentials: [String: Credential]) throws -> Accounts {
    Accounts(
      try credentials.sorted { $0.key < $1.key }.map {
        try Account(name: AccountName($0.key), environment: .real, credential: $0.value)
      })
  }

  private func pair(_ apiKey: String, _ userKey: String) -> Credential {
    .keyPair(apiKey: Secret(apiKey), userKey: Secret(userKey))
  }

  @Test func aTokenThatIsRenewedKeepsItsUsersQuota() throws {
    var directory = AccountDirectory(
      try accounts(["a": .bearer(Secret("one")), "b": .bearer(Secret("one")), "c": pair("k", "u")]))
    let before = directory.quotaKeys
    for token in 2...50 {
      let renewed = directory.replace(
        with: try accounts([
          "a": .bearer(Secret("\(token)")), "b": .bearer(Secret("\(token)")), "c": pair("k", "u"),
        ]))
      #expect(renewed == [try #require(before["a"])])
    }
    #expect(directory.quotaKeys == before)
    #expect(directory.keyIDs.count == 2)
  }

  @Test func aTokenThatOthersStillUseIsNoRenewal() throws {
    var directory = AccountDirectory(try accounts(["a": .bearer(Secret("one")), "b": .bearer(Secret("one"))]))
    let before = directory.quotaKeys
    let renewed = directory.replace(
      with: try accounts(["a": .bearer(Secret("two")), "b": .bearer(Secret("one"))]))
    #expect(renewed.isEmpty)
    #expect(directory.quotaKeys["b"] == before["b"])
    #expect(directory.quotaKeys["a"] != before["a"])
  }

  @Test func anotherUserKeyIsAnotherUserAndAnotherAPIKeyIsNot() throws {
    var directory = AccountDirectory(try accounts(["a": pair("k", "u")]))
    let before = try #require(directory.quotaKeys["a"])
    #expect(directory.replace(with: try accounts(["a": pair("k", "u")])).isEmpty)
    #expect(directory.replace(with: try accounts(["a": pair("k2", "u")])) == [before])
    #expect(directory.quotaKeys["a"] == before)
    #expect(directory.replace(with: try accounts(["a": pair("k2", "u2")])).isEmpty)
    #expect(directory.quotaKeys["a"] != before)
  }
}
