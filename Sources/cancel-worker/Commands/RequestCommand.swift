import ArgumentParser
import CancelContract
import CancelService
import Foundation
import Kafka
import Operations

/// `cancel-worker request`
struct RequestCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "request",
    abstract: "Publish cancel requests, and wait for their results if told to.",
    discussion: """
      With --wait each result is printed as it comes. Standard error shows what is waited for, and why: one line that is \
      kept up to date on a terminal, elsewhere a line for each progress event. A request that is published goes on \
      whatever becomes of this command.

      --file takes many orders: one number a line; CSV whose first line names some of the columns orderId, account, \
      priority, reason, campaignId, cancelId and deadline (a duration); or JSON lines as on the requests topic. Nothing \
      is published of a file with a fault. The options stand for what a line leaves out.

      --all cancels every pending order of the account: its orders are listed, cancelled, and listed again until none is \
      left. --everything does so for every configured account, or for those of one --environment. With --after it is a \
      dead-man's switch: the sweep begins by itself when that time has passed, unless the same --id is sent again before; \
      `--after off` disarms it. --dry-run lists and counts and cancels nothing.

      EXAMPLES
        cancel-worker request 13902598 --wait
        cancel-worker request --account desk-a --all --wait
        cancel-worker request --account desk-a --all --dry-run --wait
        cancel-worker request --account desk-a --all --after 60s --id desk-a-heartbeat
        cancel-worker request 13902598 --account desk-a --reason "fat finger"
        cancel-worker request --file orders.csv --kill-switch --deadline 30s --wait
        cancel-worker request 13902598 --wait --json | jq .outcome

      EXIT STATUS
        0    published; with --wait: every cancel was accepted, and a sweep left no order
        1    --wait: a result is rejected, expired, failed or invalid
        64   the command line can't be understood
        65   --file: a line can't be read
        69   the broker can't be reached; --wait: a result is not here in time
        78   the configuration or the topics are not as they must be
        130  ended by SIGINT; 143 by SIGTERM
      """
  )

  @OptionGroup var options: ConfigurationOption

  @Argument(help: ArgumentHelp("The orders to cancel.", valueName: "order-id"))
  var orderIDs: [String] = []

  @Option(
    help: ArgumentHelp("Take the orders from this file; - for standard input.", valueName: "file"),
    completion: .file())
  var file: String?

  @Option(help: "The account that holds the orders (default: accounts.default).")
  var account: String?

  @Flag(help: "Overtake everything routine.")
  var killSwitch = false

  @Option(
    help: ArgumentHelp("No call is sent later than this from now on, such as 30s.", valueName: "duration"))
  var deadline: String?

  @Option(help: "Why, for the record.")
  var reason: String?

  @Option(help: "The campaign that these requests are part of.")
  var campaign: String?

  @Option(help: ArgumentHelp("How many requests the campaign has in all.", valueName: "number"))
  var campaignSize: Int?

  @Option(help: "Who asks, for the record.")
  var actor: String?

  @Flag(
    help: "Have the worker look each order up after its acceptance, and tell what became of it; --wait waits for that.")
  var confirm = false

  @Flag(help: "Cancel every pending order of the account.")
  var all = false

  @Flag(help: "Cancel every pending order of every configured account.")
  var everything = false

  @Option(help: ArgumentHelp("Only accounts of this environment: demo or real (--everything).", valueName: "name"))
  var environment: String?

  @Option(
    help: ArgumentHelp(
      "Arm a dead-man's switch for that time from now, such as 60s; off disarms it.", valueName: "duration"))
  var after: String?

  @Option(help: ArgumentHelp("The id of the sweep, by which a switch is moved or disarmed.", valueName: "id"))
  var id: String?

  @Flag(help: "List and count only (--all, --everything).")
  var dryRun = false

  @Flag(help: "Wait for the results and print each as it comes.")
  var wait = false

  @Flag(help: "Print JSON, one object a line: the results, or without --wait what was published.")
  var json = false

  @Option(help: ArgumentHelp("How long to wait for the results.", valueName: "duration"))
  var timeout = "60s"

  func run() async throws {
    guard let patience = Duration(configured: timeout) else {
      throw CommandFailure(.usage, "request: --timeout: '\(timeout)' is not a duration such as 30s")
    }
    if all || everything { return try await sweep(patience) }
    for (name, isSet) in [
      ("--environment", environment != nil), ("--after", after != nil), ("--id", id != nil), ("--dry-run", dryRun),
    ] where isSet {
      throw CommandFailure(.usage, "request: \(name) goes with --all or --everything")
    }
    let requests = try makeRequests()
    let configuration = try options.load()
    let campaign = RequestCampaign(
      requests: requests, configuration: configuration, options: options,
      output: .init(waits: wait, json: json, isSummary: file != nil), patience: patience)
    do {
      try await interruptible { try await campaign.run() }
    } catch let error as Interrupted {
      throw CommandFailure(status: error.status, campaign.farewell)
    }
  }

  private func sweep(_ patience: Duration) async throws {
    let sweep = try makeSweep()
    let run = SweepRun(
      sweep, configuration: try options.load(), options: options, output: .init(waits: wait, json: json),
      patience: patience)
    do {
      try await interruptible { try await run.run() }
    } catch let error as Interrupted {
      throw CommandFailure(status: error.status, run.farewell)
    }
  }

  private func makeSweep() throws -> SweepRequest {
    guard orderIDs.isEmpty, file == nil else {
      throw CommandFailure(.usage, "request: give order numbers, or --all, not both")
    }
    guard !(all && everything) else { throw CommandFailure(.usage, "request: give --all or --everything, not both") }
    let scope: SweepRequest.Scope
    if everything {
      guard account == nil else {
        throw CommandFailure(.usage, "request: --everything is for every account; use --all with --account")
      }
      let world = try environment.map { text in
        guard let world = APIEnvironment(name: text) else {
          throw CommandFailure(.usage, "request: --environment: '\(text)' is not demo or real")
        }
        return world
      }
      scope = .all(accounts: [], environment: world)
    } else {
      guard environment == nil else { throw CommandFailure(.usage, "request: --environment goes with --everything") }
      scope = .account(account.map { AccountName($0) })
    }
    let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    var request = SweepRequest(cancelID: id ?? UUID().lowercasedText, scope: scope, isDryRun: dryRun)
    request.details = details(decidedAt: now)
    if let deadline {
      guard let duration = Duration(configured: deadline) else {
        throw CommandFailure(.usage, "request: --deadline: '\(deadline)' is not a duration such as 30s")
      }
      request.deadline = now + duration
    }
    if let after {
      guard !dryRun else { throw CommandFailure(.usage, "request: --dry-run and --after don't go together") }
      if after == "off" {
        request.start = .off
      } else if let delay = Duration(configured: after), delay >= .seconds(1), delay <= .seconds(7 * 86_400) {
        request.start = .after(delay)
      } else {
        throw CommandFailure(.usage, "request: --after: '\(after)' is not a time from 1s to 168h, nor off")
      }
      if id == nil { StandardError.write("the switch's id is \(request.cancelID): move or disarm it with --id\n") }
    }
    return request
  }

  private func details(decidedAt now: Timestamp) -> RequestDetails {
    RequestDetails(
      reason: reason, origin: actor.map { RequestDetails.Origin(actor: $0) }, campaignID: campaign, decidedAt: now,
      campaignSize: campaignSize, wantsConfirmation: confirm)
  }

  private func makeRequests() throws -> [CancelRequest] {
    let now = Timestamp(microseconds: Int64(Date().timeIntervalSince1970 * 1_000_000))
    var defaults = RequestInput.Defaults(now: now)
    if let deadline {
      guard let duration = Duration(configured: deadline) else {
        throw CommandFailure(.usage, "request: --deadline: '\(deadline)' is not a duration such as 30s")
      }
      defaults.deadline = now + duration
    }
    defaults.account = account.map { AccountName($0) }
    defaults.priority = killSwitch ? .killSwitch : .routine
    defaults.reason = reason
    (defaults.actor, defaults.campaignID, defaults.campaignSize) = (actor, campaign, campaignSize)
    defaults.wantsConfirmation = confirm
    if let file {
      guard orderIDs.isEmpty else {
        throw CommandFailure(.usage, "request: give the orders as arguments or with --file, not both")
      }
      return try read(file, defaults)
    }
    guard !orderIDs.isEmpty else {
      throw CommandFailure(.usage, "request: no order is named; give order numbers, or --file")
    }
    return try orderIDs.map { text in
      guard let number = Int64(text), let orderID = OrderID(number) else {
        throw CommandFailure(
          .usage, "request: '\(text)' is not an order's number, which is a positive 64-bit integer")
      }
      return CancelRequest(
        cancelID: UUID().lowercasedText, orderID: orderID, account: defaults.account,
        priority: defaults.priority, deadline: defaults.deadline, details: details(decidedAt: now))
    }
  }

  private func read(_ path: String, _ defaults: RequestInput.Defaults) throws -> [CancelRequest] {
    let handle = path == "-" ? FileHandle.standardInput : FileHandle(forReadingAtPath: path)
    guard let handle, let data = try? handle.readToEnd() ?? Data() else {
      throw CommandFailure(.usage, "request: --file: \(path) can't be read")
    }
    do {
      let requests = try RequestInput(defaults: defaults).read(Array(data))
      if requests.isEmpty { throw CommandFailure(.usage, "request: --file: \(path) names no order") }
      return requests
    } catch let error as RequestInput.Faults {
      throw CommandFailure(.data, "request: --file: \(error)")
    }
  }
}
