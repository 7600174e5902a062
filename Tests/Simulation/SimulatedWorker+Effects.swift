import CancelContract
import CancelCore
import CancelService
import FoundationEssentials
import Kafka

/// What a worker asks of the API, of its ledger and of the group, and what comes back.
extension SimulatedWorker {
  // MARK: Calls

  func send(_ call: Call) {
    world.counts.calls += 1
    world.note("worker \(index) calls for order \(call.orderID)")
    guard let key = world.accounts[call.account] else { return }
    verify(call, key)
    // One that was frozen until its session ended may call before it hears so: nobody can keep it from that.
    world.oracle.called(call.orderID.value, isExcused: !world.group.isMember(index), at: world.now)
    let sentAt = world.now
    let (life, assignment) = (self.life, present)
    // The call is on its way whatever becomes of the process.
    world.after(world.milliseconds(0...30)) { [unowned self] in
      let reply = self.world.api.call(call.orderID.value, key: key.index, at: self.world.now, using: &self.world.random)
      guard self.life == life else { return }
      switch reply {
      case .answer(let answer):
        self.later(self.world.milliseconds(0...60)) { [unowned self] in
          if answer.kind == .accepted, assignment != nil, self.present == assignment {
            self.acceptedHere.insert(call.orderID.value)
          }
          self.handle(.answered(call, answer))
        }
      case .unreachable:
        self.later(self.world.milliseconds(0...20)) { [unowned self] in
          self.handle(.answered(call, APIModel.problem(.transient, nil)))
        }
      case .silence:
        self.later(sentAt + self.world.policy.callTimeout - self.world.now) { [unowned self] in
          self.handle(.answered(call, APIModel.problem(.ambiguous, nil)))
        }
      }
    }
  }

  /// Holds a call against what this worker has heard and what it was handed.
  private func verify(_ call: Call, _ key: QuotaKey) {
    let order = call.orderID.value
    if heardHolds.cover(call.account, call.priority) {
      world.oracle.violation("worker \(index) calls for order \(order), though it heard that \(call.account) is held")
    }
    if acceptedHere.contains(order) {
      world.oracle.violation("worker \(index) calls for order \(order) again, though it heard that it was accepted")
    }
    let isKillSwitch = waitingKillSwitches[key]?.removeValue(forKey: order) != nil
    guard !isKillSwitch, call.priority == .routine || world.plan.mutant == .takesKillSwitchesForRoutine,
      !world.refusesCredentials
    else { return }
    // Near its deadline, or where the clock was wrong, it may be answered already.
    let waiting = waitingKillSwitches[key, default: [:]]
      .filter { world.clocksAreRight(since: $0.value) }
      .filter { world.now < $0.value + world.policy.killSwitchDeadline - .seconds(3) }
    if let first = waiting.keys.min() {
      world.oracle.violation("a routine call for order \(order) goes before the kill-switch for order \(first)")
    }
  }

  /// A list shows what was pending when it was made; it may fail.
  func read(_ list: ListCall) {
    guard let key = world.accounts[list.account] else { return }
    later(world.milliseconds(0...40)) { [unowned self] in
      let orders = self.world.api.pendingOrders(of: key.index)
      let isFault = self.world.api.isOut || self.world.fault(100)
      self.later(self.world.milliseconds(0...60)) { [unowned self] in
        guard !isFault else {
          let fault = APIModel.problem(.transient, 503)
          return self.handle(.listRead(list.id, OrderListAnswer(.fault(fault))))
        }
        self.handle(.listed(list.id, some: Array(orders.prefix(orders.count / 2))))
        self.later(self.world.milliseconds(0...20)) { [unowned self] in
          self.handle(.listRead(list.id, OrderListAnswer(.complete(OrderList(orders: orders)))))
        }
      }
    }
  }

  func lookUp(_ lookup: LookupCall) {
    later(world.milliseconds(0...60)) { [unowned self] in
      let isGone = self.world.api.cancelledAt[lookup.orderID.value] != nil
      let status = OrderStatus(id: isGone ? 7 : 11, name: isGone ? "Canceled" : "WaitingForMarket")
      self.handle(.lookedUp(lookup.id, OrderLookupAnswer(.found(status))))
    }
  }

  // MARK: Restore

  func restore(_ assignment: Assignment, from offset: Int64) {
    guard worker?.isCurrent(assignment.number) == true else { return }
    world.counts.restores += 1
    restoring.insert(assignment.partition)
    let log = KafkaModel.Log(topic: .ledger, partition: assignment.partition)
    let end =
      world.plan.mutant == .restoresToTheStableOffset ? world.kafka.stableOffset(of: log) : world.kafka.end(of: log)
    read(log, assignment, from: offset, to: end)
  }

  private func read(_ log: KafkaModel.Log, _ assignment: Assignment, from offset: Int64, to end: Int64) {
    guard worker?.isCurrent(assignment.number) == true else { return }
    if world.fault(30) || world.wait(for: .ledgerLeader) > .seconds(2) {
      let error = KafkaError(code: .timedOut, message: "simulated", operation: "read", isRetriable: true)
      return later(world.milliseconds(100...2000)) { [unowned self] in self.handle(.ledgerFailed(assignment, error)) }
    }
    let wait = world.wait(for: .ledgerLeader)
    guard wait == .zero, world.kafka.stableOffset(of: log) >= end else {
      return later(max(wait, .milliseconds(15))) { [unowned self] in self.read(log, assignment, from: offset, to: end) }
    }
    let records = world.kafka.committedRecords(of: log, from: offset, to: end)
    let chunk = records.prefix(Int.random(in: 1...40, using: &world.random))
    guard let last = chunk.last else {
      restoring.remove(assignment.partition)
      return handle(.ledgerRead(assignment))
    }
    handle(
      .ledgerRecords(
        chunk.map {
          KafkaMessage(
            topic: "ledger", partition: assignment.partition, offset: $0.offset, key: $0.key, value: $0.value)
        }, assignment))
    later(world.milliseconds(0...5)) { [unowned self] in
      self.read(log, assignment, from: last.offset + 1, to: end)
    }
  }

  /// The ends of the ledgers are asked for, then the positions are committed once more.
  func confirm(_ positions: [Int32: Int64], _ number: UInt64) {
    later(world.milliseconds(0...30)) { [unowned self] in
      var ends: [Int32: Int64] = [:]
      for partition in positions.keys.sorted() {
        ends[partition] = self.world.kafka.end(of: KafkaModel.Log(topic: .ledger, partition: partition))
      }
      let stalls = self.world.fault(60)
      let answer = stalls ? .seconds(4) : self.world.milliseconds(0...40)
      self.later(answer + self.world.wait(for: .groupCoordinator)) { [unowned self] in
        guard self.present == number, self.world.group.accepts(self.index, generation: self.generation) else {
          return self.handle(.confirmed(nil, number: number))
        }
        self.world.kafka.commit(positions)
        self.handle(.confirmed(ends, number: number))
      }
    }
  }
}
