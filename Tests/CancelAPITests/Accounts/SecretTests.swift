import FoundationEssentials
import Testing

@testable import CancelAPI

struct SecretTests {
  private func dumped(_ value: Any) -> String {
    var text = ""
    dump(value, to: &text)
    return text
  }

  @Test func isNeverSeen() throws {
    let secret = Secret(Canary.apiKey)
    struct Holder { let secret: Secret }
    let shown = [
      "\(secret)", String(reflecting: secret), dumped(secret), "\(Holder(secret: secret))",
      dumped(Holder(secret: secret)), String(reflecting: [secret]),
      String(decoding: try JSONEncoder().encode(["a": secret]), as: UTF8.self),
    ]
    for text in shown { #expect(!text.contains("canary")) }
    #expect("\(secret)" == "<redacted>")
    #expect(secret.reveal() == Canary.apiKey)
  }

  @Test func neitherIsAnAccountsOrACalls() throws {
    for account in [try Canary.pair(), try Canary.bearer()] {
      let call = CancelCall(orderID: try CancelCall.order(1), account: account)
      let values: [Any] = [account, account.credential, account.userKeyID, call, Accounts([account])]
      for value in values {
        for text in ["\(value)", String(reflecting: value), dumped(value)] {
          for canary in Canary.all { #expect(!text.contains(canary)) }
        }
      }
    }
  }

  @Test(arguments: ["", " ", "a b", "a\r\nx-evil: 1", "a\n", "a\0", "schlüssel", "a\t"])
  func whatHasNoPlaceInAHeaderIsRefused(_ text: String) {
    #expect(throws: AccountFault.self) {
      try Account(name: "a", environment: .demo, credential: .bearer(Secret(text)))
    }
    let error = #expect(throws: AccountFault.self) {
      try Account(
        name: "a", environment: .demo, credential: .keyPair(apiKey: Secret("good"), userKey: Secret(text)))
    }
    #expect(error?.account == "a" && error?.member == "userKey")
  }
}

struct UserKeyIDTests {
  private func pair(_ api: String, _ user: String) -> Credential {
    .keyPair(apiKey: Secret(api), userKey: Secret(user))
  }

  @Test func followsTheUserKeyAndTheEnvironment() {
    let id = UserKeyID(environment: .real, credential: pair("a", "u"))
    #expect(id == UserKeyID(environment: .real, credential: pair("b", "u")))
    #expect(id != UserKeyID(environment: .demo, credential: pair("a", "u")))
    #expect(id != UserKeyID(environment: .real, credential: pair("a", "v")))
    #expect(id != UserKeyID(environment: .real, credential: .bearer(Secret("u"))))
  }

  @Test func isTheSameAfterARestart() throws {
    let id = UserKeyID(environment: .demo, credential: pair("a", "user"))
    #expect(id.bytes.count == 16)
    #expect(UserKeyID(bytes: id.bytes) == id)
    #expect(UserKeyID(bytes: [1, 2, 3]) == nil)
    // printf 'demo/userKey/user' | sha256sum
    #expect(id.description == "5134d637")
  }
}
