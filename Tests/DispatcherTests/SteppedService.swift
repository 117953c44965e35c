import BatchDomain
import NIOConcurrencyHelpers
import TestSupport

/// A made-up service that shares nothing with the transfers endpoint: one item per chunk, two steps with polling between
/// them, ids that are kept, two budgets, and no dividing. It shows that the dispatcher knows no service's habits.
final class SteppedService: ServiceModule {
  /// What happens to one request.
  enum Reply: Sendable {
    /// It is taken; the step is done at once or has to be polled.
    case take(isDone: Bool = false)
    /// It is taken, and its answer is lost.
    case takeAndLose
    /// It is not taken, and its answer is lost.
    case lose
    /// It is refused.
    case refuse(String, isAboutItem: Bool)
    /// It is refused on this side, and no request is made.
    case refuseUnsent(String)
    /// The store that has the videos does not answer, and no request is made.
    ///
    /// - Parameter afterOthers: whether this takes until another request got through.
    case findNoAddress(afterOthers: Bool)
    /// The service says to come back later.
    case throttle(Duration)
  }

  /// What a look at a thing that was made says.
  typealias Look = @Sendable (_ chunk: ChunkNumber, _ look: Int) -> PollResult.Reading

  private struct State {
    /// Requests by step and chunk, in the order they came.
    var sent: [(step: ChunkStep, chunk: ChunkNumber)] = []
    /// Things that were made, by id.
    var made: [String: (step: ChunkStep, chunk: ChunkNumber)] = [:]
    /// The ids that requests of the second step brought along.
    var brought: [ChunkNumber: [String?]] = [:]
    var looks: [ChunkNumber: Int] = [:]
    var looksBeforeRequest: [Int] = []
    var polled: [[ChunkNumber]] = []
    var polledURLEnds: [Timestamp?] = []
    var polls = 0
    var mostBegun = 0
    var begun: Set<ChunkNumber> = []
  }

  let steps: [ChunkStep] = [.upload, .index]
  let readingBudget = Budget("reading")
  let firstGoesAlone: Bool
  let pollLimit = 10

  private let script: @Sendable (_ step: ChunkStep, _ chunk: ChunkNumber, _ request: Int) -> Reply
  private let looking: Look
  private let urlEndsAt: Timestamp?
  private let pollWaits: [Duration]
  private let state = NIOLockedValueBox(State())

  /// A service that answers as the scripts say; requests of a step and chunk are counted from 0.
  ///
  /// - Parameter pollWaits: what the first polls are answered with: to come back later.
  init(
    firstGoesAlone: Bool = false, urlEndsAt: Timestamp? = nil, pollWaits: [Duration] = [],
    looking: @escaping Look = { _, _ in .done(mediaLength: nil) },
    script: @escaping @Sendable (_ step: ChunkStep, _ chunk: ChunkNumber, _ request: Int) -> Reply = {
      _, _, _ in
      .take()
    }
  ) {
    self.firstGoesAlone = firstGoesAlone
    self.looking = looking
    self.urlEndsAt = urlEndsAt
    self.pollWaits = pollWaits
    self.script = script
  }

  /// A service whose things are ready at the first look.
  static func answering(
    _ script: @escaping @Sendable (_ step: ChunkStep, _ chunk: ChunkNumber, _ request: Int) -> Reply
  ) -> SteppedService {
    SteppedService(script: script)
  }

  /// How many requests of a step came for a chunk.
  func requests(_ step: ChunkStep, _ chunk: ChunkNumber) -> Int {
    state.withLockedValue { $0.sent.count { $0.step == step && $0.chunk == chunk } }
  }

  /// The requests in the order they came.
  var sent: [(step: ChunkStep, chunk: ChunkNumber)] { state.withLockedValue { $0.sent } }
  /// The ids of what a step made, by chunk.
  func ids(_ step: ChunkStep) -> [ChunkNumber: [String]] {
    state.withLockedValue { state in
      state.made.filter { $0.value.step == step }.reduce(into: [:]) {
        $0[$1.value.chunk, default: []].append($1.key)
      }
    }
  }
  /// How many things a step made, by chunk.
  func made(_ step: ChunkStep) -> [ChunkNumber: Int] {
    state.withLockedValue { state in
      state.made.values.filter { $0.step == step }.reduce(into: [:]) { $0[$1.chunk, default: 0] += 1 }
    }
  }
  /// The ids that requests of the second step brought along.
  var brought: [ChunkNumber: [String?]] { state.withLockedValue { $0.brought } }
  /// For each request, how many looks at chunks there were before it.
  var looksBeforeRequest: [Int] { state.withLockedValue { $0.looksBeforeRequest } }
  /// How many polls came, those that were throttled included.
  var polls: Int { state.withLockedValue { $0.polls } }
  /// The chunks of each poll.
  var polled: [[ChunkNumber]] { state.withLockedValue { $0.polled } }
  /// When their URLs end, as the chunks of all polls say.
  var polledURLEnds: [Timestamp?] { state.withLockedValue { $0.polledURLEnds } }
  /// The most chunks that had begun and were not indexed at a time.
  var mostBegun: Int { state.withLockedValue { $0.mostBegun } }

