import CancelContract
import Testing

@testable import CancelCore

/// Random histories of sweeps, switches and single cancels, with crashes and aborts, against what the outside sees.
@Suite struct SweepHistoryTests {
  @Test(arguments: 0..<200)
  func everyOrderIsAnsweredOnceAndEverySweepOnce(seed: Int) throws {
    var random = SplitMix64(seed: UInt64(seed) &+ 1_000)
    func number(_ below: Int) -> Int { Int(random.next() % UInt64(below)) }
    var policy = CancelPolicy()
    policy.quotaCalls = [5, 20, 0][number(3)]
    policy.quotaWindow = .seconds(6)
    policy.confirms = number(2) == 0
    policy.ledgerRecordSize = 600
    let settings = SweepWorld.Settings(
      lag: .milliseconds(number(3) * 3000), listFault: [0, 0.2][number(2)], callFault: [0, 0.1][number(2)],
      abort: [0, 0.1][number(2)], kill: [0, 0.01, 0.05][number(3)], listChunk: 1 + number(9))
    var world = SweepWorld(settings, policy: policy, accounts: 3, seed: UInt64(seed))
    var nextOrder: Int64 = 1
    var sweeps: [String] = []
    var cancels = 0
    var acknowledgements = 0
    var time = 0.0
    for round in 0..<6 {
      for account in 0..<3 where number(2) == 0 {
        let count = Int64(number(12))
        world.addOrders(nextOrder..<nextOrder + count, account: account)
        nextOrder += count
      }
      let account = AccountName("a\(number(3))")
      switch number(4) {
      case 0:
        sweeps.append("all-\(round)")
        world.send(SweepRequest(cancelID: "all-\(round)", scope: .all(accounts: [], environment: nil)))
      case 1:
        sweeps.append("one-\(round)")
        world.send(SweepRequest(cancelID: "one-\(round)", scope: .account(account)))
      case 2:
        world.send(
          SweepRequest(cancelID: "dms-\(round)", scope: .account(account), start: .after(.milliseconds(1500))))
        sweeps.append("dms-\(round)/sweep")
        acknowledgements += 1
      default: break
      }
      for _ in 0..<number(4) {
        cancels += 1
        world.cancel(Int64(1 + number(Int(nextOrder))), account: number(3), RequestDetails(campaignID: "singles"))
      }
      time += Double(number(3000)) / 1000
      world.run(until: at(time))
    }
    world.run(until: at(time + 3000))

    for sweep in sweeps {
      let own = world.results.filter { $0.cancelID == sweep }
      #expect(own.count == 1, "\(sweep)")
      #expect(own.first?.outcome == .accepted, "\(sweep): \(String(describing: own.first?.problem?.detail))")
      let answered = world.results.filter { $0.echo.details.sweptBy == sweep }
      #expect(Set(answered.map(\.cancelID)).count == answered.count, "an order is answered once")
      let last = try #require(own.first?.sweep)
      #expect(last.counts.listed == answered.count && last.counts.remaining == 0)
      #expect(last.counts.accepted == answered.filter { $0.outcome == .accepted }.count)
      #expect(answered.allSatisfy { $0.stages.answered <= own[0].stages.answered })
      let campaign = try #require(world.campaigns[sweep.replacingSweepSuffix])
      #expect(campaign.state == .done && campaign.counts.waiting == 0)
      let results = world.results.filter { $0.echo.details.campaignID == sweep.replacingSweepSuffix }
      #expect(campaign.counts.answered == results.count)
      #expect(campaign.counts.outcomes[.accepted] == results.filter { $0.outcome == .accepted }.count)
    }
    #expect(world.results.filter { $0.outcome == .acknowledged }.count == acknowledgements)
    #expect(world.results.filter { $0.echo.details.sweptBy == nil && $0.orderID != nil }.count == cancels)
    if cancels > 0 { #expect(world.campaigns["singles"]?.counts.answered == cancels) }
    let accepted = Set(
      world.results.filter { $0.outcome == .accepted && $0.orderID != nil && !$0.deduplicated }.map(\.orderID))
    if policy.confirms {
      #expect(Set(world.confirmations.map { Optional($0.orderID) }).isSuperset(of: accepted))
      #expect(world.confirmations.allSatisfy { $0.verdict == .cancelled })
    }
    let left = try world.ledger.keys.filter { key in
      switch try LedgerKey(utf8: key) {
      case .order, .campaign: return false
      case .mark, .confirmation, .sweep, .deadMansSwitch: return true
      }
    }
    #expect(left == [])
  }
}

extension String {
  /// The campaign of a switch's sweep is named like the switch.
  fileprivate var replacingSweepSuffix: String {
    hasSuffix("/sweep") ? String(dropLast("/sweep".count)) : self
  }
}
