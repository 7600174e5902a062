import Testing

@testable import Kafka

@Suite struct SecretMaskTests {
  private static let configuration =
    "principal=desk-admin secretValue=hunter2 extension_token=eyJhbGciOiJub25lIn0.eyJzdWIiOiJkZXNrIn0."
  private let mask = SecretMask([Self.configuration, "p@ss+w0rd/+x", "abc"])

  @Test func aValueIsTakenOutAsAWhole() {
    #expect(mask.masked("SASL: password p@ss+w0rd/+x refused") == "SASL: password *** refused")
    #expect(mask.masked("'P@SS+W0RD/+X'") == "'***'")
    let text = mask.masked("config is \(Self.configuration)!")
    #expect(text.hasPrefix("config is ***"))
    #expect(!text.contains("hunter2") && !text.contains("eyJ") && !text.contains("desk-admin"))
  }

  @Test func theRestOfAValueIsTakenOutWhereverItBegins() {
    let value = Self.configuration
    for start in value.indices {
      let rest = value[start...]
      guard rest.utf8.count >= SecretMask.shortestPart else { break }
      let text = mask.masked("Unrecognized sasl.oauthbearer.config beginning at: \(rest)")
      for part in ["hunter2", "eyJhbGci", "eyJzdWIi", "desk-admin"] { #expect(!text.contains(part), "\(rest)") }
      #expect(text.hasPrefix("Unrecognized sasl.oauthbearer.config beginning at:"), "\(text)")
    }
  }

  @Test(arguments: ["p@ss+w0r…", "user:p@ss+w0rd", "+w0rd/+x", "SASL(p@ss+w0rd)"])
  func aPartIsTakenOut(_ text: String) {
    #expect(mask.masked("at \(text)").contains("***"))
    #expect(!mask.masked("at \(text)").contains("w0r"))
  }

  @Test func everyWordOfAValueIsTakenOutByItself() {
    #expect(mask.masked("bad: hunter2.") == "bad: ***")
    #expect(mask.masked("principal is missing, scope too") == "principal is missing, scope too")
  }

  @Test func ordinaryTextStaysAsItIs() {
    for text in ["abc: Broker transport failure", "", "p@ss+w0", "käse and ünïcode"] {
      #expect(mask.masked(text) == text)
    }
    let key = SecretMask(["-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\n-----END PRIVATE KEY-----\n"])
    #expect(key.masked("Expecting: ANY PRIVATE KEY") == "Expecting: ANY PRIVATE KEY")
    #expect(key.masked("at MIIEvQIBADAN") == "at ***")
  }
}
