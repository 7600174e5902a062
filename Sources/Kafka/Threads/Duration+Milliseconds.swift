extension Duration {
  /// Whole milliseconds as librdkafka takes them: rounded up, never negative (which would mean without end).
  var librdkafkaMilliseconds: Int32 {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    guard seconds < Int64(Int32.max / 1000) - 1 else { return Int32.max }
    return Int32(seconds * 1000) + Int32((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}
