import ArgumentParser
import BatchDomain
import Reporting

/// `orchestrate export`: the items of a run in some states, as a manifest, byte for byte as they came.
struct ExportCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "export", abstract: "Write the items of a run in some states as a manifest.",
    discussion: """
      Each item is written byte for byte as in its manifest. Correct the output, or submit it unchanged.

      EXAMPLES
        orchestrate export latest --state rejected > corrected.json
        orchestrate export latest --state failed | orchestrate submit - --again
      """)

  @Argument(help: "A run id, a unique prefix of one, or `latest`.")
  var run: String

  @Option(
    help: ArgumentHelp(
      "States, separated by commas: \(ExportState.allCases.map(\.rawValue).joined(separator: ", ")). "
        + "The last \(TrackedState.allCases.count) are those of accepted items at the service, once they were tracked.",
      valueName: "state[,state]"),
    transform: { try StateList.parse($0, for: "--state", among: ExportState.allCases) })
  var state: [Set<ExportState>]

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  /// Items read at a time: no read transaction outlives one page.
  private static let page = 1_000

  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let path = try storeOptions.existing(for: run, in: context)
    let store = try await StoreOpener.openForReading(path, in: context)
    let id = try await store.resolve(run)
    let choice = Choice(state.reduce(into: []) { $0.formUnion($1) })
    if !choice.tracked.isEmpty, try await store.tracking(of: id) == nil {
      throw CommandFailure(
        .badInput, code: "not_tracked",
        "run \(id) was never tracked: nothing is known of its items at the service",
        remedy: "\(command: .track(id)) asks the service")
    }
    try context.output.write("[")
    var after: Int?
    var isEmpty = true
    while true {
      let page = try await store.items(of: id, in: choice.read, after: after, limit: Self.page)
      guard let first = page.first, let last = page.last else { break }
      after = last.sequence
      var text = ""
      for item in try await choice.filter(page, of: id, first.sequence..<last.sequence + 1, in: store) {
        text += isEmpty ? "\n" : ",\n"
        isEmpty = false
        text += String(decoding: item.source, as: UTF8.self)
      }
      if !text.isEmpty { try context.output.write(text) }
    }
    try context.output.write(isEmpty ? "]\n" : "\n]\n")
    return .done
  }

  /// Items in some states of chunks, and accepted ones in some states at the service.
  private struct Choice {
    let chunks: Set<ChunkState>
    let tracked: Set<TrackedState>

    init(_ states: Set<ExportState>) {
      chunks = Set(states.compactMap(\.chunk))
      tracked = Set(states.compactMap(\.tracked))
    }

    /// The states of chunks whose items are looked at.
    var read: Set<ChunkState> { tracked.isEmpty ? chunks : chunks.union([.accepted]) }

    /// Those of some items that are meant.
    func filter(
      _ items: [StoredItem], of run: RunID, _ range: Range<Int>, in store: any RunCatalog
    ) async throws -> [StoredItem] {
      if tracked.isEmpty || chunks.contains(.accepted) { return items }
      let known = try await store.trackedItems(of: run, in: range)
      let states = Dictionary(known.map { ($0.sequence, $0.finding.state) }) { first, _ in first }
      var others: Set<Int> = []
      var next: Int? = chunks.isEmpty ? nil : range.lowerBound
      while let first = next, first < range.upperBound {
        let page = try await store.items(
          of: run, matching: RowFilter(states: chunks), from: first, limit: items.count)
        others.formUnion(page.rows.map(\.sequence))
        next = page.next
      }
      return items.filter {
        others.contains($0.sequence) || tracked.contains(states[$0.sequence] ?? .notSeen)
      }
    }
  }
}

/// A state that `export` names: of an item, or of an accepted one at the service.
struct ExportState: RawRepresentable, Hashable, CaseIterable {
  /// The word.
  let rawValue: String
  /// The state of its chunk.
  let chunk: ChunkState?
  /// Its state at the service.
  let tracked: TrackedState?

  init(_ state: ChunkState) {
    rawValue = state.rawValue
    chunk = state
    tracked = nil
  }

  init(_ state: TrackedState) {
    rawValue = state.exportWord
    chunk = nil
    tracked = state
  }

  init?(rawValue: String) {
    guard let state = Self.allCases.first(where: { $0.rawValue == rawValue }) else { return nil }
    self = state
  }

  static let allCases =
    ChunkState.itemStates.map { ExportState($0) } + TrackedState.allCases.map { ExportState($0) }
}
