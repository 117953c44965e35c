import ArgumentParser
import BatchDomain
import Foundation
import ManifestListing
import Reporting
import S3Access

/// `orchestrate list`: a manifest of the videos in a bucket.
struct ListCommand: Subcommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Make a manifest of the videos in a bucket.",
    discussion: """
      Lists a bucket of S3, or reads a list that exists already: an S3 inventory (its manifest.json, or one of its CSV \
      files), the answer of `aws s3api list-objects-v2`, the lines of `aws s3 ls --recursive`, or one s3:// address on \
      each line; each plain or gzipped. The program recognises the kind of the file by its content. Objects that are no \
      videos are left out and counted on standard error, by reason.

      EXAMPLES
        orchestrate list s3://my-bucket/2026/ --index-id 629d807aa9e2a3a33a92c00b --output videos.json
        orchestrate list s3://my-bucket --index-id 629d807aa9e2a3a33a92c00b --suffix .mp4,.mov | orchestrate submit -
        orchestrate list --from inventory/manifest.json --index-id 629d807aa9e2a3a33a92c00b --output videos.json
        aws s3 ls --recursive s3://my-bucket | orchestrate list --from - --bucket my-bucket --index-id 629d807aa9e2a3a33a92c00b
      """)

  @Argument(
    help: ArgumentHelp(
      "The bucket, with the beginning of the keys that are wanted: s3://BUCKET or s3://BUCKET/PREFIX.",
      valueName: "s3://bucket/prefix"),
    transform: { try ListCommand.address($0) })
  var address: S3ObjectAddress?

  @Option(
    help: ArgumentHelp(
      "A list that exists already, in place of the bucket: a file, `-` for standard input, or s3://BUCKET/KEY.",
      valueName: "file|-"))
  var from: String?

  @Option(
    help: ArgumentHelp("The bucket of the keys in that list, where it does not say it.", valueName: "name"),
    transform: { try ListCommand.bucketName($0) })
  var bucket: String?

  @Option(
    name: .customLong("index-id"),
    help: ArgumentHelp("The id of the index that the videos are for.", valueName: "id"),
    transform: { try ListCommand.notEmpty($0, "the id of an index") })
  var indexID: String

  @Option(
    help: ArgumentHelp("The language of the videos. Default: en.", valueName: "language"),
    transform: { try ListCommand.notEmpty($0, "a language such as en") })
  var language: String?

  @Option(
    help: ArgumentHelp(
      """
      Ends of the names that are wanted, separated by commas, without regard to case. Default: \
      \(ObjectSelection.videoSuffixes.joined(separator: ",")).
      """, valueName: "suffix[,suffix]"),
    transform: { try ListCommand.suffixes($0) })
  var suffix: [[String]] = []

  @Flag(help: "Fill `transcription` where NAME.srt or NAME.vtt lies beside the video NAME.mp4.")
  var transcriptions = false

  @Option(
    name: .customLong("start-after"),
    help: ArgumentHelp(
      "List only keys behind this one, in the order of their bytes; also as s3://BUCKET/KEY.",
      valueName: "key"))
  var startAfter: String?

  @Option(help: "Layout of the manifest: an array as the dashboard writes it, or one object on each line.")
  var format: ListFormat = .json

  @Option(
    help: ArgumentHelp(
      "Write the manifest to a file, whole or not at all, instead of standard output.", valueName: "file"),
    transform: { try ListCommand.notEmpty($0, "the path of a file") })
  var output: String?

  @OptionGroup(title: "Access to S3") var objects: SettingOptions<BucketSettings>
  @OptionGroup(title: "Output") var progressOptions: ProgressOptions

  func validate() throws {
    guard (address == nil) != (from == nil) else {
      throw ValidationError(
        address == nil
          ? "Nothing to list: give a bucket as s3://BUCKET/PREFIX, or a list with --from."
          : "A bucket and --from cannot be combined: one of them is the list.")
    }
    if address != nil, bucket != nil {
      throw ValidationError("--bucket is for --from: the address s3://BUCKET/PREFIX says the bucket.")
    }
    if from != nil, startAfter != nil {
      throw ValidationError("--start-after is for a bucket and cannot be combined with --from.")
    }
    _ = try startKey()
  }

  /// The key behind which the listing begins; of an address, its key.
  func startKey() throws -> [UInt8]? {
    guard let startAfter else { return nil }
    guard startAfter.utf8.starts(with: "s3://".utf8) else { return Array(startAfter.utf8) }
    guard let place = S3ObjectAddress(startAfter.utf8), place.bucket == address?.bucket else {
      throw ValidationError(
        "--start-after is \(ConfigurationError.quoted(startAfter)), expected a key of the bucket that is listed."
      )
    }
    return place.key
  }

  /// The database that the file must not be; `nil` where no place for one is known, since this command uses none.
  private func database(in context: ProcessContext) -> String? {
    do {
      return try DatabasePath.resolve(given: nil, environment: context.environment)
    } catch {
      return nil
    }
  }

  func perform(in outer: ProcessContext) async throws -> ExitStatus {
    let output = output == "-" ? nil : output
    let console = RunConsole(progressOptions, in: outer, isOutputTaken: output == nil)
    let context = console.context
    // Before a file is begun: whatever comes, nothing is left of it.
    let signals = await StopSignals(in: context)
    let file = try output.map {
      try AtomicFile(at: try context.path($0), beside: database(in: context), random: context.random)
    }
    // Nothing is under way that has an end of its own: a listing, a pipe or a reader may take for ever.
    let removal = file?.removal
    let farewell = "stopped: " + (file == nil ? "the manifest is not complete" : "no file was written")
    console.tidy(signals, farewell) { removal?() }
    signals.endAtOnce(true)
    guard !signals.isAsked else { return .stopped }
    let lister = ManifestLister(options(context)) { text in
      try file?.write(text) ?? context.output.write(text)
    }
    let progress = ListProgress(console)
    do {
      try await progress.during { try await make(lister, progress, context) }
      signals.endAtOnce(false)
      try file?.finish()
    } catch let failure as OutputFailed {
      throw CommandFailure(
        .store, code: "output_failed", "failed to write the manifest: \(failure.reason)",
        remedy: file != nil
          ? "free space, or name a file on another disk with --output; no file was written"
          : failure.isClosed
            ? "open it, as with > FILE, or name a file with --output"
            : "free space where it goes, or name a file with --output; the manifest is not complete")
    } catch {
      if address != nil, let key = lister.lastKey, !(error is OutputClosed) {
        context.note(
          "the last key that was listed is \(VisibleText.escape(String(decoding: key, as: UTF8.self)))")
      }
      throw error
    }
    for line in ListText(lister.tally).lines { context.note(line) }
    return .done
  }

  private func options(_ context: ProcessContext) -> ManifestLister.Options {
    ManifestLister.Options(
      indexID: indexID, language: language ?? "en",
      suffixes: suffix.isEmpty ? ObjectSelection.videoSuffixes : suffix.flatMap { $0 },
      findsTranscriptions: transcriptions, layout: format.layout,
      temporaryFolder: TemporaryFolders.first(in: context.environment))
  }

  /// Lists and writes on a thread of its own: a pipe, a disk and a reader may keep it waiting.
  private func make(
    _ lister: ManifestLister, _ progress: ListProgress, _ context: ProcessContext
  ) async throws {
    try await ReadingThread.run {
      try await fill(lister, context) { progress.listed(lister.tally, at: lister.lastKey) }
      try lister.finish()
    }
  }

  private func fill(
    _ lister: ManifestLister, _ context: ProcessContext, _ progress: @escaping () -> Void
  ) async throws {
    let access = try objects.layer.values.run.objects
    // A list in a file is read whatever is wrong with credentials and proxies.
    var opened: S3Access?
    func open() async throws -> S3Access {
      if let opened { return opened }
      let access = try await BucketOpener.open(access, in: context)
      opened = access
      return access
    }
    let result: Result<Void, any Error>
    do {
      if let address {
        try await lister.list(
          String(decoding: address.bucket, as: UTF8.self), prefix: address.key,
          startAfter: try startKey(), in: try await open().listing, progress: progress)
      } else if let from {
        let reader = ListReader(
          bucket: bucket, objects: { try await open().listing }, say: { context.note($0) }, progress: progress
        )
        try await reader.read(source(from, context), into: lister)
      }
      result = .success(())
    } catch {
      result = .failure(error)
    }
    await opened?.shutdown()
    try result.get()
  }

  private func source(_ given: String, _ context: ProcessContext) throws -> ListSource {
    if let address = S3ObjectAddress(given.utf8) {
      return .object(bucket: String(decoding: address.bucket, as: UTF8.self), key: address.key)
    }
    return .file(try context.path(given))
  }

  // MARK: Values

  private static func address(_ text: String) throws -> S3ObjectAddress {
    guard let address = S3ObjectAddress(text.utf8) else {
      throw ValidationError(
        "\(ConfigurationError.quoted(text)) is no bucket, expected s3://BUCKET or s3://BUCKET/PREFIX.")
    }
    return address
  }

  static func bucketName(_ text: String) throws -> String {
    guard S3ObjectAddress("s3://\(text)".utf8)?.key.isEmpty == true, !text.utf8.contains(UInt8(ascii: "/"))
    else {
      throw ValidationError(
        "\(ConfigurationError.quoted(text)) is no name of a bucket, expected one without s3:// and without a key."
      )
    }
    return text
  }

  static func notEmpty(_ text: String, _ expected: String) throws -> String {
    guard text.unicodeScalars.contains(where: { !$0.properties.isWhitespace }), !text.utf8.contains(0) else {
      throw ValidationError("\(ConfigurationError.quoted(text)) is empty, expected \(expected).")
    }
    return text
  }

  /// Ends of names, without white space around them; one without a dot is an extension.
  private static func suffixes(_ text: String) throws -> [String] {
    let words = text.split(separator: ",", omittingEmptySubsequences: false).map { word in
      let word = word.trimmingCharacters(in: .whitespacesAndNewlines)
      return word.utf8.contains(UInt8(ascii: ".")) || word.isEmpty ? word : "." + word
    }
    guard !words.contains(where: \.isEmpty) else {
      throw ValidationError(
        "\(ConfigurationError.quoted(text)) has an empty suffix, expected suffixes such as .mp4,.mov.")
    }
    // A pattern, or a list with another separator, is the end of no name: the manifest would be empty.
    for word in words {
      if let found = word.unicodeScalars.first(where: {
        $0.properties.isWhitespace || "*?;|{}\"\\".unicodeScalars.contains($0)
      }) {
        throw ValidationError(
          "\(ConfigurationError.quoted(word)) is no suffix, since it has \(ConfigurationError.quoted(String(found))) "
            + "in it, expected suffixes such as .mp4,.mov.")
      }
    }
    return words
  }
}

