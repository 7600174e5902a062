import CRdkafka

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Copies librdkafka's messages into Swift values. Belongs to one thread.
struct MessageDecoder {
  private var topic = ""
  private var topicName: [CChar] = [0]

  /// The message's content; the caller still owns the message.
  mutating func decode(_ message: UnsafeMutablePointer<rd_kafka_message_t>) -> KafkaMessage {
    let raw = message.pointee
    var timestampType = RD_KAFKA_TIMESTAMP_NOT_AVAILABLE
    let timestamp = rd_kafka_message_timestamp(message, &timestampType)
    return KafkaMessage(
      topic: name(of: raw.rkt), partition: raw.partition, offset: raw.offset,
      timestampMilliseconds: timestampType == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE ? nil : timestamp,
      key: raw.key.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: raw.key_len)) },
      value: raw.payload.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: raw.len)) },
      headers: Self.headers(of: message))
  }

  /// The topic's name: the same string as for the message before, as long as the topic stays the same.
  mutating func name(of handle: OpaquePointer?) -> String {
    guard let handle, let name = rd_kafka_topic_name(handle) else { return "" }
    let isSame = topicName.withUnsafeBufferPointer { known in
      known.baseAddress.map { strcmp($0, name) == 0 } ?? false
    }
    if isSame { return topic }
    topic = String(cString: name)
    topicName = topic.utf8.map { CChar(bitPattern: $0) } + [0]
    return topic
  }

  private static func headers(of message: UnsafeMutablePointer<rd_kafka_message_t>) -> [KafkaHeader] {
    var list: OpaquePointer?
    guard rd_kafka_message_headers(message, &list) == RD_KAFKA_RESP_ERR_NO_ERROR, let list else { return [] }
    let count = rd_kafka_header_cnt(list)
    var headers: [KafkaHeader] = []
    headers.reserveCapacity(count)
    for index in 0..<count {
      var name: UnsafePointer<CChar>?
      var value: UnsafeRawPointer?
      var size = 0
      guard rd_kafka_header_get_all(list, index, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR, let name
      else { break }
      headers.append(
        KafkaHeader(
          name: String(cString: name), value: value.map { [UInt8](UnsafeRawBufferPointer(start: $0, count: size)) }))
    }
    return headers
  }
}
