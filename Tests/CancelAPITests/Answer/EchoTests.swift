import CancelContract
import Foundation
import Testing

@testable import CancelAPI

/// Answers that repeat the credential, in every spelling and place.
struct EchoTests {
  /// Secrets with characters that get escaped, short and long, and one that is base64 of a document.
  static let secrets = [
    "a+b/c=d9", "a.b:c_d-e,f;g", "k&y<>\"'%", "CANARY+user/key\\42==", "zX8+Qw/7Lm&Tt?u=%41/\\n90+aKqPqRr==",
    "eyJlYW4iOiJVbnJlZ2lzdGVyZWRBcHBsaWNhdGlvbiIsImVrIjoiOE5sZ2cwcW5EUVdROUFNWGpXT2lmOWktZnpidG5KcUlqWGJ3WHJZZkpZ"
      + "cldrbG90ZEhvLVBjSWhQaU8xU1ZtMW84aU1WZGZqN2xWNzFjLXFxLmcybXE1dnh4Q1hUT25xaWRUaTFlcEhmVk1fIn0_",
  ]

  struct Spelling: CustomTestStringConvertible {
    let testDescription: String
    let spell: @Sendable (String) -> String

    init(_ name: String, _ spell: @escaping @Sendable (String) -> String) {
      self.testDescription = name
      self.spell = spell
    }
  }

  static let spellings: [Spelling] = [
    Spelling("as it is") { $0 },
    Spelling("upper case") { $0.uppercased() },
    Spelling("lower case") { $0.lowercased() },
    Spelling("every character as \\u") { $0.utf16.map { "\\u" + hex($0, 4) }.joined() },
    Spelling("every character as \\u in upper case") { $0.utf16.map { "\\u" + hex($0, 4).uppercased() }.joined() },
    Spelling("every character as \\u{}") { $0.utf8.map { "\\u{" + hex($0, 2) + "}" }.joined() },
    Spelling("every character as \\U") { $0.utf8.map { "\\U" + hex($0, 8).uppercased() }.joined() },
    Spelling("every character as an octal number") { $0.utf8.map { "\\" + hex($0, 3, radix: 8) }.joined() },
    Spelling("quoted-printable") { $0.utf8.map { "=" + hex($0, 2).uppercased() }.joined() },
    Spelling("quoted-printable where it must be") { $0.replacing("=", with: "=3D") },
    Spelling("quoted-printable JSON") {
      $0.replacing("=", with: "\\u003D3D").replacing("+", with: "=5Cu002B").replacing("/", with: "=5C/")
    },
    Spelling("every character as \\x") { $0.utf8.map { "\\x" + hex($0, 2) }.joined() },
    Spelling("slashes and quotes escaped") {
      $0.replacing("\\", with: "\\\\").replacing("/", with: "\\/").replacing("\"", with: "\\\"")
    },
    Spelling("escaped twice") {
      $0.replacing("\\", with: "\\\\\\\\").replacing("/", with: "\\\\\\/").replacing("+", with: "\\\\u002B")
    },
    Spelling("percent") { $0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "" },
    Spelling("every character as percent") { $0.utf8.map { "%" + hex($0, 2) }.joined() },
    Spelling("percent twice") {
      ($0.addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? "").replacing("%", with: "%25")
    },
    Spelling("HTML by names") {
      $0.replacing("&", with: "&amp;").replacing("<", with: "&lt;").replacing(">", with: "&gt;")
        .replacing("\"", with: "&quot;").replacing("+", with: "&plus;").replacing("/", with: "&sol;")
    },
    Spelling("HTML by numbers") { $0.utf8.map { "&#\($0);" }.joined() },
    Spelling("HTML by names in upper case") {
      $0.replacing("&", with: "&AMP;").replacing("<", with: "&LT;").replacing(">", with: "&GT;")
        .replacing("\"", with: "&QUOT;")
    },
    Spelling("HTML by rare names") {
      $0.map { character in htmlNames[character].map { "&\($0);" } ?? String(character) }.joined()
    },
    Spelling("HTML without semicolons") { $0.utf8.map { "&#\($0)" }.joined() },
    Spelling("HTML by hexadecimal numbers without semicolons") { $0.utf8.map { "&#x\(hex($0, 2))" }.joined() },
    Spelling("HTML with zeros") { $0.utf8.map { "&#0000000000000\($0);" }.joined() },
    Spelling("HTML by hexadecimal numbers with zeros") { $0.utf8.map { "&#X0000000000\(hex($0, 2));" }.joined() },
    Spelling("HTML by hexadecimal numbers") { $0.utf8.map { "&#x\(hex($0, 2));" }.joined() },
    Spelling("hexadecimal") { $0.utf8.map { hex($0, 2) }.joined() },
    Spelling("hexadecimal in upper case") { $0.utf8.map { hex($0, 2).uppercased() }.joined() },
    Spelling("base64") { Data($0.utf8).base64EncodedString() },
    Spelling("base64 after one byte") { Data(":\($0)".utf8).base64EncodedString() },
    Spelling("base64 after two bytes and before others") { Data("u:\($0):rest".utf8).base64EncodedString() },
    Spelling("base64 for URLs") { urlSafe(Data("x\($0)".utf8).base64EncodedString()) },
    Spelling("base64 with percent") {
      Data($0.utf8).base64EncodedString().addingPercentEncoding(withAllowedCharacters: .alphanumerics) ?? ""
    },
    Spelling("base64 with escaped slashes") { Data($0.utf8).base64EncodedString().replacing("/", with: "\\/") },
  ]

