import CancelContract
import Testing

@testable import CancelCore

extension World {
  /// Something happens that the workers have no part in.
  func act() {
    actionsLeft -= 1
    switch Int.random(in: 0..<100, using: &random) {
    case 0..<62: produce(Int.random(in: 1...6, using: &random))
    case 62..<66: crash(Int.random(in: workers.indices, using: &random))
    case 66..<71: if let partition = owners.keys.sorted().randomElement(using: &random) { revoke(partition) }
    case 71..<74: if let partition = owners.keys.sorted().randomElement(using: &random) { lose(partition) }
    case 74..<76: reconfigure()
    case 76..<77:
      var changed = holds
      changed.take(
        HoldEvent(
          account: chance(40) ? nil : AccountName("a\(Int.random(in: 0...5, using: &random))"),
          extent: HoldEvent.Extent.allCases.randomElement(using: &random) ?? .none, at: now))
      hold(changed)
    case 77..<82: server.faults = [0, 0, 100, 400, 1000].randomElement(using: &random) ?? 0
    case 82..<86: changeCredentials()
    case 86..<90:
      for key in Set(accounts.values).sorted(by: { $0.index < $1.index }) where chance(50) {
        _ = server.foreignCall(key, at: now)
      }
    case 90..<95: compact()
    default: now = soon(0...1500)
    }
    if actionsLeft > 0 { agenda.plan(.act, at: soon(chance(10) ? 0...2000 : 0...120)) }
  }

  /// From now on all goes well.
  func calmDown() {
    isCalm = true
    server.faults = 0
    server.refusedKeys = []
    hold(Holds())
    for worker in workers.indices where workers[worker].engine == nil { restart(worker) }
    for partition in owners.keys.sorted() { assign(partition) }
    for partition in owners.keys.sorted() { deliver(partition) }
    for worker in workers.indices { turn(worker) }
  }

  private func hold(_ holds: Holds) {
    self.holds = holds
    for worker in workers.indices where workers[worker].engine != nil {
      workers[worker].engine?.hold(holds, at: now)
      turn(worker)
    }
  }

  private func produce(_ count: Int) {
    guard let partition = owners.keys.sorted().randomElement(using: &random) else { return }
    for _ in 0..<count {
      kafka.requests[partition, default: []].append(
        KafkaModel.Message(message: message(), producedAt: now - .milliseconds(Int.random(in: 0...200, using: &random)))
      )
    }
    guard let worker = owners[partition]?.worker else { return }
    deliver(partition)
    turn(worker)
  }

  private func message() -> RequestMessage {
    guard !chance(4), let order = OrderID(Int64.random(in: 1...15, using: &random)) else { return .garbage }
    var request = CancelRequest(cancelID: "\(ids.next())", orderID: order)
    request.account = chance(30) ? nil : AccountName("a\(Int.random(in: 0...5, using: &random))")
    request.priority = chance(20) ? .killSwitch : .routine
    if chance(30) { request.deadline = soon(chance(20) ? 0...5 : 50...6000) }
    return .request(request)
  }

  private func reconfigure() {
    let name = AccountName("a\(Int.random(in: 0...5, using: &random))")
    accounts[name] = chance(50) ? nil : QuotaKey(index: Int.random(in: 0...4, using: &random))
    for worker in workers.indices where workers[worker].engine != nil {
      workers[worker].engine?.configure(accounts: accounts, at: now)
      turn(worker)
    }
  }

  private func changeCredentials() {
    guard let key = accounts.values.sorted(by: { $0.index < $1.index }).randomElement(using: &random) else { return }
    if server.refusedKeys.remove(key) == nil { server.refusedKeys.insert(key) }
  }

  private func compact() {
    for partition in owners.keys.sorted() {
      let parked = workers.compactMap { $0.parked[partition]?.from }.min()
      kafka.compact(partition, keepingTombstonesFrom: chance(50) ? 0 : parked ?? .max)
    }
  }
}
