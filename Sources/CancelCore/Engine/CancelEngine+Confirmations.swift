import CancelContract
import FoundationEssentials

/// A lookup of one order, to send now.
public struct LookupCall: Hashable, Sendable {
  /// The engine's count of it, to be given back with the answer.
  public var id: LookupID
  /// The order that is asked for.
  public var orderID: OrderID
  /// The account that holds it.
  public var account: AccountName
  /// Its `x-request-id`.
  public var requestID: UUID
}

/// A lookup of an order, by the engine's count.
public struct LookupID: Hashable, Sendable {
  let number: UInt64
}

/// A lookup that was asked for and is not answered.
struct LookupFlight: Sendable {
  var order: OrderRef
  var key: QuotaKey
  var slot: QuotaWindow.Slot
}

/// An accepted cancel whose effect is not confirmed, as far as the ledger does not hold it.
struct Confirming: Sendable {
  var record: ConfirmationRecord
  var lookups = 0
  var status: OrderStatus?
  /// Why the last lookup failed; `nil` where it did not.
  var problem: Problem?

  /// The pause before the first lookup: a lookup lags a change by about a second.
  static let firstPause = Duration.seconds(1)
  /// The pauses grow up to this.
  static let longestPause = Duration.seconds(15)

  var nextPause: Duration { min(Confirming.firstPause * (1 << min(lookups, 8)), Confirming.longestPause) }
}

extension CancelEngine {
  /// An order's cancel was accepted: it is looked up until its end is known, where the policy or one of its requests
  /// asks for that.
  mutating func confirmLater(_ order: OpenOrder, at now: Timestamp) {
    let ref = order.ref
    // By place: most orders end here, and their requests are not worth a copy.
    let asking = order.requests.indices.first { order.requests[$0].received.request.details.wantsConfirmation }
    guard asking != nil || policy.confirms, partitions[ref.partition].annex.confirmations[ref.key] == nil
    else { return }
    let received = order.requests[asking ?? 0].received
    var echo = received.echo
    // The result repeats the context: an event about the same order need not.
    echo.details.context = nil
    let record = ConfirmationRecord(
      echo: echo, producedAt: received.producedAt, receivedAt: received.receivedAt, acceptedAt: now,
      until: now + policy.confirmWithin)
    partitions[ref.partition].annex.confirmations[ref.key] = record
    partitions[ref.partition].annex.markChanged(.confirmation, of: ref.key)
    markChanged(ref)
    confirm(record, ref, at: now)
  }

  private mutating func confirm(_ record: ConfirmationRecord, _ ref: OrderRef, at now: Timestamp) {
    confirmations[ref] = Confirming(record: record)
    lookupTimers.insert(LookupTimer(at: now + Confirming.firstPause, order: ref))
  }

  /// Goes on with the confirmations of a partition whose ledger was read.
  mutating func resumeConfirmations(of number: Int32, at now: Timestamp) {
    for (key, record) in partitions[number].annex.confirmations.sorted(by: {
      ($0.value.acceptedAt, $0.key) < ($1.value.acceptedAt, $1.key)
    })
    where !confirmed.contains(where: { $0.ref == OrderRef(key: key, partition: number) }) {
      confirm(record, OrderRef(key: key, partition: number), at: now)
    }
  }

  /// Lines lookups up that have become due.
  mutating func advanceLookups(at now: Timestamp) {
    while let timer = lookupTimers.first, timer.at <= now {
      lookupTimers.popFirst()
      guard confirmations[timer.order] != nil else { continue }
      guard let key = accounts.quotaKey(of: timer.order.key.account) else {
        confirmations[timer.order]?.problem = Problem(
          .accountRemoved, detail: "the account was taken out of the configuration before the order could be looked up")
        conclude(timer.order, .unknown, at: now)
        continue
      }
      keys[key.index].lookups.add(timer.order)
      keysWithLookups.append(key)
    }
    while let timer = readTimers.first, timer.at <= now {
      readTimers.popFirst()
      if !keys[timer.key.index].lists.isEmpty { keysWithLists.append(timer.key) }
      if !keys[timer.key.index].lookups.isEmpty { keysWithLookups.append(timer.key) }
    }
  }

