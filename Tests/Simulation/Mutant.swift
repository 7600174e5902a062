/// A fault put in on purpose: a simulation that does not find it proves nothing.
public enum Mutant: String, CaseIterable, Sendable {
  /// Without transactions, results and ledger are flushed together: either may arrive alone.
  case flushesResultsAndLedgerTogether = "flushes-results-and-ledger-together"
  /// Without transactions, the position is committed before the results are acknowledged.
  case commitsThePositionFirst = "commits-the-position-first"
  /// Without transactions, the ledger is written though the assignment has ended: over the new owner's states.
  case writesTheLedgerOfAnEndedAssignment = "writes-the-ledger-of-an-ended-assignment"
  /// The assignment is not checked when the group's metadata is taken for a commit.
  case takesAnyMembership = "takes-any-membership"
  /// The assignment is not checked again after the offsets were sent.
  case ignoresARejoinAfterTheOffsets = "ignores-a-rejoin-after-the-offsets"
  /// A batch that timed out goes again as large as it was.
  case neverHalvesABatch = "never-halves-a-batch"
  /// The log's end at the assignment is taken for its beginning: no earlier owner can have sent a call.
  case deniesEarlierCalls = "denies-earlier-calls"
  /// The ledger is read to its last stable offset, which may stand before a predecessor's decided transaction.
  case restoresToTheStableOffset = "restores-to-the-stable-offset"
  /// The quota is one call too large.
  case sendsOneCallTooMany = "sends-one-call-too-many"
  /// Outcomes are forgotten at once.
  case remembersNothing = "remembers-nothing"
  /// An assignment that ends leaves what was read of it to the next one.
  case deliversMessagesOfAnEndedAssignment = "delivers-messages-of-an-ended-assignment"
  /// Positions that a batch holds back are committed all the same.
  case movesThePositionPastWhatIsLeft = "moves-the-position-past-what-is-left"
  /// The ledger does not hold which orders a sweep has answered for.
  case forgetsWhatASweepAnswered = "forgets-what-a-sweep-answered"
  /// The worker's time goes on from where the system's clock stood at the start, whatever that is set to later.
  case neverCorrectsTheClock = "never-corrects-the-clock"
  /// The worker's time jumps with the system's clock, and nobody moves the calls along that hold the quota.
  case followsTheSystemClock = "follows-the-system-clock"
  /// A worker that starts does not ask what operators hold back.
  case forgetsHoldsAtTheStart = "forgets-holds-at-the-start"
  /// Kill-switches wait behind routine requests.
  case takesKillSwitchesForRoutine = "takes-kill-switches-for-routine"
}
