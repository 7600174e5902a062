import CancelContract
import CancelCore
import Testing

/// A text that comes in pieces is read as one that comes at once.
struct JSONStreamTests {
  /// The tokens of a text that is cut at these places.
  private func tokens(_ text: [UInt8], cutAt cuts: [Int] = []) throws(JSONFault) -> [JSONStream.Token] {
    var stream = JSONStream()
    var tokens: [JSONStream.Token] = []
    var start = 0
    for cut in cuts.sorted() + [text.count] {
      try stream.read(text[start..<cut]) { token throws(JSONFault) in tokens.append(token) }
      start = cut
    }
    try stream.finish { token throws(JSONFault) in tokens.append(token) }
    return tokens
  }

  @Test func `a text becomes tokens`() throws {
    let read = try tokens(Array(#" {"a\n":[1, -2.5e3,"x\u00e9",true,null,{}],"b":[]} "#.utf8))
    #expect(
      read == [
        .begin(.object), .name(Array("a\n".utf8)), .begin(.array), .scalar(.number, Array("1".utf8)),
        .scalar(.number, Array("-2.5e3".utf8)), .scalar(.string, Array(#""x\u00e9""#.utf8)),
        .scalar(.boolean, Array("true".utf8)), .scalar(.null, Array("null".utf8)), .begin(.object), .end, .end,
        .name(Array("b".utf8)), .begin(.array), .end, .end,
      ])
  }

  @Test(arguments: JSONReaderTests.wellFormed)
  func `accepts what RFC 8259 allows, cut anywhere`(text: String) throws {
    let bytes = Array(text.utf8)
    let whole = try tokens(bytes)
    for cut in 0...bytes.count { #expect(try tokens(bytes, cutAt: [cut]) == whole) }
    #expect(try tokens(bytes, cutAt: Array(0..<bytes.count)) == whole)
  }

  @Test(arguments: JSONReaderTests.malformed)
  func `refuses what RFC 8259 forbids, cut anywhere`(text: String, offset: Int) {
    let bytes = Array(text.utf8)
    for cut in 0...bytes.count {
      #expect(throws: JSONFault.self) { try tokens(bytes, cutAt: [cut]) }
    }
  }

  @Test func `a changed byte is refused exactly where the reader of whole texts refuses it`() {
    var random = SplitMix64(seed: 11)
    let text = Array(#"{"a":[1,-0.5,"é\n",true,{"b":null}],"c":{"d":[[],{}]},"e":"\ud83d\ude00"}"#.utf8)
    let others = Array(#"{}[]",:0-.etfn\ x"#.utf8) + [0x80, 0xC3, 0xFF, 0x00]
    var refused = 0
    for _ in 0..<20_000 {
      var changed = text
      for _ in 0..<Int.random(in: 1...3, using: &random) {
        let place = Int.random(in: 0..<changed.count, using: &random)
        switch Int.random(in: 0..<3, using: &random) {
        case 0: changed[place] = others.randomElement(using: &random) ?? 0
        case 1: changed.remove(at: place)
        default: changed.insert(others.randomElement(using: &random) ?? 0, at: place)
        }
      }
      let cuts = (0..<3).map { _ in Int.random(in: 0...changed.count, using: &random) }
      let isWellFormed = (try? JSONText(checking: changed)) != nil
      let isRead = (try? tokens(changed, cutAt: cuts)) != nil
      if isWellFormed != isRead { Issue.record("\(String(decoding: changed, as: UTF8.self)), cut at \(cuts)") }
      if !isRead { refused += 1 }
    }
    #expect((1000..<19_999).contains(refused))
  }

  @Test func `keeps no more of a long string than it may`() throws {
    let long = String(repeating: "x", count: 100_000)
    let read = try tokens(Array(#"{"\#(long)":"\#(long)","a":1}"#.utf8))
    #expect(
      read == [
        .begin(.object), .name([]), .scalar(.string, []), .name(Array("a".utf8)), .scalar(.number, Array("1".utf8)),
        .end,
      ])
    #expect(throws: JSONFault.self) { try tokens(Array(String(repeating: "1", count: 2000).utf8)) }
  }

  @Test func `tells the depth that it refuses, and the place of a fault`() throws {
    let deep = String(repeating: "[", count: JSONReader.deepest + 1)
    #expect(try #require(throws: JSONFault.self) { try tokens(Array(deep.utf8)) }.code == .tooDeep)
    let fault = try #require(throws: JSONFault.self) { try tokens(Array("{\n \"é\": \"漢\", !}".utf8), cutAt: [4, 9]) }
    #expect(fault.line == 2 && fault.column == 12)
  }
}
