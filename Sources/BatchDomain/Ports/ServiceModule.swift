/// The service port: one generation of the service's API, with all that is peculiar to it. The dispatcher knows a unit to
/// send, its step, an outcome, and a strategy to settle; it looks at no status, no code and no listing.
///
/// Implementations never repeat a request, never follow redirects, and never let a key into what they return.
package protocol ServiceModule: Sendable {
  /// The steps of a chunk in order, one at least. Requests of each step use up a budget of its own.
  var steps: [ChunkStep] { get }

  /// The budget that requests which only read use up; it may be one of those that submit.
  var readingBudget: Budget { get }

  /// Whether the first chunk of a run goes alone until its first step is done: it proves something that no answer to a
  /// request does, for example that the service can fetch our videos.
  var firstGoesAlone: Bool { get }

  /// Chunks that one ``poll(_:)`` may ask about; 0 where nothing is polled.
  var pollLimit: Int { get }

  /// Sends the request of one step of a chunk and judges what came of it. Never throws: every way to fail is a
  /// ``SubmissionResult``.
  ///
  /// Cancelling the task abandons the request; the result then says how far it got.
  func send(_ unit: SendUnit, step: ChunkStep) async -> SubmissionResult

  /// Asks, with one request or a few, how far the service is with chunks that it works on. Requests pass the gate that
  /// it is given.
  ///
  /// - Returns: what the service says of those chunks; a chunk of which it says nothing is left out.
  func poll(_ chunks: [ProcessingChunk], gate: any ReadingGate) async -> PollResult

  /// What to do with a chunk that was refused for its content.
  func step(after refusal: Refusal) -> RefusalStep

  /// What takes the place of a chunk that is divided; `nil` where it can only be sent whole.
  func division(of items: Range<Int>, because cause: Division.Cause) -> Division?

  /// A strategy that finds out what became of unknown chunks of one run, with nothing remembered yet.
  func settling(_ context: SettlingContext) -> any SettlingStrategy

  /// How the service says what became of items that it accepted.
  func tracking() -> any TrackingStrategy

  /// Asks the service for as little as possible, to see whether it answers and accepts the key.
  func probe() async -> ProbeResult
}

extension ServiceModule {
  /// The budgets of the service. Requests of a later step go first: what was begun is finished.
  package var budgets: Budgets {
    Budgets(sending: steps.reversed().map(Budget.init), reading: readingBudget)
  }

  /// The step that follows a step; `nil` after the last.
  package func step(following step: ChunkStep) -> ChunkStep? {
    steps.firstIndex(of: step).flatMap { $0 + 1 < steps.count ? steps[$0 + 1] : nil }
  }

  /// The step that goes before a step; `nil` before the first.
  package func step(before step: ChunkStep) -> ChunkStep? {
    steps.firstIndex(of: step).flatMap { $0 > 0 ? steps[$0 - 1] : nil }
  }

  /// Chunks go as they come.
  package var firstGoesAlone: Bool { false }

  /// Nothing is polled.
  package var pollLimit: Int { 0 }

  /// Nothing is polled.
  package func poll(_ chunks: [ProcessingChunk], gate: any ReadingGate) async -> PollResult { PollResult() }
}

/// A chunk to send: what a request is made of.
package struct SendUnit: Sendable {
  /// The chunk's number.
  package var chunk: ChunkNumber
  /// Items in it, 1 or more.
  package var itemCount: Int
  /// Its items: a JSON array in UTF-8.
  package var content: [UInt8]
  /// How long the request may take from its first byte to the end of its answer.
  package var timeout: Duration
  /// Whether it may be divided: else it is sent whole or not at all, as one item is.
  package var mayBeDivided: Bool
  /// Sequence number of its first item.
  package var firstItem: Int
  /// The ids that the service gave to what earlier steps made, the latest of each step.
  package var externalIDs: [ChunkStep: String]

  /// A chunk to be sent.
  package init(
    chunk: ChunkNumber, firstItem: Int = 0, itemCount: Int, content: [UInt8], timeout: Duration,
    mayBeDivided: Bool, externalIDs: [ChunkStep: String] = [:]
  ) {
    self.chunk = chunk
    self.firstItem = firstItem
    self.externalIDs = externalIDs
    self.itemCount = itemCount
    self.content = content
    self.timeout = timeout
    self.mayBeDivided = mayBeDivided
  }
}

