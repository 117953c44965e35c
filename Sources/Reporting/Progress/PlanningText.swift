import BatchDomain

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
