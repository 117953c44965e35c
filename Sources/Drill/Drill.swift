package import Foundation

/// Runs of the real program on this machine and its disk until a time is over, and what came of them.
package struct Drill: Sendable {
  /// Kills in one run at most: enough lives for every part of a run.
  private static let killsPerRun = 25
  /// From this time on there is a minute for a life that waits in vain for room on its disk.
  private static let longTime: Duration = .seconds(120)

  /// Path of the program.
  private let program: String
  /// A folder of the drill's own, which is there.
  private let folder: URL
  private let profiles: [ServedProfile]
  private let seed: UInt64
  private let time: Duration
  /// The items of each run; `nil` makes some up.
  private let items: DrillItems?

  /// A drill.
  ///
  /// - Parameters:
  ///   - profiles: the generations of the service that runs are sent to, one after the other; at least one.
  ///   - time: after which no run is troubled any more: the last is let to its end.
  package init(
    program: String, folder: URL, profiles: [ServedProfile], items: DrillItems?, seed: UInt64, time: Duration
  ) {
    self.program = program
    self.folder = folder
    self.profiles = profiles
    self.items = items
    self.seed = seed
    self.time = time
  }

  /// What a run came to.
  package struct Played: Sendable {
    /// From 1.
    package let number: Int
    package let profile: ServedProfile
    package let score: CrashScore
    /// How its disk was made small; `nil` where it was not.
    package let disk: SmallDisk.Kind?
    /// Its folder, if it was damaged.
    package let kept: URL?
  }

  /// Plays at least one run. A cancelled task ends the one under way, which then does not count.
  ///
  /// - Parameter tell: is told of each run at its end.
  /// - Throws: what ``CrashRun/play(_:profile:items:in:troubles:seed:)`` throws, but for `CancellationError`.
  package func run(_ tell: (Played) -> Void) async throws {
    let deadline = ContinuousClock.now + time
    var random = SeededNumbers(seed: seed)
    var number = 0
    repeat {
      let profile = profiles[number % profiles.count]
      let hasFullDisk = number % (2 * profiles.count) < profiles.count
      number += 1
      do {
        let played = try await CrashRun.play(
          program, profile: profile, items: items ?? DrillItems(count: profile.items), in: folder,
          troubles: CrashRun.Troubles(
            kills: Self.killsPerRun, deadline: deadline, hasFullDisk: hasFullDisk,
            waitsForRoom: time >= Self.longTime),
          seed: random.next())
        tell(
          Played(
            number: number, profile: profile, score: played.score, disk: played.disk, kept: played.kept))
      } catch {
        // However the end of the work shows itself.
        if Task.isCancelled { return }
        throw error
      }
    } while ContinuousClock.now < deadline && !Task.isCancelled
  }
}
