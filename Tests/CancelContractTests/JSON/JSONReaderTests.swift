import CancelContract
import Testing

struct JSONReaderTests {
  static let wellFormed = [
    "null", " true ", "false", "0", "-0", "-1.5e+10", "1E400", "\"\"", "[]", "{}", "[1,2,[3]]", "{\"a\":{\"b\":[{}]}}",
    "\"\\ud83d\\ude00\"", "\"\\u0000\"", "\"\u{7F}é漢😀\"", "\t\n\r [ 1 , 2 ] \n", "{\"a\":1,\"a\":2}", "\"\\/\"",
  ]

  static let malformed: [(text: String, offset: Int)] = [
    ("", 0), (" ", 1), ("{", 1), ("}", 0), ("[1,]", 3), ("[,1]", 1), ("{,}", 1), ("{\"a\"}", 4), ("{\"a\":}", 5),
    ("{\"a\":1,}", 7), ("{a:1}", 1), ("{'a':1}", 1), ("[1 2]", 3), ("[1}", 2), ("{\"a\":1]", 6), ("01", 1), ("-", 1),
    ("-a", 1), ("1.", 2), (".5", 0), ("1e", 2), ("1e+", 3), ("+1", 0), ("0x1", 1), ("NaN", 0), ("nul", 0), ("nulll", 4),
    ("True", 0), ("\"", 1), ("\"\\", 2), ("\"\\x\"", 1), ("\"\\u12\"", 1), ("\"\\u123g\"", 1), ("\"\n\"", 1),
    ("\"\\ud800\"", 1), ("\"\\udc00\"", 1), ("\"\\ud800\\u0041\"", 1), ("{} {}", 3), ("[] x", 3), ("\u{FEFF}{}", 0),
    ("/**/1", 0), ("\u{A0}1", 0), ("“a”", 0),
  ]

  @Test(arguments: wellFormed)
  func `accepts what RFC 8259 allows`(text: String) throws {
    let json = try JSONText(checking: Array(text.utf8))
    #expect(json.description == text.trimmed)
    _ = try JSONValue(Array(text.utf8))
  }

  @Test(arguments: malformed)
  func `refuses what RFC 8259 forbids, and says where`(text: String, offset: Int) throws {
    let fault = try #require(throws: JSONFault.self) { try JSONText(checking: Array(text.utf8)) }
    #expect(fault.code == .notJSON)
    #expect(fault.offset == offset, "\(fault)")
    #expect(throws: fault) { try JSONValue(Array(text.utf8)) }
  }

  @Test(arguments: [
    [0xFF], [0x22, 0x80, 0x22], [0x22, 0xC0, 0x80, 0x22], [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xE2, 0x82, 0x22],
    [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22], [0x22, 0xF5, 0x80, 0x80, 0x80, 0x22], [0x22, 0xE2, 0x82], [0xFE, 0xFF, 0x00],
    [0x22, 0xE0, 0x80, 0x80, 0x22], [0x22, 0xF0, 0x80, 0x80, 0x80, 0x22], [0x22, 0xC3, 0x28, 0x22],
  ])
  func `tells bytes that are not UTF-8`(bytes: [UInt8]) throws {
    let fault = try #require(throws: JSONFault.self) { try JSONText(checking: bytes) }
    #expect(fault.code == .notUTF8)
    #expect(fault.offset == (bytes[0] == 0x22 ? 1 : 0))
  }

  @Test func `counts lines and characters from one`() throws {
    let fault = try #require(throws: JSONFault.self) { try JSONText(checking: Array("{\n \"é\": \"漢\", !}".utf8)) }
    #expect(fault.line == 2)
    #expect(fault.column == 12)
    #expect(
      fault.description
        == "expected a member's name in double quotes, found `!` at byte 16 (line 2, column 12)"
    )
  }

  @Test func `says what stands at the place of a fault`() throws {
    let describe = { (text: String) in
      try #require(throws: JSONFault.self) { try JSONText(checking: Array(text.utf8)) }.description
    }
    #expect(try describe("[").contains("found the end"))
    #expect(try describe("[\u{1}").contains("found the byte 0x01"))
    #expect(try describe("[`").contains("found a backquote"))
  }

  @Test func `allows 64 levels and no more`() throws {
    for (opening, closing) in [("[", "]"), ("{\"a\":", "}")] {
      let nest = { depth in
        let inner = opening == "[" ? "" : "1"
        return Array((String(repeating: opening, count: depth) + inner + String(repeating: closing, count: depth)).utf8)
      }
      _ = try JSONText(checking: nest(64))
      _ = try JSONValue(nest(64))
      let fault = try #require(throws: JSONFault.self) { try JSONText(checking: nest(65)) }
      #expect(fault.code == .tooDeep)
      #expect(fault.offset == 64 * opening.utf8.count)
      #expect(throws: JSONFault.self) { try JSONText(checking: nest(1_000_000)) }
    }
  }

  @Test func `every truncation of a document is refused`() throws {
    let text = Array(#"{"a":[1,{"b":"\u00e9\ud83d\ude00é漢😀"}],"c":null,"d":-1.5e3,"e":true}"#.utf8)
    _ = try JSONText(checking: text)
    for length in 0..<text.count {
      #expect(throws: JSONFault.self) { try JSONText(checking: Array(text.prefix(length))) }
    }
  }

  @Test func `integers are exact and bounded`() throws {
    let read = { (text: String) in
      var reader = JSONReader(Array(text.utf8))
      return reader.int64(try reader.readNumber())
    }
    #expect(try read("9223372036854775807") == .max)
    #expect(try read("-9223372036854775808") == .min)
    #expect(try read("9223372036854775808") == nil)
    #expect(try read("-9223372036854775809") == nil)
    #expect(try read("99999999999999999999999999") == nil)
    #expect(try read("9007199254740993") == 9_007_199_254_740_993)
    #expect(try read("1.5") == nil)
    #expect(try read("1e3") == 1000)
    #expect(try read("-9223372036854775808.0") == .min)
    #expect(try read("-1e19") == nil)
    #expect(try read("0e99999999999999999999") == 0)
    #expect(try read("-0") == 0)
  }

  @Test func `reads a part of the bytes as a text of its own`() throws {
    let bytes = Array("xx[1,?]".utf8)
    var reader = JSONReader(bytes, range: 2..<bytes.count)
    let fault = try #require(throws: JSONFault.self) { try reader.skipValue() }
    #expect(fault.offset == 3)
    #expect(fault.column == 4)
    var whole = JSONReader(Array("[1]]".utf8), range: 0..<3)
    try whole.skipValue()
    try whole.finish()
  }
}

extension String {
  fileprivate var trimmed: String {
    let isBlank: (Unicode.Scalar) -> Bool = { " \t\n\r".unicodeScalars.contains($0) }
    return String(
      String.UnicodeScalarView(unicodeScalars.trimmingPrefix(while: isBlank).reversed().drop(while: isBlank).reversed())
    )
  }
}
