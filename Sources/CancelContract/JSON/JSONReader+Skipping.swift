extension JSONReader {
  /// Passes over a value of any kind, checking it, and returns where it stands.
  @discardableResult
  public mutating func skipValue() throws(JSONFault) -> Range<Int> {
    skipBlanks()
    let first = position
    let outer = depth
    // One bit for each open bracket, the innermost lowest: 1 for an object, 0 for an array. 64 levels fit.
    var objects: UInt64 = 0
    repeat {
      while try opensContainer(&objects) {}
    } while try reachesNextValue(outer: outer, &objects)
    return first..<position
  }

  /// Reads `true` or `false`.
  public mutating func readBoolean() throws(JSONFault) -> Bool {
    skipBlanks()
    let isTrue = next(is: UInt8(ascii: "t"))
    try isTrue ? skipLiteral("true") : skipLiteral("false")
    return isTrue
  }

  /// Reads `null`.
  public mutating func readNull() throws(JSONFault) {
    skipBlanks()
    try skipLiteral("null")
  }

  /// Passes over a scalar or an opening bracket; returns whether that bracket has a value in it, which comes next.
  private mutating func opensContainer(_ objects: inout UInt64) throws(JSONFault) -> Bool {
    switch try peekKind() {
    case .string: _ = try readString()
    case .number: _ = try readNumber()
    case .boolean: _ = try readBoolean()
    case .null: try readNull()
    case .object:
      try open()
      objects = objects << 1 | 1
      skipBlanks()
      guard !next(is: UInt8(ascii: "}")) else { return false }
      _ = try readName()
      return true
    case .array:
      try open()
      objects <<= 1
      skipBlanks()
      return !next(is: UInt8(ascii: "]"))
    }
    return false
  }

  /// Closes every bracket that ends here; returns whether another value comes next.
  private mutating func reachesNextValue(outer: Int, _ objects: inout UInt64) throws(JSONFault) -> Bool {
    while depth > outer {
      skipBlanks()
      let isObject = objects & 1 == 1
      if next(is: UInt8(ascii: ",")) {
        position += 1
        if isObject { _ = try readName() }
        return true
      }
      guard next(is: isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else {
        throw fault(at: position, expected: isObject ? "`,` or `}`" : "`,` or `]`")
      }
      close()
      objects >>= 1
    }
    return false
  }

  private mutating func skipLiteral(_ literal: StaticString) throws(JSONFault) {
    let length = literal.utf8CodeUnitCount
    let isThere =
      position + length <= end
      && literal.withUTF8Buffer { expected in
        for (index, byte) in expected.enumerated() where bytes[position + index] != byte { return false }
        return true
      }
    guard isThere else { throw fault(at: position, expected: "a value") }
    position += length
  }
}
