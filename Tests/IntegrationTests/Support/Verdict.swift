import CancelContract

/// What became of a load, counted from the results topic.
struct Verdict: CustomStringConvertible {
  var requests: Int
  var results: Int
  var missing: Int
  var repeated: Int

  /// Compares the results with `requests` messages that were produced: each has its own source coordinates.
  init(requests: Int, results: [CancelResult]) {
    let sources = Set(results.map(\.source))
    self.requests = requests
    self.results = results.count
    missing = requests - sources.count
    repeated = results.count - sources.count
  }

  var description: String {
    "requests=\(requests) results=\(results) missing=\(missing) repeated=\(repeated)"
  }
}
