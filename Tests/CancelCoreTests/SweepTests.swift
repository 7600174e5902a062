import CancelContract
import Testing

@testable import CancelCore

@Suite struct SweepTests {
  private func sweep(_ id: String = "ks-1", _ account: AccountName = "a0") -> SweepRequest {
    SweepRequest(cancelID: id, scope: .account(account))
  }

  @Test func everyPendingOrderIsCancelledAndTheSweepSaysSoOnceAListIsEmpty() throws {
    var world = SweepWorld()
    world.addOrders(1...10)
    world.send(sweep())
    world.run(until: at(30))
    let orders = world.results.filter { $0.orderID != nil }
    #expect(orders.map { $0.orderID?.value ?? 0 }.sorted() == Array(1...10))
    #expect(orders.allSatisfy { $0.outcome == .accepted && $0.echo.details.sweptBy == "ks-1" })
    #expect(orders.allSatisfy { $0.cancelID == "ks-1/\($0.orderID?.description ?? "")" })
    #expect(orders.allSatisfy { $0.echo.details.campaignID == "ks-1" })
    let own = try #require(world.results.first { $0.orderID == nil })
    #expect(world.results.count == 11)
    #expect(own.outcome == .accepted && own.problem == nil)
    #expect(own.sweep?.counts.listed == 10 && own.sweep?.counts.accepted == 10 && own.sweep?.counts.remaining == 0)
    #expect(own.sweep?.lists == 2)
    let campaign = try #require(world.campaigns["ks-1"])
    #expect(campaign.state == .done && campaign.counts.waiting == 0)
    #expect(campaign.counts.outcomes == [.accepted: 11])
  }

  @Test func anEmptyAccountIsSweptWithOneList() {
    var world = SweepWorld()
    world.send(sweep())
    world.run(until: at(5))
    #expect(world.results.map(\.outcome) == [.accepted])
    #expect(world.lists.count == 1)
  }

  @Test func ordersThatAreListedAlthoughTheyAreCancelledAreWaitedFor() {
    var world = SweepWorld(.init(lag: .seconds(4)))
    world.addOrders(1...3)
    world.send(sweep())
    world.run(until: at(60))
    #expect(world.results.count == 4)
    #expect(world.calls.count == 3)
    #expect(world.results.last?.sweep?.counts.remaining == 0)
  }

  @Test func anOrderThatStaysListedIsCalledForAgainWithoutAnotherResult() throws {
    var world = SweepWorld(.init(lag: .seconds(25)))
    world.addOrders([1])
    world.send(sweep())
    world.run(until: at(60))
    #expect(world.results.filter { $0.orderID != nil }.map(\.outcome) == [.accepted])
    #expect(world.calls.count == 2)
    #expect(world.results.last?.outcome == .accepted)
    // A duplicate is still answered from the acceptance, not from the 404 of the repetitions.
    world.cancel(1)
    world.run(until: at(61))
    let duplicate = try #require(world.results.last)
    #expect(duplicate.outcome == .accepted && duplicate.deduplicated)
  }

  @Test func anOrderThatAppearsMeanwhileIsCancelledToo() {
    var world = SweepWorld(.init(lag: .seconds(2)))
    world.addOrders(1...3)
    world.send(sweep())
    world.run(until: at(0.5))
    world.addOrders([4])
    world.run(until: at(30))
    #expect(world.results.filter { $0.orderID != nil }.count == 4)
    #expect(world.results.last?.outcome == .accepted)
  }

  @Test func ordersThatAppearWhileOthersWaitForTheQuotaWaitWithThem() throws {
    var policy = CancelPolicy()
    policy.quotaCalls = 3
    policy.quotaWindow = .seconds(10)
    var world = SweepWorld(policy: policy)
    world.addOrders(1...8)
    world.send(sweep())
    world.run(until: at(12))
    world.addOrders([9])
    world.run(until: at(60))
    // Nine orders are three windows, with the one that appeared in the last of them.
    #expect(world.calls.map(\.at).max() ?? at(99) < at(21))
    let own = try #require(world.results.first { $0.orderID == nil })
    #expect(own.outcome == .accepted && own.sweep?.counts.listed == 9)
  }

  @Test func atTheDeadlineTheSweepSaysWhatIsLeft() throws {
    var world = SweepWorld()
    world.policy.quotaCalls = 3
    world = SweepWorld(policy: world.policy)
    world.addOrders(1...10)
    var request = sweep()
    request.deadline = at(20)
    world.send(request)
    world.run(until: at(40))
    let own = try #require(world.results.first { $0.orderID == nil })
    #expect(own.outcome == .expired && own.problem?.type == ProblemType.ordersRemain.uri)
    #expect(own.sweep?.counts.accepted == 3 && own.sweep?.counts.expired == 7 && own.sweep?.counts.remaining == 7)
    #expect(own.sweep?.remainingOrders.count == 7)
  }

  @Test func listsThatNeverSucceedAreToldAtTheDeadline() throws {
    var world = SweepWorld(.init(listFault: 1))
    var request = sweep()
    request.deadline = at(20)
    world.send(request)
    world.run(until: at(40))
    let own = try #require(world.results.first)
    #expect(own.outcome == .expired && own.problem?.type == ProblemType.ordersNotListed.uri)
  }

