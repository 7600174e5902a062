extension JSONText {
  /// Checks that `utf8` is one JSON value and takes it without the blanks around it.
  ///
  /// - Throws: `JSONFault`, with the place.
  public init(checking utf8: [UInt8], maximumDepth: Int = JSONReader.deepest) throws(JSONFault) {
    var reader = JSONReader(utf8, maximumDepth: maximumDepth)
    let range = try reader.skipValue()
    try reader.finish()
    self.init(wellFormed: range.count == utf8.count ? utf8 : Array(utf8[range]))
  }
}
