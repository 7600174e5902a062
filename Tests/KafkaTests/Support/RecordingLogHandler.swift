import Foundation
import Logging

/// Notes each line; shows it on standard error as well where wanted.
struct RecordingLogHandler: LogHandler {
  let log: Recorder<[String]>
  let isLoud: Bool
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .debug

  init(log: Recorder<[String]>, isLoud: Bool) {
    self.log = log
    self.isLoud = isLoud
    // librdkafka's own debug level is silent unless a debug context is asked for.
    logLevel = .debug
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let line = "\(event.level) \(event.message) \(event.metadata ?? [:])"
    log.update { $0.append(line) }
    if isLoud { FileHandle.standardError.write(Data((line + "\n").utf8)) }
  }
}
