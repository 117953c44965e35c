import HummingbirdCore
import Logging
import NIOCore
import NIOPosix

/// The stand-in service on a loopback port.
///
/// It uses the server and the HTTP/1 channel of HummingbirdCore with one handler for all requests, and not hummingbird's
/// router: faults happen below HTTP (a reset, a close without an answer, a body byte by byte), and a response writer would
/// stand between the handler and the socket. Requests are decoded with code of its own, which shares no type with the
/// client. Of what ships only the drill uses it, which a test checks.
package final class SimulatorServer: Sendable {
  /// The server could not listen.
  package struct BindError: Error, CustomStringConvertible {
    /// The port asked for.
    package let port: Int
    /// What the system said.
    package let reason: String

    /// A sentence fragment that names the port.
    package var description: String { "failed to listen on 127.0.0.1:\(port): \(reason)" }
  }

  /// The base address, `http://127.0.0.1:PORT`, without a slash at the end.
  package let address: String
  /// The port that is listened on.
  package let port: Int
  /// The record of requests.
  package let ledger: Ledger
  /// The service with transfers behind the server.
  package let model: TransferModel
  /// Profile v1.3 behind the server; it knows nothing unless ``SimulatorConfiguration/assets`` is set.
  package let assets: AssetsModel
  /// The small S3 behind the server.
  package let objects: ObjectStore
  /// What time it is to the simulator, in milliseconds since 1970.
  package var now: Int64 { clock.now }

  private let clock: any SimulatorClock
  private let plan: FaultPlan
  private let registry: ConnectionRegistry
  private let serving: Task<Void, Never>

  private init(
    port: Int, _ handler: RequestHandler, _ registry: ConnectionRegistry, serving: Task<Void, Never>
  ) {
    self.address = "http://127.0.0.1:\(port)"
    self.port = port
    self.ledger = handler.ledger
    self.model = handler.model
    self.assets = handler.assets
    self.objects = handler.objects
    self.clock = handler.configuration.clock
    self.plan = handler.plan
    self.registry = registry
    self.serving = serving
  }

  /// Starts a server; returns when its port takes connections. Throws ``BindError`` when it cannot.
  package static func start(_ configuration: SimulatorConfiguration = SimulatorConfiguration()) async throws
    -> SimulatorServer
  {
    let ledger = Ledger(
      clock: configuration.clock, file: try configuration.ledgerFile.map { try LedgerFile(path: $0) })
    let registry = ConnectionRegistry(ledger: ledger)
    let plan = FaultPlan(rules: configuration.faults, seed: configuration.seed)
    let objects = ObjectStore(configuration, plan: plan)
    let handler = RequestHandler(
      configuration: configuration, model: TransferModel(configuration),
      assets: AssetsModel(configuration, plan: plan, objects: configuration.objects.map { _ in objects }),
      objects: objects, ledger: ledger, plan: plan,
      meter: configuration.budget.map { BudgetMeter($0) }, registry: registry,
      closings: ClosingCounter(configuration))
    var logger = Logger(label: "transfer-simulator")
    logger.logLevel = .critical
    let (ports, announce) = AsyncThrowingStream.makeStream(of: Int.self)
    let server = Server(
      childChannelSetup: HTTP1Channel(
        responder: { try await handler.respond($0, $1, $2) },
        configuration: .init(
          additionalChannelHandlers: [ConnectionWatcher(registry: registry)],
          idleTimeout: configuration.idleTimeout.map { TimeAmount($0) })),
      configuration: ServerConfiguration(
        address: .hostname("127.0.0.1", port: configuration.port), backlog: 1024),
      onServerRunning: { channel in announce.yield(channel.localAddress?.port ?? configuration.port) },
      eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
    let serving = Task {
      do {
        try await server.run()
        announce.finish()
      } catch {
        announce.finish(throwing: error)
      }
    }
    do {
      for try await port in ports {
        for host in ["127.0.0.1", "localhost"] { objects.addEndpoint("\(host):\(port)") }
        return SimulatorServer(port: port, handler, registry, serving: serving)
      }
      throw BindError(port: configuration.port, reason: "the server ended")
    } catch {
      serving.cancel()
      throw (error as? BindError) ?? BindError(port: configuration.port, reason: "\(error)")
    }
  }

  /// Replaces the faults. Request numbers go on counting from the start of the server.
  package func setFaults(_ rules: [FaultRule]) {
    plan.replace(rules)
  }

  /// Stops: closes all connections, frees the port, and returns when nothing is under way any more.
  package func stop() async {
    serving.cancel()
    await registry.closeAll()
    await serving.value
  }

  /// Waits until the server has been stopped.
  package func waitUntilStopped() async {
    await serving.value
  }
}

/// What an endpoint is for.
package enum SimulatorEndpoint: String, Sendable, CaseIterable {
  /// The bulk endpoint.
  case transfers
  /// Creates one task.
  case create
  /// Lists tasks.
  case list
  /// Shows one task.
  case get
  /// From a task to its video.
  case videoID = "video-id"
  /// Counts tasks per state.
  case counts
  /// Deletes a task.
  case delete
  /// Lists indexes, and with v1.3 shows one.
  case indexes
  /// Makes an asset, as all that follow with v1.3 only.
  case upload
  /// Puts an asset into an index.
  case index
  /// Lists assets.
  case assets
  /// Shows one asset.
  case asset
  /// Lists what was made of one asset.
  case byAsset = "by-asset"
  /// Lists what is in an index.
  case indexed
  /// Shows one indexed asset.
  case indexedAsset = "indexed-asset"
  /// Changes or deletes an asset or an indexed asset.
  case change
  /// The small S3: lists objects.
  case s3List = "s3-list"
  /// The small S3: an object.
  case s3Get = "s3-get"
  /// The small S3: HEAD of an object or of a bucket.
  case s3Head = "s3-head"
  /// A path, or a method on it, that the profile does not serve.
  case unknown
}

/// All settings of a simulator. The defaults are a service without faults or delays.
package struct SimulatorConfiguration: Sendable {
  /// The version of the service to imitate, of those that have transfers.
  package var profile = SimulatorProfile.v1
  /// Whether that version is served; else its paths are answered 404 `api_upgrade_required`.
  package var servesTransfers = true
  /// What profile v1.3 is like; nil does not serve it.
  package var assets: AssetsConfiguration?
  /// The buckets of the small S3; nil serves none.
  package var objects: ObjectStoreConfiguration?
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
  /// Whether an element that was taken before is taken again, as a task of its own, instead of being skipped.
  package var takesRepeats = false
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

/// A way in which a listing can be hard to read.
package enum ListingMode: String, Sendable, CaseIterable {
  /// Answers 500.
  case fails
  /// Answers 404, as if the endpoint were not there.
  case missing
  /// After each page read, a task or an asset that nobody here made appears, so that rows shift.
  case shifting
  /// Every page but the first begins with the last row of the page before.
  case repeating
  /// `page_info` says 0 for page, pages and results.
  case zeroTotals = "zero-totals"
  /// File names are UUIDs.
  case uuidFilenames = "uuid-filenames"
  /// Times come with no, short, long fractions, another offset, or no zone.
  case variedTimes = "varied-times"
  /// The filter by file name is ignored; with v1.3 only.
  case ignoreFilename = "ignore-filename"
  /// `user_metadata` is left out; with v1.3 only.
  case omitMetadata = "omit-metadata"
}
