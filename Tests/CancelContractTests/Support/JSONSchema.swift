import CancelContract
import Foundation

/// As much of JSON Schema (draft 2020-12) as the schemas in `Deploy/schemas` use.
///
/// A keyword that is not known is a fault, so that no rule of a schema is passed over. `Tests/schemas.sh` holds the same
/// files against a complete validator.
struct JSONSchema {
  private let documents: [String: JSONValue]
  private let root: JSONValue

  /// Reads `Deploy/schemas/<name>.schema.json`, and the others for its references.
  init(_ name: String) throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent().appending(path: "Deploy/schemas")
    var documents: [String: JSONValue] = [:]
    var root: JSONValue?
    for file in try FileManager.default.contentsOfDirectory(atPath: folder.path()) {
      let schema = try JSONValue(Array(Data(contentsOf: folder.appending(path: file))))
      documents[schema["$id"]?.string ?? ""] = schema
      if file == "\(name).schema.json" { root = schema }
    }
    guard let root else { throw Missing(name: name) }
    self.root = root
    self.documents = documents
  }

  struct Missing: Error {
    var name: String
  }

  /// What is wrong with the value; empty where it is valid.
  func faults(of value: JSONValue) -> [String] { faults(of: value, by: root, in: root, at: "") }

  private func faults(of value: JSONValue, by schema: JSONValue, in document: JSONValue, at path: String) -> [String] {
    if schema.boolean == false { return ["\(path): nothing may stand here"] }
    return (schema.members ?? []).flatMap { rule in
      faults(of: value, by: rule.name, rule.value, of: schema, in: document, at: path)
    }
  }

  private func faults(
    of value: JSONValue, by keyword: String, _ rule: JSONValue, of schema: JSONValue, in document: JSONValue,
    at path: String
  ) -> [String] {
    let fault = ["\(path): \(keyword)"]
    let isValid = { (schema: JSONValue) in faults(of: value, by: schema, in: document, at: path).isEmpty }
    switch keyword {
    case "$schema", "$id", "$defs", "title", "description", "default", "then", "else": return []
    case "type": return (rule.elements ?? [rule]).contains { value.is($0.string) } ? [] : fault
    case "enum": return rule.elements?.contains(value) == true ? [] : fault
    case "const": return rule == value ? [] : fault
    case "oneOf": return rule.elements?.count(where: isValid) == 1 ? [] : fault
    case "not": return isValid(rule) ? fault : []
    case "minItems", "maxItems":
      guard let elements = value.elements, let limit = rule.integer else { return [] }
      return (keyword == "minItems" ? elements.count >= limit : elements.count <= limit) ? [] : fault
    case "propertyNames", "additionalProperties":
      return (value.members ?? []).flatMap { member in
        let isKnown = keyword == "additionalProperties" && schema["properties"]?[member.name] != nil
        let name = (try? JSONValue(Array("\"\(member.name)\"".utf8))) ?? .null
        return isKnown
          ? [] : faults(of: keyword == "propertyNames" ? name : member.value, by: rule, in: document, at: path)
      }
    case "anyOf": return rule.elements?.contains(where: isValid) == true ? [] : fault
    case "$ref":
      let (target, document) = resolve(rule.string ?? "", in: document)
      guard let target else { return ["\(path): \(rule) leads nowhere"] }
      return faults(of: value, by: target, in: document, at: path)
    case "if":
      let branch = schema[isValid(rule) ? "then" : "else"]
      return branch.map { faults(of: value, by: $0, in: document, at: path) } ?? []
    case "required":
      let names = value.members?.map(\.name) ?? []
      return value.members == nil || rule.elements?.allSatisfy { names.contains($0.string ?? "") } == true ? [] : fault
    case "properties":
      return (value.members ?? []).flatMap { member in
        rule[member.name].map { faults(of: member.value, by: $0, in: document, at: "\(path)/\(member.name)") } ?? []
      }
    case "items":
      return (value.elements ?? []).flatMap { faults(of: $0, by: rule, in: document, at: "\(path)/*") }
    case "minimum", "maximum":
      guard value.kind == .number, let limit = rule.integer else { return [] }
      guard let number = value.integer else { return fault }
      return (keyword == "minimum" ? number >= limit : number <= limit) ? [] : fault
    case "minLength", "maxLength":
      guard let text = value.string, let limit = rule.integer else { return [] }
      let length = text.unicodeScalars.count
      return (keyword == "minLength" ? length >= limit : length <= limit) ? [] : fault
    case "pattern":
      guard let text = value.string else { return [] }
      // In ECMA's dialect, `$` is the very end.
      let pattern = (rule.string ?? "").replacing(/\$$/, with: "\\z")
      guard let expression = try? NSRegularExpression(pattern: pattern) else { return ["\(path): \(pattern)"] }
      return expression.firstMatch(in: text, range: NSRange(text.startIndex..., in: text)) == nil ? fault : []
    case "format":
      guard let text = value.string else { return [] }
      switch rule.string {
      case "date-time": return Timestamp(rfc3339: text) == nil ? fault : []
      case "uuid": return UUID(uuidString: text) == nil ? fault : []
      default: return ["\(path): the format \(rule) is unknown"]
      }
    default: return ["\(path): the keyword \(keyword) is unknown"]
    }
  }

  private func resolve(_ reference: String, in document: JSONValue) -> (JSONValue?, JSONValue) {
    let parts = reference.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
    let document = parts[0].isEmpty ? document : documents[String(parts[0])] ?? .null
    let pointer = parts.count > 1 ? parts[1].split(separator: "/") : []
    let target = pointer.reduce(document as JSONValue?) { node, name in node?[String(name)] }
    return (target, document)
  }
}

extension JSONValue {
  fileprivate func `is`(_ type: String?) -> Bool {
    switch type {
    case "object": kind == .object
    case "array": kind == .array
    case "string": kind == .string
    case "boolean": kind == .boolean
    case "null": kind == .null
    case "integer": integer != nil
    default: false
    }
  }
}