/// How a manifest is laid out, as an option says it.
enum ListFormat: String, ExpressibleByArgument, CaseIterable {
  case json
  case jsonl

  var layout: ManifestLayout {
    switch self {
    case .json: .json
    case .jsonl: .jsonl
    }
  }
}

/// What it takes to reach a bucket oneself.
enum BucketSettings: SettingGroup {
  static func has(_ setting: Setting<SubmitSettings>) -> Bool {
    setting.section == .objects && setting.key != "url-lifetime"
  }
}

/// Folders for temporary files.
enum TemporaryFolders {
  /// The first that can be written, in the order in which SQLite looks for one.
  static func first(in environment: [String: String]) -> String {
    let folders = [environment["TMPDIR"] ?? "", "/var/tmp", "/usr/tmp", "/tmp"]
    return folders.first { !$0.isEmpty && access($0, W_OK | X_OK) == 0 } ?? "."
  }
}

/// What is said of a list when it is over.
struct ListText {
  private let tally: ListTally

  init(_ tally: ListTally) { self.tally = tally }

  /// Sentences for standard error.
  var lines: [String] {
    var lines = [
      "\(HumanNumber.text(tally.listed, "object")) listed: \(HumanNumber.text(tally.items, "item")), "
        + "\(HumanNumber.text(tally.leftOutCount)) left out"
    ]
    let reasons = ObjectSelection.Reason.allCases.compactMap { reason in
      tally.leftOut[reason].map { Self.text($0, reason) }
    }
    if !reasons.isEmpty { lines.append("left out: " + reasons.joined(separator: ", ")) }
    if tally.transcribed > 0 || tally.unusedTranscriptions > 0 {
      lines.append(
        "\(HumanNumber.text(tally.transcribed, "item")) with a transcription; "
          + "\(HumanNumber.text(tally.unusedTranscriptions, "transcription")) not used")
    }
    if tally.tooLarge > 0 {
      lines.append(
        "warning: \(HumanNumber.text(tally.tooLarge, "item")) larger than 4 GB, the most that the service documents; "
          + "`validate` names them")
    }
    return lines
  }
}

