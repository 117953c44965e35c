import ArgumentParser
import BatchDomain
import ManifestReader
import Reporting

/// `orchestrate diff`: what a manifest has that was not accepted, or that a run does not have.
struct DiffCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "diff",
    abstract: "Compare a manifest with what was accepted, or with a run; nothing is sent.",
    discussion: """
      Without a run, the manifest is compared with all that this database knows as accepted by the service that --base-url \
      and --profile name. An item is the same when its index_id and its object are, byte for byte; it is changed when the rest \
      of it says something else. Order, white space and the order of members make no difference.

      EXAMPLES
        orchestrate diff tonight.json
        orchestrate diff tonight.json latest --format json
        orchestrate diff tonight.json --list added | orchestrate submit -
      """)

  /// Items that can be listed.
  enum Listed: String, ExpressibleByArgument, CaseIterable {
    /// Those that only the manifest has.
    case added
    /// Those that only the run has.
    case removed
    /// Those that say something else in the manifest.
    case changed
  }

  @Argument(help: "The manifest: a JSON array or JSON lines, either gzipped; `-` reads standard input.")
  var manifest: String

  @Argument(help: "A run id, a unique prefix of one, or `latest`; without it, all that was accepted.")
  var run: String?

  @Option(help: "Write these items as a manifest, those that changed as the manifest has them.")
  var list: Listed?

  @OptionGroup(title: "Service") var service: SettingOptions<AcceptedSettings>

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Store") var storeOptions: StoreOptions
  @OptionGroup(title: "Output") var progressOptions: ProgressOptions

  var wantsJSON: Bool { format == .json && list == nil }
  var databaseGiven: String? { storeOptions.path }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    let settings = try SettingsLayers(commandLine: service.layer).resolve().settings
    let path = try context.path(manifest)
    let source = try ManifestSource(path: path)
    let store = try await store(in: context)
    let id: RunID? = if let run { try await store.resolve(run) } else { nil }
    let scope = KnownScope(
      address: settings.baseURL, family: settings.profile.family, side: id.map { .run($0) } ?? .accepted)
    let progress = PlanningProgress(
      RunConsole(progressOptions, in: context), manifest: path, totalBytes: source.file?.byteCount)
    let status = try await ComparedManifest.read(
      source, settings, comparison: try await store.comparison(scope), progress: progress, context: context,
      isStopped: { false }
    ) { compared -> ExitStatus? in
      let verdict = ManifestVerdict(findings: compared.whole.findings, manifest: path, isStrict: false)
      if let refusal = verdict.refusal { throw refusal }
      guard let known = try await compared.comparison.result(isStopped: { false }) else { return nil }
      let difference = ManifestDifference(
        manifest: path, run: id, service: Origin.of(settings.baseURL), compared: compared, known: known,
        store: store)
      if let list {
        try await difference.write(list, to: context)
      } else {
        try context.output.write(try await difference.document(format))
      }
      return .done
    }
    try await store.close()
    return status ?? .stopped
  }

  /// The store that knows what was accepted; one that knows nothing where there is none yet.
  private func store(in context: ProcessContext) async throws -> any RunCatalog & KnownItems {
    if let run {
      return try await StoreOpener.openForReading(
        try storeOptions.existing(for: run, in: context), in: context)
    }
    let path = try storeOptions.resolved(in: context)
    guard try StoreOpener.exists(at: path) else {
      await context.tell("there is no database at \(VisibleText.escape(path)) yet")
      return try await StoreOpener.openTemporary(now: context.clock.now())
    }
    return try await StoreOpener.openForReading(path, in: context)
  }
}

/// Whose accepted items a manifest is compared with.
enum AcceptedSettings: SettingGroup {
  static func has(_ setting: Setting<SubmitSettings>) -> Bool {
    ["base-url", "profile"].contains(setting.key)
  }
}

