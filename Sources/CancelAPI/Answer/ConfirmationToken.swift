import CancelContract

/// The `token` of an acceptance's JSON object.
enum ConfirmationToken {
  /// A longer token, in bytes, is none: it would have to be remembered with every accepted order.
  static let longest = 256

  /// The string member `token` of the object in `body`.
  ///
  /// - Returns: `nil` where `body` is not one well-formed object with such a member, or the token is empty, too long,
  ///   or has anything but visible ASCII in it.
  static func read(_ body: [UInt8]) -> String? {
    guard body.first != nil, let text = try? text(body), (1...longest).contains(text.count),
      text.allSatisfy({ (0x21...0x7E).contains($0) })
    else { return nil }
    return String(decoding: text, as: UTF8.self)
  }

  private static func text(_ body: [UInt8]) throws(JSONFault) -> [UInt8]? {
    var reader = JSONReader(body)
    guard try reader.peekKind() == .object, try reader.enterObject() else { return nil }
    var token: JSONString?
    repeat {
      let name = try reader.readName()
      if reader.matches(name, "token") {
        // of two the last one counts, as it does for most readers
        token = nil
        if try reader.peekKind() == .string {
          token = try reader.readString()
          continue
        }
      }
      _ = try reader.skipValue()
    } while try reader.continuesObject()
    try reader.finish()
    return token.map { reader.utf8($0) }
  }
}
