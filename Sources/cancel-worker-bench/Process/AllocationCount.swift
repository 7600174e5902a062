import Foundation

/// How often a process allocated: jemalloc, loaded before it, counts and tells at the process's end.
enum AllocationCount {
  /// Debian's `libjemalloc2`, where it is installed.
  static var library: String? {
    ["x86_64", "aarch64"].lazy.map { "/usr/lib/\($0)-linux-gnu/libjemalloc.so.2" }
      .first { FileManager.default.fileExists(atPath: $0) }
  }

  /// What a process needs in its environment; of the statistics only the sums over all arenas, as JSON.
  static func environment(_ library: String) -> [String: String] {
    ["LD_PRELOAD": library, "MALLOC_CONF": "stats_print:true,stats_print_opts:Jgdablxe"]
  }

  /// Reads the count from what the process said.
  static func read(from output: String) throws -> Int {
    guard let start = output.range(of: #"{"jemalloc":"#)?.lowerBound else { throw NoAllocationCount() }
    let merged = try JSONDecoder().decode(Statistics.self, from: Data(output[start...].utf8)).jemalloc.arenas.merged
    return merged.small.nrequests + merged.large.nrequests
  }

  private struct Statistics: Decodable {
    var jemalloc: Sums
  }

  private struct Sums: Decodable {
    var arenas: Arenas

    enum CodingKeys: String, CodingKey {
      case arenas = "stats.arenas"
    }
  }

  private struct Arenas: Decodable {
    var merged: Merged
  }

  private struct Merged: Decodable {
    var small: SizeClass
    var large: SizeClass
  }

  private struct SizeClass: Decodable {
    var nrequests: Int
  }
}

/// The process ended without jemalloc's statistics.
struct NoAllocationCount: Error, CustomStringConvertible {
  var description: String { "the worker's log holds no statistics of jemalloc" }
}