  func send(_ unit: SendUnit, step: ChunkStep) async -> SubmissionResult {
    let request = state.withLockedValue { state in
      defer {
        state.sent.append((step, unit.chunk))
        state.looksBeforeRequest.append(state.looks.values.reduce(0, +))
        if step == .index { state.brought[unit.chunk, default: []].append(unit.externalIDs[.upload]) }
        if step == .upload { state.begun.insert(unit.chunk) }
        state.mostBegun = max(state.mostBegun, state.begun.count)
      }
      return state.sent.count { $0.step == step && $0.chunk == unit.chunk }
    }
    switch script(step, unit.chunk, request) {
    case .take(let isDone):
      var result = SubmissionResult(
        .accepted, status: 201, externalID: make(step, unit.chunk), isDone: isDone)
      result.urlEndsAt = urlEndsAt
      return result
    case .takeAndLose:
      _ = make(step, unit.chunk)
      return SubmissionResult(.unknown, code: "reset", obstacle: .connection)
    case .lose:
      return SubmissionResult(.unknown, code: "reset", obstacle: .connection)
    case .refuse(let code, let isAboutItem):
      return SubmissionResult(.content, status: 400, code: code, isAboutItem: isAboutItem)
    case .refuseUnsent(let code):
      return SubmissionResult(.content, code: code, obstacle: .notSent)
    case .findNoAddress(let afterOthers):
      // The second one that comes is sent after the first one was answered.
      let count = sent.count
      while afterOthers, sent.count < count + 2 { await Task.yield() }
      return SubmissionResult(.notProcessed, code: "s3_unreachable", obstacle: .objectStore)
    case .throttle(let wait):
      return SubmissionResult(.throttled, status: 429, wait: wait)
    }
  }

  private func make(_ step: ChunkStep, _ chunk: ChunkNumber) -> String {
    state.withLockedValue { state in
      let id = "\(step)-\(state.made.count)"
      state.made[id] = (step, chunk)
      if step == .index { state.begun.remove(chunk) }
      return id
    }
  }

  func poll(_ chunks: [ProcessingChunk], gate: any ReadingGate) async -> PollResult {
    guard await gate.enter() else { return PollResult() }
    let poll = state.withLockedValue { state in
      defer { state.polls += 1 }
      return state.polls
    }
    if poll < pollWaits.count {
      await gate.leave(isThrottled: true, asked: pollWaits[poll])
      return PollResult(failure: "HTTP 429")
    }
    let result = state.withLockedValue { state in
      state.polled.append(chunks.map(\.number))
      state.polledURLEnds += chunks.map(\.urlEndsAt)
      var readings: [ChunkNumber: PollResult.Reading] = [:]
      for chunk in chunks {
        readings[chunk.number] = looking(chunk.number, state.looks[chunk.number, default: 0])
        state.looks[chunk.number, default: 0] += 1
      }
      return PollResult(readings)
    }
    await gate.leave(isThrottled: false, asked: nil)
    return result
  }

  func step(after refusal: Refusal) -> RefusalStep {
    switch (refusal.step, refusal.code) {
    case (.index, "not_ready"): .pollAgain
    case (.index, "exists"): .lookUp
    default: .reject(withRest: false)
    }
  }

  func division(of items: Range<Int>, because cause: Division.Cause) -> Division? { nil }

  func tracking() -> any TrackingStrategy { UnlistedVideos() }

  func settling(_ context: SettlingContext) -> any SettlingStrategy {
    Strategy(service: self, context: context)
  }

  func probe() async -> ProbeResult { .ready }

  /// Finds what was made for a chunk.
  private struct Strategy: SettlingStrategy {
    let service: SteppedService
    let context: SettlingContext

    mutating func look(
      at chunks: [UnknownChunk], canSendMore: Bool
    ) async throws -> [ChunkNumber: SettlingReading]? {
      guard await context.gate.enter() else { return nil }
      let readings = service.state.withLockedValue { state in
        var readings: [ChunkNumber: SettlingReading] = [:]
        for chunk in chunks {
          let ids = state.made.filter { $0.value == (chunk.step, chunk.number) }.keys.sorted()
          readings[chunk.number] =
            ids.first.map {
              SettlingReading(
                .received, Evidence("listed"), externalID: $0, isDone: true, surplus: Array(ids.dropFirst()))
            } ?? SettlingReading(.notReceived, Evidence("not listed"))
        }
        return readings
      }
      await context.gate.leave(isThrottled: false, asked: nil)
      return readings
    }
  }
}

/// A service that lists nothing.
private struct UnlistedVideos: TrackingStrategy {
  let isByID = true

  func mark(of item: SentItem) -> String? { item.externalID }

  func page(_ page: Int, of index: IndexID, gate: any ReadingGate) async -> TrackingAnswer<ListedPage> {
    .missing("there is no listing")
  }

  func reason(of id: String, in index: IndexID, gate: any ReadingGate) async -> TrackingAnswer<String?> {
    .value(nil)
  }
}
