import BatchDomain
import NIOConcurrencyHelpers
import ServiceHTTP
import TestSupport
import Testing
import TransfersService

/// What settling makes of the list of tasks, look by look, where another run of the store sent the same file names.
///
/// This run sends under `b/`, the other one sent under `a/`. The attempt in question ran from second 0 to second 1.
@Suite("Witnesses beside another run")
struct WitnessSettlingTests {
  static let index = IndexID("629d807aa9e2a3a33a92c00b")

  /// What the store knows.
  final class Records: SettlingRecords {
    struct State {
      var witnesses: [Witness] = []
      var sends: [NamedSend] = []
      var lag: ListingLag?
    }

    let state = NIOLockedValueBox(State())

    func witnesses(
      index: IndexID, intents: Range<Int>, begunAfter moment: Timestamp?, newestFirst: Bool, limit: Int
    ) async throws -> [Witness] {
      let found = state.withLockedValue(\.witnesses).filter { witness in
        intents.contains(witness.intent) && moment.map { witness.startedAt > $0 } ?? true
      }
      let ordered = found.sorted { ($0.intent < $1.intent) != newestFirst }
      return Array(ordered.prefix(limit))
    }

    func sends(of names: [IndexID: Set<FileName>], since moment: Timestamp) async throws -> [NamedSend] {
      state.withLockedValue(\.sends).filter {
        names[$0.index]?.contains($0.name) == true && $0.startedAt >= moment
      }
    }

    func listingLag(of index: IndexID) async throws -> ListingLag? { state.withLockedValue(\.lag) }
    func remember(_ lag: ListingLag, of index: IndexID) async throws {
      state.withLockedValue { $0.lag = lag }
    }
    func intents() async throws -> Int { 10 }
    func acceptance(of step: ChunkStep, after intents: Int) async throws -> StepAcceptance? { nil }
    func recorded(among ids: Set<String>) async throws -> RecordedIDs { RecordedIDs() }
  }

  /// A list that shows each task a while after it was made.
  final class LaggingTasks: TransfersAPI {
    struct State {
      var rows: [TaskRow] = []
      /// Done once, when a page is asked for the next time.
      var meanwhile: (@Sendable () -> Void)?
    }

    let state = NIOLockedValueBox(State())
    private let clock: ManualClock
    private let lag: Duration

    init(clock: ManualClock, lag: Duration) {
      self.clock = clock
      self.lag = lag
    }

    func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> { .success(Answer(status: 500)) }

    func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
      let meanwhile = state.withLockedValue { state in
        defer { state.meanwhile = nil }
        return state.meanwhile
      }
      meanwhile?()
      let now = clock.now()
      let shown = state.withLockedValue(\.rows).filter { row in
        row.createdAt.map { $0 + lag <= now } ?? true
      }
      return TaskListPage(page == 1 ? shown.reversed() : [])
    }

