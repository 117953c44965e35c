import Synchronization

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

  /// Adds a task for each element not taken before, and counts the others.
  func take(_ elements: ArraySlice<ElementKey>, _ state: inout State) -> (accepted: Int, skipped: Int) {
    let now = now(&state)
    var accepted = 0
    for key in elements where state.accepted.insert(key).inserted {
      accepted += 1
      let hash = SeededHash(seed: configuration.seed).adding(key.indexID).adding(key.object)
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
    let step = configuration.taskStep.wholeMilliseconds
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
