import CancelContract
import FoundationEssentials
import HTTPTransport
import NIOCore
import NIOHTTP1

/// eToro's endpoints: calls become requests, and responses and faults become answers. No I/O.
///
/// A class, for each call keeps it until its answer, and a value would be copied with all of its parts.
package final class EToroAPI: Sendable {
  private let endpoint: Endpoint
  private let demo: HTTPRequestTemplate
  private let real: HTTPRequestTemplate
  private let demoLookup: HTTPRequestTemplate
  private let realLookup: HTTPRequestTemplate
  private let demoPortfolio: HTTPRequestTemplate
  private let realPortfolio: HTTPRequestTemplate

  /// The API behind `endpoint`.
  package init(endpoint: Endpoint, paths: CancelPaths, reads: ReadPaths = ReadPaths(), version: String) {
    func template(_ method: HTTPMethod, _ prefix: String, _ suffix: String) -> HTTPRequestTemplate {
      HTTPRequestTemplate(
        method: method, origin: endpoint.origin, pathPrefix: endpoint.pathPrefix + prefix, pathSuffix: suffix,
        headers: [
          "user-agent": "cancel-worker/\(version)", "accept": "application/json", "accept-encoding": "identity",
        ])
    }
    self.endpoint = endpoint
    self.demo = template(.DELETE, paths.demo.prefix, paths.demo.suffix)
    self.real = template(.DELETE, paths.real.prefix, paths.real.suffix)
    self.demoLookup = template(.GET, reads.demoLookup.prefix, reads.demoLookup.suffix)
    self.realLookup = template(.GET, reads.realLookup.prefix, reads.realLookup.suffix)
    self.demoPortfolio = template(.GET, reads.demoPortfolio, "")
    self.realPortfolio = template(.GET, reads.realPortfolio, "")
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

  /// The request that lists the account's orders, which changes nothing.
  package func portfolio(of account: Account, requestID: UUID) -> HTTPRequest {
    HTTPRequest(
      account.environment == .real ? realPortfolio : demoPortfolio, argument: "",
      header: ("x-request-id", requestID.lowercasedText), secrets: account.secretHeaders)
  }

  /// What the reading of an account's orders came to.
  ///
  /// - Parameter reader: what has read the body as far as it was passed on while it came.
  func orders(
    _ result: Result<HTTPResponse, HTTPFault>, readBy reader: PortfolioReader = PortfolioReader(), of account: Account
  ) -> OrderListAnswer {
    read(result, of: account, OrderListAnswer.init(fault:rateLimit:)) { body, rateLimit throws(ReadFault) in
      var reader = reader
      reader.read(body)
      return OrderListAnswer(.complete(try reader.finish()), rateLimit: rateLimit)
    }
  }

  /// What the lookup of an order came to.
  package func status(_ result: Result<HTTPResponse, HTTPFault>, of account: Account) -> OrderLookupAnswer {
    read(result, of: account, OrderLookupAnswer.init(fault:rateLimit:)) { body, rateLimit throws(ReadFault) in
      let status = try OrderStatusReader.status(in: body)
      return OrderLookupAnswer(.found(account.credential.cleaned(status)), rateLimit: rateLimit)
    }
  }

  private func read<Answer>(
    _ result: Result<HTTPResponse, HTTPFault>, of account: Account, _ failed: (CancelAnswer, RateLimit?) -> Answer,
    _ read: ([UInt8], RateLimit?) throws(ReadFault) -> Answer
  ) -> Answer {
    switch result {
    case .success(let response):
      var headers = AnswerHeaders()
      response.forEachHeader { headers.add(name: $0, value: $1) }
      let body = Array(response.body.readableBytesView)
      let rateLimit = headers.rateLimit(now: .now)
      guard 200..<300 ~= response.status else {
        let fault = AnswerReader.answer(
          status: response.status, headers: headers, body: Array(body.prefix(AnswerReader.longestBody)),
          isUndecoded: response.undecodedCoding != nil, credential: account.credential, now: .now)
        return failed(fault, rateLimit)
      }
      do throws(ReadFault) {
        if let coding = response.undecodedCoding {
          throw ReadFault("its body came as \(coding), which can't be undone")
        }
        return try read(body, rateLimit)
      } catch {
        let problem = Problem(
          .apiAnswerLost, detail: "The API answered \(response.status), and \(error.detail).", status: response.status)
        return failed(CancelAnswer(kind: .transient, httpStatus: response.status, problem: problem), rateLimit)
      }
    case .failure(let fault): return failed(CallFault(fault).answer(sentWith: account.credential), nil)
    }
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
