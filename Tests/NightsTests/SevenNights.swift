import BatchDomain
import Foundation
import TestSupport
import Testing
import TransferSimulator

@testable import OrchestrateCommands

/// Seven nights of one job, with what has to be true of each.
struct SevenNights {
  /// What the nights of a generation of the service are like.
  struct Kind: Sendable, CustomTestStringConvertible {
    let profile: String
    let zone: String
    let day: String
    /// Minutes since midnight.
    let opens: Int
    let closes: Int
    /// Items per day.
    let budget: Int
    let chunkSize: Int
    /// How many videos come first, and each night.
    let begin: Int
    let more: ClosedRange<Int>

    var isCurrent: Bool { profile == "v1.3" }
    var testDescription: String { "\(profile) in \(zone)" }
    var requestsPerMinute: Int { isCurrent ? 2 : 1 }
    /// The steps of an item, as the service's records call them, and as the store does.
    var steps: [(endpoint: String, stored: String)] {
      isCurrent ? [("upload", "upload"), ("index", "index")] : [("transfers", "transfer")]
    }

    /// Clocks are set forward in the night of the fourth day: 1:30 to 3:15 is three quarters of an hour.
    static let first = Kind(
      profile: "v1", zone: "Europe/Berlin", day: "2027-03-25", opens: 90, closes: 195, budget: 20,
      chunkSize: 4, begin: 30, more: 8...12)
    /// Clocks are set back in the night of the fourth day: 0:45 to 1:30 is an hour and three quarters.
    static let current = Kind(
      profile: "v1.3", zone: "America/New_York", day: "2026-10-29", opens: 45, closes: 90, budget: 12,
      chunkSize: 1, begin: 16, more: 5...8)
  }

  static let nights = 7
  /// No request may be under way for longer.
  static let timeout: Duration = .seconds(60)
  private static let day: Duration = .seconds(86_400)

  let kind: Kind
  let almanac: Almanac
  let world: NightWorld
  private var book = NightBook()
  private var crashes = 0
  /// Where the process of a night dies; `nil` once it did.
  private var death: NightProcess.Death?
  private var night = 0

  init(_ kind: Kind, _ almanac: Almanac, in world: NightWorld) {
    self.kind = kind
    self.almanac = almanac
    self.world = world
  }

  /// Plays a seed.
  static func play(_ kind: Kind, seed: UInt64) async throws {
    let almanac = try Almanac(zone: kind.zone, day: kind.day, opens: kind.opens, closes: kind.closes)
    let start = try #require(almanac.moments(day: -1, 12 * 60).first)
    let zone = try #require(LocalZone(named: kind.zone))
    try await NightWorld.play(
      seed: seed, from: start, zone: zone,
      { configuration in
        configuration.taskStep = .seconds(180)
        configuration.failedShare = 0.15
        configuration.listingLag = .seconds(5)
        configuration.takesRepeats = true
        guard kind.isCurrent else { return }
        configuration.assets = AssetsConfiguration()
        var objects = ObjectStoreConfiguration()
        var bucket = SyntheticBucket(NightBook.bucket)
        // What is no longer on the list is still there for a run that has it.
        bucket.holdsEveryKey = true
        objects.buckets = [bucket]
        configuration.objects = objects
      }
    ) { world in
      var nights = SevenNights(kind, almanac, in: world)
      try await nights.play()
    }
  }

  private mutating func play() async throws {
    try writeJob()
    for night in 0..<Self.nights { try await play(night) }
    // What was sent late in a window counts for a day: its quota may hold the last items back for another night.
    for night in Self.nights..<Self.nights + 2 where book.unfinished != nil { try await play(night) }
    try checkAll()
  }

  private mutating func play(_ night: Int) async throws {
    self.night = night
    try await evening()
    try await send()
    try await morning()
  }

  // MARK: The evening

