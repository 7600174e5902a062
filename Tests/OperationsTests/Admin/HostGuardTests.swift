import Testing

@testable import Operations

@Suite struct HostGuardTests {
  private let hosts = HostGuard(bound: "0.0.0.0", allowed: ["Admin.Example.com", ".svc.cluster.local"])

  @Test(
    arguments: [
      nil, "", "127.0.0.1", "127.0.0.1:9464", "10.1.2.3:80", "[::1]:9464", "[fe80::1]", "localhost", "LOCALHOST:1",
      "x.localhost", "worker", "worker:9464", "cancel_worker-0", "admin.example.com:443", "admin.example.com.",
      "worker-0.cancel.svc.cluster.local",
    ] as [String?])
  func allowed(host: String?) {
    #expect(hosts.allows(host))
  }

  @Test(arguments: [
    "evil.example", "evil.example:9464", "127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.1:x",
    "127.0.0.1:99999", "1.2.3.4.5", "256.0.0.1", "x.admin.example.com", "svc.cluster.local.evil.example", "a b",
    "[::1", "[::1]evil.example", "[evil.example]", "a:b:c", ":80", "evil.example/127.0.0.1",
  ])
  func refused(host: String) {
    #expect(!hosts.allows(host))
  }

  @Test func endless() {
    #expect(!hosts.allows(String(repeating: "a", count: 10_000)))
  }
}
