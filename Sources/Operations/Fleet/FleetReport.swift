import CancelContract

/// What one worker says of itself, or why it can't be asked.
public struct FleetMember: Sendable {
  /// What is taken of a worker's `/status`.
  public struct Status: Sendable {
    /// The worker's id in its group.
    public var instance: String
    /// Its version.
    public var version: String
    /// Whether it takes requests.
    public var isReady: Bool
    /// Why it is not ready.
    public var reasons: [String]
    /// The partitions that it has.
    public var partitions: [Int64]
    /// Requests on its partitions that it has not read.
    public var lag: Int64
    /// Orders that are open; `nil` where it does not know.
    public var openOrders: Int64?
    /// How old the oldest unanswered request is, in seconds, as the worker writes it; `nil` for none.
    public var oldestUnanswered: String?
    /// User keys whose kill-switches, or routine requests, wait for the quota.
    public var blockedKeys: Int64
    /// User keys that the API refuses.
    public var refusedKeys: Int64
    /// Whether the API is held to be out.
    public var isAPIOut: Bool
  }

  /// Where it was asked.
  public var address: String
  /// What it said, or why it could not be asked.
  public var status: Result<Status, Fault>
  /// What it said, as it came.
  public var json: JSONText?

  /// Why a worker could not be asked.
  public struct Fault: Error, Sendable {
    /// The reason, as the second half of a sentence.
    public var reason: String
  }

  /// A worker that could not be asked.
  public init(address: String, fault reason: String) {
    self.address = address
    status = .failure(Fault(reason: reason))
  }

  /// A worker that answered with this document.
  public init(address: String, body: [UInt8]) {
    self.address = address
    guard let text = try? JSONText(checking: body), let value = try? JSONValue(body), let status = Status(value) else {
      self.status = .failure(Fault(reason: "it answered with something else than a worker's status"))
      return
    }
    json = text
    self.status = .success(status)
  }
}

extension FleetMember.Status {
  init?(_ value: JSONValue) {
    guard let instance = value["instance"]?.string, let version = value["version"]?.string,
      let isReady = value["ready"]?.boolean
    else { return nil }
    self.instance = instance
    self.version = version
    self.isReady = isReady
    reasons = (value["notReady"]?.elements ?? []).compactMap { $0["detail"]?.string }
    partitions = (value["partitions"]?.elements ?? []).compactMap(\.integer)
    lag = (value["lag"]?.members ?? []).reduce(0) { $0 + ($1.value.integer ?? 0) }
    openOrders = value["openOrders"]?.integer
    oldestUnanswered = value.text(of: "oldestUnansweredSeconds").map(\.description).flatMap { $0 == "null" ? nil : $0 }
    blockedKeys = (value["blockedKeys"]?.members ?? []).reduce(0) { $0 + ($1.value.integer ?? 0) }
    refusedKeys = value["refusedKeys"]?.integer ?? 0
    isAPIOut = value["apiOutForSeconds"].map { $0.kind != .null } ?? false
  }
}

/// The whole group at one moment.
public struct FleetReport: Sendable {
  /// The group's name.
  public var group: String
  /// Its state, as the broker names it; `nil` where the broker did not tell.
  public var groupState: String?
  /// Its members; `nil` where the broker did not tell.
  public var members: Int?
  /// The partitions of the requests; `nil` where the broker did not tell.
  public var partitions: Int?
  /// The workers that were asked, in the order of their addresses.
  public var workers: [FleetMember]
  /// The members as the broker knows them, with the partitions of the requests that each has.
  public var owners: [Owner] = []
  /// Requests of each partition behind the group's committed position; `nil` where the broker did not tell.
  public var lag: [Int32: Int64]?

  /// One member of the group, as the broker knows it.
  public struct Owner: Sendable, Equatable {
    /// Its client id, which names its instance.
    public var clientID: String
    /// Where it connects from.
    public var host: String
    /// Its partitions of the requests.
    public var partitions: [Int32]

    /// A member with these partitions.
    public init(clientID: String, host: String, partitions: [Int32]) {
      self.clientID = clientID
      self.host = host
      self.partitions = partitions
    }
  }

  /// A report of these parts.
  public init(group: String, groupState: String?, members: Int?, partitions: Int?, workers: [FleetMember]) {
    self.group = group
    self.groupState = groupState
    self.members = members
    self.partitions = partitions
    self.workers = workers
  }

  private var answered: [FleetMember.Status] { workers.compactMap { try? $0.status.get() } }

