/// The numbered SQL files of this folder, embedded in the binary, oldest first.
package enum Migrations {
  /// One step of the store's schema.
  package struct Step: Sendable {
    /// Number of the step, from 1 without a gap.
    package let number: Int
    /// Name of the file it came from.
    package let name: String
    /// The statements, UTF-8.
    package let sql: [UInt8]
    /// Whether a program that does not know the step must not work with a database that has it. With PostgreSQL, others may be
    /// at work while it is made.
    package let isBreaking: Bool

    /// A step of the schema; made by hand only in tests.
    package init(number: Int, name: String, sql: [UInt8], isBreaking: Bool = true) {
      self.number = number
      self.name = name
      self.sql = sql
      self.isBreaking = isBreaking
    }
  }

  /// Every step, in order.
  package static let all: [Step] = [
    Step(number: 1, name: "0001_runs.sql", sql: PackageResources._001_runs_sql),
    Step(number: 2, name: "0002_splitting.sql", sql: PackageResources._002_splitting_sql),
    Step(
      number: 3, name: "0003_checks_by_comparison.sql", sql: PackageResources._003_checks_by_comparison_sql),
    Step(number: 4, name: "0004_tally_by_commit.sql", sql: PackageResources._004_tally_by_commit_sql),
    Step(number: 5, name: "0005_item_blocks.sql", sql: PackageResources._005_item_blocks_sql),
    Step(number: 6, name: "0006_length_of_waits.sql", sql: PackageResources._006_length_of_waits_sql),
    Step(number: 7, name: "0007_cancelling.sql", sql: PackageResources._007_cancelling_sql),
    Step(number: 8, name: "0008_order_of_intents.sql", sql: PackageResources._008_order_of_intents_sql),
    Step(number: 9, name: "0009_known_items.sql", sql: PackageResources._009_known_items_sql),
    Step(number: 10, name: "0010_steps.sql", sql: PackageResources._010_steps_sql),
    Step(
      number: 11, name: "0011_known_items_in_segments.sql",
      sql: PackageResources._011_known_items_in_segments_sql),
    Step(number: 12, name: "0012_tracking.sql", sql: PackageResources._012_tracking_sql),
    Step(number: 13, name: "0013_rate_shares.sql", sql: PackageResources._013_rate_shares_sql),
    Step(number: 14, name: "0014_removed_runs.sql", sql: PackageResources._014_removed_runs_sql),
    Step(number: 15, name: "0015_late_answers.sql", sql: PackageResources._015_late_answers_sql),
    Step(number: 16, name: "0016_path_of_the_job.sql", sql: PackageResources._016_path_of_the_job_sql),
    Step(number: 17, name: "0017_end_of_urls.sql", sql: PackageResources._017_end_of_urls_sql),
  ]

  /// Every step of the schema on PostgreSQL, in order.
  package static let postgres: [Step] = [
    Step(number: 1, name: "postgres_0001_store.sql", sql: PackageResources.postgres_0001_store_sql),
    Step(
      number: 2, name: "postgres_0002_upgrades.sql", sql: PackageResources.postgres_0002_upgrades_sql,
      isBreaking: false),
    Step(
      number: 3, name: "postgres_0003_path_of_the_job.sql",
      sql: PackageResources.postgres_0003_path_of_the_job_sql, isBreaking: false),
    Step(
      number: 4, name: "postgres_0004_end_of_urls.sql", sql: PackageResources.postgres_0004_end_of_urls_sql,
      isBreaking: false),
  ]
}
