package import BatchDomain
package import Reporting

/// What a dashboard serves, and with what.
package struct DashboardSite: Sendable {
  /// Where runs are read.
  package let store: any RunCatalog & RunControl
  /// Where time comes from.
  package let clock: any BatchClock
  /// The time zone times are shown in.
  package let zone: LocalZone
  /// The path given with `--db`, for the commands that are advised; `nil` without that option.
  package let database: String?
  /// What buttons do; `nil` for a dashboard that only shows.
  package let actions: Actions?
  /// Where the marks of pages come from.
  package let random: any RandomSource

  /// What a dashboard needs to change something.
  package struct Actions: Sendable {
    /// Starts processes for runs that nobody owns.
    package let launcher: any RunLauncher
    /// Known to pages of this process only: a page from elsewhere cannot send it.
    let token: String

    /// Actions whose token is drawn from `random`.
    package init(launcher: any RunLauncher, random: any RandomSource) {
      self.launcher = launcher
      token = Nonce.make(random)
    }
  }

  /// A site.
  package init(
    store: any RunCatalog & RunControl, clock: any BatchClock, zone: LocalZone,
    database: String? = nil,
    actions: Actions? = nil, random: any RandomSource
  ) {
    self.store = store
    self.clock = clock
    self.zone = zone
    self.database = database
    self.actions = actions
    self.random = random
  }
}

/// Starts processes that work on a run.
package protocol RunLauncher: Sendable {
  /// Starts one that goes on with a run; it lives on when the dashboard ends.
  ///
  /// - Throws: when it could not be started; what becomes of it is seen in the store.
  func resume(_ run: RunID) async throws

  /// Starts one that cancels a run that nobody owns.
  func cancel(_ run: RunID) async throws
}

/// Text that cannot be guessed.
enum Nonce {
  /// 256 bits of randomness in hexadecimal digits.
  static func make(_ random: any RandomSource) -> String {
    (0..<4).map { _ in
      let digits = String(random.next(), radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }

  /// Whether two texts are the same, in a time that does not tell where they differ.
  static func isSame(_ left: String, _ right: String) -> Bool {
    let (left, right) = (Array(left.utf8), Array(right.utf8))
    guard left.count == right.count else { return false }
    var difference: UInt8 = 0
    for (one, other) in zip(left, right) { difference |= one ^ other }
    return difference == 0
  }
}
