import CRdkafka

#if canImport(Darwin)
  import Darwin
#elseif canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#endif

/// Threads for calls that block, so that none of them takes one of Swift's few.
enum DedicatedThread {
  /// Starts a thread that ends with the body. The name is cut to the 15 bytes that the system keeps.
  static func start(name: String, _ body: @escaping @Sendable () -> Void) {
    let work = Unmanaged.passRetained(Work(name: name, body: body))
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    let status = pthread_create(&thread, nil, runWork, work.toOpaque())
    guard status == 0 else {
      work.release()
      preconditionFailure("the system gives no more threads (pthread_create: \(status))")
    }
    #if canImport(Darwin)
      if let thread { pthread_detach(thread) }
    #else
      pthread_detach(thread)
    #endif
  }

  /// Blocks the calling thread; for threads of one's own between two attempts.
  static func rest(for duration: Duration) {
    let nothing: Void? = Monitor(()).wait(upTo: duration) { _ in nil }
    _ = nothing
  }
}

private final class Work: Sendable {
  let name: String
  let body: @Sendable () -> Void

  init(name: String, body: @escaping @Sendable () -> Void) {
    self.name = name
    self.body = body
  }
}

#if canImport(Darwin)
  private func runWork(_ opaque: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
    let work = Unmanaged<Work>.fromOpaque(opaque).takeRetainedValue()
    pthread_setname_np(work.name)
    work.body()
    return nil
  }
#else
  private func runWork(_ opaque: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    guard let opaque else { return nil }
    let work = Unmanaged<Work>.fromOpaque(opaque).takeRetainedValue()
    pthread_setname_np(pthread_self(), String(work.name.prefix(15)))
    work.body()
    return nil
  }
#endif
