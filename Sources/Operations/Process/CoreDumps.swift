#if canImport(Glibc)
  import CProcess
  import Glibc
#elseif canImport(Musl)
  import CProcess
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Keeps the process's memory, which holds the accounts' keys, out of core dumps and out of other processes' sight.
public enum CoreDumps {
  /// Sets the limit on core files (`RLIMIT_CORE`) to 0 for good and, on Linux, makes the process not dumpable
  /// (`PR_SET_DUMPABLE`), which also covers core dumps that go to a pipe and debuggers of the same user.
  ///
  /// Neither call can fail for an ordinary process: lowering one's own limit and this flag need no privilege.
  ///
  /// - Returns: whether both took effect.
  @discardableResult
  public static func turnOff() -> Bool {
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    #if os(Linux)
      #if canImport(Glibc)
        let isLimited = setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none) == 0
      #else
        let isLimited = setrlimit(RLIMIT_CORE, &none) == 0
      #endif
      return cprocess_deny_dumps() == 0 && isLimited
    #else
      return setrlimit(RLIMIT_CORE, &none) == 0
    #endif
  }
}
