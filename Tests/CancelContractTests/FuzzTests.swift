@testable import Fuzz
import Testing

struct FuzzTests {
  /// `cancel-worker-fuzz` runs the same for as long as one likes.
  @Test(arguments: FuzzTarget.all.map(\.name))
  func `decoders keep their promises on random input`(name: String) throws {
    let target = try #require(FuzzTarget.all.first { $0.name == name })
    let seed = UInt64.random(in: 0..<1 << 32)
    let report = FuzzRun(target: target, runs: name == "configuration" ? 2000 : 10_000, seed: seed).perform()
    print("\(report) seed=\(seed)")
    #expect(report.violations == [], "seed \(seed)")
    #expect(report.accepted > report.runs / 20)
    #expect(report.refused > report.runs / 20 || name == "problem")
  }

  @Test func `a broken promise is found and told with its seed`() {
    let target = FuzzTarget(name: "broken") { random in
      random.oneIn(10) ? .violated("broken") : .accepted
    }
    let report = FuzzRun(target: target, runs: 1000, seed: 7).perform()
    #expect(report.violations.count == 10)
    #expect(report.violations.allSatisfy { $0.hasPrefix("seed ") })
  }
}
