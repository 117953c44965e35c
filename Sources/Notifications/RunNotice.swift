package import BatchDomain
import Foundation

/// What somebody elsewhere is told about a run.
package struct RunNotice: Sendable, Equatable {
  /// What happened. The raw values are what the document has.
  package enum Event: String, Sendable, CaseIterable {
    /// Every item is decided.
    case finished
    /// Nothing is left to send, and some items stay unknown.
    case held
    /// The user cancelled the run.
    case cancelled
    /// Sending stopped and can be resumed.
    case paused
    /// Nothing is sent for more than ten minutes; sending goes on by itself.
    case waiting
    /// The accepted items were followed to their end, or as long as was wished.
    case tracked
  }

  /// What happened.
  package var event: Event
  /// One or two sentences for a person, without line ends.
  package var text: String
  /// The run as it stands.
  package var run: RunSummary
  /// Tries to submit a chunk so far; `nil` when they were not counted.
  package var attempts: Int?
  /// The end of the wait; `nil` for other events.
  package var waitUntil: Timestamp?
  /// The command to run next; `nil` when there is nothing to do.
  package var next: String?
  /// What the service makes of the accepted items; `nil` for other events.
  package var tracking: TrackingSummary?
  /// When it happened.
  package var at: Timestamp

  /// A notice in its parts.
  package init(
    event: Event, text: String, run: RunSummary, attempts: Int?, waitUntil: Timestamp? = nil,
    next: String? = nil, tracking: TrackingSummary? = nil, at: Timestamp
  ) {
    self.tracking = tracking
    self.event = event
    self.text = text
    self.run = run
    self.attempts = attempts
    self.waitUntil = waitUntil
    self.next = next
    self.at = at
  }
}

/// A notice as JSON on one line: the members that chat tools show, then what a program wants to know.
struct NoticeDocument: Encodable {
  let notice: RunNotice

  /// Pings nobody in Discord, whatever a name has in it.
  private struct AllowedMentions: Encodable {
    let parse: [String] = []
  }

  private enum Key: String, CodingKey {
    /// Slack, Mattermost, Rocket.Chat and others show it.
    case text
    /// Discord shows it.
    case content
    case allowedMentions = "allowed_mentions"
    case event
    case runID = "run_id"
    case name, job, state, reason, items
    case itemsByState = "items_by_state"
    case chunks, attempts, tracking
    case waitUntil = "wait_until"
    case next
    case createdAt = "created_at"
    case finishedAt = "finished_at"
    case at
  }

  func encode(to encoder: any Encoder) throws {
    var members = encoder.container(keyedBy: Key.self)
    let run = notice.run
    try members.encode(notice.text, forKey: .text)
    try members.encode(notice.text, forKey: .content)
    try members.encode(AllowedMentions(), forKey: .allowedMentions)
    try members.encode(notice.event.rawValue, forKey: .event)
    try members.encode(run.run.rawValue, forKey: .runID)
    try members.encode(run.name, forKey: .name)
    try members.encode(run.job, forKey: .job)
    try members.encode(run.state.rawValue, forKey: .state)
    try members.encode(run.reason?.rawValue, forKey: .reason)
    try members.encode(run.items, forKey: .items)
    try members.encode(Self.counts(run.counts.items, of: ChunkState.itemStates), forKey: .itemsByState)
    try members.encode(Self.counts(run.counts.chunks, of: ChunkState.allCases), forKey: .chunks)
    try members.encode(notice.attempts, forKey: .attempts)
    try members.encode(notice.waitUntil?.description, forKey: .waitUntil)
    try members.encode(notice.next, forKey: .next)
    try members.encode(
      notice.tracking.map { tracking in
        Dictionary(uniqueKeysWithValues: TrackedState.allCases.map { ($0.rawValue, tracking.states[$0]) })
      }, forKey: .tracking)
    try members.encode(run.createdAt.description, forKey: .createdAt)
    try members.encode(run.finishedAt?.description, forKey: .finishedAt)
    try members.encode(notice.at.description, forKey: .at)
  }

  /// Every state, zeros included.
  private static func counts(_ counts: CountByState, of states: [ChunkState]) -> [String: Int] {
    Dictionary(uniqueKeysWithValues: states.map { ($0.rawValue, counts[$0]) })
  }

  /// The document, keys in the order of the alphabet, without a line end.
  func line() throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(self), as: UTF8.self)
  }
}