  /// What is wrong, a sentence each; empty where all is well.
  public var faults: [String] {
    var faults: [String] = []
    if members == nil { faults.append("the broker does not tell of the group '\(group)'") }
    if partitions == nil { faults.append("the topic of the requests is not there, or the broker does not tell of it") }
    if members == 0 { faults.append("no worker is in the group '\(group)': requests wait") }
    for worker in workers {
      switch worker.status {
      case .failure(let fault): faults.append("\(worker.address): \(fault.reason)")
      case .success(let status):
        if !status.isReady {
          faults.append("\(status.instance) is not ready: \(status.reasons.joined(separator: "; "))")
        }
        if status.refusedKeys > 0 {
          faults.append("\(status.instance): the API refuses \(status.refusedKeys) user key(s)")
        }
        if status.isAPIOut { faults.append("\(status.instance): the API is out") }
      }
    }
    // Without the broker's word, workers that were not asked may have the others.
    let isToldByBroker = owners.contains { !$0.partitions.isEmpty }
    if let partitions, let members, members > 0,
      isToldByBroker || !workers.isEmpty && answered.count >= members
    {
      let owned =
        isToldByBroker
        ? Set(owners.flatMap(\.partitions).map(Int64.init)) : Set(answered.flatMap(\.partitions))
      let missing = (0..<Int64(partitions)).filter { !owned.contains($0) }
      if !missing.isEmpty {
        faults.append("nobody has partition \(missing.map(String.init).joined(separator: ", ")) of the requests")
      }
    }
    let versions = Set(answered.map(\.version)).sorted()
    if versions.count > 1 { faults.append("versions differ: \(versions.joined(separator: ", "))") }
    return faults
  }

  /// The report for people, a line each.
  public var lines: [String] {
    let size = members.map { "\($0) member\($0 == 1 ? "" : "s")" } ?? "members unknown"
    var lines = [
      "group \(group): \(groupState?.lowercased() ?? "state unknown"), \(size), "
        + (partitions.map { "\($0) partitions of requests" } ?? "partitions unknown")
    ]
    if let lag {
      let behind = lag.filter { $0.value > 0 }.sorted { $0.key < $1.key }
      lines.append(
        "requests without a committed answer: \(lag.values.reduce(0, +))"
          + (behind.isEmpty
            ? "" : " (" + behind.prefix(20).map { "partition \($0.key): \($0.value)" }.joined(separator: ", ") + ")"))
    }
    for owner in owners {
      lines.append(
        "member \(owner.clientID) at \(owner.host): partitions \(FleetReport.ranges(owner.partitions.map(Int64.init)))")
    }
    let rows = answered.map { status in
      [
        status.instance, status.version, status.isReady ? "ready" : "NOT READY",
        FleetReport.ranges(status.partitions), "\(status.lag)", status.openOrders.map(String.init) ?? "unknown",
        status.oldestUnanswered.map { "\($0)s" } ?? "-", "\(status.blockedKeys)", "\(status.refusedKeys)",
      ]
    }
    if !rows.isEmpty {
      let table = [["WORKER", "VERSION", "STATE", "PARTITIONS", "LAG", "OPEN", "OLDEST", "BLOCKED", "REFUSED"]] + rows
      let widths = table[0].indices.map { column in table.map { $0[column].count }.max() ?? 0 }
      lines += table.map { row in
        zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }.joined(separator: "  ")
      }
    }
    return lines + faults
  }

  /// The report as one JSON object; each worker's status is as it sent it.
  public var json: String {
    var writer = JSONWriter(capacity: 4096)
    writer.beginObject()
    writer.member("group", group)
    writer.member("state", groupState)
    writer.member("members", members.map(Int64.init))
    writer.member("partitions", partitions.map(Int64.init))
    writer.name("lag")
    if let lag {
      writer.beginArray()
      for (partition, count) in lag.sorted(by: { $0.key < $1.key }) {
        writer.beginObject()
        writer.member("partition", Int64(partition))
        writer.member("requests", count)
        writer.endObject()
      }
      writer.endArray()
    } else {
      writer.null()
    }
    writer.name("owners")
    writer.beginArray()
    for owner in owners {
      writer.beginObject()
      writer.member("clientId", owner.clientID)
      writer.member("host", owner.host)
      writer.name("partitions")
      writer.beginArray()
      for partition in owner.partitions { writer.integer(Int64(partition)) }
      writer.endArray()
      writer.endObject()
    }
    writer.endArray()
    writer.name("faults")
    writer.beginArray()
    for fault in faults { writer.string(fault) }
    writer.endArray()
    writer.name("workers")
    writer.beginArray()
    for worker in workers {
      var fault: String?
      if case .failure(let found) = worker.status { fault = found.reason }
      writer.beginObject()
      writer.member("address", worker.address)
      writer.member("fault", fault)
      writer.name("status")
      if let json = worker.json { writer.json(json) } else { writer.null() }
      writer.endObject()
    }
    writer.endArray()
    writer.endObject()
    return String(decoding: writer.bytes, as: UTF8.self)
  }

  /// `0-3,7` for 0, 1, 2, 3 and 7.
  static func ranges(_ numbers: [Int64]) -> String {
    var ranges: [ClosedRange<Int64>] = []
    for number in numbers.sorted() {
      if let last = ranges.last, last.upperBound + 1 == number {
        ranges[ranges.count - 1] = last.lowerBound...number
      } else {
        ranges.append(number...number)
      }
    }
    guard !ranges.isEmpty else { return "-" }
    return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }.joined(
      separator: ",")
  }
}
