import CoreMetrics
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// What the system says of this process, set when it is read.
public final class ProcessMetrics: Sendable {
  private let cpu: FloatingPointCounter
  private let residentMemory: Meter
  private let virtualMemory: Meter
  private let openDescriptors: Meter
  private let maxDescriptors: Meter
  private let threads: Meter
  private let startTime: Meter
  private let counted = Mutex(0.0)

  /// Instruments in `factory`.
  public init(factory: any MetricsFactory) {
    cpu = FloatingPointCounter(label: "process_cpu_seconds_total", factory: factory)
    residentMemory = Meter(label: "process_resident_memory_bytes", factory: factory)
    virtualMemory = Meter(label: "process_virtual_memory_bytes", factory: factory)
    openDescriptors = Meter(label: "process_open_fds", factory: factory)
    maxDescriptors = Meter(label: "process_max_fds", factory: factory)
    threads = Meter(label: "process_threads", factory: factory)
    startTime = Meter(label: "process_start_time_seconds", factory: factory)
  }

  /// Reads the figures anew.
  public func update() {
    let process = ProcessReading()
    counted.withLock { counted in
      guard process.cpuSeconds > counted else { return }
      cpu.increment(by: process.cpuSeconds - counted)
      counted = process.cpuSeconds
    }
    residentMemory.set(process.residentBytes)
    virtualMemory.set(process.virtualBytes)
    openDescriptors.set(process.openDescriptors)
    maxDescriptors.set(process.maxDescriptors)
    threads.set(process.threads)
    startTime.set(process.startedAt)
  }
}

/// One reading of `/proc/self` and `getrusage`; what can't be read is 0.
struct ProcessReading {
  var cpuSeconds = 0.0
  var residentBytes = 0.0
  var virtualBytes = 0.0
  var openDescriptors = 0.0
  var maxDescriptors = 0.0
  var threads = 0.0
  var startedAt = 0.0

  init() {
    var usage = rusage()
    #if canImport(Glibc)
      let itself = __rusage_who_t(RUSAGE_SELF.rawValue)
      let descriptorLimit = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    #else
      let itself = RUSAGE_SELF
      let descriptorLimit = RLIMIT_NOFILE
    #endif
    if getrusage(itself, &usage) == 0 {
      cpuSeconds = [usage.ru_utime, usage.ru_stime].reduce(0) {
        $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6
      }
    }
    var limit = rlimit()
    if getrlimit(descriptorLimit, &limit) == 0 { maxDescriptors = Double(limit.rlim_cur) }
    // The second field is the program's name in brackets and may hold anything; what follows are numbers.
    let stat = Self.text("/proc/self/stat")
    if let end = stat.lastIndex(of: ")") {
      let fields = stat[end...].split(separator: " ").dropFirst().map { Double($0) ?? 0 }
      if fields.count > 21 {
        threads = fields[17]
        virtualBytes = fields[20]
        residentBytes = fields[21] * Double(sysconf(Int32(_SC_PAGESIZE)))
        startedAt = Self.bootTime + fields[19] / Double(sysconf(Int32(_SC_CLK_TCK)))
      }
    }
    openDescriptors = Self.countDescriptors()
  }

  private static let bootTime: Double =
    text("/proc/stat").split(separator: "\n").first { $0.hasPrefix("btime ") }
    .flatMap { Double($0.dropFirst("btime ".count)) } ?? 0

  private static func countDescriptors() -> Double {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count = 0.0
    while readdir(directory) != nil { count += 1 }
    // Two are `.` and `..`, one is this directory itself.
    return max(0, count - 3)
  }

  private static func text(_ path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      guard count > 0, bytes.count < 4 << 20 else { break }
      bytes.append(contentsOf: chunk.prefix(count))
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

/// Counts spans by what became of them.
struct SpanCounters: Sendable {
  private let exported: Counter
  private let lost: [SpanLoss: Counter]

  /// Instruments in `factory`, each with a series from now on.
  init(factory: any MetricsFactory) {
    exported = Counter(label: "cancel_worker_spans_exported_total", dimensions: [], factory: factory)
    lost = Dictionary(
      uniqueKeysWithValues: SpanLoss.allCases.map { loss in
        (
          loss,
          Counter(label: "cancel_worker_spans_lost_total", dimensions: [("reason", loss.rawValue)], factory: factory)
        )
      })
  }

  /// Counts spans that the collector accepted.
  func exported(_ count: Int) { exported.increment(by: count) }

  /// Counts spans that will not be exported.
  func lost(_ count: Int, _ loss: SpanLoss) { lost[loss]?.increment(by: count) }
}

/// Why spans are not exported.
enum SpanLoss: String, CaseIterable, Sendable {
  /// They came faster than they could be exported.
  case queueFull = "queue_full"
  /// The collector could not be reached, or asked for patience, for too long.
  case undelivered
  /// The collector refused a batch.
  case refused
  /// The collector took a batch without them.
  case rejected
  /// The process ended before.
  case stopped
}
