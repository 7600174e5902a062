/// The metadata keys of the worker's log, each with one meaning.
public enum LogKey {
  /// The order's id.
  public static let orderID = "order_id"
  /// The request's own id.
  public static let cancelID = "cancel_id"
  /// The account's name.
  public static let account = "account"
  /// What became of the request.
  public static let outcome = "outcome"
  /// Calls that it took.
  public static let attempts = "attempts"
  /// The API's last status.
  public static let httpStatus = "http_status"
  /// Whether the result came without a call of its own.
  public static let deduplicated = "deduplicated"
  /// The `x-request-id` of its calls, separated by spaces; the last ones where there were many.
  public static let requestIDs = "request_ids"
  /// `topic/partition/offset` of the request.
  public static let source = "source"
  /// From the request's production to its first call, in milliseconds.
  public static let queueMilliseconds = "queue_ms"
  /// From the first call to the answer that settled it, in milliseconds.
  public static let callMilliseconds = "call_ms"
  /// From the request's production to its published result, in milliseconds.
  public static let totalMilliseconds = "total_ms"
  /// The trace's id.
  public static let traceID = "trace_id"
  /// How many lines were left out.
  public static let count = "count"
}
