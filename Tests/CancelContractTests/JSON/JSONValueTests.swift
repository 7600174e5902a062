import CancelContract
import Testing

struct JSONValueTests {
  @Test func `gives members, elements and their text`() throws {
    let value = try JSONValue(
      Array(#"{"n":9007199254740993,"s":"\u00e9","b":true,"z":null,"a":[1,"x"],"o":{ "k" : 1 }}"#.utf8))
    #expect(value["n"]?.integer == 9_007_199_254_740_993)
    #expect(value["s"]?.string == "é")
    #expect(value["b"]?.boolean == true)
    #expect(value["z"] == .null)
    #expect(value["a"]?.elements?.count == 2)
    #expect(value["a"]?.elements?[1] == .string("x"))
    #expect(value["o"]?["k"]?.integer == 1)
    #expect(value.text(of: "o")?.description == #"{ "k" : 1 }"#)
    #expect(value.text(of: "z") == nil)
    #expect(value["missing"] == nil)
    #expect(value.members?.map(\.name) == ["n", "s", "b", "z", "a", "o"])
    #expect(value["s"]?.integer == nil)
    #expect(value["n"]?.string == nil)
  }

  @Test func `a number that is no 64-bit integer has no integer`() throws {
    for text in ["1.5", "1e-3", "9223372036854775808", "1e19", "1e999999999999999999999"] {
      #expect(try JSONValue(Array(text.utf8)).integer == nil)
    }
  }
}
