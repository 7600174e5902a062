import Foundation
import Yams

/// A configuration file, flattened: each value as text under its key, with the line on which it stands.
///
/// JSON is read as the YAML that it is. Numbers and truth values stay the text they were written as.
struct ConfigurationFile: Sendable {
  struct Entry: Sendable {
    var texts: [String]
    var isList: Bool
    var line: Int
  }

  let path: String
  private(set) var entries: [String: Entry] = [:]
  private(set) var properties: [String: Entry] = [:]
  private(set) var faults: [ConfigurationError.Fault] = []

  static let propertiesKey = "kafka.properties"

  init(path: String) throws(ConfigurationError) {
    self.path = path
    let text: String
    do {
      text = try String(contentsOfFile: path, encoding: .utf8)
    } catch {
      throw ConfigurationError(faults: [
        .init(key: path, message: "the file can't be read: \(error.localizedDescription)")
      ])
    }
    guard let node = try ConfigurationFile.parse(text, path: path), node != Node("") else { return }
    guard case .mapping(let mapping) = node else {
      throw ConfigurationError(faults: [.init(key: path, message: "the file is not a mapping of keys to values")])
    }
    flatten(mapping, under: "")
  }

  /// The parser's errors quote the text, which may hold a secret: only their place and the rule are passed on.
  private static func parse(_ text: String, path: String) throws(ConfigurationError) -> Node? {
    do {
      return try Yams.compose(yaml: text)
    } catch YamlError.duplicatedKeysInMapping(let keys, let context) {
      let names = keys.sorted().map { "'\($0)'" }.joined(separator: ", ")
      throw fault(path, "\(names) stands twice in one mapping; remove one", near: context.mark)
    } catch YamlError.scanner(_, let rule, let mark, _), YamlError.parser(_, let rule, let mark, _),
      YamlError.composer(_, let rule, let mark, _)
    {
      throw fault(path, "the file is neither well-formed YAML nor JSON: \(rule)", near: mark)
    } catch {
      throw fault(path, "the file can't be read as YAML or JSON in UTF-8", near: nil)
    }
  }

  private static func fault(_ path: String, _ message: String, near mark: Mark?) -> ConfigurationError {
    ConfigurationError(faults: [
      .init(key: path, message: message, origin: mark.map { "near line \($0.line), column \($0.column)" })
    ])
  }

  private mutating func flatten(_ mapping: Node.Mapping, under prefix: String) {
    for (keyNode, value) in mapping {
      guard let name = keyNode.string else {
        faults.append(.init(key: prefix, message: "a key is not a text", origin: origin(keyNode)))
        continue
      }
      let key = prefix.isEmpty ? name : "\(prefix).\(name)"
      switch value {
      case .mapping(let inner):
        flatten(inner, under: key)
      case .sequence(let sequence):
        let texts = sequence.compactMap(\.scalar?.string)
        if texts.count != sequence.count {
          faults.append(.init(key: key, message: "the list holds something that is not a text", origin: origin(value)))
        }
        keep(Entry(texts: texts, isList: true, line: value.mark?.line ?? 0), under: key)
      case .scalar(let scalar):
        if scalar.string == "null" || scalar.string == "~" || scalar.string.isEmpty { continue }
        keep(Entry(texts: [scalar.string], isList: false, line: value.mark?.line ?? 0), under: key)
      case .alias:
        faults.append(.init(key: key, message: "aliases are not read: write the value itself", origin: origin(value)))
      }
    }
  }

  private mutating func keep(_ entry: Entry, under key: String) {
    if key.hasPrefix(ConfigurationFile.propertiesKey + ".") {
      properties[String(key.dropFirst(ConfigurationFile.propertiesKey.count + 1))] = entry
    } else {
      entries[key] = entry
    }
  }

  private func origin(_ node: Node) -> String? {
    node.mark.map { "\(path), line \($0.line)" }
  }
}

/// Every fault of a configuration.
public struct ConfigurationError: Error, Sendable, CustomStringConvertible {
  /// One fault.
  public struct Fault: Hashable, Sendable, CustomStringConvertible {
    /// The key, or the file where it is the file that is at fault.
    public var key: String
    /// What is wrong, and the fix; never a secret's value.
    public var message: String
    /// Where the value came from: a line of the file, or an environment variable.
    public var origin: String?

    /// A fault of the value under `key`.
    public init(key: String, message: String, origin: String? = nil) {
      self.key = key
      self.message = message
      self.origin = origin
    }

    /// One line.
    public var description: String {
      "\(key): \(message)" + (origin.map { " (\($0))" } ?? "")
    }
  }

  /// What is wrong, in the order of the keys.
  public var faults: [Fault]

  /// An error with these faults.
  public init(faults: [Fault]) {
    self.faults = faults
  }

  /// A line for each fault.
  public var description: String {
    let count = faults.count == 1 ? "the configuration has a fault" : "the configuration has \(faults.count) faults"
    return count + faults.map { "\n  \($0)" }.joined()
  }
}
