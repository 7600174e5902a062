import CancelContract

extension FuzzTarget {
  /// Results: read back as they were written; spoilt ones are read or refused.
  public static let result = FuzzTarget(name: "result") { random in
    let result = RandomResults.result(&random)
    let record = ResultEncoder(worker: worker, eventSource: "/fuzz").encode(result)
    guard random.oneIn(2) else {
      return verdict(true, unless: objection(to: result, as: record), input: record.value ?? [])
    }
    let value = Mutation.spoil(record.value ?? [], &random)
    let isRead = (try? ResultDecoder().decode(value: value, key: record.key, headers: record.headers)) != nil
    return verdict(isRead, unless: isRead ? FoundationOracle.objection(value) : nil, input: value)
  }

  /// Progress events: read back as they were written; spoilt ones are read or refused.
  public static let progress = FuzzTarget(name: "progress") { random in
    let progress = RandomResults.progress(&random)
    let record = ProgressEncoder(worker: worker, eventSource: "/fuzz").encode(progress)
    guard random.oneIn(2) else {
      let event = try? ProgressDecoder().decode(value: record.value, key: record.key, headers: record.headers)
      let violation = event?.progress == progress ? nil : "the event was read back as \(event as Any)"
      return verdict(true, unless: violation, input: record.value ?? [])
    }
    let value = Mutation.spoil(record.value ?? [], &random)
    let isRead = (try? ProgressDecoder().decode(value: value, key: record.key, headers: record.headers)) != nil
    return verdict(isRead, unless: isRead ? FoundationOracle.objection(value) : nil, input: value)
  }

  /// The API's answers: whatever comes, the problem is an object that a result can carry.
  public static let problem = FuzzTarget(name: "problem") { random in
    var body = random.oneIn(8) ? Mutation.noise(&random) : RandomResults.problem(&random).json.utf8
    if random.oneIn(9) { body = Mutation.nesting(&random) }
    if random.oneIn(2) { body = Mutation.spoil(body, &random) }
    let problem = Problem(apiBody: body, status: 400 + random.below(200))
    let isKept = problem.problemType != .apiStatus
    _ = (problem.title, problem.detail, problem.status)
    var result = RandomResults.result(&random)
    result.problem = problem
    let record = ResultEncoder(worker: worker, eventSource: "/fuzz").encode(result)
    return verdict(isKept, unless: objection(to: result, as: record), input: body)
  }

  /// JSON: the ways to read it agree with each other and with Foundation.
  public static let json = FuzzTarget(name: "json") { random in
    var text = random.oneIn(8) ? Mutation.nesting(&random) : RandomValues.value(&random)
    let isSpoilt = random.oneIn(2)
    if isSpoilt { text = Mutation.spoil(text, &random) }
    let checked = Result { () throws(JSONFault) in try JSONText(checking: text) }
    let value = Result { () throws(JSONFault) in try JSONValue(text) }
    switch (checked, value) {
    case (.success, .success): return verdict(true, unless: FoundationOracle.objection(text), input: text)
    case (.failure(let one), .failure(let other)) where one == other:
      let isPlausible = one.offset <= text.count && one.line > 0 && one.column > 0
      return verdict(false, unless: isPlausible ? nil : "the fault has no place: \(one)", input: text)
    default: return verdict(false, unless: "the ways to read it differ: \(checked), \(value)", input: text)
    }
  }

  private static let worker = WorkerIdentity(instance: "fuzz-0", version: "0")
}
