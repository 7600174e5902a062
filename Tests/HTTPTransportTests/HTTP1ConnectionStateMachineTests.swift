import NIOCore
import NIOHTTP1
import Testing

@testable import HTTPTransport

struct HTTP1ConnectionStateMachineTests {
  private typealias Machine = HTTP1ConnectionStateMachine
  private static let timeout = TimeAmount.seconds(5)

  private func head(_ status: HTTPResponseStatus = .ok, _ headers: HTTPHeaders = [:]) -> HTTPClientResponsePart {
    .head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))
  }

  private func response(_ status: Int = 200, _ headers: HTTPHeaders = [:], body: String = "") -> HTTPResponse {
    HTTPResponse(status: status, headers: .http1(headers), body: ByteBuffer(string: body))
  }

  private func machine(sent: Bool = false, written: Bool = false) -> Machine {
    var machine = Machine(longestBody: 8)
    if sent { machine.send() }
    if written { machine.written() }
    return machine
  }

  @Test func carriesOneRequestAfterTheOther() {
    var machine = machine()
    for _ in 0..<3 {
      #expect(!machine.isBusy)
      machine.send()
      #expect(machine.isBusy)
      machine.written()
      #expect(machine.received(head()) == .none)
      #expect(machine.received(.body(ByteBuffer(string: "body"))) == .none)
      #expect(machine.received(.end(nil)) == .none)
      #expect(machine.readEnded() == .answer(response(body: "body"), isReusable: true))
    }
    #expect(machine.failed(.closedEarly) == .close)
    #expect(machine.failed(.closedEarly) == .none)
  }

  @Test func whatHasNotLeftWholeIsUnsent() {
    var closed = machine(sent: true)
    #expect(closed.failed(.closedEarly) == .fail(.brokenWhileSending))
    var late = machine(sent: true)
    #expect(late.timedOut(after: Self.timeout) == .fail(.brokenWhileSending))
    var stopped = machine(sent: true)
    #expect(stopped.shutDown() == .fail(.shutDownBeforeSending))
    #expect(!HTTPFault.brokenWhileSending.mayBeSent && !HTTPFault.shutDownBeforeSending.mayBeSent)
  }

  @Test func whatHasLeftMayHaveArrived() {
    var closed = machine(sent: true, written: true)
    #expect(closed.failed(.closedEarly) == .fail(.closedEarly))
    var late = machine(sent: true, written: true)
    #expect(late.timedOut(after: Self.timeout) == .fail(.noResponse(within: Self.timeout)))
    var stopped = machine(sent: true, written: true)
    #expect(stopped.shutDown() == .fail(.shutDownAfterSending))
    var garbled = machine(sent: true, written: true)
    #expect(garbled.failed(.unreadable("x")) == .fail(.unreadable("x")))
    for fault in [HTTPFault.closedEarly, .noResponse(within: Self.timeout), .shutDownAfterSending, .unreadable("x")] {
      #expect(fault.mayBeSent)
    }
  }

  @Test func aFaultAfterTheHeadKeepsTheStatus() {
    let ends: [(inout Machine) -> Machine.Action] = [
      { $0.failed(.closedEarly) }, { $0.failed(.unreadable("a chunk")) }, { $0.timedOut(after: Self.timeout) },
      { $0.shutDown() },
    ]
    for end in ends {
      var machine = machine(sent: true, written: true)
      #expect(machine.received(head(.notFound)) == .none)
      #expect(end(&machine) == .answer(response(404), isReusable: false))
      #expect(machine.failed(.closedEarly) == .none)
    }
  }

  @Test func whatComesUnaskedClosesTheConnection() {
    var machine = machine()
    #expect(machine.received(head()) == .close)
    #expect(machine.received(.end(nil)) == .none)
    #expect(machine.failed(.closedEarly) == .none)
  }

  @Test func whatFollowsAResponseInTheSameReadBelongsToNoRequest() {
    var forged = machine(sent: true, written: true)
    _ = forged.received(head())
    _ = forged.received(.end(nil))
    #expect(forged.received(head(.created)) == .answer(response(), isReusable: false))
    var garbled = machine(sent: true, written: true)
    _ = garbled.received(head())
    _ = garbled.received(.end(nil))
    #expect(garbled.failed(.unreadable("x")) == .answer(response(), isReusable: false))
    #expect(garbled.readEnded() == .none)
  }

  @Test func aResponseBeforeTheRequestHasLeftEndsTheConnection() {
    var machine = machine(sent: true)
    _ = machine.received(head())
    #expect(machine.received(.end(nil)) == .answer(response(), isReusable: false))
  }

  @Test func aConnectionThatIsToBeClosedIsNotReused() {
    var machine = machine(sent: true, written: true)
    _ = machine.received(head(.ok, ["connection": "close"]))
    _ = machine.received(.end(nil))
    #expect(machine.readEnded() == .answer(response(200, ["connection": "close"]), isReusable: false))
  }

  @Test func drainsAfterTheRequestUnderWay() {
    var busy = machine(sent: true, written: true)
    #expect(busy.drain() == .none)
    _ = busy.received(head())
    _ = busy.received(.end(nil))
    #expect(busy.readEnded() == .answer(response(), isReusable: false))
    var idle = machine()
    #expect(idle.drain() == .close)
  }

  @Test func aBodyHasABound() {
    var machine = machine(sent: true, written: true)
    _ = machine.received(head())
    #expect(machine.received(.body(ByteBuffer(string: "12345"))) == .none)
    #expect(
      machine.received(.body(ByteBuffer(string: "67890"))) == .answer(response(body: "12345678"), isReusable: false))
  }

  @Test func anotherProtocolWasNotAskedFor() {
    var machine = machine(sent: true, written: true)
    guard case .fail(let fault) = machine.received(head(.switchingProtocols)) else {
      Issue.record("101 was taken for a response")
      return
    }
    #expect(fault.code == .unreadable)
  }

  @Test func readsHowLongAnIdleConnectionIsKept() {
    #expect(response(200, ["keep-alive": "timeout=5, max=100"]).idleLimit == 5)
    #expect(response(200, ["Keep-Alive": "max=100, Timeout = 7"]).idleLimit == 7)
    for value in ["", "timeout", "timeout=", "timeout=-1", "timeout=x", "timeout=99999999999999999999", "max=3"] {
      #expect(response(200, ["keep-alive": value]).idleLimit == nil)
    }
  }
}
