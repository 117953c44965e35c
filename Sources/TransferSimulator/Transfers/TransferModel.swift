import Synchronization

/// The service without HTTP: what it took, what became of it, and the rules by which it refuses requests.
package final class TransferModel: Sendable {
  /// What a transfers request came to.
  package enum Submission: Sendable, Equatable {
    /// All elements were taken: new ones, and repeats that were skipped in silence.
    case taken(accepted: Int, skipped: Int)
    /// The request was refused; `taken` elements before the bad one were taken all the same.
    case refused(Refusal, taken: Int, skipped: Int)
  }

  /// Why a request was refused.
  package enum Refusal: Sendable, Equatable {
    /// The element at `position` cannot be taken: 400 `parameter_invalid`.
    case poisoned(position: Int)
    /// The element at `position` makes the service answer 500.
    case crashed(position: Int)
    /// There is no such index: 400 `resource_not_exist`.
    case indexGone(String)
  }

  struct State {
    var tasks: [TransferTask] = []
    /// Positions in `tasks` by index, in order of acceptance.
    var positions: [String: [Int]] = [:]
    var positionByID: [String: Int] = [:]
    var accepted: Set<ElementKey> = []
    var singles = 0
    var goneIndexes: Set<String>
    var listingModes: Set<ListingMode>
    var listingLag: Duration
    var taskStep: Duration
    var createdAtOffset: Duration
    var lastNow: Int64 = 0
  }

  let configuration: SimulatorConfiguration
  let phases: [TransferTask.Status]
  let state: Mutex<State>

  /// Creates an empty service.
  package init(_ configuration: SimulatorConfiguration) {
    self.configuration = configuration
    phases =
      configuration.profile.hasQueue
      ? [.validating, .pending, .queued, .indexing] : [.validating, .pending, .indexing]
    state = Mutex(
      State(
        goneIndexes: configuration.goneIndexes, listingModes: configuration.listingModes,
        listingLag: configuration.listingLag, taskStep: configuration.taskStep,
        createdAtOffset: configuration.createdAtOffset))
  }

  /// Takes or refuses the elements of one request.
  package func submit(_ elements: [ElementKey]) -> Submission {
    state.withLock { state in
      if let gone = elements.first(where: { state.goneIndexes.contains($0.indexID) }) {
        return .refused(.indexGone(gone.indexID), taken: 0, skipped: 0)
      }
      if let position = elements.firstIndex(where: isCrashing) {
        return .refused(.crashed(position: position), taken: 0, skipped: 0)
      }
      if let position = elements.firstIndex(where: isPoisoned) {
        guard configuration.takesElementsBeforePoison else {
          return .refused(.poisoned(position: position), taken: 0, skipped: 0)
        }
        let count = take(elements[..<position], &state)
        return .refused(.poisoned(position: position), taken: count.accepted, skipped: count.skipped)
      }
      let count = take(elements[...], &state)
      return .taken(accepted: count.accepted, skipped: count.skipped)
    }
  }

  /// Creates one task from a URL, as the single-upload endpoint does. It is never skipped as a repeat.
  package func create(indexID: String, url: String) -> Result<TransferTask, CreationError> {
    state.withLock { state in
      guard !state.goneIndexes.contains(indexID) else { return .failure(.indexGone) }
      state.singles += 1
      let hash = SeededHash(seed: configuration.seed).adding("single").adding(url).adding(state.singles)
      let path = url.prefix { $0 != "?" && $0 != "#" }
      let task = makeTask(indexID: indexID, name: path, object: nil, hash: hash, now: now(&state))
      add(task, &state)
      return .success(task)
    }
  }

  /// Why a single task was not created.
  package enum CreationError: Error {
    /// There is no such index.
    case indexGone
  }

  /// The number of tasks, whether listings show them already or not.
  package var taskCount: Int { state.withLock { $0.tasks.count } }

  /// Every element that a transfers request brought and the service took, once each.
  package var acceptedElements: Set<ElementKey> { state.withLock { $0.accepted } }

  /// Changes how the listing behaves from now on.
  package func setListingModes(_ modes: Set<ListingMode>) { state.withLock { $0.listingModes = modes } }

  /// Changes how long tasks stay hidden from listings, for tasks taken before too.
  package func setListingLag(_ lag: Duration) { state.withLock { $0.listingLag = lag } }

  /// Changes the time that tasks are in each state, those that are there included.
  package func setTaskStep(_ step: Duration) { state.withLock { $0.taskStep = step } }

  /// Changes which indexes are gone.
  package func setGoneIndexes(_ indexes: Set<String>) { state.withLock { $0.goneIndexes = indexes } }
}

