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
        listingLag: configuration.listingLag, createdAtOffset: configuration.createdAtOffset))
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

  /// Changes which indexes are gone.
  package func setGoneIndexes(_ indexes: Set<String>) { state.withLock { $0.goneIndexes = indexes } }
}
