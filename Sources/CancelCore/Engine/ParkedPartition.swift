import CancelContract

/// A partition that was given up with nothing uncommitted: should it come back soon, only what its next owners wrote to
/// its ledger has to be read.
///
/// It is of use only to the engine that parked it.
public struct ParkedPartition: Sendable {
  /// The partition.
  public let number: Int32
  var ledger: PartitionLedger
  var open: [OpenOrder]

  /// Orders that it remembers or holds open.
  public var orderCount: Int { ledger.orders.count }
}

extension CancelEngine {
  /// Gives a partition up as `drop` does, and keeps its state.
  ///
  /// Calls in flight count as interrupted.
  ///
  /// - Returns: `nil`, and nothing is changed, unless the partition is restored and all of its state is committed.
  public mutating func park(_ number: Int32) -> ParkedPartition? {
    guard partitions.owns(number), partitions[number].phase != .restoring, !partitions[number].isInCommitList,
      committing?.parts.contains(where: { $0.partition == number }) != true,
      !results.contains(where: { $0.source.partition == number })
    else { return nil }
    var parked = ParkedPartition(number: number, ledger: partitions[number], open: [])
    for slot in orders.slots(where: { $0.ref.partition == number }) { parked.open.append(takeOut(slot)) }
    partitions.remove(number)
    notices.removeAll { $0.received.source.partition == number }
    return parked
  }

  /// Owns a partition again, with the state in which this engine parked it; the ledger's records since then may follow.
  public mutating func assign(_ number: Int32, resuming parked: ParkedPartition) {
    guard parked.number == number else { preconditionFailure("A partition is resumed under its own number.") }
    drop([number])
    lastEpoch += 1
    partitions.add(number, PartitionLedger(epoch: lastEpoch, resuming: parked.ledger))
    for order in parked.open {
      if let pieces = order.pieces {
        partitions[number].restoredPieces[order.ref.key] = pieces.extras(of: order.requests)
      }
      let slot = orders.insert(OpenOrder(ref: order.ref, restoring: order.state))
      partitions[number].set(order.ref.key, .open(slot))
    }
  }
}

extension PartitionLedger {
  /// A partition of which further records are to be read; its open orders are to be set.
  fileprivate init(epoch: UInt64, resuming parked: PartitionLedger) {
    self = parked
    self.epoch = epoch
    phase = .restoring
    position = nil
    inFlight = 0
    restoredThrough = -1
  }
}

extension RequestPieces {
  /// The requests of each record beside the order's own, by its number.
  fileprivate func extras(of requests: [OpenRequest]) -> [Int: [OpenRequest]] {
    var extras: [Int: [OpenRequest]] = [:]
    var start = 0
    for piece in pieces {
      if piece.number > 0 && piece.count > 0 { extras[piece.number] = Array(requests[start..<start + piece.count]) }
      start += piece.count
    }
    return extras
  }
}