extension TransferModel {
  /// The clock's time, held back from running backwards, so that tasks stay in order of acceptance.
  func now(_ state: inout State) -> Int64 {
    state.lastNow = max(state.lastNow, configuration.clock.now)
    return state.lastNow
  }

  func isPoisoned(_ key: ElementKey) -> Bool {
    key.object.contains("poison") || configuration.poisonedObjects.contains(key.object)
  }

  func isCrashing(_ key: ElementKey) -> Bool {
    key.object.contains("crash") || configuration.crashingObjects.contains(key.object)
  }

  /// Adds a task for each element not taken before, and counts the others unless repeats are taken, too.
  func take(_ elements: ArraySlice<ElementKey>, _ state: inout State) -> (accepted: Int, skipped: Int) {
    let now = now(&state)
    var accepted = 0
    for key in elements {
      var hash = SeededHash(seed: configuration.seed).adding(key.indexID).adding(key.object)
      if !state.accepted.insert(key).inserted {
        guard configuration.takesRepeats else { continue }
        hash = hash.adding(state.tasks.count)
      }
      accepted += 1
      add(
        makeTask(indexID: key.indexID, name: key.object[...], object: key.object, hash: hash, now: now),
        &state)
    }
    return (accepted, elements.count - accepted)
  }

  func makeTask(indexID: String, name: Substring, object: String?, hash: SeededHash, now: Int64)
    -> TransferTask
  {
    let fails = hash.adding("fails").unit < configuration.failedShare
    // Half of those that fail are turned down after validation, the others at the very end.
    let early = hash.adding("early").value % 2 == 0
    return TransferTask(
      id: hash.adding("id").hex(24), indexID: indexID,
      filename: String(name.split(separator: "/").last ?? name), object: object, acceptedAt: now,
      draw: hash.value, failsAfter: fails ? (early ? 1 : phases.count) : nil)
  }

  func add(_ task: TransferTask, _ state: inout State) {
    state.positions[task.indexID, default: []].append(state.tasks.count)
    state.positionByID[task.id] = state.tasks.count
    state.tasks.append(task)
  }

  /// One task, also while listings do not show it yet.
  package func task(id: String) -> TaskView? {
    state.withLock { state in
      let now = now(&state)
      return state.positionByID[id].map { view(state.tasks[$0], now, state) }
    }
  }

  /// What a deletion came to.
  package enum Deletion: Sendable {
    /// The task is gone.
    case deleted
    /// There was no such task.
    case notThere
    /// The task is neither ready nor failed.
    case stillWorking
  }

  /// Deletes a task that is ready or failed.
  package func delete(id: String) -> Deletion {
    state.withLock { state in
      guard let position = state.positionByID[id] else { return .notThere }
      let status = view(state.tasks[position], now(&state), state).status
      guard status == .ready || status == .failed else { return .stillWorking }
      var rest = state.tasks
      rest.remove(at: position)
      state.tasks = []
      state.positions = [:]
      state.positionByID = [:]
      for task in rest { add(task, &state) }
      return .deleted
    }
  }

  func view(_ task: TransferTask, _ now: Int64, _ state: State) -> TaskView {
    let step = state.taskStep.wholeMilliseconds
    let offset = state.createdAtOffset.wholeMilliseconds
    let current = task.state(at: now, step: step, phases: phases)
    return TaskView(
      task: task, status: current.status, createdAt: task.acceptedAt + offset,
      updatedAt: current.since + offset,
      estimatedAt: task.acceptedAt + Int64(phases.count) * step + offset,
      filename: state.listingModes.contains(.uuidFilenames) ? uuid(task) : task.filename,
      hasVariedTimes: state.listingModes.contains(.variedTimes))
  }

