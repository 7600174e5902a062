/// What a request's headers say: the CloudEvents mode and attributes, and the headers that the result repeats.
///
/// Names are compared without regard to case. Header values are bytes and are never trusted to be text.
struct RequestEnvelope {
  /// How the value is to be read.
  enum Mode: Hashable {
    /// The value is the request; no CloudEvents attribute is there.
    case plain
    /// The value is the request; the attributes stand in the headers.
    case binary
    /// The value is a CloudEvent in JSON, with the request in it.
    case structured
    /// A CloudEvents format that the worker can't read.
    case unsupported
  }

  /// The longest value that is echoed, in bytes.
  static let maximumEchoedLength = 4096
  /// The most headers that are echoed.
  static let maximumEchoedCount = 32

  var mode = Mode.plain
  /// `ce_id`, where it can stand in for `cancelId`.
  var eventID: String?
  var echoed: [RecordHeader] = []
  var fault: RequestFault?

  /// - Parameter echoedNames: The names to echo, in lower case.
  init(_ headers: [RecordHeader], echoing echoedNames: [String]) {
    var attributes = Attributes()
    for header in headers {
      if echoedNames.contains(where: header.name.isHeaderName) { echo(header) }
      if header.name.isHeaderName(HeaderName.contentType) || header.name.isHeaderName(HeaderName.springContentType) {
        mode = Self.mode(ofContentType: header.value ?? [])
      } else {
        attributes.add(header)
      }
    }
    if mode == .unsupported {
      fault = RequestFault(
        .envelopeInvalid,
        "the header `content-type` names a CloudEvents format that is not supported: "
          + "send application/cloudevents+json, or the attributes as `ce_*` headers beside a plain JSON value"
      )
    } else if mode == .plain, attributes.isAnyPresent {
      mode = .binary
      fault = attributes.fault
    }
    eventID = RequestLimits.identifier(attributes.id.value)
  }

  private mutating func echo(_ header: RecordHeader) {
    guard echoed.count < Self.maximumEchoedCount, header.value?.count ?? 0 <= Self.maximumEchoedLength else { return }
    echoed.append(header)
  }

  /// The mode that a content type asks for, which is compared as a media type (RFC 9110, section 8.3.1).
  ///
  /// Quotes around the whole are passed over: Spring writes header values as JSON.
  private static func mode(ofContentType value: [UInt8]) -> Mode {
    let isBlank: (UInt8) -> Bool = { $0 == 0x20 || $0 == 0x09 || $0 == UInt8(ascii: "\"") }
    let mediaType = value.drop(while: isBlank).prefix { !isBlank($0) && $0 != UInt8(ascii: ";") }
    let name = String(decoding: mediaType.prefix(64), as: UTF8.self).lowercased()
    if name == "application/cloudevents+json" { return .structured }
    let isCloudEvents = ["", "+", "-"].contains { separator in
      let prefix = "application/cloudevents\(separator)"
      return separator.isEmpty ? name == prefix : name.hasPrefix(prefix)
    }
    return isCloudEvents ? .unsupported : .plain
  }
}

/// The attributes of a CloudEvent in binary mode that must be there.
private struct Attributes {
  struct Attribute {
    var count = 0
    var value: [UInt8] = []
  }

  var specVersion = Attribute()
  var id = Attribute()
  var source = Attribute()
  var type = Attribute()

  var isAnyPresent: Bool { specVersion.count + id.count + source.count + type.count > 0 }

  mutating func add(_ header: RecordHeader) {
    guard (5...14).contains(header.name.utf8.count) else { return }
    if header.name.isHeaderName(HeaderName.id) {
      Self.add(header, to: &id)
    } else if header.name.isHeaderName(HeaderName.type) {
      Self.add(header, to: &type)
    } else if header.name.isHeaderName(HeaderName.source) {
      Self.add(header, to: &source)
    } else if header.name.isHeaderName(HeaderName.specVersion) {
      Self.add(header, to: &specVersion)
    }
  }

  /// The first thing that is wrong.
  var fault: RequestFault? {
    if let fault = Self.fault(specVersion, HeaderName.specVersion) { return fault }
    guard specVersion.value.elementsEqual("1.0".utf8) else { return .specVersion(HeaderName.specVersion) }
    return Self.fault(id, HeaderName.id) ?? Self.fault(source, HeaderName.source) ?? Self.fault(type, HeaderName.type)
  }

  private static func add(_ header: RecordHeader, to attribute: inout Attribute) {
    attribute.count += 1
    if attribute.count == 1 { attribute.value = header.value ?? [] }
  }

  private static func fault(_ attribute: Attribute, _ name: String) -> RequestFault? {
    if attribute.count > 1 {
      return RequestFault(.envelopeInvalid, "the header `\(name)` appears twice: send it once")
    }
    if attribute.value.isEmpty {
      return .attributeMissing(name, place: "header")
    }
    guard String(validating: attribute.value, as: UTF8.self) != nil else {
      return RequestFault(.envelopeInvalid, "the header `\(name)` is not UTF-8")
    }
    return nil
  }
}
