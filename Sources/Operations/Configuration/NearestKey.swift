/// Finds the known key that an unknown one was probably meant to be.
struct NearestKey {
  let known: [String]

  /// The nearest known key, where one is near enough to be meant.
  func suggestion(for unknown: String) -> String? {
    let ranked = known.map { ($0, NearestKey.distance(unknown.lowercased(), $0.lowercased())) }
    guard let (key, distance) = ranked.min(by: { ($0.1, $0.0) < ($1.1, $1.0) }) else { return nil }
    return distance <= max(3, unknown.count / 3) ? key : nil
  }

  /// How many characters must be added, dropped or changed to get from one text to the other (Levenshtein).
  static func distance(_ left: String, _ right: String) -> Int {
    let right = Array(right)
    var previous = Array(0...right.count)
    for (row, character) in left.enumerated() {
      var current = [row + 1]
      for (column, other) in right.enumerated() {
        let change = previous[column] + (character == other ? 0 : 1)
        current.append(min(change, previous[column + 1] + 1, current[column] + 1))
      }
      previous = current
    }
    return previous[right.count]
  }
}
