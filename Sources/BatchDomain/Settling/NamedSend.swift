/// An item that this store sent to an index under a file name, in whichever run.
package struct NamedSend: Sendable, Hashable {
  /// Which run of the store sent it, to tell runs apart; `nil` for the run that asks, where it adds a send of its own.
  package var run: Int64?
  /// The index it went to.
  package var index: IndexID
  /// Its file name.
  package var name: FileName
  /// The object itself, which tells two items of one name apart.
  package var object: ObjectName
  /// When its attempt started.
  package var startedAt: Timestamp
  /// When its attempt ended; `nil` while it is under way.
  package var endedAt: Timestamp?
  /// Whether it is recorded as accepted; else it may or may not have been received.
  package var isAccepted: Bool

  /// A send as the store has it.
  package init(
    run: Int64? = nil, index: IndexID, name: FileName, object: ObjectName, startedAt: Timestamp,
    endedAt: Timestamp?, isAccepted: Bool
  ) {
    self.run = run
    self.index = index
    self.name = name
    self.object = object
    self.startedAt = startedAt
    self.endedAt = endedAt
    self.isAccepted = isAccepted
  }
}
