package import BatchDomain

/// The lines of progress on standard error where no bar can be drawn; without line ends.
package struct RunProgressText: Sendable {
  private let zone: LocalZone

  /// Lines with times of that zone.
  package init(zone: LocalZone) { self.zone = zone }

  /// The first line of a run: `run <id>: 5000 items in 100 chunks`.
  ///
  /// Plain digits: scripts read this line.
  package func recorded(_ run: RunID, items: Int, chunks: Int) -> String {
    "run \(run): \(items) item\(items == 1 ? "" : "s") in \(chunks) chunk\(chunks == 1 ? "" : "s")"
  }

  /// The line of a run that goes on: `run <id>: 2000 of 5000 items in 60 chunks left`.
  package func resumed(_ run: RunID, items: Int, counts: StateCounts) -> String {
    let left = counts.openItems
    let chunks = counts.openChunks
    return "run \(run): \(left) of \(items) item\(items == 1 ? "" : "s") "
      + "in \(chunks) chunk\(chunks == 1 ? "" : "s") left"
  }

  /// `first chunk accepted; about 5 h to go, ends 03:40`.
  ///
  /// - Parameter left: the time left as estimated; `nil` when it cannot be, zero when nothing is left.
  package func firstAccepted(left: Duration?, now: Timestamp) -> String {
    guard let left, left > .zero else { return "first chunk accepted" }
    return "first chunk accepted; about \(HumanDuration.spoken(left)) to go, "
      + "ends \(zone.text(now + left, from: now))"
  }

  /// `42% 2,100/5,000 items, 42/100 chunks, 3.5 chunks/s, about 12m left`, with what was lost or is unknown
  /// where there is any.
  ///
  /// - Parameters:
  ///   - items: distinct items of the run.
  ///   - chunksPerSecond: the pace of late; `nil` while it is not known.
  ///   - left: the time left as estimated; `nil` while it cannot be.
  ///   - holding: what holds the run back for longer than a night.
  package func progress(
    items: Int, counts: StateCounts, chunksPerSecond: Double?, left: Duration?, holding: String? = nil
  ) -> String {
    let done = counts.items(in: .accepted, .rejected, .failed, .cancelled)
    let chunksDone = counts.chunks(in: .accepted, .rejected, .failed, .cancelled)
    let chunks = chunksDone + counts.openChunks
    let percent = items > 0 ? Int((Double(done) * 100 / Double(items)).rounded(.down)) : 0
    var parts = [
      "\(percent)% \(HumanNumber.text(done))/\(HumanNumber.text(items, "item"))",
      "\(HumanNumber.text(chunksDone))/\(HumanNumber.text(chunks, "chunk"))",
    ]
    for state in [ChunkState.rejected, .failed, .unknown] where counts.items(in: state) > 0 {
      parts.append("\(HumanNumber.text(counts.items(in: state))) \(state.rawValue)")
    }
    if let chunksPerSecond, chunksPerSecond > 0 {
      parts.append("\(HumanNumber.pace(chunksPerSecond)) chunks/s")
    }
    if let left, left > .zero {
      parts.append("about \(HumanDuration.rough(left)) left" + (holding.map { " (\($0))" } ?? ""))
    }
    if counts.chunks(in: .pending, .submitting, .processing) == 0, counts.chunks(in: .unknown) > 0 {
      parts.append("asking the service about the unknown ones")
    }
    return parts.joined(separator: ", ")
  }

  /// `waiting until 03:40 (in 2h): the service asks for it`.
  ///
  /// - Parameter failure: the latest attempt that was not accepted, which explains a wait.
  package func waiting(_ wait: StoredWait, failure: LiveRun.Failure? = nil, now: Timestamp) -> String {
    let cause = failure.map { failure in
      let message = failure.message.map { ": \(VisibleText.escape($0, cutAt: 200))" } ?? ""
      return "; last failure: \(VisibleText.escape(failure.code, cutAt: 80))\(message)"
    }
    return
      "waiting until \(zone.text(wait.until, from: now)) (in \(HumanDuration.rough(wait.until.since(now)))): "
      + VisibleText.escape(wait.reason, cutAt: 200) + (cause ?? "")
  }

  /// `stopping because <why>: no new requests, waiting for requests in flight`; the run may yet be finished by them.
  package func stopping(_ reason: PauseReason) -> String {
    "stopping because \(reason.words): no new requests, waiting for requests in flight"
  }

  /// `paused because <why>: <detail>; go on with: orchestrate resume <id>`, once the run was left so.
  package func paused(_ reason: PauseReason, detail: String?, _ commands: RunCommands) -> String {
    var line = "paused because \(reason.words)"
    if let detail, !detail.isEmpty { line += ": \(VisibleText.escape(detail, cutAt: 400))" }
    if let profile = reason.profileInstead(detail) {
      line += "; submit the manifest again if the account needs --profile \(profile.rawValue), else resume"
    } else {
      line += "; resume"
    }
    if let preparation = reason.preparation { line += ", \(preparation)," }
    return line + " with: \(VisibleText.escape(commands.resume(pausedFor: reason)))"
  }

  /// The last line of a run: `finished: all 5,000 items accepted`.
  package func ended(_ run: RunSummary) -> String { RunHeadline.text(run) }
}