  /// The next lookup to send at `now`, or `nil` when there is none: ask again after an answer, an arrival or `nextWake`.
  public mutating func nextLookup(at now: Timestamp, requestID: () -> UUID) -> LookupCall? {
    guard !isStopping else { return nil }
    while let key = keysWithLookups.popFirst() {
      switch keys[key.index].lookups.next(at: now) {
      case .nothing: continue
      case .wait(let time): readTimers.insert(KeyTimer(at: time, key: key))
      case .send(let ref, let slot):
        keysWithLookups.append(key)
        guard confirmations[ref] != nil, let orderID = OrderID(ref.key.orderID) else {
          keys[key.index].lookups.neverSent(slot)
          continue
        }
        lastLookup += 1
        let id = LookupID(number: lastLookup)
        lookupsInFlight[id] = LookupFlight(order: ref, key: key, slot: slot)
        return LookupCall(
          id: id, orderID: orderID, account: accounts.name(of: ref.key.account), requestID: requestID())
      }
    }
    return nil
  }

  /// A lookup was answered, or given up.
  public mutating func lookedUp(_ id: LookupID, _ answer: OrderLookupAnswer, at now: Timestamp) {
    guard let flight = lookupsInFlight.removeValue(forKey: id) else {
      preconditionFailure("A lookup is answered once.")
    }
    var fault: CancelAnswer?
    if case .fault(let answer) = answer.outcome { fault = answer }
    keys[flight.key.index].lookups.answered(flight.slot, fault: fault, rateLimit: answer.rateLimit, at: now)
    if !keys[flight.key.index].lookups.isEmpty { keysWithLookups.append(flight.key) }
    let ref = flight.order
    guard var confirming = confirmations[ref] else { return }
    if fault?.kind != .throttled { confirming.lookups += 1 }
    confirming.problem = fault?.problem
    if case .found(let status) = answer.outcome { confirming.status = status }
    confirmations[ref] = confirming
    if case .found(let status) = answer.outcome, case .final(let verdict) = status.meaning {
      return conclude(ref, verdict, at: now)
    }
    let next = now + confirming.nextPause
    if next <= confirming.record.until {
      lookupTimers.insert(LookupTimer(at: next, order: ref))
    } else if now < confirming.record.until {
      lookupTimers.insert(LookupTimer(at: confirming.record.until, order: ref))
    } else {
      switch confirming.status?.meaning {
      case .passing(let verdict), .final(let verdict): conclude(ref, verdict, at: now)
      case nil: conclude(ref, .unknown, at: now)
      }
    }
  }

  private mutating func conclude(_ ref: OrderRef, _ verdict: ConfirmationEvent.Verdict, at now: Timestamp) {
    guard let confirming = confirmations.removeValue(forKey: ref), let orderID = OrderID(ref.key.orderID) else {
      return
    }
    counts.confirmations[verdict, default: 0] += 1
    confirmed.append(
      Confirmed(
        ref: ref,
        event: ConfirmationEvent(
          echo: confirming.record.echo, orderID: orderID, account: accounts.name(of: ref.key.account), verdict: verdict,
          status: confirming.status, problem: confirming.problem, lookups: confirming.lookups,
          acceptedAt: confirming.record.acceptedAt, confirmedAt: now)))
    partitions[ref.partition].annex.confirmations[ref.key] = nil
    partitions[ref.partition].annex.markChanged(.confirmation, of: ref.key)
    markChanged(ref)
  }
}

/// An event about an order's end, which goes with the order's own records.
struct Confirmed: Sendable {
  var ref: OrderRef
  var event: ConfirmationEvent
}

/// An order that is to be looked up at a time.
struct LookupTimer: Comparable, Sendable {
  var at: Timestamp
  var order: OrderRef

  static func < (left: LookupTimer, right: LookupTimer) -> Bool { left.at < right.at }
}
