import BatchDomain
import PostgresStore
import RunStore
import StoreCore
import TestSupport

extension PostgresCluster {
  /// A new database without a table.
  func makeTarget() throws -> PostgresTarget { try PostgresTarget(makeDatabase()) }

  /// What opening a store needs, on a clock.
  ///
  /// - Parameter machine: processes of the same one see each other's lock files.
  func surroundings(
    _ clock: any BatchClock, machine: String = "state", seed: UInt64 = .random(in: 0 ... .max)
  ) -> PostgresStore.Surroundings {
    PostgresStore.Surroundings(
      environment: ["XDG_STATE_HOME": "\(folder.path)/\(machine)"], clock: clock,
      random: SeededRandom(seed: seed), version: "test", scratch: { try await SQLiteStore.openScratch() })
  }
}
