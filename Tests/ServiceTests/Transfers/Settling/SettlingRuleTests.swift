import BatchDomain
import Testing

@testable import TransfersService

@Suite("Settling rule")
struct SettlingRuleTests {
  static let index = IndexID("629d807aa9e2a3a33a92c00b")
  static let start = Timestamp(milliseconds: 1_750_000_000_000)

  func chunk(
    names: [String] = ["a.mp4", "b.mp4"], loss: UnknownChunk.Loss = .broken, mayArriveLater: Bool = false,
    elsewhere: Bool = false
  ) -> UnknownChunk {
    UnknownChunk(
      number: ChunkNumber(4), firstItem: 40,
      items: names.map { UnknownChunk.Item(index: Self.index, name: FileName($0)) }, attempt: 1,
      startedAt: Self.start, endedAt: Self.start + .seconds(10), intent: 100, endedAfter: 110, loss: loss,
      code: mayArriveLater ? "timeout" : nil, wasSentElsewhere: elsewhere)
  }

  /// One intent leaves each second.
  func witness(_ number: Int, startedAfter seconds: Int, intent: Int? = nil) -> CountedWitness {
    let started = Self.start + .seconds(seconds)
    return CountedWitness(
      Witness(
        chunk: ChunkNumber(number), intent: intent ?? 100 + seconds, startedAt: started,
        acceptedAt: started + .seconds(1), names: [FileName("witness-\(number).mp4")]))
  }

  func read(
    _ chunk: UnknownChunk, seen: [FileName], witnesses: [CountedWitness] = [],
    firstShown: [ChunkNumber: Timestamp] = [:],
    recordedLag: Duration? = nil, counts: [FileName: NameCount?] = [:], at seconds: Int = 60
  ) -> SettlingRule.Reading {
    let times = Dictionary(grouping: seen) { $0 }.mapValues { $0.map { _ in Self.start + .seconds(5) } }
    let evidence = IndexEvidence(
      snapshot: ListingSnapshot(takenAt: Self.start + .seconds(seconds), times: times), witnesses: witnesses,
      firstShown: firstShown,
      recordedLag: recordedLag.map { ListingLag(acceptedAt: Self.start, lag: $0) }, counts: counts)
    return SettlingRule.read(
      chunk, evidence: [Self.index: evidence], settleDelay: .seconds(30), grace: .seconds(60))
  }

  func isOpen(_ reading: SettlingRule.Reading) -> Bool {
    if case .open = reading { true } else { false }
  }

