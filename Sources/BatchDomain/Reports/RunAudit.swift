/// What an audit of a run came to.
package struct RunAudit: Sendable, Equatable {
  /// How many rows of each kind were looked at.
  package struct Checked: Sendable, Equatable {
    /// Items.
    package var items = 0
    /// Chunks, those that were split included.
    package var chunks = 0
    /// Attempts.
    package var attempts = 0
    /// Verdicts on lost answers.
    package var settlements = 0

    /// Nothing was looked at yet.
    package init() {}
  }

  /// The run's id.
  package var run: RunID
  /// How much was looked at.
  package var checked: Checked
  /// What was found, as far as it is listed, in the order it was found.
  package var problems: [AuditProblem]
  /// All that was found, listed or not.
  package var problemsTotal: Int
  /// What a reader has to know about the audit itself, as sentences: that the run is live, what was left out.
  package var notes: [String]

  /// An audit in its parts.
  package init(
    run: RunID, checked: Checked, problems: [AuditProblem], problemsTotal: Int, notes: [String] = []
  ) {
    self.run = run
    self.checked = checked
    self.problems = problems
    self.problemsTotal = problemsTotal
    self.notes = notes
  }
}

/// One contradiction in the records of a run.
package struct AuditProblem: Sendable, Equatable {
  /// What was being checked. The raw values are what the JSON output has.
  package enum Check: String, Sendable, CaseIterable {
    /// The engine's own check of the file, and whatever could not be read.
    case integrity
    /// Rows that refer to missing rows.
    case references
    /// The items are 0 to the run's count without a gap.
    case items
    /// The digest of the items is the one the run was planned with.
    case manifestDigest = "manifest_digest"
    /// The chunks that were not split cover the items exactly.
    case coverage
    /// The children of a split chunk cover exactly their parent.
    case children
    /// The items of a chunk are those it was planned with.
    case digest
    /// The state of a chunk is one its attempts and verdicts lead to.
    case state
    /// Attempts are numbered without a gap, ended unless one is under way, and not later than an acceptance.
    case attempts
    /// No id that the service gave is recorded for two chunks at the same step.
    case externalIDs = "external_ids"
    /// Verdicts refer to attempts whose answer could be lost.
    case settlements
    /// The sums that are kept beside the rows are those of the rows.
    case totals
    /// The state of the run is one its chunks permit.
    case run
  }

  /// What was being checked.
  package var check: Check
  /// The row, for example `chunk 7 of run 20261123-201505-042-9222`.
  package var row: String
  /// What was found and what was expected, as one sentence that follows the row.
  package var message: String

  /// A problem in its parts.
  package init(_ check: Check, row: String, _ message: String) {
    self.check = check
    self.row = row
    self.message = message
  }
}
