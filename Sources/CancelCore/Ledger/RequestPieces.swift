import CancelContract

/// How the requests of one order are spread over several ledger records, so that none outgrows what Kafka takes.
///
/// The order's own record holds the first piece; each further one has a record of its own, under a key with its number.
/// A piece holds requests that follow each other, and is written again only when it changed. What the pieces hold
/// together is what is open, so a restored order needs no count of them.
struct RequestPieces: Sendable {
  struct Piece: Sendable {
    /// 0 for the order's own record.
    var number: Int
    /// Its requests.
    var count = 0
    /// An upper bound of its requests' encoded size.
    var size = 0
    /// Whether its ledger record is not what it holds.
    var isChanged = true
  }

  /// A piece is closed when it would get larger than this, in bytes; a single request may be larger.
  let sizeLimit: Int
  /// In ascending order; the first is number 0.
  private(set) var pieces = [Piece(number: 0)]

  init(of requests: [OpenRequest], sizeLimit: Int) {
    self.sizeLimit = sizeLimit
    for request in requests { append(request) }
  }

  /// The pieces as they were restored.
  init(restored: [(number: Int, requests: [OpenRequest])], sizeLimit: Int) {
    self.sizeLimit = sizeLimit
    pieces = restored.map { number, requests in
      Piece(
        number: number, count: requests.count, size: requests.reduce(0) { $0 + $1.largestEncodedSize },
        isChanged: false)
    }
  }

  /// The numbers of the records beside the order's own.
  var extraNumbers: [Int] { pieces.dropFirst().filter { $0.count > 0 }.map(\.number) }

  /// The requests in the order's own record.
  var inOwnRecord: Int { pieces.first?.count ?? 0 }

  /// Makes room for one more request after the last.
  mutating func append(_ request: OpenRequest) {
    let size = request.largestEncodedSize
    let last = pieces.count - 1
    if pieces[last].count > 0, pieces[last].size + size > sizeLimit {
      pieces.append(Piece(number: pieces[last].number + 1, count: 1, size: size))
    } else {
      pieces[last].count += 1
      pieces[last].size += size
      pieces[last].isChanged = true
    }
  }

  /// Takes out those of `requests` that `isRemoved` says.
  mutating func remove(from requests: [OpenRequest], where isRemoved: (OpenRequest) -> Bool) {
    var start = 0
    for index in pieces.indices {
      let end = start + pieces[index].count
      for request in requests[start..<end] where isRemoved(request) {
        pieces[index].count -= 1
        pieces[index].size -= request.largestEncodedSize
        pieces[index].isChanged = true
      }
      start = end
    }
    let last = pieces.last?.number
    pieces.removeAll { $0.count == 0 && $0.number != 0 && $0.number != last }
  }

  /// Has every piece written again.
  mutating func markAllChanged() {
    for index in pieces.indices { pieces[index].isChanged = true }
  }

  /// The pieces beside the order's own record that have to be written, each with its requests' range; they count as
  /// written from then on.
  mutating func drainChanged() -> [(number: Int, range: Range<Int>)] {
    var changed: [(number: Int, range: Range<Int>)] = []
    var start = 0
    for index in pieces.indices {
      let end = start + pieces[index].count
      if pieces[index].isChanged && pieces[index].number != 0 && pieces[index].count > 0 {
        changed.append((pieces[index].number, start..<end))
      }
      pieces[index].isChanged = false
      start = end
    }
    return changed
  }
}

extension OpenRequest {
  /// An upper bound of what the request takes in a ledger record, in bytes.
  var largestEncodedSize: Int {
    let request = received.request
    var size = 160 + request.cancelID.utf8.count + received.source.topic.utf8.count
    size += (request.account?.description.utf8.count ?? 0) + (request.reason?.utf8.count ?? 0)
    size += (request.campaignID?.utf8.count ?? 0) + (request.context?.utf8.count ?? 0) + (received.key?.count ?? 0)
    if let origin = request.origin {
      for member in [origin.system, origin.actor, origin.algorithm, origin.desk] {
        size += 8 + (member?.utf8.count ?? 0)
      }
    }
    for header in received.echoedHeaders { size += 16 + header.name.utf8.count + (header.value?.count ?? 0) }
    return size
  }
}
