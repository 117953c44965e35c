/// One request to submit a chunk.
package struct Submission: Sendable {
  /// The chunk, for the part's file name.
  package var chunk: ChunkNumber
  /// Content of the `file` part: a JSON array in UTF-8.
  package var filePart: [UInt8]
  /// How long the request may take from its first byte to the end of its answer.
  package var timeout: Duration

  /// A request to be sent.
  package init(chunk: ChunkNumber, filePart: [UInt8], timeout: Duration) {
    self.chunk = chunk
    self.filePart = filePart
    self.timeout = timeout
  }
}

/// One row of the service's list of tasks, as far as settling needs it.
package struct TaskRow: Sendable, Equatable {
  /// The task's id; rows may come twice while a list is read page by page.
  package var id: String
  /// The file name the service shows: the last path segment of the object, or something else.
  package var fileName: FileName?
  /// When the service made the task, by its own clock; `nil` when it cannot be read.
  package var createdAt: Timestamp?

  /// A row as it was decoded.
  package init(id: String, fileName: FileName?, createdAt: Timestamp?) {
    self.id = id
    self.fileName = fileName
    self.createdAt = createdAt
  }
}

/// Why a page of the list of tasks could not be read.
package enum ListingFailure: Error, Sendable, Equatable {
  /// The service answered with something else than a list.
  case refused(ServiceAnswer)
  /// No usable answer came.
  case transport(TransportFailure)
}

/// The client port: what the dispatcher asks of the service.
///
/// Implementations never retry, never follow redirects, and never let the key into what they return.
package protocol TransferService: Sendable {
  /// Rows in a full page of ``listTasks(index:page:)``.
  var pageLimit: Int { get }

  /// Sends one chunk and returns the result. Never throws: every way to fail is an ``Exchange``.
  ///
  /// Cancelling the task abandons the request; the result is then ``Exchange/failed(_:)``.
  func submit(_ submission: Submission) async -> Exchange

  /// Reads one page of an index's tasks, newest first.
  ///
  /// - Parameters:
  ///   - index: the index whose tasks are listed.
  ///   - page: page number from 1.
  /// - Throws: ``ListingFailure``.
  func listTasks(index: IndexID, page: Int) async throws(ListingFailure) -> [TaskRow]
}