  private static let htmlNames: [Character: String] = [
    ".": "period", ":": "colon", "_": "lowbar", "-": "hyphen", ",": "comma", ";": "semi", "=": "equals", "%": "percnt",
    "\\": "bsol", "?": "quest", "'": "apos", "&": "amp",
  ]

  private static func hex(_ value: some BinaryInteger, _ width: Int, radix: Int = 16) -> String {
    let digits = String(Int(value), radix: radix)
    return String(repeating: "0", count: width - digits.count) + digits
  }

  private static func urlSafe(_ text: String) -> String {
    text.replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
  }

  private static func credentials(_ secret: String) -> [Credential] {
    [
      .keyPair(apiKey: Secret(secret), userKey: Secret("unrelated-user-key")),
      .keyPair(apiKey: Secret("unrelated-api-key"), userKey: Secret(secret)), .bearer(Secret(secret)),
    ]
  }

  private static func answer(
    _ status: Int, _ body: String, _ credential: Credential, headers: [(String, String)] = []
  ) -> CancelAnswer {
    var taken = AnswerHeaders()
    for (name, value) in headers { taken.add(name: name, value: value) }
    return AnswerReader.answer(
      status: status, headers: taken, body: Array(body.utf8), credential: credential,
      now: Timestamp(milliseconds: 1_800_000_000_000))
  }

  @Test(arguments: secrets, spellings)
  func noSpellingPassesThroughAnyPlace(_ secret: String, _ spelling: Spelling) {
    let echo = spelling.spell(secret)
    for credential in Self.credentials(secret) {
      for (status, body) in [
        (404, "{\"detail\":\"no \(echo) here\"}"), (400, "{\"\(echo)\":1}"), (401, "{\"a\":[{\"b\":\"\(echo)\"}]}"),
        (500, "{\"title\":\"x\",\"detail\":\"\(echo)\"}"), (503, "<html>\(echo)</html>"), (418, "\"\(echo)\""),
        (200, "{\"token\":\"\(echo)\"}"), (422, echo), (599, "[\"\(echo)\"]"),
      ] {
        let answer = Self.answer(status, body, credential)
        let told = answer.problem?.description ?? ""
        #expect(!told.contains(echo) && !told.contains(secret), "\(status) \(body)")
        #expect(answer.token == nil)
        #expect(status < 300 || told.contains("left out"), "\(status) \(body)")
      }
      let redirect = Self.answer(307, "", credential, headers: [("Location", "https://\(echo)/")])
      #expect(redirect.problem?.description.lowercased().contains(echo.lowercased()) == false)
      let fault = CallFault.unsent("The host \(echo) is odd.").answer(sentWith: credential)
      #expect(fault.problem?.description.contains("left out") == true && fault.kind == .transient)
    }
  }

