import CancelContract
import FoundationEssentials
import Logging
import NIOCore

/// One call to the cancel endpoint.
public struct CancelCall: Sendable {
  /// The order to cancel.
  public var orderID: OrderID
  /// The account that holds the order.
  public var account: Account
  /// The call's `x-request-id`; the API may refuse one that it has seen, so each call has its own.
  public var requestID: UUID

  /// A call with a fresh request id, unless one is given.
  public init(orderID: OrderID, account: Account, requestID: UUID = .random()) {
    self.orderID = orderID
    self.account = account
    self.requestID = requestID
  }
}

/// Sends cancels to the API, and asks it what is pending.
///
/// Every function returns at once, and tells the answer once, on the client's event loop. Every fault is an answer of its
/// own kind. Answers are told and not returned as futures because a future costs a call more than its request's bytes.
public protocol CancelClient: Sendable {
  /// Sends one call.
  ///
  /// - Parameter onAnswer: Told what the call came to.
  func cancel(_ call: CancelCall, onAnswer: @escaping @Sendable (CancelAnswer) -> Void)

  /// Reads the account's pending orders, which changes nothing.
  ///
  /// - Parameters:
  ///   - onOrders: Told orders as they become known, by a client that reads a list in parts; each is in the answer too. A
  ///     client that reads a list as a whole never calls it.
  ///   - onAnswer: Told what the reading came to.
  func listOrders(
    of account: Account, requestID: UUID, onOrders: @escaping @Sendable ([OrderID]) -> Void,
    onAnswer: @escaping @Sendable (OrderListAnswer) -> Void)

  /// Looks one order up, which changes nothing.
  ///
  /// - Parameter onAnswer: Told what the lookup came to.
  func lookUp(
    _ orderID: OrderID, of account: Account, requestID: UUID,
    onAnswer: @escaping @Sendable (OrderLookupAnswer) -> Void)

  /// Closes every connection. Calls without an answer get one that says whether they may have been sent.
  func shutdown() async
}

/// Makes the client of one worker.
public protocol CancelClientFactory: Sendable {
  /// A client that completes its calls on `loop`.
  ///
  /// - Parameter version: The worker's version, for the `user-agent` header.
  /// - Throws: Where the factory's configuration is at fault; `CancelClientError` for eToro's.
  func makeClient(on loop: any EventLoop, version: String, logger: Logger) throws -> any CancelClient
}
