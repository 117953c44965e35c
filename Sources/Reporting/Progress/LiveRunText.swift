package import BatchDomain

/// A run's live display: from what is known to lines, one to four of them. A pure function.
package struct LiveRunText: Sendable {
  private let zone: LocalZone

  /// A display with times of that zone.
  package init(zone: LocalZone) { self.zone = zone }

  /// How far it is, the states, and where there is any: what holds it back, and the last failure.
  ///
  /// - Parameters:
  ///   - columns: the most columns a line may take.
  ///   - now: the moment that waits and ages are counted from.
  ///   - elapsed: the same moment as the run's clock has it.
  package func lines(_ run: LiveRun, columns: Int, now: Timestamp, elapsed: Duration) -> [LiveLine] {
    var lines = [head(run, columns, now, elapsed), states(run, columns)]
    if let hold = hold(run, now) { lines.append(hold.cut(to: columns)) }
    if let failure = run.failure { lines.append(self.failure(failure, now).cut(to: columns)) }
    return lines.filter { !$0.pieces.isEmpty }
  }

  private func head(_ run: LiveRun, _ columns: Int, _ now: Timestamp, _ elapsed: Duration) -> LiveLine {
    let done = run.itemsDone
    let percent = LiveLine.Piece("\(ProgressBar.percent(done: done, of: run.items))%", .strong)
    var words = [
      LiveLine.Piece("\(HumanNumber.text(done))/\(HumanNumber.text(run.items, "item"))")
    ]
    if let left = run.timeLeft(at: now), left > .zero {
      let holding = run.forecast.flatMap { ForecastText(zone: zone, hasWindows: run.hasWindows).brief($0) }
      words.append(
        LiveLine.Piece("about \(HumanDuration.rough(left)) left" + (holding.map { " (\($0))" } ?? "")))
    }
    let average = run.average(at: elapsed)
    if average > 0 {
      words.append(
        LiveLine.Piece(
          "\(HumanNumber.pace(run.paceNow)) chunks/s now, \(HumanNumber.pace(average)) on average"))
    }
    words.append(LiveLine.Piece("for \(Self.whole(run.age(at: elapsed)))"))
    var start = [percent, LiveLine.Piece(" ")]
    if let bar = ProgressBar.fitting(done: done, of: run.items, in: columns) {
      start += [LiveLine.Piece(bar, .good), LiveLine.Piece(" ")]
    }
    let rest = LiveLine.fitting(words, columns: max(1, columns - LiveLine(start).columns))
    return LiveLine(start + rest.pieces).cut(to: columns)
  }

  private func states(_ run: LiveRun, _ columns: Int) -> LiveLine {
    let words = Self.order.compactMap { state -> LiveLine.Piece? in
      let items = run.counts.items(in: state)
      let chunks = run.counts.chunks(in: state)
      guard items > 0 || chunks > 0, state != .split else { return nil }
      return LiveLine.Piece(
        "\(HumanNumber.text(items)) (\(HumanNumber.text(chunks))) \(state.rawValue)", look(state))
    }
    guard !words.isEmpty else { return LiveLine([]) }
    let title = "items (chunks): "
    guard columns > title.count + 10 else { return LiveLine.fitting(words, columns: columns) }
    return LiveLine(
      [LiveLine.Piece(title)] + LiveLine.fitting(words, columns: columns - title.count).pieces)
  }

  /// What somebody has to know about first.
  private static let order: [ChunkState] = [
    .rejected, .failed, .unknown, .submitting, .processing, .pending, .accepted, .cancelled,
  ]

  private func look(_ state: ChunkState) -> LiveLine.Look {
    switch state {
    case .rejected, .failed: .bad
    case .unknown: .warning
    case .accepted: .good
    case .pending, .submitting, .processing, .split, .cancelled: .plain
    }
  }

  private func hold(_ run: LiveRun, _ now: Timestamp) -> LiveLine? {
    if run.hasStoreTrouble {
      return LiveLine([LiveLine.Piece("store error: no new requests", .bad)])
    }
    switch run.phase {
    case .stopping:
      let chunks = run.counts.chunks(in: .submitting)
      let requests = chunks > 0 ? HumanNumber.text(chunks, "request") : "the requests"
      return LiveLine([LiveLine.Piece("stopping: waiting for \(requests) in flight", .warning)])
    case .cancelling:
      return LiveLine([LiveLine.Piece("cancelling: what is unknown is still settled", .warning)])
    case .sending: break
    }
    guard let wait = run.wait, wait.until > now else {
      guard run.isSettling else { return nil }
      let chunks = HumanNumber.text(run.counts.chunks(in: .unknown), "lost answer")
      return LiveLine([LiveLine.Piece("asking the service about \(chunks)", .warning)])
    }
    return LiveLine([
      LiveLine.Piece(
        "waiting until \(zone.text(wait.until, from: now)) (in \(Self.whole(wait.until.since(now))))",
        .warning),
      LiveLine.Piece(": " + VisibleText.escape(wait.reason, cutAt: 200)),
    ])
  }

  private func failure(_ failure: LiveRun.Failure, _ now: Timestamp) -> LiveLine {
    let message = failure.message.flatMap { $0.isEmpty ? nil : ": \(VisibleText.escape($0, cutAt: 200))" }
    return LiveLine([
      LiveLine.Piece("last failure \(Self.whole(now.since(failure.at))) ago", .bad),
      LiveLine.Piece(": \(VisibleText.escape(failure.code, cutAt: 80))\(message ?? "")"),
    ])
  }

  /// In whole seconds: tenths that change with each look only flicker.
  private static func whole(_ duration: Duration) -> String {
    HumanDuration.text(.seconds((max(0, duration.millisecondsRoundedUp) + 999) / 1_000))
  }
}

