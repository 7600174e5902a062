import CancelContract

/// A group coordinator with static members and an eager assignor: generations, rebalances with a time-out, sessions.
final class GroupModel {
  private enum Phase {
    case stable
    /// Members are asked to join again, until all have or the time is up.
    case preparing(number: Int)
  }

  private var phase = Phase.stable
  private(set) var generation = 0
  private var preparations = 0
  /// The members, and whether each has joined the rebalance under way.
  private var members: [Int: Bool] = [:]
  private var assignment: [Int: [Int32]] = [:]

  static let sessionTimeout = Duration.seconds(6)
  static let rebalanceTimeout = Duration.seconds(12)

  /// Whether offsets of this member and generation are accepted.
  func accepts(_ member: Int, generation: Int) -> Bool { members[member] != nil && generation == self.generation }

  /// Whether an assignment of this generation still reaches the member: one that has joined the next rebalance hears no
  /// more of it.
  func assigns(_ member: Int, generation: Int) -> Bool {
    guard case .stable = phase else { return false }
    return accepts(member, generation: generation)
  }

  func isMember(_ member: Int) -> Bool { members[member] != nil }

  /// A worker's process asks to join.
  func join(_ worker: SimulatedWorker, isRestart: Bool, in world: World) {
    if isRestart, case .stable = phase, members[worker.index] != nil, assignment[worker.index] != nil {
      // A static member that comes back within its session keeps its assignment, and the group its generation.
      world.note("worker \(worker.index) is back in generation \(generation)")
      return assign(to: worker, in: world)
    }
    if !isRestart, case .stable = phase, members[worker.index] != nil, assignment[worker.index] != nil,
      worker.index != members.keys.min()
    {
      // A member that is no leader and joins again unasked gets what it had, under the same generation.
      return assign(to: worker, in: world)
    }
    if case .stable = phase {
      members[worker.index] = true
      rebalance(in: world, "worker \(worker.index) joins", except: worker.index)
    } else {
      members[worker.index] = true
    }
    completeIfAllJoined(in: world)
  }

  /// All members are to join again.
  func rebalance(in world: World, _ reason: String, except joined: Int? = nil) {
    guard case .stable = phase, !members.isEmpty else { return }
    preparations += 1
    let number = preparations
    phase = .preparing(number: number)
    world.counts.rebalances += 1
    world.note("rebalance: \(reason)")
    for member in members.keys.sorted() where member != joined {
      members[member] = false
      world.workers[member].hearOfRebalance()
    }
    world.after(GroupModel.rebalanceTimeout) { [unowned world] in world.group.timeOut(number, in: world) }
  }

  private func timeOut(_ number: Int, in world: World) {
    guard case .preparing(number) = phase else { return }
    for (member, hasJoined) in members.sorted(by: { $0.key < $1.key }) where !hasJoined { remove(member, in: world) }
    completeIfAllJoined(in: world)
  }

  private func completeIfAllJoined(in world: World) {
    guard case .preparing = phase, members.values.allSatisfy({ $0 }) else { return }
    phase = .stable
    generation += 1
    assignment = [:]
    let joined = members.keys.sorted()
    guard !joined.isEmpty else { return }
    for partition in 0..<world.partitions {
      assignment[joined[(Int(partition) + generation) % joined.count], default: []].append(partition)
    }
    world.note("generation \(generation): \(assignment.sorted { $0.key < $1.key }.map { "\($0.key) has \($0.value)" })")
    for member in joined { assign(to: world.workers[member], in: world) }
  }

  private func assign(to worker: SimulatedWorker, in world: World) {
    worker.receive(assignment[worker.index] ?? [], generation: generation)
  }

  /// Members that are silent for too long are removed.
  func expireSessions(in world: World) {
    let silent = members.keys.sorted().filter { world.workers[$0].silence(at: world.now) > GroupModel.sessionTimeout }
    guard !silent.isEmpty else { return }
    for member in silent { remove(member, in: world) }
    rebalance(in: world, "sessions of \(silent) ended")
    completeIfAllJoined(in: world)
  }

  private func remove(_ member: Int, in world: World) {
    members[member] = nil
    assignment[member] = nil
    world.workers[member].wasRemoved()
  }
}