  @Test func twoSweepsOfOneAccountShareTheCalls() {
    var world = SweepWorld()
    world.addOrders(1...5)
    world.send(sweep("ks-1"))
    world.send(sweep("ks-2"))
    world.run(until: at(30))
    #expect(world.calls.count == 5)
    #expect(world.results.filter { $0.echo.details.sweptBy == "ks-1" }.count == 5)
    #expect(world.results.filter { $0.echo.details.sweptBy == "ks-2" }.count == 5)
    #expect(world.results.filter { $0.orderID == nil }.map(\.outcome) == [.accepted, .accepted])
  }

  @Test func allAccountsOfAnEnvironmentAreSweptTogether() throws {
    var world = SweepWorld(accounts: 4)
    for account in 0..<4 { world.addOrders([Int64(100 + account)], account: account) }
    world.send(SweepRequest(cancelID: "ks", scope: .all(accounts: [], environment: .real)))
    world.run(until: at(30))
    let own = try #require(world.results.first { $0.orderID == nil })
    #expect(own.sweep?.accounts == ["a1", "a3"])
    #expect(own.sweep?.counts.accepted == 2)
    #expect(world.results.count == 3)
  }

  @Test func aDryRunListsAndCallsNothing() throws {
    var world = SweepWorld()
    world.addOrders(1...45)
    var request = sweep()
    request.isDryRun = true
    world.send(request)
    world.run(until: at(5))
    let own = try #require(world.results.first)
    #expect(own.outcome == .acknowledged && world.calls.isEmpty && world.results.count == 1)
    #expect(own.sweep?.counts.listed == 45)
    let end = try #require(own.sweep?.estimatedEnd)
    #expect(end > at(115) && end < at(125))
  }

  @Test func aSwitchThatNobodyMovesSweepsByItself() throws {
    var world = SweepWorld()
    world.addOrders(1...3)
    var request = sweep("dms")
    request.start = .after(.seconds(60))
    world.send(request)
    world.run(until: at(30))
    #expect(world.results.map(\.outcome) == [.acknowledged])
    #expect(world.results.first?.sweep?.deadMansSwitch == .armed(until: at(60)))
    world.send(request)
    world.run(until: at(80))
    #expect(world.results.count == 2)
    world.run(until: at(120))
    let own = try #require(world.results.last)
    #expect(own.cancelID == "dms/sweep" && own.outcome == .accepted)
    #expect(own.sweep?.deadMansSwitch == .fired(due: at(90)))
    #expect(world.results.count == 6)
  }

  @Test func aSwitchThatIsDisarmedNeverFires() {
    var world = SweepWorld()
    world.addOrders(1...3)
    var request = sweep("dms")
    request.start = .after(.seconds(60))
    world.send(request)
    world.run(until: at(30))
    request.start = .off
    world.send(request)
    world.run(until: at(600))
    #expect(world.results.map(\.sweep?.deadMansSwitch) == [.armed(until: at(60)), .disarmed(wasArmed: true)])
    #expect(world.calls.isEmpty)
  }

  @Test func aWorkerThatWasDownWhenASwitchWasDueSweepsWhenItIsBackUnlessARenewalWaitsInTheLog() throws {
    var world = SweepWorld()
    world.addOrders(1...3)
    var request = sweep("dms")
    request.start = .after(.seconds(60))
    world.send(request)
    world.run(until: at(10))
    request.start = .after(.seconds(300))
    world.send(request)
    world.kill(for: .seconds(100))
    world.run(until: at(200))
    #expect(world.calls.isEmpty)
    world.kill(for: .seconds(300))
    world.run(until: at(600))
    let own = try #require(world.results.last)
    #expect(own.sweep?.deadMansSwitch == .fired(due: at(310)))
    #expect(world.calls.count == 3)
  }

  @Test func aSwitchFiresOnlyOnceTheLedgerHoldsIt() throws {
    var engine = CancelEngine(policy: CancelPolicy(), defaultAccount: "a0", seed: 1)
    var ids = RequestIDs()
    engine.configure(accounts: ["a0": QuotaKey(index: 0)], at: at(0))
    engine.assign(.first)
    engine.restored(.first, position: 0, at: at(0))
    _ = engine.receive(
      ReceivedSweep(
        request: SweepRequest(cancelID: "dms", scope: .account("a0"), start: .after(.seconds(2))),
        source: SourceCoordinates(topic: "requests", partition: 0, offset: 0), producedAt: at(0), receivedAt: at(0)),
      at: at(0))
    // The batch that holds it takes long.
    let batch = engine.nextBatch()
    #expect(try #require(batch).results.map(\.outcome) == [.acknowledged])
    for time in [2.0, 5, 9] { engine.advance(to: at(time)) }
    let early = engine.nextList(at: at(9), requestID: { ids.next() })
    #expect(early == nil)
    engine.committed()
    engine.advance(to: at(10))
    let list = engine.nextList(at: at(10), requestID: { ids.next() })
    #expect(list != nil)
  }

