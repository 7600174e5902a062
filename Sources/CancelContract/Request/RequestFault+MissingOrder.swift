extension RequestFault {
  /// The order id is missing from a well-formed object; names a member that looks like a misspelt one.
  static func orderIDMissing(from reader: JSONReader) -> RequestFault {
    let similar = similarName(in: reader)
    return orderIDMissing(similar.map { "is missing (`\($0)` is there)" } ?? "is missing")
  }

  private static func similarName(in reader: JSONReader) -> String? {
    var reader = JSONReader(reader.bytes, range: reader.start..<reader.end)
    return try? similarName(from: &reader)
  }

  private static func similarName(from reader: inout JSONReader) throws(JSONFault) -> String? {
    guard try reader.enterObject() else { return nil }
    repeat {
      let name = reader.text(try reader.readName())
      try reader.skipValue()
      if ["orderid", "id", "order"].contains(name.lowercased().filter(\.isLetter)), name.utf8.count <= 16 {
        return name
      }
    } while try reader.continuesObject()
    return nil
  }
}