/// One line of a live display: pieces of text, each with its look.
package struct LiveLine: Sendable, Equatable {
  /// How a piece looks where colour is wanted.
  package enum Look: Sendable, Equatable {
    case plain, strong, good, warning, bad

    /// The parameters of the terminal's "select graphic rendition" (ECMA-48, section 8.3.117); `nil` for none.
    fileprivate var code: String? {
      switch self {
      case .plain: nil
      case .strong: "1"
      case .good: "32"
      case .warning: "33"
      case .bad: "31"
      }
    }
  }

  /// A text without control characters, and its look.
  package struct Piece: Sendable, Equatable {
    /// The text.
    package var text: String
    /// Its look.
    package var look: Look

    /// A piece of a line.
    package init(_ text: String, _ look: Look = .plain) {
      self.text = text
      self.look = look
    }
  }

  /// The pieces from left to right.
  package private(set) var pieces: [Piece]

  /// A line of these pieces.
  package init(_ pieces: [Piece]) { self.pieces = pieces }

  /// Columns it takes.
  package var columns: Int { pieces.reduce(0) { $0 + TextColumns.count($1.text) } }

  /// The line cut to that many columns.
  package func cut(to columns: Int) -> LiveLine {
    var room = columns
    var kept: [Piece] = []
    for piece in pieces {
      guard room > 0 else { break }
      let text = TextColumns.cut(piece.text, to: room)
      kept.append(Piece(text, piece.look))
      room -= text == piece.text ? TextColumns.count(text) : room
    }
    return LiveLine(kept)
  }

  /// The line with the same words, one after the other as long as they fit: what is least needed stands last.
  ///
  /// - Parameter separator: what stands between two words.
  package static func fitting(_ words: [Piece], separator: String = ", ", columns: Int) -> LiveLine {
    var line = LiveLine([])
    for word in words {
      let more = (line.pieces.isEmpty ? [] : [Piece(separator)]) + [word]
      let longer = LiveLine(line.pieces + more)
      guard longer.columns <= columns else { break }
      line = longer
    }
    return line.pieces.isEmpty ? LiveLine(Array(words.prefix(1))).cut(to: columns) : line
  }

  /// The text to write, without a line end.
  package func text(isColored: Bool) -> String {
    pieces.map { piece in
      guard isColored, let code = piece.look.code else { return piece.text }
      return "\u{1b}[\(code)m\(piece.text)\u{1b}[0m"
    }.joined()
  }
}

/// A share of something as a bar of plain characters, which every terminal and every encoding has.
enum ProgressBar {
  /// Narrower ones say nothing that the percentage does not.
  static let shortest = 10
  /// Wider ones say no more.
  static let longest = 30

  /// For example `[=====>    ]`, brackets included in `columns`; full only when everything is done.
  static func text(done: Int, of total: Int, columns: Int) -> String {
    let room = max(1, columns - 2)
    guard total > 0, done < total else { return "[" + String(repeating: "=", count: room) + "]" }
    let filled = min(room - 1, Int(Double(max(0, done)) / Double(total) * Double(room)))
    let bar = String(repeating: "=", count: filled) + ">"
    return "[" + bar + String(repeating: " ", count: room - bar.count) + "]"
  }

  /// The bar of a line of that many columns, a quarter of it, so that it keeps its length while the words beside it
  /// change theirs; `nil` when there is no room for one.
  static func fitting(done: Int, of total: Int, in columns: Int) -> String? {
    let room = columns / 4
    guard room >= shortest else { return nil }
    return text(done: done, of: total, columns: min(longest, room))
  }

  /// The share in whole percent, rounded down: 100 only when everything is done.
  static func percent(done: Int, of total: Int) -> Int {
    total > 0 ? Int((Double(done) * 100 / Double(total)).rounded(.down)) : 0
  }
}