/// How far the reading of a manifest is, as a line of progress and as a live display.
package struct PlanningText: Sendable {
  /// How far a manifest is read.
  package struct Standing: Sendable, Equatable {
    /// Bytes of the file read so far, before decompression.
    package var bytes: Int
    /// Bytes of the file; `nil` where it has no size, as a pipe has none.
    package var totalBytes: Int?
    /// Distinct items so far.
    package var items: Int
    /// Time since the reading began.
    package var elapsed: Duration

    /// A standing in its parts.
    package init(bytes: Int, totalBytes: Int?, items: Int, elapsed: Duration) {
      self.bytes = bytes
      self.totalBytes = totalBytes
      self.items = items
      self.elapsed = elapsed
    }

    /// Bytes that this standing is a share of; `nil` where none can be told.
    fileprivate var total: Int? { totalBytes.flatMap { $0 > 0 ? max($0, bytes) : nil } }
  }

  private let manifest: String

  /// Lines about a manifest.
  ///
  /// - Parameter manifest: its name as given.
  package init(manifest: String) {
    self.manifest = VisibleText.escape(manifest == "-" ? "standard input" : manifest, cutAt: 60)
  }

  /// `planning: 42% of videos.json read (80 MB of 190 MB), 421,000 items so far`.
  package func line(_ standing: Standing) -> String {
    let items = "\(HumanNumber.text(standing.items, "item")) so far"
    guard let total = standing.total else {
      return "planning: \(HumanBytes.text(standing.bytes)) of \(manifest) read, \(items)"
    }
    return "planning: \(ProgressBar.percent(done: standing.bytes, of: total))% of \(manifest) read "
      + "(\(HumanBytes.text(standing.bytes)) of \(HumanBytes.text(total))), \(items)"
  }

  /// The same as one line that is redrawn, with the pace and the time left.
  package func live(_ standing: Standing, columns: Int) -> LiveLine {
    let seconds = standing.elapsed.inSeconds
    let pace = seconds > 0 ? Double(standing.bytes) / seconds : 0
    var words = [LiveLine.Piece("\(HumanNumber.text(standing.items, "item"))")]
    if let total = standing.total {
      words.append(LiveLine.Piece("\(HumanBytes.text(standing.bytes)) of \(HumanBytes.text(total))"))
    } else {
      words.append(LiveLine.Piece(HumanBytes.text(standing.bytes)))
    }
    if pace >= 1 {
      if let total = standing.total, total > standing.bytes {
        let left = Duration.seconds(Double(total - standing.bytes) / pace)
        words.append(LiveLine.Piece("about \(HumanDuration.rough(left)) left"))
      }
      words.append(LiveLine.Piece("\(HumanBytes.text(Int(min(pace, 1e15))))/s"))
    }
    words.append(LiveLine.Piece(manifest))
    var start = [LiveLine.Piece("planning ")]
    if let total = standing.total {
      start.append(LiveLine.Piece("\(ProgressBar.percent(done: standing.bytes, of: total))% ", .strong))
    }
    if let bar = standing.total.flatMap({ ProgressBar.fitting(done: standing.bytes, of: $0, in: columns) }) {
      start += [LiveLine.Piece(bar, .good), LiveLine.Piece(" ")]
    }
    let rest = LiveLine.fitting(words, columns: max(1, columns - LiveLine(start).columns))
    return LiveLine(start + rest.pieces).cut(to: columns)
  }
}
