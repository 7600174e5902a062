import CancelContract
import Testing

@testable import CancelCore

extension World {
  /// Gives a partition to one of the workers that live.
  func assign(_ partition: Int32) {
    let alive = workers.indices.filter { workers[$0].engine != nil }
    guard owners[partition]?.worker == nil, let worker = alive.randomElement(using: &random) else { return }
    let assignment = (owners[partition]?.assignment ?? 0) + 1
    owners[partition] = (worker, assignment)
    if let parked = workers[worker].parked[partition] {
      workers[worker].engine?.assign(self.assignment(partition), resuming: parked.state, logEnd: logEnd(partition))
    } else {
      workers[worker].engine?.assign(self.assignment(partition), logEnd: logEnd(partition))
    }
    agenda.plan(.restored(partition, assignment: assignment), at: soon(0...50))
  }

  private func logEnd(_ partition: Int32) -> Int64 { Int64(kafka.requests[partition]?.count ?? 0) }

  /// A worker has read its partition's ledger to the end.
  func restored(_ partition: Int32, _ assignment: Int) {
    guard let owner = owners[partition], owner.assignment == assignment, let worker = owner.worker else { return }
    let position = kafka.committed[partition] ?? 0
    workers[worker].next[partition] = position
    let parked = workers[worker].parked.removeValue(forKey: partition)
    do {
      for entry in kafka.ledger[partition] ?? [] where entry.offset >= parked?.from ?? 0 {
        try workers[worker].engine?.restore(self.assignment(partition), key: entry.key, value: entry.value, at: now)
      }
      if parked != nil, let resumed = workers[worker].engine, var full = workers[worker].engine {
        let again = Assignment(partition: partition, number: .max)
        full.assign(again)
        for entry in kafka.ledger[partition] ?? [] {
          try full.restore(again, key: entry.key, value: entry.value, at: now)
        }
        let (own, all) = (resumed.ordersRead(of: partition), full.ordersRead(of: partition))
        check(own == all, "a partition that was resumed is not as if restored: \(difference(own, all))")
      }
    } catch {
      fail("\(error)")
    }
    workers[worker].engine?.restored(self.assignment(partition), position: position, at: now)
    deliver(partition)
    turn(worker)
  }

  /// Hands over some of the requests that wait.
  func deliver(_ partition: Int32) {
    guard let worker = owners[partition]?.worker, workers[worker].engine?.isActive(assignment(partition)) == true
    else { return }
    var left = Int.random(in: 1...30, using: &random)
    while left > 0, let next = workers[worker].next[partition], let messages = kafka.requests[partition],
      next < messages.count
    {
      left -= 1
      take(messages[Int(next)], SourceCoordinates(topic: "requests", partition: partition, offset: next), worker)
      workers[worker].next[partition] = next + 1
    }
    if let next = workers[worker].next[partition], next < kafka.requests[partition]?.count ?? 0 {
      agenda.plan(.turn(worker: worker, life: workers[worker].life), at: soon(1...10))
      if isCalm { deliver(partition) }
    }
  }

  private func take(_ message: KafkaModel.Message, _ source: SourceCoordinates, _ worker: Int) {
    var invalid = CancelResult(
      echo: RequestEcho(cancelID: "\(source)", source: source), orderID: nil, account: nil, outcome: .invalid,
      problem: Problem(.notJSON, detail: "garbage"),
      stages: CancelResult.Stages(produced: message.producedAt, received: now, answered: now))
    if case .request(let request) = message.message {
      let received = ReceivedRequest(
        request: request, source: source, producedAt: message.producedAt, receivedAt: now)
      guard workers[worker].engine?.receive(received, at: now) == .accountUnknown else { return }
      check(accounts[request.account ?? "a0"] == nil, "a configured account is unknown")
      invalid.problem = Problem(.accountUnknown, detail: "unknown")
    }
    let refused = RefusedMessage(
      source: source, key: nil, value: nil, headers: [], problem: Problem(.notJSON, detail: ""))
    workers[worker].engine?.refuse(refused, with: invalid)
  }

  /// A partition is asked back: calls in flight may finish, what is settled is committed.
  func revoke(_ partition: Int32) {
    guard let owner = owners[partition], let worker = owner.worker else { return }
    workers[worker].engine?.leave([assignment(partition)])
    agenda.plan(.giveUp(partition, assignment: owner.assignment, tries: 0), at: soon(0...50))
    turn(worker)
  }

  func giveUp(_ partition: Int32, _ assignment: Int, _ tries: Int) {
    guard let owner = owners[partition], owner.assignment == assignment, let worker = owner.worker else { return }
    turn(worker)
    let isBusy =
      (workers[worker].engine?.callsInFlight(in: [self.assignment(partition)]) ?? 0) > 0
      || workers[worker].commit != nil
    if isBusy && tries < 12 {
      return agenda.plan(.giveUp(partition, assignment: assignment, tries: tries + 1), at: soon(5...40))
    }
    lose(partition)
  }

  /// A partition is another worker's from now on, whatever this one is at.
  func lose(_ partition: Int32) {
    guard let worker = owners[partition]?.worker else { return }
    if let commit = workers[worker].commit, commit.isApplied == nil,
      commit.batch.positions[partition] != nil || commit.batch.ledger.contains(where: { $0.partition == partition })
        || commit.batch.results.contains(where: { $0.source.partition == partition })
    {
      workers[worker].commit?.isFenced = true
    }
    if chance(60), let parked = workers[worker].engine?.park(assignment(partition)) {
      workers[worker].parked[partition] = (parked, kafka.ledgerEnd[partition] ?? 0)
    } else {
      workers[worker].engine?.drop([assignment(partition)])
    }
    owners[partition]?.worker = nil
    oracle.gaveUp(partition)
    turn(worker)
    assign(partition)
  }
}