  @Test(arguments: secrets)
  func aPartIsEnough(_ secret: String) {
    let bytes = Array(secret.utf8)
    let credential = Credential.bearer(Secret(secret))
    for start in 0...(bytes.count - EchoSearch.shortestPart) {
      let part = Array(bytes[start..<(start + EchoSearch.shortestPart)])
      let text = String(decoding: part, as: UTF8.self)
      for shift in 0..<3 {
        for before in 0..<5 {
          let padding = String(repeating: ".", count: before)
          for form in [
            text, Data([UInt8](repeating: 0x20, count: shift) + part + [0x20]).base64EncodedString(),
            part.map { Self.hex($0, 2) }.joined(),
          ] {
            #expect(credential.isRepeated(in: "\(padding)\(form)..."), "\(form)")
          }
        }
      }
    }
  }

  @Test func whatAKeyDecodesToIsFound() throws {
    let key = try #require(Self.secrets.last)
    let inner = "8Nlgg0qnDQWQ9AMXjWOif9i-fzbtnJqIjXbwXrYfJYrWklotdHo"
    #expect(Credential.bearer(Secret(key)).isRepeated(in: "bad ek \(inner.prefix(30))"))
  }

  @Test func ordinaryAnswersAreKept() {
    let credential = Self.credentials(Self.secrets[5])[1]
    let problem =
      "{\"type\":\"https://tools.ietf.org/html/rfc9110#section-15.5.5\",\"title\":\"Unregistered application\","
      + "\"status\":404,\"detail\":\"The order 13902598 was not found; x-user-key and authorization were valid\\n\","
      + "\"traceId\":\"00-7f1da128f51647108474915566c4b22e-7f1da128f5164710-00\",\"url\":\"https:\\/\\/a\\/b%20c\"}"
    #expect(Self.answer(404, problem, credential).problem?.description == problem)
    let token = "7f1da128-f516-4710-8474-915566c4b22e"
    #expect(Self.answer(200, "{\"token\":\"\(token)\"}", credential).token == token)
  }

  @Test(arguments: ["k", "ab", "xyz", "p+/q", "order"])
  func aShortSecretIsLookedForAsAWhole(secret: String) {
    let credential = Credential.bearer(Secret(secret))
    for text in [secret, "the \(secret)", "\(secret) was not found", secret.uppercased()] {
      #expect(credential.isRepeated(in: text), "\(text)")
    }
    #expect(!credential.isRepeated(in: "- - -"))
    #expect(!credential.isRepeated(in: ""))
    #expect(secret.count == 1 || !credential.isRepeated(in: String(secret.dropLast())))
  }

  @Test func whatLooksLikeAnEscapeBeforeASecretHidesNothing() {
    let credential = Credential.bearer(Secret("12AB/c=d"))
    for text in [
      "https:\\/\\/api\\/?key=12AB\\/c=d", "key&#x3d;12AB&#x2f;c=d", "C:\\\\12AB\\/c=d",
      "=12AB%2Fc%3Dd&lt;", "%3D12AB%2Fc%3Dd",
    ] {
      #expect(credential.isRepeated(in: text), "\(text)")
    }
  }

  @Test func endlessEscapesCountAsARepetition() {
    let body = "%" + String(repeating: "25", count: 20) + "41"
    #expect(Credential.bearer(Secret("a-secret-of-some-length")).isRepeated(in: body))
  }
}
