import CancelContract
import CancelCore
import Tracing

/// The spans that are open: of requests by their place, of calls by their number, and which requests share an order.
struct OpenSpans {
  struct Place: Hashable {
    var partition: Int32
    var offset: Int64

    init(_ source: SourceCoordinates) {
      partition = source.partition
      offset = source.offset
    }
  }

  struct Order: Hashable {
    var orderID: OrderID
    var account: AccountName
  }

  private struct Sharing {
    var places: [Place] = []
    var call: CallID?
  }

  private let limit: Int
  private var requests: [Place: (span: any Span, order: Order?)] = [:]
  private var calls: [CallID: (span: any Span, order: Order)] = [:]
  private var orders: [Order: Sharing] = [:]

  /// Requests that are not traced because too many spans were open.
  private(set) var untraced = 0

  /// - Parameter limit: the most spans of requests; as many again of calls.
  init(limit: Int) {
    self.limit = limit
  }

  var count: Int { requests.count + calls.count }

  /// Whether one more request can be traced; counts it where not.
  mutating func admitsRequest() -> Bool {
    guard requests.count < limit else {
      untraced += 1
      return false
    }
    return true
  }

  func has(_ place: Place) -> Bool { requests[place] != nil }

  /// - Parameter order: the order that the request is for; `nil` for a record that is no request.
  mutating func add(_ span: any Span, at place: Place, order: Order?) {
    requests[place] = (span, order)
  }

  /// The request waits for its order's call.
  ///
  /// - Returns: the request's span and that of the call under way, where both are open.
  mutating func wait(_ place: Place) -> (request: any Span, call: any Span)? {
    guard let (span, order) = requests[place], let order else { return nil }
    orders[order, default: Sharing()].places.append(place)
    guard let call = orders[order]?.call.flatMap({ calls[$0]?.span }) else { return nil }
    return (span, call)
  }

  /// The spans of the requests that wait for an order, the first one first.
  func waiting(for order: Order) -> [any Span] {
    orders[order]?.places.compactMap { requests[$0]?.span } ?? []
  }

  mutating func add(_ span: any Span, of call: CallID, order: Order) {
    guard calls.count < limit else { return }
    calls[call] = (span, order)
    if orders[order] != nil { orders[order]?.call = call }
  }

  mutating func remove(_ call: CallID) -> (any Span)? {
    guard let (span, order) = calls.removeValue(forKey: call) else { return nil }
    if orders[order]?.call == call { orders[order]?.call = nil }
    return span
  }

  mutating func remove(_ place: Place) -> (any Span)? {
    guard let (span, order) = requests.removeValue(forKey: place) else { return nil }
    guard let order else { return span }
    orders[order]?.places.removeAll { $0 == place }
    if orders[order]?.places.isEmpty ?? false { orders[order] = nil }
    return span
  }

  mutating func remove(_ partitions: [Int32]) -> [any Span] {
    requests.keys.filter { partitions.contains($0.partition) }.compactMap { remove($0) }
  }
}
