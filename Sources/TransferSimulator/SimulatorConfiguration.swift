/// All settings of a simulator. The defaults are a service without faults or delays.
package struct SimulatorConfiguration: Sendable {
  /// The version of the service to imitate.
  package var profile = SimulatorProfile.v1
  /// The loopback port; 0 lets the system choose.
  package var port = 0
  /// The right `x-api-key`; nil accepts any key that is not empty.
  package var apiKey: String?
  /// The seed of every draw.
  package var seed: UInt64 = 1
  /// The faults; by request number first, then by share, in this order.
  package var faults: [FaultRule] = []
  /// The latency of every transfers answer, after the work is done.
  package var delay = Duration.zero
  /// The time from acceptance until a task shows up in listings and counts.
  package var listingLag = Duration.zero
  /// Added to every `created_at` and what follows from it, for example to span midnight.
  package var createdAtOffset = Duration.zero
  /// What is odd about the listing.
  package var listingModes: Set<ListingMode> = []
  /// How long a task stays in each state; zero means tasks are ready, or failed, at once.
  package var taskStep = Duration.milliseconds(200)
  /// The share of tasks that end `failed`, 0...1.
  package var failedShare = 0.0
  /// The budget of transfers requests.
  package var budget: RequestBudget?
  /// The longest request body in bytes; a longer one is answered 413.
  package var maximumBody = 16 << 20
  /// Connections without a request are closed after this time, measured by the machine's clock.
  package var idleTimeout: Duration?
  /// Every n-th answer says `Connection: close`, and the connection is closed.
  package var announcedCloseEvery: Int?
  /// After every n-th answer the connection is closed without a word.
  package var silentCloseEvery: Int?
  /// Objects that get the whole request refused, besides those that contain `poison`.
  package var poisonedObjects: Set<String> = []
  /// Objects that make the service answer 500, besides those that contain `crash`.
  package var crashingObjects: Set<String> = []
  /// Indexes that do not exist: 400 `resource_not_exist`.
  package var goneIndexes: Set<String> = []
  /// Whether the elements before a poisoned one are taken although the request is refused.
  package var takesElementsBeforePoison = false
  /// The wait that throttle answers announce, when their rule gives none.
  package var throttleWait = Duration.seconds(1)
  /// How long `slow` and `stall` keep silent, when their rule gives nothing; also the default of `delay`.
  package var stallTime = Duration.seconds(120)
  /// The time between two bytes of a dribbled answer, when its rule gives none.
  package var dribbleInterval = Duration.milliseconds(20)
  /// The length of a `huge` body, when its rule gives none.
  package var hugeBytes = 64 << 20
  /// The `Location` of redirects; nil means the same path on a host that does not exist.
  package var redirectTarget: String?
  /// A file to which the ledger is written as JSON lines; nil writes nothing.
  package var ledgerFile: String?
  /// The time that the service goes by.
  package var clock: any SimulatorClock = SystemSimulatorClock()

  /// A service without faults, delays or a fixed key.
  package init() {}
}
