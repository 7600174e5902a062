import CancelContract
import FoundationEssentials

/// A reading of an account's pending orders, to send now.
public struct ListCall: Hashable, Sendable {
  /// The engine's count of it, to be given back with what it tells.
  public var id: ListID
  /// The account whose orders are asked for.
  public var account: AccountName
  /// Its `x-request-id`.
  public var requestID: UUID
}

/// A list that was asked for and is not answered.
struct ListFlight: Sendable {
  var account: AccountNumber
  var key: QuotaKey
  var slot: QuotaWindow.Slot
}

extension CancelEngine {
  /// The next list to ask for at `now`, or `nil` when there is none: ask again after an answer, an arrival or `nextWake`.
  public mutating func nextList(at now: Timestamp, requestID: () -> UUID) -> ListCall? {
    guard !isStopping else { return nil }
    while let key = keysWithLists.popFirst() {
      switch keys[key.index].lists.next(at: now) {
      case .nothing: continue
      case .wait(let time): readTimers.insert(KeyTimer(at: time, key: key))
      case .send(let account, let slot):
        keysWithLists.append(key)
        guard (sweepsByAccount[account] ?? []).contains(where: { wantsList($0, of: account, at: now) }) else {
          keys[key.index].lists.neverSent(slot)
          listOf[account] = nil
          continue
        }
        lastList += 1
        let id = ListID(number: lastList)
        listsInFlight[id] = ListFlight(account: account, key: key, slot: slot)
        listOf[account] = .inFlight
        for ref in sweepsByAccount[account] ?? [] where wantsList(ref, of: account, at: now) {
          sweeps[ref]?.parts[account]?.stage = .listing(id)
          let open = sweeps[ref]?.parts[account]?.open
          sweeps[ref]?.parts[account]?.isConclusive = open == 0
        }
        return ListCall(id: id, account: accounts.name(of: account), requestID: requestID())
      }
    }
    return nil
  }

  private func wantsList(_ ref: SweepRef, of account: AccountNumber, at now: Timestamp) -> Bool {
    guard case .listDue(let at)? = sweeps[ref]?.parts[account]?.stage else { return false }
    return at <= now && partitions[ref.partition].phase == .active
  }

  /// A sweep waits for a list of this account: one serves all that wait for it when it is sent.
  mutating func enqueueList(of account: AccountNumber, at now: Timestamp) {
    switch listOf[account] {
    case nil: break
    case .queued: return
    case .inFlight, .wantedAgain:
      // It may have been made before the last cancel: another one is needed.
      listOf[account] = .wantedAgain
      return
    }
    guard let key = accounts.quotaKey(of: account) else {
      for ref in sweepsByAccount[account] ?? [] { answeredAll(of: account, for: ref, at: now) }
      return
    }
    listOf[account] = .queued
    keys[key.index].lists.add(account)
    keysWithLists.append(key)
  }

  /// A list that is being read told these orders.
  public mutating func listed(_ id: ListID, some orders: [OrderID], at now: Timestamp) {
    guard let flight = listsInFlight[id] else { return }
    for ref in sweeps(waitingFor: id, flight.account) {
      for order in orders { found(order, of: flight.account, by: ref, at: now) }
    }
  }

  /// A list was read to its end, or failed.
  public mutating func listed(_ id: ListID, _ answer: OrderListAnswer, at now: Timestamp) {
    guard let flight = listsInFlight.removeValue(forKey: id) else {
      preconditionFailure("A list is answered once.")
    }
    let account = flight.account
    let isWantedAgain = listOf.removeValue(forKey: account) == .wantedAgain
    let fault: CancelAnswer?
    switch answer.outcome {
    case .complete: fault = nil
    case .fault(let answer): fault = answer
    }
    keys[flight.key.index].lists.answered(flight.slot, fault: fault, rateLimit: answer.rateLimit, at: now)
    if !keys[flight.key.index].lists.isEmpty { keysWithLists.append(flight.key) }
    for ref in sweeps(waitingFor: id, account) {
      switch answer.outcome {
      case .complete(let list): take(list, of: account, for: ref, at: now)
      case .fault(let answer): take(answer, of: account, for: ref, at: now)
      }
    }
    if isWantedAgain { enqueueList(of: account, at: now) }
  }

  private func sweeps(waitingFor id: ListID, _ account: AccountNumber) -> [SweepRef] {
    (sweepsByAccount[account] ?? []).filter { sweeps[$0]?.parts[account]?.stage == .listing(id) }.sorted()
  }

  private mutating func take(_ list: OrderList, of account: AccountNumber, for ref: SweepRef, at now: Timestamp) {
    for order in list.orders { found(order, of: account, by: ref, at: now) }
    guard var part = sweeps[ref]?.parts[account], let isDryRun = sweeps[ref]?.isDryRun else { return }
    part.pause =
      part.wasListed && part.lastListed == list.orders
      ? min(part.pause * 2, Sweep.longestPause) : Sweep.firstPause
    part.wasListed = true
    part.lastListed = list.orders
    part.notCancellable = list.notCancellable
    part.failures = 0
    part.refusals = 0
    part.lastFault = nil
    part.stage = .working
    sweeps[ref]?.parts[account] = part
    sweeps[ref]?.lists += 1
    if isDryRun {
      end(account, of: ref, .counted)
    } else if part.open > 0 {
      sweeps[ref]?.parts[account]?.nextLook = now + Sweep.interval
      sweepTimers.insert(SweepTimer(at: now + Sweep.interval, sweep: ref, account: account))
    } else if list.orders.isEmpty && !list.isTruncated && part.isConclusive {
      end(account, of: ref, .empty)
    } else {
      answeredAll(of: account, for: ref, at: now)
    }
  }

  /// A list could not be read: it is read again, unless another try can't bring more.
  private mutating func take(_ fault: CancelAnswer, of account: AccountNumber, for ref: SweepRef, at now: Timestamp) {
    sweeps[ref]?.parts[account]?.lastFault = fault.problem
    sweeps[ref]?.parts[account]?.failures += 1
    let failures = sweeps[ref]?.parts[account]?.failures ?? 1
    let problem = fault.problem ?? Problem(.ordersNotListed, detail: "the account's orders could not be listed")
    let isRefused = fault.kind == .rejected || fault.kind == .failed
    let refusals = isRefused ? (sweeps[ref]?.parts[account]?.refusals ?? 0) + 1 : 0
    sweeps[ref]?.parts[account]?.refusals = refusals
    switch fault.kind {
    // A gateway may have said so: the API is asked a few times more before the account is given up.
    case .rejected where refusals >= Sweep.mostRefusals, .failed where refusals >= Sweep.mostRefusals:
      return end(account, of: ref, .failed(problem))
    case .credentialRefused where policy.breakerMode == .failFast && (!fault.isUncertain || failures > 1):
      return end(account, of: ref, .failed(problem))
    case .throttled: wantList(of: account, for: ref, at: now, now)
    case .credentialRefused, .transient, .ambiguous, .accepted, .rejected, .failed:
      let delay = policy.retryBackoff.delay(failures: failures, random: &random)
      wantList(of: account, for: ref, at: now + delay, now)
    }
  }
}

/// Where the list of an account stands.
enum ListStage: Sendable {
  /// It waits for its pool.
  case queued
  /// It was asked for.
  case inFlight
  /// It was asked for, and another one is to follow.
  case wantedAgain
}
