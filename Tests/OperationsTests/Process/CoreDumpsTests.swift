#if os(Linux)
  import CProcess
  import Operations
  import Foundation
  import Testing

  struct CoreDumpsTests {
    @Test func theProcessLeavesNoCoreAndCannotBeTraced() throws {
      #expect(CoreDumps.turnOff())
      let limits = try String(contentsOfFile: "/proc/self/limits", encoding: .utf8)
      let core = try #require(limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") })
      #expect(core.split(separator: " ").suffix(3).elementsEqual(["0", "0", "bytes"]))
      #expect(cprocess_allows_dumps() == 0)
    }
  }
#endif
