import CancelContract
import FoundationEssentials
import NIOCore
import NIOHPACK

/// Writes calls as HTTP/1.1 requests or HTTP/2 header blocks, from parts that are encoded once.
struct RequestEncoder {
  /// The lines around an order's number, for one environment.
  private struct Template {
    let beforeNumber: [UInt8]
    let afterNumber: [UInt8]
  }

  private let demo: Template
  private let real: Template
  private let endpoint: Endpoint
  private let paths: CancelPaths
  private let common: HPACKHeaders

  init(endpoint: Endpoint, paths: CancelPaths, userAgent: String) {
    func template(_ path: CancelPath) -> Template {
      Template(
        beforeNumber: Array("DELETE \(endpoint.pathPrefix)\(path.prefix)".utf8),
        afterNumber: Array(
          ("\(path.suffix) HTTP/1.1\r\nhost: \(endpoint.authority)\r\nuser-agent: \(userAgent)\r\n"
            + "accept: application/json\r\nx-request-id: ").utf8))
    }
    self.demo = template(paths.demo)
    self.real = template(paths.real)
    self.endpoint = endpoint
    self.paths = paths
    self.common = [
      ":method": "DELETE", ":scheme": endpoint.isEncrypted ? "https" : "http", ":authority": endpoint.authority,
      "user-agent": userAgent, "accept": "application/json",
    ]
  }

  /// Writes one request.
  func encode(_ call: CancelCall, into buffer: inout ByteBuffer) {
    let template = call.account.environment == .real ? real : demo
    buffer.writeBytes(template.beforeNumber)
    buffer.writeString(call.orderID.description)
    buffer.writeBytes(template.afterNumber)
    buffer.writeUUIDText(call.requestID)
    buffer.writeStaticString("\r\n")
    buffer.writeBytes(call.account.headerLines)
    buffer.writeStaticString("\r\n")
  }

  /// The header block of one call.
  func headers(_ call: CancelCall) -> HPACKHeaders {
    let path = paths[call.account.environment]
    var headers = HPACKHeaders()
    headers.reserveCapacity(common.count + 4)
    // what differs with every call would only push the rest out of the compression table
    headers.add(
      name: ":path", value: "\(endpoint.pathPrefix)\(path.prefix)\(call.orderID)\(path.suffix)",
      indexing: .nonIndexable)
    headers.add(contentsOf: common)
    headers.add(
      name: "x-request-id", value: call.requestID.uuidString.lowercased(), indexing: .nonIndexable)
    for (name, value) in call.account.credential.headers {
      headers.add(name: name, value: value, indexing: .neverIndexed)
    }
    return headers
  }
}

extension ByteBuffer {
  /// Writes the 36 characters of a UUID, in lower case.
  mutating func writeUUIDText(_ id: UUID) {
    withUnsafeBytes(of: id.uuid) { bytes in
      _ = writeWithUnsafeMutableBytes(minimumWritableBytes: 36) { text in
        var position = 0
        for index in bytes.indices {
          let byte = bytes[index]
          if index == 4 || index == 6 || index == 8 || index == 10 {
            text[position] = UInt8(ascii: "-")
            position += 1
          }
          text[position] = Self.hexadecimal(byte >> 4)
          text[position + 1] = Self.hexadecimal(byte & 0xF)
          position += 2
        }
        return position
      }
    }
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8 {
    digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
  }
}