  private var job: String { world.folder.file("nights.yaml") }
  private var list: String { world.folder.file("list.json") }
  private func opening() throws -> Almanac.Night { try #require(almanac.night(night)) }

  private func writeJob() throws {
    let rate = "\(kind.requestsPerMinute)/min"
    let rates = kind.isCurrent ? "[upload:\(rate), index:\(rate)]" : "\(rate)\nchunk-size: \(kind.chunkSize)"
    try world.folder.write(
      """
      name: nights
      manifest: list.json
      profile: \(kind.profile)
      base-url: \(world.server.address)
      new-only: true
      track: true
      concurrency: 2
      rate: \(rates)
      item-rate: \(kind.budget)/day
      window: \(Self.clock(kind.opens))-\(Self.clock(kind.closes))
      timezone: \(kind.zone)
      exit-outside: true
      max-failures: 100%
      """, to: "nights.yaml")
  }

  private static func clock(_ minutes: Int) -> String {
    "\((minutes / 60).padded(2)):\((minutes % 60).padded(2))"
  }

  /// The list of the night is made, and compared with what the service has. A first start comes too early.
  private mutating func evening() async throws {
    try await world.rest(until: opening().opens - .seconds(1_200))
    let fates = NightBook.fates(in: world, isCurrent: kind.isCurrent)
    // The last two nights are there to finish.
    if night < Self.nights - 2 {
      book.change(night == 0 ? 0 : world.draw(1...2), having: fates, in: world)
      book.comeBack(world.draw(1...2), in: world)
      book.shrink(by: night == 0 ? 0 : world.draw(2...5), in: world)
      book.grow(by: night == 0 ? kind.begin : world.draw(kind.more))
    }
    book.reorder(in: world)
    try await writeList()
    try await checkDifference(fates)
    death = night < Self.nights ? plannedDeath() : nil
    if world.happens(60) {
      let before = NightBook.arrivals(in: world).count
      let hasWork = book.unfinished != nil || !book.new.isEmpty
      let expected: NightWorld.Status = hasWork ? .stopped : .done
      let ending = try await submit(dying: nil)
      #expect(ending.status == expected, "\(note): \(ending.diagnostics)")
      #expect(NightBook.arrivals(in: world).count == before, "\(note): sent before the window opens")
      if hasWork { try checkTold(ending) }
    }
  }

  /// Each night another place: while it plans, sends, waits, and follows what was sent.
  private func plannedDeath() -> NightProcess.Death {
    switch night {
    case 0: .after(request: world.draw(1...3))
    case 1: .after(request: 1)
    case 2: .before(request: world.draw(1...2))
    case 3: .later(.seconds(world.draw(20...200)))
    case 4: .writing(world.draw(20...60))
    default: .writing(world.draw(1...8))
    }
  }

  /// Whether the process dies while it follows what was sent.
  private var diesInTheMorning: Bool { night == 1 }

  /// Writes the list: of profile v1.3 as `list` reads it from the bucket, in the order and layout of somebody's script.
  private func writeList() async throws {
    var lines: [String: [String: String]] = [:]
    if kind.isCurrent {
      // Subtitles that appear, or have another name, are another version.
      let objects = book.list.flatMap { video -> [SyntheticBucket.Object] in
        let text = Array("1\n00:00:01,000 --> 00:00:02,000\nhello\n".utf8)
        let subtitles = ["", ".srt", ".vtt"][video.version]
        let found = SyntheticBucket.Object(video.key)
        return subtitles.isEmpty
          ? [found] : [found, SyntheticBucket.Object("videos/\(video.name)\(subtitles)", content: text)]
      }
      world.server.objects.setObjects(objects, of: NightBook.bucket)
      let file = world.folder.file("listed.jsonl")
      let ending = try await world.look(
        "list", "s3://\(NightBook.bucket)/videos/", "--index-id", NightBook.index, "--transcriptions",
        "--format", "jsonl", "--output", file)
      #expect(ending.status == .done, "\(note): \(ending.diagnostics)")
      for line in try String(contentsOfFile: file, encoding: .utf8).split(separator: "\n") {
        let item = try #require(try Self.json(String(line)) as? [String: Any]).compactMapValues {
          $0 as? String
        }
        lines[item["object"] ?? ""] = item
      }
      #expect(lines.count == book.list.count, "\(note): \(ending.diagnostics)")
    } else {
      for video in book.list {
        lines[video.object] = [
          "index_id": NightBook.index, "language": ["en", "de", "fr"][video.version], "object": video.object,
        ]
      }
    }
    // Order of members, white space and layout are no difference.
    let (space, end) = (world.happens(50) ? " " : "", world.happens(50) ? "\n  " : "")
    let items = try book.list.map { video in
      let item = try #require(lines[video.object], "\(note): \(video) is not listed")
      let members = world.shuffled(item.sorted { $0.key < $1.key }).map {
        "\"\($0.key)\"\(space):\(space)\"\($0.value)\""
      }
      return "{\(end)\(members.joined(separator: ",\(end)"))\(end)}"
    }
    let text = world.happens(50) ? items.joined(separator: "\n") : "[\(items.joined(separator: ",\n"))]"
    try world.folder.write(text + "\n", to: "list.json")
  }