/// What a manifest and a run, or all that was accepted, do not have in common.
private struct ManifestDifference {
  let manifest: String
  let run: RunID?
  let service: String
  let compared: ComparedManifest
  let known: KnownResult
  let store: any RunCatalog

  private static let samples = 3
  /// Items of a run that are read at a time.
  private static let page = 1_000

  private func count(_ list: DiffCommand.Listed) -> Int {
    switch list {
    case .added: known.counts[.new] ?? 0
    case .changed: known.counts[.changed] ?? 0
    case .removed: known.removed.count { $0 }
    }
  }

  /// Looks at the source texts of listed items, page by page, in their order.
  ///
  /// - Parameter look: whether to go on.
  private func forEachPage(
    of list: DiffCommand.Listed, _ look: ([StoredItem]) async throws -> Bool
  ) async throws {
    switch list {
    case .added: try await compared.forEachSource(where: { known.classes[$0] == .new }, look)
    case .changed: try await compared.forEachSource(where: { known.classes[$0] == .changed }, look)
    case .removed:
      guard let run, var next = known.removed.firstIndex(of: true) else { return }
      while next < known.removed.count {
        let page = try await store.items(
          of: run, in: Set(ChunkState.itemStates), after: next - 1, limit: Self.page)
        guard let last = page.last else { return }
        let wanted = page.filter { $0.sequence < known.removed.count && known.removed[$0.sequence] }
        if !wanted.isEmpty, try await !look(wanted) { return }
        next = last.sequence + 1
      }
    }
  }

  /// Writes listed items as a manifest, each byte for byte as it was written.
  func write(_ list: DiffCommand.Listed, to context: ProcessContext) async throws {
    try context.output.write("[")
    var isFirst = true
    try await forEachPage(of: list) { page in
      var text = ""
      for item in page {
        text += (isFirst ? "\n" : ",\n") + String(decoding: item.source, as: UTF8.self)
        isFirst = false
      }
      try context.output.write(text)
      return true
    }
    try context.output.write(isFirst ? "]\n" : "\n]\n")
  }

  private func objects(_ list: DiffCommand.Listed) async throws -> [ObjectName] {
    var objects: [ObjectName] = []
    try await forEachPage(of: list) { page in
      objects += page.prefix(Self.samples - objects.count).map { Item($0.source).object }
      return objects.count < Self.samples
    }
    return objects
  }

  /// The result as a document.
  func document(_ format: ResultFormat) async throws -> String {
    let unchanged = known.counts[.accepted] ?? 0
    var samples: [(list: DiffCommand.Listed, objects: [ObjectName])] = []
    for list in DiffCommand.Listed.allCases { samples.append((list, try await objects(list))) }
    switch format {
    case .text:
      let other = run.map { "run \($0)" } ?? "what \(service) accepted"
      var text = "\(VisibleText.escape(manifest)) against \(other):\n"
      for (list, objects) in samples {
        text += "  \(HumanNumber.text(count(list))) \(list.rawValue)"
        if !objects.isEmpty {
          text += ": " + objects.map { VisibleText.escape($0.rawValue, cutAt: 100) }.joined(separator: ", ")
        }
        text += count(list) > objects.count ? ", ...\n" : "\n"
      }
      return text + "  \(HumanNumber.text(unchanged)) unchanged\n"
    case .json:
      var json = JSONWriter(.pretty)
      json.beginObject()
      json.key("manifest")
      json.value(manifest)
      json.key("run_id")
      json.value(run?.rawValue)
      for list in DiffCommand.Listed.allCases {
        json.key(list.rawValue)
        json.value(count(list))
      }
      json.key("unchanged")
      json.value(unchanged)
      json.key("samples")
      json.beginObject()
      for (list, objects) in samples {
        json.key(list.rawValue)
        json.beginArray()
        for object in objects { json.value(object.rawValue) }
        json.endArray()
      }
      json.endObject()
      json.endObject()
      return json.take() + "\n"
    }
  }
}
