import CancelContract
import Testing

@testable import CancelCore

extension World {
  /// Every request before a committed position is answered, or open in the ledger.
  func verifyPositions() {
    for (partition, position) in kafka.committed {
      let open = openInLedger(partition)
      for offset in 0..<position {
        let source = SourceCoordinates(topic: "requests", partition: partition, offset: offset)
        check(kafka.answers[source] != nil || open.contains(offset), "the position passed \(source)")
      }
    }
  }

  private func openInLedger(_ partition: Int32) -> Set<Int64> {
    var latest: [[UInt8]: [UInt8]] = [:]
    for entry in kafka.ledger[partition] ?? [] { latest[entry.key] = entry.value }
    var open: Set<Int64> = []
    for value in latest.values
    where value[1] == LedgerRecord.Kind.open.rawValue || value[1] == LedgerRecord.Kind.more.rawValue {
      switch try? LedgerRecord(decoding: value) {
      case .open(let state): open.formUnion(state.requests.map(\.received.source.offset))
      case .more(let requests): open.formUnion(requests.map(\.received.source.offset))
      case .settled, .calls, .sweep, .deadMansSwitch, .mark, .confirmation, .campaign: break
      case nil: fail("a ledger record can't be read")
      }
    }
    return open
  }

  /// What a worker has committed in full, it would have again after a restart.
  func verifyRestore(_ worker: Int) {
    guard let engine = workers[worker].engine, plan.isExactlyOnce, !engine.hasSomethingToCommit else { return }
    var fresh = CancelEngine(policy: policy, defaultAccount: "a0", seed: 1)
    fresh.configure(accounts: accounts, at: now)
    fresh.hold(holds, at: now)
    for assignment in engine.assignments where engine.isActive(assignment) {
      let partition = assignment.partition
      fresh.assign(assignment)
      do {
        for entry in kafka.ledger[partition] ?? [] {
          try fresh.restore(assignment, key: entry.key, value: entry.value, at: now)
        }
      } catch {
        fail("\(error)")
      }
      let (after, before) = (fresh.ordersRead(of: partition), engine.orders(of: partition))
      check(after == before, "the state after a restore differs: \(difference(after, before))")
    }
  }

  /// The orders in which two states differ.
  func difference(_ left: [OrderTag: ComparableOrder], _ right: [OrderTag: ComparableOrder]) -> String {
    Set(left.keys).union(right.keys).filter { left[$0] != right[$0] }
      .map { "\($0): \(left[$0].map { "\($0)" } ?? "nothing") is not \(right[$0].map { "\($0)" } ?? "nothing")" }
      .joined(separator: "\n")
  }

  /// One result for each request, each with a token or a problem, and in the end nothing remembered.
  func verifyEnd() throws {
    for (source, count) in kafka.answers where plan.isExactlyOnce {
      check(count == 1, "\(source) has \(count) results")
    }
    for result in kafka.published {
      check(
        (result.outcome == .accepted) == (result.problem == nil),
        "\(result.source) has a token and a problem, or neither")
      check(result.outcome == .accepted || result.token == nil)
      check(result.deduplicated == (result.duplicateOf != nil))
      guard case .request(let request)? = kafka.requests[result.source.partition]?[Int(result.source.offset)].message
      else { continue }
      check(result.outcome == .invalid || result.cancelID == request.cancelID)
      guard result.outcome == .expired else { continue }
      let kind = request.priority == .killSwitch ? policy.killSwitchDeadline : policy.routineDeadline
      let deadline = request.deadline ?? result.stages.produced + kind
      check(result.stages.answered >= deadline, "\(result.source) expired before its deadline")
    }
    let end = now + policy.acceptedWindow + .seconds(120)
    while now < end, agenda.first.map({ $0 < end }) ?? false { try step() }
    for worker in workers {
      guard var engine = worker.engine else { continue }
      let left = engine.assignments.flatMap { engine.orders(of: $0.partition).map { "\($0.key): \($0.value)" } }
      check(left.isEmpty, "something is remembered for ever: \(left) at \(now)")
      check(engine.orders.count == 0 && !engine.hasSomethingToCommit)
      check(engine.flights.isEmpty && engine.nextWake() == nil)
    }
    for partition in owners.keys {
      var latest: [[UInt8]: [UInt8]] = [:]
      for entry in kafka.ledger[partition] ?? [] { latest[entry.key] = entry.value }
      let left = latest.map { "\(String(decoding: $0.key, as: UTF8.self)): \($0.value)" }
      check(left.isEmpty, "the ledger keeps what nobody remembers: \(left)")
    }
  }
}