  private func checkDifference(_ fates: [String: [NightBook.Fate]]) async throws {
    var fates = fates
    for run in book.runs {
      // What the service has and the program does not know of yet; a request that never left brought nothing.
      for video in try NightBook.doubted(of: run.id, in: world).map({ run.items[$0] })
      where fates[video.name]?.count ?? 0 > video.version { fates[video.name]?.removeLast() }
    }
    let ending = try await world.look(
      "diff", list, "--base-url", world.server.address, "--profile", kind.profile, "--format", "json")
    #expect(ending.status == .done, "\(note): \(ending.diagnostics)")
    let document = try #require(try Self.json(ending.output) as? [String: Any])
    func count(_ isWanted: (Int, NightBook.Video) -> Bool) -> Int {
      book.list.count { isWanted(fates[$0.name]?.count ?? 0, $0) }
    }
    let expected = [
      "added": count { have, _ in have == 0 },
      "changed": count { have, video in have > 0 && have != video.version + 1 },
      "unchanged": count { have, video in have == video.version + 1 }, "removed": 0,
    ]
    for (member, count) in expected {
      #expect(document[member] as? Int == count, "\(note): \(member) of \(document)")
    }
    #expect(document["run_id"] is NSNull && document["manifest"] as? String == list)
  }

  // MARK: The night

  private var note: String { "night \(night + 1) of \(kind.profile), \(world.zone.text(world.now))" }

  /// Starts the job until nothing more can be done this night, also after the crash.
  private mutating func send() async throws {
    let window = try opening()
    let length = Int(window.closes.since(window.opens).inSeconds)
    // At once, or at any time while the window is open, sometimes just before it closes.
    let late = world.happens(30) ? length - world.draw(150...400) : world.draw(5...length - 400)
    await world.rest(until: window.opens + .seconds(world.happens(40) ? world.draw(1...60) : late))
    var starts = 0
    if case .before(let request) = death, !hasMore(than: request) { death = .after(request: 1) }
    while true {
      starts += 1
      try #require(starts < 8, "\(note): it never ends")
      let goesOn = book.unfinished != nil
      let ending = try await submit(dying: diesInTheMorning ? nil : death)
      if ending.isDead {
        crashes += 1
        death = nil
        // Whoever looks after it starts it again.
        await world.rest(until: world.now + .seconds(world.draw(5...300)))
        continue
      }
      if ending.status == .stopped {
        try checkTold(ending)
        return
      }
      // What the night before had left is done; now for tonight's list.
      guard goesOn else { return }
    }
  }

  /// Whether chunks are left behind a request. Of the profiles up to v1.2, one that did not arrive is told from one that did by a
  /// chunk that is accepted after it.
  private func hasMore(than requests: Int) -> Bool {
    let items = book.unfinished.map { $0.items.count - fates(of: $0).count } ?? book.new.count
    return kind.isCurrent || items > (requests + 1) * kind.chunkSize
  }

