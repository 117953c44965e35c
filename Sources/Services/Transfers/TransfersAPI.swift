package import BatchDomain
package import ServiceHTTP

/// The requests of the profiles v1 to v1.2: ``TransfersHTTP`` sends them; tests answer them from a model.
///
/// Implementations never repeat, never follow redirects, and never let the key into what they return.
package protocol TransfersAPI: Sendable {
  /// Sends one chunk. Cancelling the task abandons the request; it then fails.
  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure>

  /// Reads one page of an index's tasks, newest first.
  ///
  /// - Parameters:
  ///   - index: the index whose tasks are listed; `nil` for all, of which one row is read.
  ///   - page: page number from 1.
  /// - Throws: `ListingFailure`.
  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage

  /// Reads one task.
  ///
  /// - Throws: `ListingFailure`.
  func task(_ id: String) async throws(ListingFailure) -> TaskRow
}

/// One page of the service's list of tasks.
package typealias TaskListPage = ListPage<TaskRow>

/// One row of the service's list of tasks, as far as settling and tracking need it.
package struct TaskRow: Sendable, Equatable {
  /// The task's id; rows may come twice while a list is read page by page.
  package var id: String
  /// The index that the task is for; `nil` where the row does not say it.
  package var index: IndexID?
  /// The file name the service shows: the last path segment of the object, or something else.
  package var fileName: FileName?
  /// When the service made the task, by its own clock; `nil` when it cannot be read.
  package var createdAt: Timestamp?
  /// What the service makes of the video, in its own word; `nil` where it says none.
  package var status: String?
  /// Why it failed, in the service's words, without secrets.
  package var reason: String?

  /// A row as it was decoded.
  package init(
    id: String, index: IndexID? = nil, fileName: FileName?, createdAt: Timestamp?, status: String? = nil,
    reason: String? = nil
  ) {
    self.id = id
    self.index = index
    self.status = status
    self.reason = reason
    self.fileName = fileName
    self.createdAt = createdAt
  }

  /// Whether the row names another index than the one whose tasks were asked for: something on the way may drop the
  /// filter of the request, and the list is then everybody's.
  ///
  /// Ids of indexes are hexadecimal, so that the case of their letters says nothing.
  func belongsToAnother(than asked: IndexID) -> Bool {
    guard let index else { return false }
    return !index.rawValue.utf8.elementsEqual(asked.rawValue.utf8) { $0.lowercased == $1.lowercased }
  }
}

extension UInt8 {
  /// The small letter where this is a capital one of ASCII, else the byte itself.
  fileprivate var lowercased: UInt8 { (0x41...0x5A).contains(self) ? self | 0x20 : self }
}

extension ListingFailure {
  /// Whether the service told the listing to come back later, and for how long.
  var throttling: (isThrottled: Bool, asked: Duration?) {
    guard case .refused(let answer) = self else { return (false, nil) }
    return (TransferOutcomes.outcome(of: answer) == .throttled, answer.wait)
  }
}

/// What the versions differ in. Source of every path and limit: the service's documentation and specifications for v1,
/// v1.1 and v1.2.
extension ServiceProfile {
  /// Path of the list of tasks, from the base address on.
  package var tasksPath: String {
    switch self {
    case .v1: "/v1/indexes/tasks"
    case .v1_1: "/v1.1/tasks"
    case .v1_2: "/v1.2/tasks"
    // Still there, and announced to go; this module sends nothing to it.
    case .v1_3: "/v1.3/tasks"
    }
  }

  /// Path of one task.
  func taskPath(_ id: String) -> String { "\(tasksPath)/\(PercentEncoding.query(id.utf8))" }

  /// The most rows a page of the list of tasks may have; the service refuses more.
  package var listPageLimit: Int {
    switch self {
    case .v1: 100
    case .v1_1, .v1_2, .v1_3: 50
    }
  }

  /// Names of the member that has the error code, the version's own first.
  package var codeNames: [String] {
    switch self {
    case .v1: ["error_code", "code"]
    case .v1_1, .v1_2, .v1_3: ["code", "error_code"]
    }
  }
}

extension AnswerReader {
  /// A reader of answers of that version of the service.
  package init(profile: ServiceProfile, scrubber: Scrubber) {
    self.init(
      codeNames: profile.codeNames, isKnownCode: { TransferOutcomes.outcome(ofCode: $0) != nil },
      scrubber: scrubber)
  }
}
