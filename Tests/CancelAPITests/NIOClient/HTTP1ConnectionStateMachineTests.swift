import NIOCore
import Testing

@testable import CancelAPI

struct HTTP1ConnectionStateMachineTests {
  private static let answer = ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
  private static let head = ByteBuffer(string: "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n")
  private static let timeout = TimeAmount.seconds(5)

  private func machine(sent: Bool = false, written: Bool = false) -> HTTP1ConnectionStateMachine {
    var machine = HTTP1ConnectionStateMachine()
    if sent { machine.send() }
    if written { machine.written() }
    return machine
  }

  @Test func carriesOneCallAfterTheOther() {
    var machine = machine()
    for _ in 0..<3 {
      #expect(!machine.isBusy)
      machine.send()
      #expect(machine.isBusy)
      machine.written()
      #expect(machine.received(Self.answer) == .answer(isReusable: true))
    }
    #expect(machine.ended() == .close)
    #expect(machine.ended() == .none)
  }

  @Test func whatHasNotLeftWholeIsUnsent() {
    var closed = machine(sent: true)
    #expect(closed.ended() == .fail(.brokenWhileSending))
    var late = machine(sent: true)
    #expect(late.timedOut(after: Self.timeout) == .fail(.brokenWhileSending))
    var stopped = machine(sent: true)
    #expect(stopped.shutDown() == .fail(.shutDownBeforeSending))
    #expect(!CallFault.brokenWhileSending.mayBeSent && !CallFault.shutDownBeforeSending.mayBeSent)
  }

  @Test func whatHasLeftMayHaveArrived() {
    var closed = machine(sent: true, written: true)
    #expect(closed.ended() == .fail(.closedEarly))
    var late = machine(sent: true, written: true)
    #expect(late.timedOut(after: Self.timeout) == .fail(.noAnswer(within: Self.timeout)))
    var stopped = machine(sent: true, written: true)
    #expect(stopped.shutDown() == .fail(.shutDownAfterSending))
    var garbled = machine(sent: true, written: true)
    #expect(garbled.received(ByteBuffer(string: "garbage\r\n")) == .fail(.unreadableAnswer))
    for fault in [CallFault.closedEarly, .noAnswer(within: Self.timeout), .shutDownAfterSending, .unreadableAnswer] {
      #expect(fault.mayBeSent)
    }
  }

  @Test func aWholeHeadIsAnAnswer() {
    let ends: [(inout HTTP1ConnectionStateMachine) -> HTTP1ConnectionStateMachine.Action] = [
      { $0.ended() }, { $0.timedOut(after: Self.timeout) }, { $0.shutDown() },
    ]
    for end in ends {
      var machine = machine(sent: true, written: true)
      #expect(machine.received(Self.head) == .none)
      #expect(end(&machine) == .answer(isReusable: false))
      #expect(machine.ended() == .none)
    }
  }

  @Test func whatComesUnaskedClosesTheConnection() {
    var machine = machine()
    #expect(machine.received(Self.answer) == .close)
    #expect(machine.received(Self.answer) == .none)
    #expect(machine.ended() == .none)
  }

  @Test func anAnswerBeforeTheCallHasLeftEndsTheConnection() {
    var machine = machine(sent: true)
    #expect(machine.received(Self.answer) == .answer(isReusable: false))
  }
}
