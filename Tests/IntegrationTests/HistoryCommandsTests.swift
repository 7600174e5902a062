import CancelContract
import EToroSimulator
import Foundation
import Testing

/// `audit`, `replay` and `dead-letters`, over what a worker left on the topics.
@Suite(.serialized, .enabled(if: TestBroker.bootstrap != nil, "KAFKA_BOOTSTRAP names no broker"))
struct HistoryCommandsTests {
  @Test(.timeLimit(.minutes(3)))
  func whatFailedIsFoundAskedForAgainAndAudited() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    simulation.refusedKeys = ["user-key-0"]
    let stage = try await Stage.make(simulation: simulation, settings: ["QUOTA_CALLS": "0"])
    let worker = try stage.worker()
    let first = try await stage.run("request", "1000001", "1000002", "--account", "a0", "--actor", "ann", "--wait")
    #expect(first.status == 1, "\(first.output)")
    let message = Array("no request".utf8)
    try await stage.send([(key: message, value: message)])
    _ = try await stage.results(3)

    #expect(try await stage.run("replay", "--outcome", "expired", "--yes").status == 1)
    let counted = try await stage.run("replay", "--outcome", "failed", "--problem", "401", "--dry-run")
    #expect(counted.status == 0 && counted.output.contains("2 cancels to ask for again"), "\(counted.output)")
    #expect(try await stage.run("replay", "--outcome", "failed").status == 64, "nobody is there to agree")
    #expect(try await stage.topics.results().count == 3, "nothing was sent")

    stage.simulator.state.configure { $0.refusedKeys = [] }
    worker.send(SIGHUP)
    // The worker finds out by a probe that the key works again.
    let again = try await eventually("an accepted replay") {
      let again = try await stage.run("replay", "--outcome", "failed", "--since", "1h", "--yes", "--wait")
      return again.status == 0 || again.output.contains("nothing is to be asked for again") ? again : nil
    }
    #expect(again.output.contains("accepted="), "\(again.output)")

    let letters = try await stage.run("dead-letters")
    #expect(letters.status == 0 && letters.output.contains("1 dead letter"), "\(letters.output)")
    let place = String(letters.output.split(separator: " ").first ?? "")
    #expect(try await stage.run("dead-letters", "show", place).output.hasSuffix("no request\n"))
    #expect(try await stage.run("dead-letters", "replay", "9/9").status == 1)
    #expect(try await stage.run("dead-letters", "replay", place).status == 0)
    _ = try await eventually("the second dead letter") {
      try await stage.run("dead-letters").output.contains("2 dead letters") ? true : nil
    }

    #expect(await worker.stop() == 0)
    let late = try await stage.run("request", "1000009", "--account", "a0")
    #expect(late.status == 0, "\(late.output)")
    let audit = try await stage.run("audit", "--since", "1h", "--json")
    #expect(audit.status == 0, "\(audit.output)")
    let lines = try audit.output.split(separator: "\n").map { line in
      try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
    let ofFirst = lines.filter { $0["orderId"] as? Int == 1_000_001 }
    #expect(ofFirst.first?["actor"] as? String == "ann" && ofFirst.first?["outcome"] as? String == "failed")
    #expect(ofFirst.last?["outcome"] as? String == "accepted" && ofFirst.last?["actor"] as? String == "ann")
    #expect(lines.last { $0["orderId"] as? Int == 1_000_002 }?["outcome"] as? String == "accepted")
    #expect((ofFirst.last?["campaignId"] as? String)?.hasPrefix("replay-") == true)
    #expect(lines.last?["outcome"] as? String == "unanswered" && lines.last?["orderId"] as? Int == 1_000_009)
    #expect(lines.filter { $0["outcome"] as? String == "invalid" }.count == 2)
    #expect(try await stage.run("audit", "--order", "77").status == 1)
    await stage.clear()
  }

  @Test(.timeLimit(.minutes(2)))
  func aRequestWaitsUntilItsOrdersAreKnownToBeGone() async throws {
    var simulation = SimulatorConfiguration()
    simulation.quota = 0
    let stage = try await Stage.make(simulation: simulation, settings: ["QUOTA_CALLS": "0"])
    let worker = try stage.worker()
    let gone = try await stage.run("request", "1000001", "1000404", "--account", "a0", "--confirm", "--wait")
    #expect(gone.status == 1, "one was refused, and needs no confirmation: \(gone.output)")
    #expect(gone.output.contains("confirmed  1000001  cancelled (Cancelled)"), "\(gone.output)")
    #expect(!gone.output.contains("confirmed  1000404"))
    let json = try await stage.run("request", "1000002", "--account", "a0", "--confirm", "--wait", "--json")
    #expect(json.status == 0 && json.output.contains("\"verdict\":\"cancelled\""), "\(json.output)")
    #expect(await worker.stop() == 0)
    await stage.clear()
  }
}
