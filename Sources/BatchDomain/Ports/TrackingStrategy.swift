/// How a generation of the service's API says what became of accepted items. When it is asked, how far back, and what the
/// store keeps of it, is not its to say.
package protocol TrackingStrategy: Sendable {
  /// Whether a mark stands for one item for sure; else items and videos of one mark are counted.
  var isByID: Bool { get }

  /// By what an item is recognised in the listing of its index; `nil` where nothing is known that it shows.
  func mark(of item: SentItem) -> String?

  /// Reads a page of what an index has, newest first, with one request that passes the gate.
  ///
  /// - Parameter page: its number, from 1.
  func page(_ page: Int, of index: IndexID, gate: any ReadingGate) async -> TrackingAnswer<ListedPage>

  /// Asks why a video failed, with one request that passes the gate.
  ///
  /// - Returns: the service's words; `nil` where it gives no reason.
  func reason(
    of id: String, in index: IndexID, gate: any ReadingGate
  ) async -> TrackingAnswer<String?>
}

/// What came of a request that tracking made.
package enum TrackingAnswer<Value: Sendable>: Sendable {
  /// The service said it.
  case value(Value)
  /// The service has nothing of that name.
  case missing(String)
  /// The service did not say it, in words.
  ///
  /// - Parameter isRefused: why every further request would meet the same: the account, or the address.
  case failed(String, refusal: PauseReason?)
  /// The gate let nothing pass any more.
  case stopped
}
