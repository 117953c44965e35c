import Foundation
import Testing

@Suite("Seven nights", .timeLimit(.minutes(20)))
struct SevenNightsTests {
  /// The seeds that are played: one of each kind, or as many as the environment says.
  private static let seeds =
    1...(ProcessInfo.processInfo.environment["NIGHTS_SEEDS"].flatMap { UInt64($0) } ?? 1)

  @Test(
    "every video is accepted once, within every budget, never outside the window, and tracked to its end",
    arguments: [SevenNights.Kind.first, .current], seeds)
  func nights(kind: SevenNights.Kind, seed: UInt64) async throws {
    try await SevenNights.play(kind, seed: seed)
  }
}