  /// Starts the job once, and holds the result against the book.
  private mutating func submit(dying death: NightProcess.Death?) async throws -> NightWorld.Ending {
    let (start, before) = (world.now, book.unfinished)
    let new = book.new
    let changed = new.filter { $0.version > 0 }
    let skipped = book.list.count - new.count
    let ending = try await world.run(
      ["submit", "--job", job, "--continue", "--format", "json"], dying: death)
    let ids = try await history()
    let made = ids.filter { id in !book.runs.contains { $0.id == id } }
    if before != nil {
      #expect(made.isEmpty, "\(note): a new run beside one that is unfinished")
    } else {
      #expect(made.count == 1 || ending.isDead && made.isEmpty, "\(note): \(made)")
      for id in made {
        book.runs.append(
          NightBook.Run(id: id, items: new, skipped: skipped, planned: start...world.now))
        guard !ending.isDead else { continue }
        for video in changed {
          #expect(
            ending.diagnostics.contains("\(video.key)\" has other content than in run"),
            "\(note): \(video) is not named in \(ending.diagnostics)")
        }
      }
    }
    #expect(ids.count == book.runs.count)
    guard let run = book.runs.last else { return ending }
    let place = book.runs.count - 1
    if ending.isDead {
      book.runs[place].doubted += 2 * kind.chunkSize
      // It may have had nothing left but to follow what was sent.
      book.runs[place].isDone = try NightBook.state(of: run.id, in: world) == "finished"
      return ending
    }
    // How it has to end, by what the service has.
    let fates = fates(of: run)
    let isSent = fates.count == run.items.count
    let expected: NightWorld.Status = isSent ? Self.status(of: fates) : .stopped
    #expect(
      ending.status == expected,
      "\(note): \(fates.count) of \(run.items.count) taken; \(ending.diagnostics)")
    let document = try #require(
      try Self.json(ending.output) as? [String: Any], "\(note): \(ending.diagnostics)")
    #expect(document.keys.sorted() == ["run", "tracking"])
    #expect((document["run"] as? [String: Any])?["run_id"] as? String == run.id)
    if isSent {
      book.runs[place].isDone = true
      if !run.items.isEmpty {
        book.runs[place].isTracked = true
        try checkTracking(document, of: run)
      }
    }
    return ending
  }

  /// When a paused run says that it can go on: not earlier than window and budget permit, and not later.
  private func checkTold(_ ending: NightWorld.Ending) throws {
    func told(_ words: String) throws -> Timestamp? {
      guard let place = ending.diagnostics.range(of: words, options: .backwards) else { return nil }
      let text = ending.diagnostics[place.upperBound...].prefix("2027-03-28 01:31:07+01:00".count)
      let form = DateFormatter()
      form.locale = Locale(identifier: "en_US_POSIX")
      form.dateFormat = "yyyy-MM-dd HH:mm:ssXXX"
      let date = try #require(form.date(from: String(text)), "\(note): \(text)")
      return Timestamp(milliseconds: Int64(date.timeIntervalSince1970) * 1_000)
    }
    if let opening = try told("the next sending window opens at ") {
      let next = try #require(almanac.night(at: world.now, lasting: Self.timeout))
      #expect(next.opens > world.now, "\(note): a window is open; \(ending.diagnostics)")
      #expect(opening == next.opens, "\(note): \(ending.diagnostics)")
      return
    }
    let moment = try #require(
      try told("the next request can leave at "), "\(note): no moment is told: \(ending.diagnostics)")
    let intents = try NightBook.intents(in: world)
    let moments = try NightBook.waiting(in: world).compactMap { waiting -> Timestamp? in
      let free = free(for: waiting.items, among: intents.filter { $0.step == waiting.step })
      return almanac.night(at: free, lasting: Self.timeout).map { max($0.opens, free) }
    }
    let expected = try #require(moments.min(), "\(note): nothing waits")
    #expect(expected > world.now, "\(note): something could be sent at once")
    let difference = moment.since(expected)
    #expect(
      difference > .seconds(-2) && difference < .seconds(2),
      "\(note): expected \(world.zone.text(expected)), \(ending.diagnostics)")
  }

  /// The first moment, from now on, at which a request with so many items is within both limits.
  private func free(for items: Int, among intents: [NightBook.Intent]) -> Timestamp {
    let minute: Duration = .seconds(60)
    let ends = intents.flatMap { [$0.at + Self.day, $0.at + minute] }.map { $0 + .milliseconds(1) }
    return ([world.now] + ends.filter { $0 > world.now }).sorted().first { moment in
      let used = intents.filter { $0.at + Self.day >= moment }.reduce(0) { $0 + $1.items }
      let requests = intents.count { $0.at + minute >= moment }
      return used + items <= kind.budget && requests < kind.requestsPerMinute
    } ?? world.now
  }

  // MARK: The morning

  private mutating func morning() async throws {
    try await world.rest(until: #require(almanac.moments(day: night, 9 * 60).first))
    for place in book.runs.indices where !book.runs[place].isTracked && !book.runs[place].items.isEmpty {
      try await track(place)
    }
    for run in book.runs { try await checkReport(of: run) }
  }

  /// Follows a run to the end of what was accepted of it; the crash of the night comes here where it did not come before.
  private mutating func track(_ place: Int) async throws {
    let run = book.runs[place]
    let arguments = ["track", run.id, "--wait", "--format", "json"]
    var ending = try await world.run(arguments, dying: death)
    if ending.isDead {
      crashes += 1
      death = nil
      ending = try await world.run(arguments)
    }
    let fates = try known(of: run)
    #expect(ending.status == Self.status(of: fates), "\(note): \(fates) \(ending.diagnostics)")
    try checkTracking(try #require(try Self.json(ending.output) as? [String: Any]), of: run)
    book.runs[place].isTracked = run.isDone
  }

  /// How a command ends that follows items to their end.
  private static func status(of fates: [NightBook.Fate]) -> NightWorld.Status {
    fates.contains { $0.state == "failed" } ? .lost : .done
  }

  /// What became of the items of a run that the service has.
  private func fates(of run: NightBook.Run, without places: Set<Int> = []) -> [NightBook.Fate] {
    let all = NightBook.fates(in: world, isCurrent: kind.isCurrent)
    return run.items.enumerated().compactMap { place, video in
      let found = all[video.name] ?? []
      return found.indices.contains(video.version) && !places.contains(place) ? found[video.version] : nil
    }
  }

  /// The same without those that the program cannot know to be there yet.
  private func known(of run: NightBook.Run) throws -> [NightBook.Fate] {
    fates(of: run, without: try NightBook.doubted(of: run.id, in: world))
  }

  private func checkTracking(_ document: [String: Any], of run: NightBook.Run) throws {
    let tracking = try #require(document["tracking"] as? [String: Any], "\(note): \(document)")
    #expect(tracking.keys.sorted() == ["looked_at", "states"])
    #expect(tracking["looked_at"] is String)
    let fates = try known(of: run)
    #expect(fates.allSatisfy { $0.isFinal }, "\(note): not followed to the end: \(fates)")
    let expected = [
      "not_seen": 0, "waiting": 0, "indexing": 0, "ambiguous": 0,
      "ready": fates.count { $0.state == "ready" }, "failed": fates.count { $0.state == "failed" },
    ]
    #expect(tracking["states"] as? [String: Int] == expected, "\(note): \(run.id)")
  }

  /// The report of a run, member by member.
  private func checkReport(of run: NightBook.Run) async throws {
    let ending = try await world.look("report", run.id, "--format", "json")
    #expect(ending.status == .done, "\(note): \(ending.diagnostics)")
    let document = try #require(try Self.json(ending.output) as? [String: Any])
    let found = try #require(document["run"] as? [String: Any])
    let accepted = try known(of: run).count
    let unknown = try NightBook.doubted(of: run.id, in: world).count
    let items = run.items.count
    let states = try #require(found["items_by_state"] as? [String: Int])
    let chunks = try #require(found["chunks"] as? [String: Int])
    #expect(unknown <= run.doubted && (!run.isDone || unknown == 0), "\(note): \(states)")
    // Of profile v1.3 an upload may be there that was not looked at any more before the window closed.
    let processing = kind.isCurrent ? states["processing"] ?? 0 : 0
    #expect(
      states == [
        "accepted": accepted, "unknown": unknown, "pending": items - accepted - unknown - processing,
        "processing": processing, "submitting": 0, "rejected": 0, "failed": 0, "cancelled": 0,
      ], "\(note)")
    #expect(chunks["split"] == 0 && chunks["rejected"] == 0 && chunks["failed"] == 0)
    #expect(
      chunks.values.reduce(0, +) == (items + kind.chunkSize - 1) / kind.chunkSize, "\(note): \(chunks)")
    let attempts = try NightBook.attempts(of: run.id, in: world)
    let expected: [String: Any] = [
      "run_id": run.id, "name": "nights", "job": job, "state": run.isDone ? "finished" : "paused",
      "reason": run.isDone ? NSNull() as Any : "window" as Any, "manifest": list, "items": items,
      "repeated": 0,
      "skipped": run.skipped, "attempts": attempts,
    ]
    for (member, value) in expected {
      #expect("\(found[member] ?? "absent")" == "\(value)", "\(note): \(member) of \(run.id)")
    }
    let others = ["live", "created_at", "finished_at", "chunks", "items_by_state", "sending_seconds"]
    #expect(Set(found.keys) == Set(expected.keys).union(others))
    #expect(found["live"] as? Bool == false)
    let createdAt = try Self.moment(found["created_at"])
    #expect(createdAt.map(run.planned.contains) == true, "\(note): \(found)")
    let finishedAt = try Self.moment(found["finished_at"])
    let isRight = finishedAt.map { run.isDone && $0 >= run.planned.lowerBound } ?? !run.isDone
    #expect(isRight, "\(note): \(found)")
    // Requests that died with their process had no answer, whatever was found out about them later.
    let answers = try NightBook.attempts(of: run.id, answered: true, in: world)
    #expect((found["sending_seconds"] is NSNull) == (answers == 0), "\(note): \(found)")
    #expect((document["surplus"] as? [Any])?.isEmpty == true)
    if items == 0 {
      #expect(document["tracking"] is NSNull)
    } else {
      try checkTracking(document, of: run)
    }
    let audit = try await world.look("verify", run.id, "--format", "json")
    #expect(audit.status == .done, "\(note): \(audit.output)")
    let problems = try Self.json(audit.output) as? [String: Any]
    #expect(problems?["problems_total"] as? Int == 0, "\(note): \(audit.output)")
  }

  /// The ids of all runs, the oldest first.
  private func history() async throws -> [String] {
    let ending = try await world.look("report", "--format", "json")
    let document = try #require(
      try Self.json(ending.output) as? [String: Any], "\(note): \(ending.diagnostics)")
    let runs = document["runs"] as? [[String: Any]] ?? []
    return runs.reversed().compactMap { $0["run_id"] as? String }
  }

  // MARK: All nights

  /// What holds over all nights, by the service's own records.
  private func checkAll() throws {
    let fates = NightBook.fates(in: world, isCurrent: kind.isCurrent)
    var versions: [String: Int] = [:]
    for video in book.runs.flatMap(\.items) { versions[video.name, default: 0] += 1 }
    #expect(book.new.isEmpty, "something on the list is in no run")
    #expect(book.runs.allSatisfy { $0.isDone })
    for (name, count) in versions {
      #expect(
        fates[name]?.count == count,
        "\(name) was accepted \(fates[name]?.count ?? 0) times, expected \(count)")
    }
    #expect(fates.count == versions.count)
    #expect(fates.values.joined().allSatisfy { $0.isFinal })
    #expect(fates.values.joined().contains { $0.state == "failed" })
    if kind.isCurrent {
      let tally = world.server.assets.tally(at: world.server.now)
      #expect((tally.assetsTwice, tally.indexedTwice) == (0, 0))
      #expect(tally.surplus.isEmpty && tally.leftOver.isEmpty)
    } else {
      let counts = world.server.ledger.acceptedCounts
      #expect(counts.allSatisfy { key, count in versions[NightBook.name(of: key.object)] == count })
    }
    let arrivals = NightBook.arrivals(in: world)
    for arrival in arrivals {
      let isInside = (-1...night).contains { day in
        almanac.night(day).map { $0.contains(arrival.at) && $0.closes.since(arrival.at) >= Self.timeout }
          ?? false
      }
      #expect(isInside, "a request at \(world.zone.text(arrival.at)) is outside the window")
    }
    for step in kind.steps {
      let own = arrivals.filter { $0.step == step.endpoint }
      #expect(!own.isEmpty)
      for arrival in own {
        let items = own.filter { $0.at <= arrival.at && arrival.at.since($0.at) < Self.day }.reduce(0) {
          $0 + $1.items
        }
        #expect(
          items <= kind.budget,
          "\(items) items of \(step.endpoint) in the day before \(world.zone.text(arrival.at))")
      }
    }
    // A night that has little to send may be over before its crash.
    #expect(crashes > Self.nights / 2, "\(crashes) crashes, expected one on most nights")
  }

  private static func json(_ text: String) throws -> Any {
    try JSONSerialization.jsonObject(with: Data(text.utf8))
  }

  private static func moment(_ value: Any?) throws -> Timestamp? {
    guard let text = value as? String else { return nil }
    let date = try Date.ISO8601FormatStyle(includingFractionalSeconds: true).parse(text)
    return Timestamp(milliseconds: Int64((date.timeIntervalSince1970 * 1_000).rounded()))
  }
}
