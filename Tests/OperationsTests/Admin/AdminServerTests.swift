import CancelContract
import Testing

@testable import Operations

@Suite(.timeLimit(.minutes(1))) struct AdminServerTests {
  private static func get(
    _ path: String, port: Int, method: String = "GET", host: String = "127.0.0.1", more: String = ""
  ) async throws -> String {
    try await RawClient.ask(
      port: port, "\(method) \(path) HTTP/1.1\r\nHost: \(host)\r\n\(more)Connection: close\r\n\r\n")
  }

  @Test func readyAndNotReady() async throws {
    let worker = FakeWorker()
    try await worker.serve { port in
      let ready = try await Self.get("/readyz", port: port)
      #expect(ready.hasPrefix("HTTP/1.1 200"))
      #expect(ready.hasSuffix(#"{"ready":true,"reasons":[],"state":"running"}"#))
    }
    worker.tell {
      $0.state = .restoring
      $0.notReady = [.init("ledger-not-restored", "the ledger of 2 partitions is being read")]
    }
    try await worker.serve { port in
      let notReady = try await Self.get("/readyz", port: port)
      #expect(notReady.hasPrefix("HTTP/1.1 503"))
      #expect(notReady.contains(#""code":"ledger-not-restored""#))
      #expect(try await Self.get("/livez", port: port).hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test func aSilentLoopIsNotAliveAndNotReadyButStillMeasured() async throws {
    let worker = FakeWorker()
    worker.tell { $0.oldestUnanswered = Sample.start }
    try await worker.serve({ $0.patience = .milliseconds(50) }) { port in
      let before = try await Self.get("/metrics", port: port)
      #expect(before.contains("\ncancel_worker_ready 1.0\n"))
      #expect(before.contains("\ncancel_worker_oldest_unanswered_request_age_seconds 90.0\n"))
      worker.fallSilent()
      #expect(try await Self.get("/livez", port: port).hasPrefix("HTTP/1.1 503"))
      var scrape = before
      while scrape.contains("\ncancel_worker_ready 1.0\n") { scrape = try await Self.get("/metrics", port: port) }
      #expect(scrape.contains("\ncancel_worker_ready 0.0\n"))
      let age = scrape.split(separator: "\n")
        .first { $0.hasPrefix("cancel_worker_oldest_unanswered_request_age_seconds ") }
        .flatMap { $0.split(separator: " ").last }.flatMap { Double($0) }
      #expect((age ?? 0) > 90)
      #expect(try await Self.get("/readyz", port: port).contains("worker-silent"))
      worker.recover()
      while try await Self.get("/livez", port: port).hasPrefix("HTTP/1.1 503") {}
      while try await Self.get("/readyz", port: port).hasPrefix("HTTP/1.1 503") {}
    }
  }

  @Test func theWorkerIsAskedSeldom() async throws {
    let worker = FakeWorker()
    try await worker.serve { port in
      let clock = ContinuousClock()
      let took = try await clock.measure {
        for _ in 0..<40 { _ = try await Self.get("/status", port: port) }
      }
      #expect(worker.timesAsked <= 2 + Int(took / .milliseconds(500)))
    }
  }

  @Test func metricsInBothFormats() async throws {
    try await FakeWorker().serve { port in
      let text = try await Self.get("/metrics", port: port)
      #expect(text.lowercased().contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"))
      #expect(!text.contains("# EOF"))
      let open = try await Self.get(
        "/metrics", port: port, more: "Accept: application/openmetrics-text;version=1.0.0,text/plain;q=0.5\r\n")
      #expect(open.lowercased().contains("content-type: application/openmetrics-text; version=1.0.0; charset=utf-8"))
      #expect(open.hasSuffix("\n# EOF\n"))
      #expect(open.contains("# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\n"))
    }
  }

  @Test func theStatusTellsAllAndNoSecret() async throws {
    let worker = FakeWorker()
    worker.tell {
      var key = Sample.key("aaaa0000", free: 0, waiting: 3)
      key.breaker = .open
      key.refusedSince = Sample.start
      $0.keys = [key]
      $0.pending = [.routine: 3]
      $0.lag = [0: 5]
    }
    worker.feed.published([Sample.result(1), Sample.result(2, deduplicated: true)], refused: [], at: Sample.start)
    try await worker.serve { port in
      let status = try await Self.get("/status", port: port)
      for part in [
        #""breaker":"open""#, #""refusedForSeconds":90"#, #""waiting":3"#, #""killSwitch":0,"routine":3"#,
        #""lag":{"0":5}"#, #""duplicates":1"#, #""accepted":2"#, #""at":"2023-11-14T22:14:50.000Z""#,
      ] {
        #expect(status.contains(part), "\(part) is not in \(status)")
      }
      #expect(!status.contains("canary"))
    }
  }

  @Test func everyAnswerIsGuarded() async throws {
    try await FakeWorker().serve { port in
      for path in ["/", "/status", "/metrics", "/livez", "/readyz", "/nothing"] {
        let answer = try await Self.get(path, port: port).lowercased()
        for header in [
          "x-content-type-options: nosniff", "cache-control: no-store", "content-security-policy: default-src 'none'",
          "referrer-policy: no-referrer", "x-frame-options: deny", "cross-origin-resource-policy: same-origin",
        ] {
          #expect(answer.contains("\(header)"), "\(header) is missing at \(path)")
        }
        #expect(!answer.contains("access-control-allow"))
      }
    }
  }

  @Test func nothingButReading() async throws {
    try await FakeWorker().serve { port in
      for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"] {
        let answer = try await Self.get("/status", port: port, method: method)
        #expect(answer.hasPrefix("HTTP/1.1 405"))
        #expect(answer.lowercased().contains("allow: get, head\r\n"))
      }
      let head = try await Self.get("/status", port: port, method: "HEAD")
      #expect(head.hasPrefix("HTTP/1.1 200"))
      #expect(head.hasSuffix("\r\n\r\n"))
      #expect(try await Self.get("/%2e%2e/etc/passwd", port: port).hasPrefix("HTTP/1.1 404"))
    }
  }

  @Test func strangersNamesAreTurnedAway() async throws {
    try await FakeWorker().serve { port in
      let stranger = try await Self.get("/status", port: port, host: "evil.example:9464")
      #expect(stranger.hasPrefix("HTTP/1.1 421"))
      #expect(stranger.contains("admin.allowedHosts"))
      #expect(try await Self.get("/status", port: port, host: "localhost:\(port)").hasPrefix("HTTP/1.1 200"))
    }
  }

  @Test func aPortInUseIsToldClearly() async throws {
    try await FakeWorker().serve { port in
      let error = await #expect(throws: AdminServerError.self) {
        try await FakeWorker().serve({ $0.port = port }) { _ in }
      }
      #expect(error?.description.contains("127.0.0.1:\(port)") ?? false)
    }
  }
}
