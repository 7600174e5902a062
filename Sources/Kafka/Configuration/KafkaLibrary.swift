import CRdkafka

/// The librdkafka that is loaded.
public enum KafkaLibrary {
  /// Its version, such as `2.0.2`.
  public static var version: String { rd_kafka_version_str().map { String(cString: $0) } ?? "unknown" }

  /// Whether it keeps a core busy while a timer has less than a millisecond to go, as all versions before 2.4.0 do.
  ///
  /// Each transaction has two such timers, so it costs 2 ms of processor time more than with a later version. No property
  /// of librdkafka changes that. Source: librdkafka's change log, 2.4.0, "Fix to main loop timeout calculation".
  public static var spinsInTransactions: Bool { spinsInTransactions(rd_kafka_version()) }

  /// - Parameter version: as `rd_kafka_version` tells it: a byte each for major, minor and revision, and one more.
  static func spinsInTransactions(_ version: Int32) -> Bool { version < 0x0204_0000 }

  /// Whether a seek wakes the thread that fetches, as in all versions before 2.1.0.
  static var seekWakesFetcher: Bool { rd_kafka_version() < 0x0201_0000 }

  /// A full queue keeps librdkafka from fetching, and it looks again after a second: what came meanwhile, a kill-switch
  /// behind a burst, or the next piece of a long read, waits so long. Where the wait is a property, this makes it short;
  /// versions without it have to be woken once their queue has room, with `wakeFetcher`.
  static let promptFetching = knows(queueBackoff) ? [queueBackoff: "10"] : [:]

  /// Wakes the threads that fetch these partitions. What wakes one is an answer on its connection: the leaders are asked
  /// for the logs' ends. Blocks for a millisecond; from librdkafka 2.3 on until they have answered, for a second at most.
  static func wakeFetcher(of partitions: [KafkaTopicPartition], _ client: OpaquePointer) {
    guard !partitions.isEmpty else { return }
    let ends = TopicPartitions(partitions)
    for index in partitions.indices { ends.setOffset(Int64(RD_KAFKA_OFFSET_END), at: index) }
    rd_kafka_offsets_for_times(client, ends.pointer, givingUpDisconnects ? 1000 : 1)
  }

  /// Whether giving up waiting for logs' ends gives the request up too. The connection is then closed for a request that
  /// timed out, and what is under way on it is lost, should librdkafka look for such requests just then.
  private static var givingUpDisconnects: Bool { rd_kafka_version() >= 0x0203_0000 }

  private static let queueBackoff = "fetch.queue.backoff.ms"

  private static func knows(_ property: String) -> Bool {
    guard let configuration = rd_kafka_conf_new() else { return false }
    defer { rd_kafka_conf_destroy(configuration) }
    var size = 0
    return rd_kafka_conf_get(configuration, property, nil, &size) == RD_KAFKA_CONF_OK
  }

  /// What its build can do, by librdkafka's own names, such as `ssl` and `sasl_scram`.
  public static var features: Set<String> {
    guard let configuration = rd_kafka_conf_new() else { return [] }
    defer { rd_kafka_conf_destroy(configuration) }
    var text = [CChar](repeating: 0, count: 1024)
    var size = text.count
    guard rd_kafka_conf_get(configuration, "builtin.features", &text, &size) == RD_KAFKA_CONF_OK else { return [] }
    return Set(String(nulTerminated: text).split(separator: ",").map { $0.filter { $0 != " " } })
  }
}

extension KafkaClientConfiguration {
  /// What properties ask for that a build of librdkafka with these features can't do.
  func missingFeatures(_ features: Set<String>, version: String) -> [Fault] {
    var needs: [(property: String, feature: String)] = []
    func value(_ names: String...) -> (property: String, value: String)? {
      names.lazy.compactMap { name in properties[name].map { (name, $0.lowercased()) } }.first
    }
    if let (property, value) = value("security.protocol") {
      if value.hasSuffix("ssl") { needs.append((property, "ssl")) }
      if value.hasPrefix("sasl") { needs.append((property, "sasl")) }
    }
    if let (property, value) = value("sasl.mechanisms", "sasl.mechanism") {
      switch value {
      case "gssapi": needs.append((property, "sasl_gssapi"))
      case "plain": needs.append((property, "sasl_plain"))
      case "oauthbearer": needs.append((property, "sasl_oauthbearer"))
      case _ where value.hasPrefix("scram"): needs.append((property, "sasl_scram"))
      default: break
      }
    }
    if let (property, value) = value("sasl.oauthbearer.method"), value == "oidc" { needs.append((property, "oidc")) }
    if let (property, value) = value("compression.type", "compression.codec"), value != "none", value != "inherit" {
      needs.append((property, value))
    }
    return needs.filter { !features.contains($0.feature) }.map { need in
      Fault(
        property: need.property,
        message: "needs a librdkafka with '\(need.feature)', which the loaded one, \(version), was built without. "
          + (need.feature == "oidc"
            ? "Install one that is built with libcurl, such as Confluent's librdkafka1"
            : "Install Debian's or Confluent's librdkafka1, which have it"))
    }
  }
}
