/// One order: what deduplication is keyed on.
///
/// An order id names an order only within its account's environment, so the account is part of the key: a request under
/// another account is never answered from this one's outcome.
struct OrderKey: Hashable, Sendable {
  /// The order's id.
  var orderID: Int64
  /// The account, by its number in the engine's `AccountTable`.
  var account: AccountNumber
}

/// One order within one partition of the requests, and of the ledger.
struct OrderRef: Hashable, Sendable {
  var key: OrderKey
  var partition: Int32
}
