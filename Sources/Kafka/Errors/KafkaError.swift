import CRdkafka

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

extension KafkaError {
  /// Takes over and frees an error object of librdkafka's.
  init(consuming error: OpaquePointer, operation: String) {
    self.init(
      code: Code(rd_kafka_error_code(error)),
      message: rd_kafka_error_string(error).map { String(cString: $0) } ?? "no reason given",
      operation: operation,
      isFatal: rd_kafka_error_is_fatal(error) != 0,
      isRetriable: rd_kafka_error_is_retriable(error) != 0,
      mustAbortTransaction: rd_kafka_error_txn_requires_abort(error) != 0)
    rd_kafka_error_destroy(error)
  }

  /// An error of which only the code is known.
  init(_ code: rd_kafka_resp_err_t, operation: String, message: String? = nil) {
    let code = Code(code)
    self.init(
      code: code, message: message ?? code.sentence, operation: operation,
      isFatal: code == .fatal, isRetriable: code.isTransient)
  }

  /// The reason for which a client gave up for good, if it did.
  init?(fatalErrorOf client: OpaquePointer, operation: String) {
    var text = [CChar](repeating: 0, count: 512)
    let code = rd_kafka_fatal_error(client, &text, text.count)
    guard code != RD_KAFKA_RESP_ERR_NO_ERROR else { return nil }
    self.init(code: Code(code), message: String(nulTerminated: text), operation: operation, isFatal: true)
  }

  static func closed(_ operation: String) -> KafkaError {
    KafkaError(code: .closed, message: "the client has been closed", operation: operation)
  }
}

extension KafkaError.Code {
  /// Codes that pass by themselves: elections, coordinators on the move, connections that come back.
  var isTransient: Bool {
    switch self {
    case .transport, .allBrokersDown, .timedOut, .requestTimedOut, .messageTimedOut, .waitingForCoordinator,
      .coordinatorNotAvailable, .notCoordinator, .coordinatorLoadInProgress, .notLeader, .leaderNotAvailable,
      .concurrentTransactions, .unstableOffsetCommit, .rebalanceInProgress, .queueFull, .resolve:
      true
    default: isUnknownPlace
    }
  }

  /// Somebody else has this producer's place. librdkafka calls some of them abortable, but nothing can follow.
  var isFencing: Bool {
    switch self {
    case .fenced, .producerFenced, .invalidProducerEpoch: true
    default: false
    }
  }

  /// The topic or partition is not known: passes only where it has just been made.
  var isUnknownPlace: Bool {
    switch self {
    case .unknownTopicOrPartition, .unknownTopic, .unknownPartition: true
    default: false
    }
  }
}

extension String {
  /// The text up to the first zero.
  init(nulTerminated characters: [CChar]) {
    self = characters.withUnsafeBufferPointer { buffer in
      String(decoding: buffer.prefix { $0 != 0 }.lazy.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
  }
}