extension ListText {
  private static func text(_ count: Int, _ reason: ObjectSelection.Reason) -> String {
    switch reason {
    case .olderVersion: HumanNumber.text(count, "older version")
    case .deleteMarker: HumanNumber.text(count, "delete marker")
    case .folder: HumanNumber.text(count, "folder")
    case .suffix: HumanNumber.text(count) + " with another suffix"
    case .empty: HumanNumber.text(count) + " of size 0"
    case .archived: HumanNumber.text(count) + " archived"
    case .notUTF8: HumanNumber.text(count) + " with a name that is not UTF-8"
    case .nul: HumanNumber.text(count) + " with NUL in its name"
    }
  }
}

/// Shows how far a listing is. Told once for each page or block.
final class ListProgress {
  private let console: RunConsole
  private let startedAt: Duration
  private var lastShown: Duration

  /// Progress of a listing that begins now.
  init(_ console: RunConsole) {
    self.console = console
    startedAt = console.context.clock.elapsed()
    lastShown = startedAt
  }

  /// Takes notice of how far the listing is.
  func listed(_ tally: ListTally, at key: [UInt8]?) {
    let now = console.context.clock.elapsed()
    switch console.progress {
    case .none: break
    case .lines:
      guard now - lastShown >= RunProgress.interval else { return }
      lastShown = now
      console.context.noteProgress(Self.text(tally, key))
    case .live(let display):
      guard now - startedAt >= RunProgress.firstDrawing, now - lastShown >= RunProgress.drawing else {
        return
      }
      lastShown = now
      let text = Self.text(tally, key)
      display.draw { _ in [LiveLine([LiveLine.Piece(text)])] }
    }
  }

  private static func text(_ tally: ListTally, _ key: [UInt8]?) -> String {
    let place = key.map { ", at \(VisibleText.escape(String(decoding: $0, as: UTF8.self), cutAt: 40))" } ?? ""
    return
      "listing: \(HumanNumber.text(tally.listed, "object")), \(HumanNumber.text(tally.items, "item"))\(place)"
  }

  /// Lists, and leaves a clean terminal when that is over, well or not.
  func during<Value>(_ work: () async throws -> Value) async throws -> Value {
    let result: Result<Value, any Error>
    do {
      result = .success(try await work())
    } catch {
      result = .failure(error)
    }
    if case .live(let display) = console.progress { await display.end() }
    return try result.get()
  }
}
