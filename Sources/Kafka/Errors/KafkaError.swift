/// What went wrong in talking to Kafka, and what may be done about it.
///
/// The three flags are librdkafka's own judgement: a fatal error ends the client, a retriable one may pass when the
/// operation is tried again, and one that must abort leaves a transaction that can't be committed any more.
public struct KafkaError: Error, Sendable, CustomStringConvertible {
  /// The broker's or librdkafka's code.
  public var code: Code
  /// What happened, for people. Never holds a configuration value that may be a secret.
  public var message: String
  /// The operation that failed, in Kafka's words, such as `commit_transaction`.
  public var operation: String
  /// The client can't be used any more; only a new one helps.
  public var isFatal: Bool
  /// The same operation may succeed later.
  public var isRetriable: Bool
  /// The transaction was (or has to be) aborted; its content can be built into the next one.
  public var mustAbortTransaction: Bool
  /// The error behind this one, if there is one.
  public var cause: (any Error)?

  /// An error with the given parts.
  public init(
    code: Code, message: String, operation: String, isFatal: Bool = false, isRetriable: Bool = false,
    mustAbortTransaction: Bool = false, cause: (any Error)? = nil
  ) {
    self.code = code
    self.message = message
    self.operation = operation
    self.isFatal = isFatal
    self.isRetriable = isRetriable
    self.mustAbortTransaction = mustAbortTransaction
    self.cause = cause
  }

  /// Whether the same may succeed when it is tried again, without anybody's doing.
  public var mayPass: Bool { !isFatal && !code.needsAnOperator && (isRetriable || mustAbortTransaction) }

  /// One line: the operation, the message, the code's name, and what the error demands.
  public var description: String {
    var line = "\(operation): \(message) (\(code))"
    if isFatal { line += ", fatal" }
    if mustAbortTransaction { line += ", transaction aborted" }
    if isRetriable { line += ", retriable" }
    if let cause { line += "; because of \(cause)" }
    return line
  }
}