  private func uuid(_ task: TransferTask) -> String {
    let digits = Array(SeededHash(seed: task.draw).adding("uuid").hex(32))
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
  }
}

extension TransferModel {
  /// The listing modes in force.
  package var listingModes: Set<ListingMode> { state.withLock { $0.listingModes } }

  /// Reads one page, and then lets the list shift when that mode is on.
  package func list(_ query: TaskQuery) -> TaskPage {
    state.withLock { state in
      let now = now(&state)
      let page = page(query, now, state)
      if state.listingModes.contains(.shifting), let indexID = query.indexID ?? page.rows.first?.task.indexID
      {
        addIntruder(indexID, now, &state)
      }
      return page
    }
  }

  /// How many tasks of an index are in each state, of those that listings show.
  package func counts(indexID: String) -> [TransferTask.Status: Int] {
    state.withLock { state in
      let now = now(&state)
      return visible(indexID, now, state)
        .reduce(into: [:]) { $0[view(state.tasks[$1], now, state).status, default: 0] += 1 }
    }
  }

  /// The indexes that have tasks, in order of their first task.
  package var indexIDs: [String] {
    state.withLock { state in
      state.positions.sorted { ($0.value.first ?? 0) < ($1.value.first ?? 0) }.map(\.key)
    }
  }

  /// Positions of the tasks that the lag has released. Acceptance is in order, so they are a prefix.
  private func visible(_ indexID: String?, _ now: Int64, _ state: State) -> ArraySlice<Int> {
    let all = indexID.map { state.positions[$0] ?? [] } ?? Array(state.tasks.indices)
    let limit = now - state.listingLag.wholeMilliseconds
    var low = 0
    var high = all.count
    while low < high {
      let middle = (low + high) / 2
      if state.tasks[all[middle]].acceptedAt <= limit { low = middle + 1 } else { high = middle }
    }
    return all[..<low]
  }

  private func page(_ query: TaskQuery, _ now: Int64, _ state: State) -> TaskPage {
    var found = visible(query.indexID, now, state)
    if query.id != nil || query.filename != nil || !query.statuses.isEmpty {
      found =
        found.filter { position in
          let row = view(state.tasks[position], now, state)
          return query.id.map { $0 == row.task.id } ?? true
            && query.filename.map { $0 == row.filename } ?? true
            && (query.statuses.isEmpty || query.statuses.contains(row.status.rawValue))
        }[...]
    }
    if query.order == .updatedAt {
      let dated = found.map { (since: view(state.tasks[$0], now, state).updatedAt, position: $0) }
      found = dated.sorted { ($0.since, $0.position) < ($1.since, $1.position) }.map(\.position)[...]
    }
    // With repeated rows each page moves on by one row less than it shows.
    let stride = state.listingModes.contains(.repeating) ? max(1, query.limit - 1) : query.limit
    let first = min((query.page - 1) * stride, found.count)
    let last = min(first + query.limit, found.count)
    let rows = (first..<last).map { offset in
      found[query.isDescending ? found.endIndex - 1 - offset : found.startIndex + offset]
    }
    let isSilent = state.listingModes.contains(.zeroTotals)
    return TaskPage(
      rows: rows.map { view(state.tasks[$0], now, state) }, limit: query.limit,
      page: isSilent ? 0 : query.page,
      totalPages: isSilent ? 0 : (found.count + stride - 1) / stride, totalResults: isSilent ? 0 : found.count
    )
  }

  private func addIntruder(_ indexID: String, _ now: Int64, _ state: inout State) {
    state.singles += 1
    let hash = SeededHash(seed: configuration.seed).adding("intruder").adding(state.singles)
    let name = "intruder-\(state.singles).mp4"
    add(makeTask(indexID: indexID, name: name[...], object: nil, hash: hash, now: now), &state)
  }
}
