import CancelContract
import FoundationEssentials
import HTTPTransport
import NIOCore
import NIOHTTP1

/// eToro's cancel endpoint: calls become requests, and responses and faults become answers. No I/O.
package struct EToroAPI: Sendable {
  private let endpoint: Endpoint
  private let demo: HTTPRequestTemplate
  private let real: HTTPRequestTemplate
  private let demoLookup: HTTPRequestTemplate
  private let realLookup: HTTPRequestTemplate

  /// The API behind `endpoint`.
  package init(endpoint: Endpoint, paths: CancelPaths, version: String) {
    func template(_ method: HTTPMethod, _ path: CancelPath) -> HTTPRequestTemplate {
      HTTPRequestTemplate(
        method: method, origin: endpoint.origin, pathPrefix: endpoint.pathPrefix + path.prefix,
        pathSuffix: path.suffix,
        headers: [
          "user-agent": "cancel-worker/\(version)", "accept": "application/json", "accept-encoding": "identity",
        ])
    }
    self.endpoint = endpoint
    self.demo = template(.DELETE, paths.demo)
    self.real = template(.DELETE, paths.real)
    self.demoLookup = template(.GET, .demoLookupV2)
    self.realLookup = template(.GET, .realLookupV2)
  }

  /// The request of one call.
  package func request(for call: CancelCall) -> HTTPRequest {
    HTTPRequest(
      call.account.environment == .real ? real : demo, argument: call.orderID.description,
      header: ("x-request-id", call.requestID.lowercasedText), secrets: call.account.secretHeaders)
  }

  /// The request that looks one order up, which changes nothing.
  package func lookup(of orderID: OrderID, for account: Account, requestID: UUID = .random()) -> HTTPRequest {
    HTTPRequest(
      account.environment == .real ? realLookup : demoLookup, argument: orderID.description,
      header: ("x-request-id", requestID.lowercasedText), secrets: account.secretHeaders)
  }

  /// What the call came to.
  package func answer(to call: CancelCall, _ result: Result<HTTPResponse, HTTPFault>) -> CancelAnswer {
    switch result {
    case .success(let response):
      var headers = AnswerHeaders()
      response.forEachHeader { headers.add(name: $0, value: $1) }
      return AnswerReader.answer(
        status: response.status, headers: headers, body: Array(response.body.readableBytesView),
        isUndecoded: response.undecodedCoding != nil, credential: call.account.credential, now: .now)
    case .failure(let fault):
      return CallFault(fault).answer(sentWith: call.account.credential)
    }
  }
}

extension CallFault {
  /// The fault of the call whose request had this one.
  init(_ fault: HTTPFault) {
    let advice =
      switch fault.code {
      case .unreachable: " Check api.baseURL, the network and whether the API is up."
      case .tls: " Check api.baseURL, and api.caFile where the API's authority is a private one."
      case .proxy: " Check api.proxy and api.proxyCredentials, or HTTPS_PROXY."
      case .timedOut, .closed, .unreadable, .controlFrames, .notProcessed, .noRoom, .shutDown: ""
      }
    self = fault.mayBeSent ? .answerLost(fault.description + advice) : .unsent(fault.description + advice)
    isConnectionFault = fault.code == .unreadable || fault.code == .controlFrames
  }
}

extension UUID {
  /// The 36 characters in lower case.
  var lowercasedText: String {
    withUnsafeBytes(of: uuid) { bytes in
      String(unsafeUninitializedCapacity: 36) { text in
        var position = 0
        for index in bytes.indices {
          if index == 4 || index == 6 || index == 8 || index == 10 {
            text[position] = UInt8(ascii: "-")
            position += 1
          }
          text[position] = Self.hexadecimal(bytes[index] >> 4)
          text[position + 1] = Self.hexadecimal(bytes[index] & 0xF)
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
