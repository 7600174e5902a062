import CancelContract
import Foundation
import Testing

struct JSONWriterTests {
  @Test func `sets commas and brackets`() {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("a", Int64(1))
    writer.name("b")
    writer.beginArray()
    writer.boolean(true)
    writer.null()
    writer.beginArray()
    writer.endArray()
    writer.endArray()
    writer.name("c")
    writer.beginObject()
    writer.endObject()
    writer.member("d", String?.none)
    writer.endObject()
    #expect(String(decoding: writer.bytes, as: UTF8.self) == #"{"a":1,"b":[true,null,[]],"c":{},"d":null}"#)
  }

  @Test func `escapes what must be escaped and nothing else`() throws {
    var writer = JSONWriter()
    writer.string("\"\\/\u{8}\t\n\u{C}\r\u{0}\u{1F}\u{7F}é😀\u{2028}")
    let expected = #""\"\\/\b\t\n\f\r\u0000\u001f"# + "\u{7F}é😀\u{2028}\""
    #expect(String(decoding: writer.bytes, as: UTF8.self) == expected)
  }

  @Test func `every scalar below U+0800 survives`() throws {
    for value in UInt32(0)..<0x800 {
      let text = try #require(Unicode.Scalar(value).map(String.init))
      var writer = JSONWriter()
      writer.string("a" + text + "z")
      #expect(try JSONValue(writer.bytes).string == "a" + text + "z")
    }
  }

  @Test(arguments: [0, 1, -1, 9, 10, 99, 100, -1234567890, .max, .min])
  func `writes integers in full`(value: Int64) {
    var writer = JSONWriter()
    writer.integer(value)
    #expect(String(decoding: writer.bytes, as: UTF8.self) == String(value))
  }

  @Test func `writes UUIDs in lower case`() throws {
    let uuid = try #require(UUID(uuidString: "C2F1B989-56AA-4786-90D7-7DE213E64324"))
    var writer = JSONWriter()
    writer.uuid(uuid)
    #expect(String(decoding: writer.bytes, as: UTF8.self) == "\"c2f1b989-56aa-4786-90d7-7de213e64324\"")
  }
}
