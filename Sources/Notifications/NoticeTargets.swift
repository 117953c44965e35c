/// Who is told about a run. None of it is stored with the run.
package struct NoticeTargets: Sendable, Equatable {
  /// Gets each notice as a JSON document.
  package var address: NoticeAddress?
  /// Is started for each notice.
  package var command: NoticeCommand?
  /// Is asked for once a minute while the run goes on.
  package var heartbeat: NoticeAddress?

  /// Those who are told.
  package init(
    address: NoticeAddress? = nil, command: NoticeCommand? = nil, heartbeat: NoticeAddress? = nil
  ) {
    self.address = address
    self.command = command
    self.heartbeat = heartbeat
  }

  /// Whether nobody is told.
  package var isEmpty: Bool { address == nil && command == nil && heartbeat == nil }
}
