import ArgumentParser
import BatchDomain
import Drill
import Foundation
import ManifestReader
import NIOConcurrencyHelpers
import Reporting
import S3Signing

/// `orchestrate drill`: what a careful operator runs before trusting a night to it.
struct DrillCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "drill", abstract: "Kill runs on this machine, and count what is lost or sent twice.",
    discussion: """
      Sends runs with this program to a stand-in of the service on this machine: kills the program with -9, loses answers, \
      fills a small disk, resumes, and compares what the service took with what the program reports. No key is needed and \
      nothing leaves this machine. The stores of the runs are in a folder of their own beside the database, and are removed at \
      the end, unless something was lost or sent twice.

      As root the small disk is a file system in a file; where none can be mounted, the size of files is limited instead.

      Exits with 1 when an item was lost or sent twice, when a run did not come to an end, or when its records contradict \
      each other. Undecided items are those that a run holds as unknown for a person: none of them was sent twice.

      EXAMPLES
        orchestrate drill
        orchestrate drill --minutes 60 --profile v1.3 --manifest videos.json
        orchestrate drill --seed 42 --format json
      """)

  @Option(
    help: ArgumentHelp("How long to go on, such as 5 or 0.5. Default: 5.", valueName: "n"),
    transform: { try DrillCommand.minutes($0) })
  var minutes: Double = 5

  @Option(
    help: ArgumentHelp(
      "Send items of this manifest, the first 2,000, or 600 with profile v1.3. Default: made-up items.",
      valueName: "file"))
  var manifest: String?

  @Option(
    help: ArgumentHelp(
      "Only this generation of the service: v1 or v1.3. Default: both in turn.", valueName: "name"),
    transform: { try DrillCommand.profile($0) })
  var profile: ServedProfile?

  @Option(
    help: ArgumentHelp("Seed of the moments and the faults. Default: another each time.", valueName: "n"),
    transform: { try WholeNumberText.parse($0, for: "--seed", in: 0...Int.max) })
  var seed: Int?

  @Option(
    help: ArgumentHelp(
      "Folder for the stores of the runs. Default: that of the database, or that for temporary files with PostgreSQL.",
      valueName: "folder"))
  var folder: String?

  @Option(help: "Format of the result on standard output.")
  var format: ResultFormat = .text

  @OptionGroup(title: "Store") var storeOptions: StoreOptions

  var wantsJSON: Bool { format == .json }

  static func minutes(_ text: String) throws -> Double {
    guard text.utf8.allSatisfy({ $0 == UInt8(ascii: ".") || (0x30...0x39).contains($0) }),
      let minutes = Double(text), minutes > 0, minutes <= 10_080
    else {
      throw ConfigurationError.badValue(
        "--minutes", text, expected: "a number of minutes up to 10080, such as 5")
    }
    return minutes
  }

  static func profile(_ text: String) throws -> ServedProfile {
    guard let profile = ServedProfile(rawValue: text) else {
      throw ConfigurationError.badValue("--profile", text, expected: "v1 or v1.3")
    }
    return profile
  }

  /// What is added up.
  private struct Tally {
    var score = CrashScore()
    var disk: SmallDisk.Kind?
    var kept: [String] = []
  }

  func perform(in context: ProcessContext) async throws -> ExitStatus {
    guard let program = Bundle.main.executablePath else {
      throw CommandFailure(
        .bug, code: "start_failed", "the program does not know its own file", remedy: "report this as a bug")
    }
    let seed = seed.map(UInt64.init) ?? context.random.next() >> 32
    let items = try await items(in: context)
    let place = try makeFolder(in: context)
    let signals = await StopSignals(in: context)
    let drill = Drill(
      program: program, folder: place, profiles: profile.map { [$0] } ?? [.v1_3, .v1], items: items,
      seed: seed,
      time: .seconds(minutes * 60))
    context.note("drill: in \(VisibleText.escape(place.path)), seed \(seed)")
    let begin = context.clock.elapsed()
    let work = Task {
      var tally = Tally()
      try await drill.run { played in
        tally.score.add(played.score)
        tally.disk = played.disk ?? tally.disk
        if let kept = played.kept { tally.kept.append(kept.path) }
        context.note("run \(played.number), \(played.profile.rawValue): \(Self.text(played.score))")
      }
      return tally
    }
    let watch = Task {
      for await _ in signals.stops {
        work.cancel()
        break
      }
    }
    defer { watch.cancel() }
    let tally: Tally
    do {
      tally = try await work.value
    } catch {
      throw CommandFailure(
        .store, code: "drill_failed", "the drill cannot go on: \(error)",
        remedy: "what it left is in \(VisibleText.escape(place.path)); --folder names another place")
    }
    if tally.kept.isEmpty { try FileManager.default.removeItem(at: place) }
    try show(tally, seed: seed, took: context.clock.elapsed() - begin, in: context)
    if tally.score.isDamaged { return .lost }
    return work.isCancelled ? .stopped : .done
  }

  /// The items that runs send; `nil` for made-up ones.
  private func items(in context: ProcessContext) async throws -> DrillItems? {
    guard let manifest else { return nil }
    let path = try context.path(manifest)
    let kept = KeptItems()
    var reader = ManifestReader(
      source: try ManifestSource(path: path),
      options: ManifestReader.Options(
        maxItemBytes: RunSettings().chunkBytes - 2, limit: (profile ?? .v1_3).items),
      earlier: kept)
    while let batch = try await reader.nextBatch() {
      kept.keep(batch.entries.map { Array(batch.wireForm(of: $0)) })
    }
    let texts = kept.all
    let verdict = ManifestVerdict(findings: reader.findings, manifest: path, isStrict: false)
    if let refusal = verdict.refusal { throw refusal }
    if profile != .v1, let other = texts.map({ Item($0).object }).first(where: { S3Location($0) == nil }) {
      throw CommandFailure(
        .badInput, code: "manifest_refused",
        "the object \(VisibleText.escape(other.rawValue, cutAt: 200)) is not in S3, as profile v1.3 needs it",
        remedy: "name another manifest, or give --profile v1")
    }
    let items = DrillItems(texts)
    guard items.count > 0 else {
      throw CommandFailure(
        .badInput, code: "manifest_refused", "manifest \(VisibleText.escape(path)) has no items",
        remedy: "name another manifest, or leave --manifest out")
    }
    return items
  }

  /// Makes a folder for this drill on the disk that the database is on.
  private func makeFolder(in context: ProcessContext) throws -> URL {
    let parent: String
    if let folder {
      parent = try context.path(folder)
    } else {
      let database = try storeOptions.resolved(in: context)
      parent =
        StoreOpener.isServer(database)
        ? FileManager.default.temporaryDirectory.path : PathNames.folder(of: database)
    }
    let place = URL(fileURLWithPath: parent)
      .appendingPathComponent("drill-\(String(context.random.next(), radix: 36))")
    do {
      try FileManager.default.createDirectory(
        at: place, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
    } catch {
      throw CommandFailure(
        .store, code: "not_writable",
        "the folder \(VisibleText.escape(place.path)) cannot be made: \(error.localizedDescription)",
        remedy: "name another place with --folder")
    }
    return place
  }

  private static func text(_ score: CrashScore) -> String {
    let parts = [
      HumanNumber.text(score.items, "item"), HumanNumber.text(score.kills, "kill"),
      HumanNumber.text(score.fullDisks, "full disk"), HumanNumber.text(score.lostAnswers, "lost answer"),
    ]
    let bad = [(score.unfinished, "unfinished"), (score.inconsistent, "inconsistent runs")]
      .filter { $0.0 > 0 }.map { ", \($0.1) \($0.0)" }.joined()
    let surplus =
      score.surplus == 0 ? "" : ", surplus assets \(score.surplus), of them not reported \(score.unreported)"
    return parts.joined(separator: ", ") + ": lost \(score.lost), duplicated \(score.duplicated), "
      + "undecided \(score.undecided)\(bad)\(surplus)"
  }

  private func show(_ tally: Tally, seed: UInt64, took: Duration, in context: ProcessContext) throws {
    switch format {
    case .text:
      var text =
        "drill of \(HumanDuration.rough(took)), seed \(seed): \(HumanNumber.text(tally.score.runs, "run")), "
        + Self.text(tally.score) + "\n"
      if tally.disk == .fileLimit {
        text += "no small file system could be mounted: the size of files was limited instead of a disk\n"
      }
      for path in tally.kept { text += "the store of a damaged run is kept in \(VisibleText.escape(path))\n" }
      text +=
        tally.score.isDamaged
        ? "report this with the seed and the folder\n" : "nothing was lost and nothing was sent twice\n"
      try context.writeResult(text)
    case .json:
      try context.writeResult(document(tally, seed: seed, took: took))
    }
  }

  private func document(_ tally: Tally, seed: UInt64, took: Duration) -> String {
    let score = tally.score
    var json = JSONWriter(.pretty)
    json.beginObject()
    json.key("drill")
    json.beginObject()
    json.key("seed")
    json.value(Int(clamping: seed))
    json.key("profile")
    json.value(profile?.rawValue)
    json.key("seconds")
    json.value(Int(took.components.seconds))
    for (key, count) in [
      ("runs", score.runs), ("items", score.items), ("kills", score.kills), ("full_disks", score.fullDisks),
      ("lost_answers", score.lostAnswers), ("lost", score.lost), ("duplicated", score.duplicated),
      ("undecided", score.undecided), ("unfinished", score.unfinished), ("inconsistent", score.inconsistent),
      ("surplus", score.surplus), ("unreported", score.unreported),
    ] {
      json.key(key)
      json.value(count)
    }
    json.key("disk")
    json.value(tally.disk?.rawValue)
    json.key("kept")
    json.beginArray()
    for path in tally.kept { json.value(path) }
    json.endArray()
    json.endObject()
    json.endObject()
    return json.take() + "\n"
  }
}

/// The items of a drill's manifest that were read so far, few enough for memory.
private final class KeptItems: EarlierItems {
  private let kept = NIOLockedValueBox<[[UInt8]]>([])

  var all: [[UInt8]] { kept.withLockedValue { $0 } }

  func keep(_ texts: [[UInt8]]) { kept.withLockedValue { $0 += texts } }

  func texts(of sequences: [Int]) async throws -> [[UInt8]] {
    kept.withLockedValue { kept in sequences.map { kept[$0] } }
  }
}
