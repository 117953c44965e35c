/// What was counted over runs.
package struct CrashScore: Sendable, Equatable {
  package var runs = 0
  /// Items of their manifests.
  package var items = 0
  package var kills = 0
  /// Lives that met a full disk.
  package var fullDisks = 0
  /// Answers that did not arrive although the service had done the work.
  package var lostAnswers = 0
  /// Items that are reported as accepted and were not taken, or not under the reported id, or are in no state at all.
  package var lost = 0
  /// Items that the service took more than once.
  package var duplicated = 0
  /// Items that are held as unknown at the end.
  package var undecided = 0
  /// Items of runs that did not come to an end, however often they were resumed.
  package var unfinished = 0
  /// Usable assets beside the one in use, with profile v1.3.
  package var surplus = 0
  /// Those that the report does not name.
  package var unreported = 0
  /// Runs whose records contradict themselves, as `orchestrate verify` sees them.
  package var inconsistent = 0

  /// Nothing counted yet.
  package init() {}

  /// Whether something happened that must not.
  package var isDamaged: Bool { lost + duplicated + unfinished + unreported + inconsistent > 0 }

  /// Adds what was counted elsewhere.
  package mutating func add(_ other: CrashScore) {
    for part in Self.parts { self[keyPath: part] += other[keyPath: part] }
  }

  private static var parts: [WritableKeyPath<CrashScore, Int>] {
    [
      \.runs, \.items, \.kills, \.fullDisks, \.lostAnswers, \.lost, \.duplicated, \.undecided, \.unfinished,
      \.surplus, \.unreported, \.inconsistent,
    ]
  }
}

/// Numbers that are the same for the same seed (SplitMix64).
package struct SeededNumbers: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// The numbers of a seed.
  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }
}