    func task(_ id: String) async throws(ListingFailure) -> TaskRow { throw .refused(Answer(status: 404)) }
  }

  let clock = ManualClock()
  let records = Records()
  let start: Timestamp

  init() { start = clock.now() }

  func strategy(_ list: LaggingTasks) -> any SettlingStrategy {
    TransfersService(list, profile: .v1, clock: clock, destination: "https://api.test/v1.1/tasks/transfers")
      .settling(
        SettlingContext(
          evidence: records, gate: CountingGate(), clock: clock, delay: .seconds(30), grace: .seconds(60)))
  }

  func unknown(intent: Int = 1, loss: UnknownChunk.Loss = .broken) -> UnknownChunk {
    UnknownChunk(
      number: ChunkNumber(intent - 1), firstItem: intent - 1,
      items: [UnknownChunk.Item(index: Self.index, object: "s3://b/b/0001.mp4", name: "0001.mp4")],
      attempt: 1,
      startedAt: start, endedAt: start + .seconds(1), intent: intent, endedAfter: intent, loss: loss,
      code: loss == .broken ? "reset" : nil)
  }

  /// A chunk of this run was accepted, a second after it was begun.
  func accepted(_ name: FileName, at seconds: Int, intent: Int, namesClash: Bool = false) {
    let witness = Witness(
      chunk: ChunkNumber(intent - 1), intent: intent, startedAt: start + .seconds(seconds),
      acceptedAt: start + .seconds(seconds + 1), names: [name], namesClash: namesClash)
    records.state.withLockedValue { $0.witnesses.append(witness) }
  }

  /// The store has a send of that object under its file name, which took a second.
  func send(_ object: ObjectName, run: Int64, at seconds: Int, isAccepted: Bool = true) -> NamedSend {
    NamedSend(
      run: run, index: Self.index, name: object.fileName, object: object,
      startedAt: start + .seconds(seconds),
      endedAt: start + .seconds(seconds + 1), isAccepted: isAccepted)
  }

  func sent(_ sends: NamedSend...) { records.state.withLockedValue { $0.sends += sends } }

  func list(lag: Duration = .zero, _ tasks: [(name: FileName, seconds: Int)]) -> LaggingTasks {
    let list = LaggingTasks(clock: clock, lag: lag)
    for task in tasks { list.add(task.name, at: start + .seconds(task.seconds)) }
    return list
  }

  /// Looks once.
  func look(
    _ strategy: inout any SettlingStrategy, _ chunk: UnknownChunk, at seconds: Int
  ) async throws -> SettlingReading {
    clock.advance(by: (start + .seconds(seconds)).since(clock.now()))
    let readings = try #require(try await strategy.look(at: [chunk], canSendMore: false))
    return try #require(readings[chunk.number])
  }

  func isOpen(_ reading: SettlingReading) -> Bool {
    if case .open = reading.finding { true } else { false }
  }

  @Test(
    "a chunk that another run's tasks stand in for is no witness before it is listed itself",
    arguments: [true, false])
  func equalNames(isTaken: Bool) async throws {
    sent(
      send("s3://b/a/0001.mp4", run: 1, at: -80), send("s3://b/a/0002.mp4", run: 1, at: -78),
      send("s3://b/b/0001.mp4", run: 2, at: 0, isAccepted: false))
    accepted("0002.mp4", at: 2, intent: 2)
    let others: [(name: FileName, seconds: Int)] = [("0001.mp4", -80), ("0002.mp4", -78)]
    var strategy = strategy(
      list(lag: .seconds(90), others + (isTaken ? [("0001.mp4", 0)] : []) + [("0002.mp4", 2)]))
    // The list reaches up to the other run, and to nothing of this one.
    #expect(isOpen(try await look(&strategy, unknown(), at: 31)))
    #expect(isOpen(try await look(&strategy, unknown(), at: 61)))
    #expect(records.state.withLockedValue(\.lag) == nil)
    let reading = try await look(&strategy, unknown(), at: 93)
    #expect(records.state.withLockedValue(\.lag?.lag) == .seconds(91))
    if isTaken {
      #expect(reading.finding == .received)
    } else {
      #expect(reading.finding == .unconfirmed)
      let last = try await look(&strategy, unknown(), at: 123)
      #expect(last.finding == .notReceived)
      #expect(last.evidence.witnesses == [ChunkNumber(1)])
    }
  }

  @Test("the task of an object is not that of another run which sent it, too", arguments: [true, false])
  func equalObjects(namesClash: Bool) async throws {
    sent(
      send("s3://b/b/0001.mp4", run: 2, at: 0, isAccepted: false),
      send("s3://b/b/0002.mp4", run: 1, at: -78))
    if namesClash { sent(send("s3://b/b/0002.mp4", run: 2, at: 2)) }
    accepted("0002.mp4", at: 2, intent: 2, namesClash: namesClash)
    var strategy = strategy(list(lag: .seconds(90), [("0002.mp4", -78), ("0001.mp4", 0), ("0002.mp4", 2)]))
    #expect(isOpen(try await look(&strategy, unknown(), at: 31)))
    #expect(isOpen(try await look(&strategy, unknown(), at: 61)))
    #expect(try await look(&strategy, unknown(), at: 93).finding == .received)
  }

  @Test("a witness from before has to be listed itself as well")
  func earlierWitness() async throws {
    sent(
      send("s3://b/a/0000.mp4", run: 1, at: -60),
      send("s3://b/b/0001.mp4", run: 2, at: 0, isAccepted: false))
    accepted("0000.mp4", at: -10, intent: 1)
    accepted("0002.mp4", at: 2, intent: 3)
    // The clock was ahead until the attempt had ended: what this run sent before is listed as much older.
    let tasks: [(name: FileName, seconds: Int)] = [
      ("0000.mp4", -1_010), ("0001.mp4", -1_000), ("0000.mp4", -60), ("0002.mp4", 2),
    ]
    var strategy = strategy(list(tasks))
    #expect(isOpen(try await look(&strategy, unknown(intent: 2), at: 31)))
    #expect(isOpen(try await look(&strategy, unknown(intent: 2), at: 61)))
  }

  @Test("a look says nothing where another run sent a name of the witness during the sweep")
  func sentMeanwhile() async throws {
    sent(send("s3://b/b/0001.mp4", run: 2, at: 0, isAccepted: false))
    accepted("0002.mp4", at: 2, intent: 2)
    let list = list([])
    let meanwhile = send("s3://b/a/0002.mp4", run: 1, at: 31)
    list.state.withLockedValue {
      $0.meanwhile = { [records, list] in
        records.state.withLockedValue { $0.sends.append(meanwhile) }
        list.add("0002.mp4", at: meanwhile.startedAt)
      }
    }
    var strategy = strategy(list)
    #expect(isOpen(try await look(&strategy, unknown(), at: 31)))
    // The one task is that of the other run.
    #expect(isOpen(try await look(&strategy, unknown(), at: 61)))
    list.add("0002.mp4", at: start + .seconds(2))
    #expect(try await look(&strategy, unknown(), at: 91).finding == .unconfirmed)
    #expect(try await look(&strategy, unknown(), at: 121).finding == .notReceived)
  }

  @Test(
    "where what was accepted cannot be told from others, a refusal is not taken for the first word of the service"
  )
  func refusedBesideUncountable() async throws {
    sent(
      send("s3://b/b/0001.mp4", run: 2, at: 0, isAccepted: false), send("s3://b/b/0002.mp4", run: 2, at: 2))
    for number in 1...60 { sent(send(ObjectName("s3://b/a/\(number)/0002.mp4"), run: 1, at: -100 * number)) }
    accepted("0002.mp4", at: 2, intent: 2, namesClash: true)
    var strategy = strategy(list([]))
    for seconds in [31, 61, 91] {
      let reading = try await look(&strategy, unknown(loss: .refused), at: seconds)
      #expect(isOpen(reading), "\(seconds)")
      #expect(reading.evidence.text.contains("cannot be told from others of their file names"))
    }
  }
}

extension WitnessSettlingTests.LaggingTasks {
  /// A task was made.
  func add(_ name: FileName, at moment: Timestamp) {
    state.withLockedValue { state in
      state.rows.append(
        TaskRow(
          id: "task-\(state.rows.count)", index: WitnessSettlingTests.index, fileName: name, createdAt: moment
        ))
    }
  }
}
