/// An error of a store, whatever its engine.
package struct StoreError: AdvisedError, Equatable {
  /// What kind of trouble it is; the exit status depends on it alone.
  package enum Code: String, Sendable, CaseIterable {
    /// Another program holds it longer than the store waits.
    case locked
    /// No space is left.
    case full
    /// Its content contradicts itself or is not a store.
    case damaged
    /// It was made by a newer version of this program, or its history was edited.
    case schema
    /// It cannot be opened or written: permissions, a missing folder, a read-only file system.
    case unavailable
    /// The server of the store cannot be reached, or ended the connection.
    case unreachable
    /// It lost changes that it had confirmed: another server took over, or a backup was restored.
    case lostChanges = "lost_changes"
    /// Reading or writing failed on the device.
    case inputOutput = "input_output"
    /// The run is owned by another live process.
    case owned
    /// A migration is due while a run is live.
    case busy
    /// The run is not in the store, or the beginning of an id fits several.
    case noSuchRun = "no_such_run"
    /// The run is in a state in which this cannot be done.
    case wrongState = "wrong_state"
    /// A guarded change found another state than expected: another process moved it.
    case conflict
    /// A change contradicts what this program itself recorded: a bug.
    case `internal`
  }

  /// What kind of trouble it is.
  package var code: Code
  /// One clear sentence: what was being done, with what, and what was found.
  package var message: String
  /// What the user can do; `nil` when there is nothing to advise.
  package var remedy: Remedy?
  /// Result code of the engine underneath, for diagnosis; `nil` when it does not come from there.
  package var engineCode: Int32?

  /// An error as the store found it.
  package init(_ code: Code, _ message: String, remedy: Remedy? = nil, engineCode: Int32? = nil) {
    self.code = code
    self.message = message
    self.remedy = remedy
    self.engineCode = engineCode
  }

  /// Whether trying the same change again later may work.
  package var isTransient: Bool {
    switch code {
    case .locked, .full, .unreachable: true
    case .damaged, .schema, .unavailable, .lostChanges, .inputOutput, .owned, .busy, .noSuchRun, .wrongState,
      .conflict,
      .internal:
      false
    }
  }
}
