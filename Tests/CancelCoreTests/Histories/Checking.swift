import Testing

/// The seed of the history that runs, for messages.
enum RunningHistory {
  @TaskLocal static var seed: UInt64?
}

/// Records an issue, with the seed of the history, unless `condition` holds; cheap where it does.
func check(
  _ condition: @autoclosure () throws -> Bool,
  _ message: @autoclosure () -> String = "a promise is broken",
  sourceLocation: SourceLocation = #_sourceLocation
) rethrows {
  if try condition() { return }
  fail(message(), sourceLocation: sourceLocation)
}

/// Records an issue with the seed of the history.
func fail(_ message: String, sourceLocation: SourceLocation = #_sourceLocation) {
  let seed = RunningHistory.seed.map { " (HISTORY_SEED=\($0) HISTORIES=1)" } ?? ""
  Issue.record("\(message)\(seed)", sourceLocation: sourceLocation)
}
