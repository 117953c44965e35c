import BatchDomain
import Testing

@Suite("Settling rule")
struct SettlingRuleTests {
  static let index = IndexID("629d807aa9e2a3a33a92c00b")
  static let start = Timestamp(milliseconds: 1_750_000_000_000)

  func chunk(
    names: [String] = ["a.mp4", "b.mp4"], clash: Bool = false, elsewhere: Bool = false
  ) -> UnknownChunk {
    UnknownChunk(
      number: ChunkNumber(4), attempt: 1, startedAt: Self.start, endedAt: Self.start + .seconds(10),
      wasAnswered: false, countedAttempts: 0, names: [Self.index: names], namesClash: clash,
      wasSentElsewhere: elsewhere)
  }

  func control(_ number: Int, startedAfter seconds: Int, lag: Int = 1) -> Control {
    let started = Self.start + .seconds(seconds)
    return Control(
      chunk: ChunkNumber(number), startedAt: started, acceptedAt: started + .seconds(1),
      names: ["control-\(number).mp4"])
  }

  func read(
    _ chunk: UnknownChunk, seen: [String], controls: [Control] = [],
    firstShown: [ChunkNumber: Timestamp] = [:],
    at seconds: Int = 60
  ) -> SettlingRule.Reading {
    let newest = Dictionary(uniqueKeysWithValues: seen.map { ($0, Self.start + .seconds(5)) })
    let evidence = IndexEvidence(
      sighting: Sighting(takenAt: Self.start + .seconds(seconds), newest: newest), controls: controls,
      firstShown: firstShown)
    return SettlingRule.read(chunk, evidence: [Self.index: evidence], settleDelay: .seconds(30))
  }

  func isOpen(_ reading: SettlingRule.Reading) -> Bool {
    if case .open = reading { true } else { false }
  }

  @Test("all names seen is received, without any control")
  func allSeen() { #expect(read(chunk(), seen: ["a.mp4", "b.mp4", "c.mp4"]) == .received) }

  @Test("an absence without a control concludes nothing, however long ago")
  func noControl() { #expect(isOpen(read(chunk(), seen: [], at: 1_000_000))) }

  @Test("an absence beside a control accepted after the attempt is evidence")
  func laterControl() {
    let reading = read(chunk(), seen: ["control-9.mp4"], controls: [control(9, startedAfter: 11)])
    #expect(reading == .absent(controls: [ChunkNumber(9)]))
  }

  @Test("a later control that the listing does not show proves that it lags")
  func laterControlNotShown() {
    let earlier = control(3, startedAfter: -5)
    let reading = read(
      chunk(), seen: ["control-3.mp4"], controls: [control(9, startedAfter: 11), earlier],
      firstShown: [ChunkNumber(3): Self.start], at: 100_000)
    #expect(isOpen(reading))
  }

  @Test(
    "with no later control the newest one counts after twice its lag and the settle delay",
    arguments: [(4, 39, false), (4, 40, true), (60, 129, false), (60, 130, true)])
  func newestControl(lag: Int, seconds: Int, isEvidence: Bool) {
    let earlier = control(3, startedAfter: -5)
    let reading = read(
      chunk(), seen: ["control-3.mp4"], controls: [earlier],
      firstShown: [ChunkNumber(3): earlier.acceptedAt + .seconds(lag)], at: seconds)
    #expect((reading == .absent(controls: [ChunkNumber(3)])) == isEvidence)
  }

  @Test("a part of the names seen concludes nothing here")
  func partial() {
    #expect(
      isOpen(read(chunk(), seen: ["a.mp4", "control-9.mp4"], controls: [control(9, startedAfter: 11)])))
  }

  @Test("clashing names and another address are for a person, whatever is seen")
  func undecidable() {
    for chunk in [chunk(clash: true), chunk(elsewhere: true)] {
      guard case .undecidable = read(chunk, seen: ["a.mp4", "b.mp4"]) else {
        Issue.record("decided \(chunk)")
        return
      }
    }
  }

  @Test("a task older than the attempt, less the margin for the clocks, is not this chunk's")
  func oldTask() {
    let old = [
      "a.mp4": Self.start - .seconds(121), "b.mp4": Self.start - .seconds(121),
      "control-9.mp4": Self.start + .seconds(12),
    ]
    let evidence = IndexEvidence(
      sighting: Sighting(takenAt: Self.start + .seconds(60), newest: old),
      controls: [control(9, startedAfter: 11)], firstShown: [:])
    let reading = SettlingRule.read(chunk(), evidence: [Self.index: evidence], settleDelay: .seconds(30))
    #expect(reading == .absent(controls: [ChunkNumber(9)]))
  }

  @Test("an index that could not be listed leaves everything open")
  func missingListing() {
    #expect(isOpen(SettlingRule.read(chunk(), evidence: [:], settleDelay: .seconds(30))))
  }
}