/// What one request for a step of a chunk came to, as its service judges it. Without secrets.
package struct SubmissionResult: Sendable, Equatable {
  /// What it came to.
  package var outcome: Outcome
  /// HTTP status; `nil` when no answer came.
  package var status: Int?
  /// The service's error code, or the transport's word for what went wrong.
  package var code: String?
  /// The service's message, or the transport's; at most 2 KiB.
  package var message: String?
  /// The id that the service gave to what it took; `nil` where it gives none.
  package var externalID: String?
  /// Whether the step is done with this answer already; else, where another step follows, the service works on it and is
  /// polled.
  package var isDone: Bool
  /// The length of the chunk's videos, where the answer says it.
  package var mediaLength: Duration?
  /// When the URL that the service was given to fetch the video from stops working; `nil` where that does not matter any
  /// more.
  package var urlEndsAt: Timestamp?
  /// Of a refusal: whether it is about the item itself, so that it says nothing about the items after it.
  package var isAboutItem: Bool
  /// How long nothing more may be sent from the answer on: the service asks for that, or says that the quota is used up.
  package var wait: Duration?
  /// Why no answer came, as far as that says something about more than this chunk; `nil` when one came.
  package var obstacle: Obstacle?
  /// Why the run has to be paused whatever became of the chunk: something is wrong that only a person can put right,
  /// and every further request meets it again. `nil` when the run goes on.
  package var pause: PauseReason?
  /// What came, in one line.
  package var text: String
  /// The same, where the run is paused because of it.
  package var pauseText: String

  /// Why no answer of the service came.
  package enum Obstacle: Sendable, Equatable {
    /// This process can open no more files, and a connection is one.
    case openFiles
    /// The sending window closed before the request could leave.
    case closedWindow
    /// What was to be sent is refused on this side of the service, which heard nothing of it.
    case notSent
    /// The store that has the videos does not answer; the service heard nothing.
    case objectStore
    /// The name of the service, or of the proxy, cannot be resolved.
    case unresolvedName
    /// Something after which it is not known whether the name could be resolved.
    case beforeConnecting
    /// The name was resolved, and something else went wrong.
    case connection
  }

  /// A result in its parts.
  ///
  /// - Parameters:
  ///   - text: what came, in one line; `nil` makes it of status, code and message.
  ///   - pauseText: the same for a paused run, where that is another sentence.
  package init(
    _ outcome: Outcome, status: Int? = nil, code: String? = nil, message: String? = nil,
    externalID: String? = nil, isDone: Bool = false, mediaLength: Duration? = nil, isAboutItem: Bool = true,
    wait: Duration? = nil, obstacle: Obstacle? = nil, pause: PauseReason? = nil,
    text: String? = nil, pauseText: String? = nil
  ) {
    self.outcome = outcome
    self.status = status
    self.code = code
    self.message = message
    self.externalID = externalID
    self.isDone = isDone
    self.mediaLength = mediaLength
    self.isAboutItem = isAboutItem
    self.wait = wait
    self.obstacle = obstacle
    self.pause = pause
    let text = text ?? [status.map { "HTTP \($0)" }, code, message].compactMap { $0 }.joined(separator: " ")
    self.text = text
    self.pauseText = pauseText ?? text
  }
}

/// A refusal of a chunk, with what is known when it is decided what follows.
package struct Refusal: Sendable, Equatable {
  /// Sequence numbers of the chunk's items.
  package var items: Range<Int>
  /// The step that was refused.
  package var step: ChunkStep
  /// HTTP status.
  package var status: Int?
  /// The service's error code.
  package var code: String?
  /// What refusals of the run are known to mean, and what became of the other pieces of its planned chunk.
  package var history: RefusalHistory
  /// Whether refused chunks are divided at all (`--bisect`).
  package var isBisecting: Bool
  /// Whether the service may be asked what became of a chunk (`--on-unknown check`).
  package var mayAsk: Bool

  /// A refusal in its parts.
  package init(
    items: Range<Int>, step: ChunkStep = .transfer, status: Int?, code: String?, history: RefusalHistory,
    isBisecting: Bool, mayAsk: Bool
  ) {
    self.items = items
    self.step = step
    self.status = status
    self.code = code
    self.history = history
    self.isBisecting = isBisecting
    self.mayAsk = mayAsk
  }
}

/// What to do with a refused chunk.
package enum RefusalStep: Sendable, Equatable {
  /// It is rejected.
  ///
  /// - Parameter withRest: whether what is left of its family is rejected too, without being told apart.
  case reject(withRest: Bool)
  /// Pieces take its place.
  case divide(Division)
  /// It is looked up first: some of it may have been taken.
  case lookUp
  /// The step before is polled again first: it may not be done after all, and the refusal stands only if it is.
  case pollAgain
}

/// What the service says of chunks that it works on.
package struct PollResult: Sendable, Equatable {
  /// What it says of one of them.
  package enum Reading: Sendable, Equatable {
    /// It still works on it.
    ///
    /// - Parameters:
    ///   - status: its own word.
    ///   - isKnown: whether the service documents that word.
    case working(status: String, isKnown: Bool = true)
    /// The step is done.
    ///
    /// - Parameter mediaLength: the length of the chunk's videos, where the service says it.
    case done(mediaLength: Duration?)
    /// It came to something else: `content` where the chunk is refused for good, `notProcessed` where it is to be sent
    /// again from its first step, `index` or `endpoint` where the refusal that led to this look means that.
    case ended(Outcome, code: String?, message: String?)
    /// It has nothing of that id.
    case gone
  }

  /// What it says, by chunk.
  package var readings: [ChunkNumber: Reading]
  /// Why the run has to be paused, with a sentence; `nil` when it goes on.
  package var pause: (reason: PauseReason, detail: String)?
  /// Why nothing was said; `nil` when the service answered.
  package var failure: String?

  /// A result in its parts.
  package init(
    _ readings: [ChunkNumber: Reading] = [:], pause: (reason: PauseReason, detail: String)? = nil,
    failure: String? = nil
  ) {
    self.readings = readings
    self.pause = pause
    self.failure = failure
  }

  /// Equal in every part.
  package static func == (first: PollResult, second: PollResult) -> Bool {
    first.readings == second.readings && first.failure == second.failure
      && first.pause?.reason == second.pause?.reason && first.pause?.detail == second.pause?.detail
  }
}

/// What the service answered to a request that only asks whether it is there.
package enum ProbeResult: Sendable, Equatable {
  /// It answers as this generation of the API does, and takes the key.
  case ready
  /// It answered otherwise.
  ///
  /// - Parameter isForeign: whether the answer is visibly not the service's: a page of a proxy or a gateway.
  case refused(SubmissionResult, isForeign: Bool)
  /// No answer came.
  case unreachable(SubmissionResult)
}