  @Test func acceptedCancelsAreConfirmedByLookupsOutsideTheCancelsQuota() throws {
    var policy = CancelPolicy()
    policy.confirms = true
    var world = SweepWorld(.init(lag: .seconds(3)), policy: policy)
    world.addOrders(1...20)
    world.send(sweep())
    world.run(until: at(59))
    #expect(world.confirmations.count == 20)
    #expect(world.confirmations.allSatisfy { $0.verdict == .cancelled })
    #expect(world.calls.count == 20)
    #expect(world.lookups.count <= 60)
  }

  @Test func aConfirmationThatIsAskedForSurvivesARestart() throws {
    var world = SweepWorld(.init(lag: .seconds(30)))
    world.addOrders([7])
    world.cancel(7, RequestDetails(wantsConfirmation: true))
    world.run(until: at(5))
    world.kill()
    world.run(until: at(100))
    #expect(world.confirmations.map(\.verdict) == [.cancelled])
    #expect(world.confirmations.first?.acceptedAt ?? at(99) < at(1))
  }

  @Test(arguments: [CancelAnswer.Kind.rejected, .failed])
  func oneStrayRefusalOfAListEndsNothing(kind: CancelAnswer.Kind) throws {
    for refusals in [1, Sweep.mostRefusals - 1, Sweep.mostRefusals] {
      var engine = CancelEngine(policy: CancelPolicy(), defaultAccount: "a0", seed: 1)
      var ids = RequestIDs()
      engine.configure(accounts: ["a0": QuotaKey(index: 0)], at: at(0))
      engine.assign(.first)
      engine.restored(.first, position: 0, at: at(0))
      _ = engine.receive(
        ReceivedSweep(
          request: sweep(), source: SourceCoordinates(topic: "requests", partition: 0, offset: 0), producedAt: at(0),
          receivedAt: at(0)), at: at(0))
      var lists = 0
      var results: [CancelResult] = []
      for time in 0..<30 {
        engine.advance(to: at(Double(time)))
        while let list = engine.nextList(at: at(Double(time)), requestID: { ids.next() }) {
          lists += 1
          engine.listed(
            list.id,
            OrderListAnswer(
              lists <= refusals ? .fault(.make(kind, 404)) : .complete(OrderList(orders: []))), at: at(Double(time)))
        }
        engine.advance(to: at(Double(time)))
        while let batch = engine.nextBatch() {
          results += batch.results
          engine.committed()
        }
      }
      #expect(results.map(\.outcome) == [refusals < Sweep.mostRefusals ? .accepted : .failed])
      #expect(lists == min(refusals + 1, Sweep.mostRefusals))
    }
  }

  @Test func anOrderMayBeAnsweredForTheOwnerBeforeUntilTheSweepIsReadAgain() throws {
    var ids = RequestIDs()
    func engine(_ restoring: [CommitBatch.LedgerEntry]) throws -> CancelEngine {
      var engine = CancelEngine(policy: CancelPolicy(), defaultAccount: "a0", seed: 1)
      engine.configure(accounts: ["a0": QuotaKey(index: 0)], at: at(0))
      engine.assign(.first)
      for entry in restoring { try engine.restore(.first, key: entry.key, value: entry.value, at: at(0)) }
      engine.restored(.first, position: 0, at: at(0))
      return engine
    }
    let received = ReceivedSweep(
      request: sweep(), source: SourceCoordinates(topic: "requests", partition: 0, offset: 0), producedAt: at(0),
      receivedAt: at(0))
    let orders = [1, 2].compactMap { OrderID($0) }

    var first = try engine([])
    _ = first.receive(received, at: at(0))
    let asked = first.nextList(at: at(0), requestID: { ids.next() })
    let list = try #require(asked)
    first.listed(list.id, OrderListAnswer(.complete(OrderList(orders: orders))), at: at(0))
    // Of what it found only the orders' own records were committed.
    let batch = first.nextBatch()
    let committed = try #require(batch).ledger.filter {
      if case .order = try? LedgerKey(utf8: $0.key) { true } else { false }
    }
    #expect(committed.count == 2)

    var second = try engine(committed)
    let sent = second.nextCall(at: at(0), requestID: { ids.next() })
    second.answered(try #require(sent).id, .accepted(), at: at(1))
    _ = second.receive(received, at: at(1))
    var results: [CancelResult] = []
    func commit() {
      while let batch = second.nextBatch() {
        results += batch.results
        second.committed()
      }
    }
    commit()
    let other = second.nextCall(at: at(1), requestID: { ids.next() })
    second.answered(try #require(other).id, .accepted(), at: at(2))
    commit()
    for time in 2..<60 {
      second.advance(to: at(Double(time)))
      while let list = second.nextList(at: at(Double(time)), requestID: { ids.next() }) {
        second.listed(list.id, OrderListAnswer(.complete(OrderList(orders: []))), at: at(Double(time)))
      }
      second.advance(to: at(Double(time)))
      commit()
    }
    #expect(results.map(\.orderID) == [orders[0], orders[1], nil])
    #expect(results.last?.outcome == .accepted)
    #expect(results.last?.sweep?.counts.listed == 2)
  }
}
