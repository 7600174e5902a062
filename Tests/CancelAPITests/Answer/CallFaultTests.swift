import CancelContract
import HTTPTransport
import NIOCore
import Testing

@testable import CancelAPI

/// Faults of the transport as answers.
struct CallFaultTests {
  private func answer(_ result: Result<HTTPResponse, HTTPFault>) throws -> CancelAnswer {
    let api = EToroAPI(endpoint: try Endpoint(baseURL: "https://api.example"), paths: CancelPaths(), version: "1")
    return api.answer(to: try .example(), result)
  }

  @Test func anAnswerThatCannotBeReadIsOneConnectionsFaultAndNamesItsCause() throws {
    for code in [HTTPFault.Code.unreadable, .controlFrames] {
      let answer = try answer(.failure(HTTPFault(code, mayBeSent: true, "The server sent a folded header line.")))
      #expect(answer.kind == .ambiguous && answer.isConnectionFault)
      #expect(answer.problem?.detail?.contains("folded header line") == true)
    }
  }

  @Test(arguments: [HTTPFault.Code.unreachable, .tls, .proxy, .timedOut, .closed, .notProcessed, .noRoom, .shutDown])
  func anyOtherFaultMayBeTheAPIs(_ code: HTTPFault.Code) throws {
    for mayBeSent in [true, false] {
      let answer = try answer(.failure(HTTPFault(code, mayBeSent: mayBeSent, "It failed.")))
      #expect(answer.kind == (mayBeSent ? .ambiguous : .transient) && !answer.isConnectionFault)
      #expect(answer.problem?.detail?.contains("..") == false)
    }
  }

  @Test func aFaultThatRepeatsTheCredentialIsLeftOut() throws {
    let answer = try answer(.failure(HTTPFault(.proxy, mayBeSent: false, "The proxy said \(Canary.userKey).")))
    #expect(answer.kind == .transient)
    #expect(answer.problem?.description.contains(Canary.userKey) == false)
  }
}