  @Test("a chunk without items is never received: there is nothing to have been seen")
  func noItems() { #expect(isOpen(read(chunk(names: []), seen: ["a.mp4"]))) }

  @Test("all names seen is received, without any witness")
  func allSeen() { #expect(read(chunk(), seen: ["a.mp4", "b.mp4", "c.mp4"]) == .received) }

  @Test("an absence without a witness concludes nothing, however long ago")
  func noWitness() { #expect(isOpen(read(chunk(), seen: [], at: 1_000_000))) }

  @Test("an absence beside a witness accepted after the attempt is evidence")
  func laterWitness() {
    let reading = read(chunk(), seen: ["witness-9.mp4"], witnesses: [witness(9, startedAfter: 11)])
    #expect(reading == .absent(witnesses: [ChunkNumber(9)]))
  }

  @Test("a listing that was not read whole shows what is there, and nothing that is not")
  func gap() {
    func reading(_ seen: [FileName], refused: Bool = false, counts: [FileName: NameCount?] = [:])
      -> SettlingRule.Reading
    {
      let times = Dictionary(grouping: seen) { $0 }.mapValues { $0.map { _ in Self.start + .seconds(5) } }
      let evidence = IndexEvidence(
        snapshot: ListingSnapshot(
          takenAt: Self.start + .seconds(60), times: times, gap: "page 2 of the listing is empty"),
        witnesses: refused ? [] : [witness(9, startedAfter: 11)], firstShown: [:], counts: counts)
      return SettlingRule.read(
        chunk(loss: refused ? .refused : .broken), evidence: [Self.index: evidence],
        settleDelay: .seconds(30), grace: .seconds(60))
    }
    #expect(reading(["a.mp4", "b.mp4"]) == .received)
    #expect(isOpen(reading(["witness-9.mp4"])))
    #expect(isOpen(reading(["a.mp4", "witness-9.mp4"])))
    #expect(isOpen(reading([], refused: true)))
    // Of two objects of that name one was accepted; whether both tasks of it were shown is not known.
    let sends = [("mine", false), ("other", true)].map { object, isAccepted in
      NamedSend(
        index: Self.index, name: "a.mp4", object: ObjectName(object), startedAt: Self.start,
        endedAt: Self.start + .seconds(1), isAccepted: isAccepted)
    }
    let count = NameCount(sends, since: Self.start, knownSince: Self.start - .seconds(3_720))
    #expect(isOpen(reading(["a.mp4", "a.mp4", "b.mp4"], counts: ["a.mp4": count])))
    guard case .open(let why, _) = reading(["a.mp4"]) else {
      Issue.record("concluded")
      return
    }
    #expect(why.contains("1 of 2 of its items was seen") && why.hasSuffix("page 2 of the listing is empty"))
  }

  @Test("what something on the way may still hold is absent only beside a witness begun after the grace")
  func laterWitnessAfterGrace() {
    let held = chunk(mayArriveLater: true)
    // The attempt ended after 10 s, the grace is over after 70 s.
    for (begun, isProof) in [(11, false), (70, false), (71, true)] {
      let reading = read(
        held, seen: ["witness-9.mp4"], witnesses: [witness(9, startedAfter: begun)], at: begun + 2)
      #expect(isOpen(reading) != isProof, "\(begun)")
      let some = read(
        held, seen: ["a.mp4", "witness-9.mp4"], witnesses: [witness(9, startedAfter: begun)], at: begun + 2)
      #expect(isOpen(some) != isProof, "\(begun)")
    }
    #expect(
      read(held, seen: ["a.mp4", "b.mp4"], at: 12) == .received, "what is there needs no grace")
  }

  @Test("at the end of a run the grace comes before the time that the listing may be behind")
  func newestWitnessAfterGrace() {
    func reading(_ mayArriveLater: Bool, at seconds: Int) -> SettlingRule.Reading {
      read(
        chunk(mayArriveLater: mayArriveLater), seen: ["witness-3.mp4"],
        witnesses: [witness(3, startedAfter: -5)], recordedLag: .seconds(1), at: seconds)
    }
    #expect(reading(false, at: 40) == .absent(witnesses: [ChunkNumber(3)]))
    #expect(isOpen(reading(true, at: 69)))
    #expect(isOpen(reading(true, at: 99)))
    guard case .open(let why, let notBefore) = reading(true, at: 60) else {
      Issue.record("concluded within the grace")
      return
    }
    #expect(why.contains("--settle-grace"))
    #expect(notBefore == Self.start + .seconds(100))
    #expect(reading(true, at: 100) == .absent(witnesses: [ChunkNumber(3)]))
  }

  @Test("a clock set forward does not end the grace")
  func clockSetForwardInGrace() {
    let later = witness(9, startedAfter: 75)
    func reading(steps: [ClockStep]) -> SettlingRule.Reading {
      var evidence = IndexEvidence(
        snapshot: ListingSnapshot(
          takenAt: Self.start + .seconds(80), times: ["witness-9.mp4": [Self.start + .seconds(76)]]),
        witnesses: [later], firstShown: [:])
      evidence.stepsForward = steps
      return SettlingRule.read(
        chunk(mayArriveLater: true), evidence: [Self.index: evidence], settleDelay: .seconds(30),
        grace: .seconds(60))
    }
    #expect(reading(steps: []) == .absent(witnesses: [ChunkNumber(9)]))
    #expect(isOpen(reading(steps: [ClockStep(noticedAt: Self.start + .seconds(20), by: .seconds(50))])))
  }

  @Test("a later witness that the listing does not show proves that it lags")
  func laterWitnessNotShown() {
    let earlier = witness(3, startedAfter: -5)
    let reading = read(
      chunk(), seen: ["witness-3.mp4"], witnesses: [witness(9, startedAfter: 11), earlier],
      firstShown: [ChunkNumber(3): Self.start], at: 100_000)
    #expect(isOpen(reading))
  }

  @Test(
    "with no later witness the newest one counts after twice its lag and the settle delay",
    arguments: [(4, 39, false), (4, 40, true), (60, 129, false), (60, 130, true)])
  func newestWitness(lag: Int, seconds: Int, isEvidence: Bool) {
    let earlier = witness(3, startedAfter: -5)
    let reading = read(
      chunk(), seen: ["witness-3.mp4"], witnesses: [earlier],
      firstShown: [ChunkNumber(3): earlier.startedAt + .seconds(lag)], at: seconds)
    #expect((reading == .absent(witnesses: [ChunkNumber(3)])) == isEvidence)
  }

  @Test("a chunk begun before counts as no later witness, whatever its time says")
  func clockSetBack() {
    let before = witness(3, startedAfter: 50, intent: 99)
    #expect(isOpen(read(chunk(), seen: ["witness-3.mp4"], witnesses: [before])))
    let beside = witness(5, startedAfter: 50, intent: 110)
    #expect(isOpen(read(chunk(), seen: ["witness-5.mp4"], witnesses: [beside])))
    let after = witness(6, startedAfter: 50, intent: 111)
    #expect(
      read(chunk(), seen: ["witness-6.mp4"], witnesses: [after]) == .absent(witnesses: [ChunkNumber(6)]))
  }

  @Test("time that only the clock says has passed does not count")
  func clockSetForward() {
    let earlier = witness(3, startedAfter: -5)
    func reading(noticedAfter seconds: Int) -> SettlingRule.Reading {
      var evidence = IndexEvidence(
        snapshot: ListingSnapshot(
          takenAt: Self.start + .seconds(130), times: ["witness-3.mp4": [Self.start + .seconds(1)]]),
        witnesses: [earlier], firstShown: [ChunkNumber(3): earlier.startedAt + .seconds(60)])
      evidence.stepsForward = [
        ClockStep(noticedAt: Self.start + .seconds(seconds), by: .milliseconds(1_500))
      ]
      return SettlingRule.read(
        chunk(), evidence: [Self.index: evidence], settleDelay: .seconds(30), grace: .seconds(60))
    }
    #expect(isOpen(reading(noticedAfter: 11)))
    #expect(reading(noticedAfter: 9) == .absent(witnesses: [ChunkNumber(3)]))
  }

  @Test("a lag that was looked for in vain before is believed, a shorter one from earlier is not")
  func witnessedLag() {
    let earlier = witness(3, startedAfter: -5)
    func reading(wasMissing: Bool) -> SettlingRule.Reading {
      var evidence = IndexEvidence(
        snapshot: ListingSnapshot(
          takenAt: Self.start + .seconds(60), times: ["witness-3.mp4": [Self.start + .seconds(1)]]),
        witnesses: [earlier], firstShown: [ChunkNumber(3): earlier.startedAt + .seconds(60)],
        recordedLag: ListingLag(acceptedAt: Self.start, lag: .seconds(1)))
      evidence.wasMissing = wasMissing ? [ChunkNumber(3)] : []
      return SettlingRule.read(
        chunk(), evidence: [Self.index: evidence], settleDelay: .seconds(30), grace: .seconds(60))
    }
    #expect(isOpen(reading(wasMissing: true)))
    #expect(reading(wasMissing: false) == .absent(witnesses: [ChunkNumber(3)]))
  }

  @Test("a clashing name needs a listing that has caught up with every send of it")
  func clashingSendIsLater() {
    func send(_ object: String, at seconds: Int, isAccepted: Bool) -> NamedSend {
      NamedSend(
        index: Self.index, name: "a.mp4", object: ObjectName(object),
        startedAt: Self.start + .seconds(seconds),
        endedAt: Self.start + .seconds(seconds + 10), isAccepted: isAccepted)
    }
    let count = NameCount(
      [send("s3://b/1/a.mp4", at: 0, isAccepted: false), send("s3://b/2/a.mp4", at: 20, isAccepted: true)],
      since: Self.start, knownSince: Timestamp(milliseconds: .min))
    func reading(_ witness: CountedWitness) -> SettlingRule.Reading {
      read(
        chunk(names: ["a.mp4"]), seen: ["a.mp4", "witness-9.mp4"], witnesses: [witness],
        counts: ["a.mp4": count])
    }
    // The one task may be that of either.
    #expect(isOpen(reading(witness(9, startedAfter: 25))))
    #expect(reading(witness(9, startedAfter: 31)) == .absent(witnesses: [ChunkNumber(9)]))
  }

  @Test("a lag that was recorded says more than a witness seen first after a night")
  func recordedLag() {
    let earlier = witness(3, startedAfter: -5)
    let shown = [ChunkNumber(3): Self.start + .seconds(30_000)]
    func reading(_ lag: Duration?) -> SettlingRule.Reading {
      read(
        chunk(), seen: ["witness-3.mp4"], witnesses: [earlier], firstShown: shown, recordedLag: lag,
        at: 30_001
      )
    }
    #expect(isOpen(reading(nil)))
    #expect(reading(.seconds(40)) == .absent(witnesses: [ChunkNumber(3)]))
    #expect(isOpen(reading(.seconds(20_000))))
  }

  @Test("a part of the names seen is a partial sighting beside a witness, and nothing without")
  func partial() {
    let names = ["a.mp4", "b.mp4", "c.mp4"]
    #expect(
      read(
        chunk(names: names), seen: ["b.mp4", "witness-9.mp4"], witnesses: [witness(9, startedAfter: 11)])
        == .partial(isSeen: [false, true, false], witnesses: [ChunkNumber(9)]))
    #expect(isOpen(read(chunk(names: names), seen: ["b.mp4"])))
    #expect(
      isOpen(read(chunk(names: names), seen: ["b.mp4"], witnesses: [witness(9, startedAfter: 11)])))
  }

  @Test("a refused chunk of which nothing is seen is absent even where nothing was accepted yet")
  func refused() {
    #expect(read(chunk(loss: .refused), seen: []) == .absent(witnesses: []))
    #expect(isOpen(read(chunk(loss: .broken), seen: [])))
    // A listing that is seen to lag says nothing about it, and neither does one that shows a part.
    #expect(isOpen(read(chunk(loss: .refused), seen: [], witnesses: [witness(9, startedAfter: 11)])))
    #expect(isOpen(read(chunk(loss: .refused), seen: ["a.mp4"])))
    #expect(read(chunk(loss: .refused), seen: ["a.mp4", "b.mp4"]) == .received)
  }

  @Test("another address is for a person, whatever is seen")
  func undecidable() {
    guard case .undecidable = read(chunk(elsewhere: true), seen: ["a.mp4", "b.mp4"]) else {
      Issue.record("decided a chunk that was sent elsewhere")
      return
    }
  }

  @Test(
    "a name that stands for two items is counted",
    arguments: [(0, false), (1, nil), (2, true), (3, nil)] as [(Int, Bool?)])
  func clashingName(listed: Int, isReceived: Bool?) {
    // Both were sent by this store, and neither is known to be accepted.
    let sends = ["x/a.mp4", "y/a.mp4"].map {
      NamedSend(
        index: Self.index, name: "a.mp4", object: ObjectName($0), startedAt: Self.start,
        endedAt: Self.start + .seconds(10), isAccepted: false)
    }
    let count = NameCount(sends, since: Self.start, knownSince: Self.start - .seconds(3_600))
    let reading = read(
      chunk(names: ["a.mp4"]), seen: Array(repeating: "a.mp4", count: listed) + ["witness-9.mp4"],
      witnesses: [witness(9, startedAfter: 11)], counts: ["a.mp4": count])
    switch isReceived {
    case true?: #expect(reading == .received)
    case false?: #expect(reading == .absent(witnesses: [ChunkNumber(9)]))
    case nil: #expect(isOpen(reading))
    }
  }

  @Test("a name that cannot be counted concludes nothing")
  func uncountable() {
    #expect(
      isOpen(
        read(
          chunk(names: ["a.mp4"]), seen: ["a.mp4", "witness-9.mp4"],
          witnesses: [witness(9, startedAfter: 11)], counts: ["a.mp4": nil])))
  }

  @Test("a task older than the attempt, less the margin for the clocks, is not this chunk's")
  func oldTask() {
    let old: [FileName: [Timestamp]] = [
      "a.mp4": [Self.start - .seconds(121)], "b.mp4": [Self.start - .seconds(121)],
      "witness-9.mp4": [Self.start + .seconds(12)],
    ]
    let evidence = IndexEvidence(
      snapshot: ListingSnapshot(takenAt: Self.start + .seconds(60), times: old),
      witnesses: [witness(9, startedAfter: 11)], firstShown: [:])
    let reading = SettlingRule.read(
      chunk(), evidence: [Self.index: evidence], settleDelay: .seconds(30), grace: .seconds(60))
    #expect(reading == .absent(witnesses: [ChunkNumber(9)]))
  }

  @Test("an index that could not be listed leaves everything open")
  func missingListing() {
    #expect(isOpen(SettlingRule.read(chunk(), evidence: [:], settleDelay: .seconds(30), grace: .seconds(60))))
  }
}
