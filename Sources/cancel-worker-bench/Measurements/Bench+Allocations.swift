import Foundation

extension Bench {
  /// What one more request allocates, librdkafka's share included: the difference between two loads, so that the start
  /// and the topics' set-up fall out.
  func allocations(into report: inout Report) async throws {
    guard let library = AllocationCount.library else {
      FileHandle.standardError.write(Data("allocations need jemalloc (Debian: libjemalloc2); left out\n".utf8))
      return
    }
    let more = 100_000 / scale
    for guarantee in Bench.guarantees {
      let settings = AllocationCount.environment(library).merging(["DELIVERY_GUARANTEE": guarantee]) { $1 }
      let few = try await drain(more / 10, settings: settings)
      let many = try await drain(more / 10 + more, settings: settings)
      let counted = try AllocationCount.read(from: many.log) - AllocationCount.read(from: few.log)
      report.add("allocations per request", guarantee, Double(counted) / Double(more), "")
    }
  }
}
