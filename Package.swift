// swift-tools-version: 6.2
import PackageDescription

// `scripts/test` sets this; a plain `swift build` with a newer compiler is not stopped by a new warning.
let warningsAreErrors = Context.environment["ORCHESTRATE_WARNINGS_AS_ERRORS"] == "1"

let swiftSettings: [SwiftSetting] =
  [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
  ] + (warningsAreErrors ? [.treatAllWarnings(as: .error)] : [])

let argumentParser: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let asyncHTTPClient: Target.Dependency = .product(name: "AsyncHTTPClient", package: "async-http-client")
let crypto: Target.Dependency = .product(name: "Crypto", package: "swift-crypto")
let deque: Target.Dependency = .product(name: "DequeModule", package: "swift-collections")
let heap: Target.Dependency = .product(name: "HeapModule", package: "swift-collections")
let httpTypes: Target.Dependency = .product(name: "HTTPTypes", package: "swift-http-types")
let hummingbird: Target.Dependency = .product(name: "Hummingbird", package: "hummingbird")
let hummingbirdCore: Target.Dependency = .product(name: "HummingbirdCore", package: "hummingbird")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let mustache: Target.Dependency = .product(name: "Mustache", package: "swift-mustache")
let nioConcurrencyHelpers: Target.Dependency = .product(
  name: "NIOConcurrencyHelpers", package: "swift-nio")
let nioCore: Target.Dependency = .product(name: "NIOCore", package: "swift-nio")
let nioPosix: Target.Dependency = .product(name: "NIOPosix", package: "swift-nio")
let nioHTTP1: Target.Dependency = .product(name: "NIOHTTP1", package: "swift-nio")
let nioExtras: Target.Dependency = .product(name: "NIOExtras", package: "swift-nio-extras")
let nioTLS: Target.Dependency = .product(name: "NIOTLS", package: "swift-nio")
let nioSSL: Target.Dependency = .product(name: "NIOSSL", package: "swift-nio-ssl")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")
// Elsewhere the system has that library itself.
let systemPackage: Target.Dependency = .product(
  name: "SystemPackage", package: "swift-system", condition: .when(platforms: [.linux]))
let unixSignals: Target.Dependency = .product(name: "UnixSignals", package: "swift-service-lifecycle")
let xmlCoder: Target.Dependency = .product(name: "XMLCoder", package: "XMLCoder")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

/// A Swift library or executable of this package under `Sources/`, with the page that describes it.
func module(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, exclude: ["README.md"], swiftSettings: swiftSettings)
}

/// A test target under `Tests/`.
func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = [], resources: [Resource]? = nil
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, exclude: exclude, resources: resources,
    swiftSettings: swiftSettings)
}

let package = Package(
  name: "orchestrate",
  platforms: [.macOS(.v15)],
  products: [
    .executable(name: "orchestrate", targets: ["orchestrate"]),
    .executable(name: "transfer-simulator", targets: ["transfer-simulator"]),
  ],
  dependencies: [
    .package(url: "https://github.com/CoreOffice/XMLCoder.git", from: "0.17.1"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
    .package(url: "https://github.com/apple/swift-http-types", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-extras", from: "1.35.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-system", from: "1.5.0"),
    .package(url: "https://github.com/hummingbird-project/hummingbird", from: "2.28.1"),
    .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    // C modules over the system's libraries.
    .target(name: "CSQLite", exclude: ["README.md"], linkerSettings: [.linkedLibrary("sqlite3")]),
    // Loads libpq when it is first needed.
    .target(name: "CPostgres", exclude: ["README.md"]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),

    // What ships. The arrows are held by ArchitectureTests.
    .target(
      name: "BuildCommit", exclude: ["README.md"], swiftSettings: swiftSettings, plugins: ["RecordCommit"]),
    .plugin(name: "RecordCommit", capability: .buildTool()),
    .target(
      name: "KillPoints", exclude: ["README.md"],
      swiftSettings: swiftSettings + [.define("KILL_POINTS", .when(configuration: .debug))]),
    module("BatchDomain", [crypto]),
    module("ManifestReader", ["BatchDomain", "CZlib"]),
    module("ManifestListing", ["BatchDomain", "CZlib", crypto, heap]),
    .target(
      name: "Migrations", path: "migrations", exclude: ["README.md"],
      resources: [
        .embedInCode("0001_runs.sql"), .embedInCode("0002_splitting.sql"),
        .embedInCode("0003_checks_by_comparison.sql"), .embedInCode("0004_tally_by_commit.sql"),
        .embedInCode("0005_item_blocks.sql"), .embedInCode("0006_length_of_waits.sql"),
        .embedInCode("0007_cancelling.sql"), .embedInCode("0008_order_of_intents.sql"),
        .embedInCode("0009_known_items.sql"), .embedInCode("0010_steps.sql"),
        .embedInCode("0011_known_items_in_segments.sql"), .embedInCode("0012_tracking.sql"),
        .embedInCode("0013_rate_shares.sql"), .embedInCode("0014_removed_runs.sql"),
        .embedInCode("0015_late_answers.sql"), .embedInCode("0016_path_of_the_job.sql"),
        .embedInCode("0017_end_of_urls.sql"), .embedInCode("postgres_0001_store.sql"),
        .embedInCode("postgres_0002_upgrades.sql"), .embedInCode("postgres_0003_path_of_the_job.sql"),
        .embedInCode("postgres_0004_end_of_urls.sql"),
      ],
      swiftSettings: swiftSettings),
    module("StoreCore", ["BatchDomain", "KillPoints", crypto, nioConcurrencyHelpers]),
    module(
      "RunStore",
      ["BatchDomain", "CSQLite", "KillPoints", "Migrations", "StoreCore", crypto, nioConcurrencyHelpers]),
    module(
      "PostgresStore", ["BatchDomain", "CPostgres", "Migrations", "StoreCore", crypto, nioConcurrencyHelpers]),
    module(
      "ServiceHTTP",
      [
        "BatchDomain", "CZlib", "KillPoints", nioConcurrencyHelpers, nioCore, nioExtras, nioHTTP1, nioPosix,
        nioSSL, nioTLS,
      ]),
    // One module for each generation of the service's API.
    .target(
      name: "TransfersService", dependencies: ["BatchDomain", "ServiceHTTP", nioCore],
      path: "Sources/Services/Transfers", exclude: ["README.md"], swiftSettings: swiftSettings),
    .target(
      name: "AssetsService", dependencies: ["BatchDomain", "ServiceHTTP", crypto, nioCore],
      path: "Sources/Services/Assets", exclude: ["README.md"], swiftSettings: swiftSettings),
    module("Dispatcher", ["BatchDomain", "KillPoints", nioConcurrencyHelpers]),
    module("Reporting", ["BatchDomain", mustache]),
    module(
      "Dashboard",
      [
        "BatchDomain", "Reporting", crypto, hummingbird, hummingbirdCore, httpTypes, logging,
        nioConcurrencyHelpers, nioCore,
      ]),
    module("ChildProcesses", [subprocess, systemPackage]),
    module("S3Signing", ["BatchDomain", crypto]),
    module(
      "S3Access",
      [
        "BatchDomain", "ChildProcesses", "S3Signing", asyncHTTPClient, nioCore, nioHTTP1, nioPosix, nioSSL,
        xmlCoder,
      ]),
    module(
      "Notifications",
      [
        "BatchDomain", "ChildProcesses", asyncHTTPClient, nioConcurrencyHelpers, nioCore, nioHTTP1, nioPosix,
        nioSSL,
      ]),
    module(
      "OrchestrateCommands",
      [
        "BatchDomain", "BuildCommit", "ChildProcesses", "ManifestListing", "ManifestReader", "PostgresStore",
        "RunStore", "StoreCore",
        "S3Access", "S3Signing",
        "ServiceHTTP", "AssetsService", "TransfersService", "Dispatcher",
        "Reporting", "Dashboard", "Notifications", "Drill", argumentParser, deque,
        logging, nioConcurrencyHelpers, nioPosix, unixSignals, yams,
      ]),
    .executableTarget(
      name: "orchestrate", dependencies: ["OrchestrateCommands"], exclude: ["README.md"],
      swiftSettings: swiftSettings),

    // The one module of what ships that has the simulator.
    module("Drill", ["BatchDomain", "ChildProcesses", "S3Signing", "TransferSimulator"]),

    // What the drill, tests and the demo run against.
    module(
      "TransferSimulator", ["CZlib", crypto, hummingbirdCore, httpTypes, nioCore, nioPosix, logging]),
    .executableTarget(
      name: "transfer-simulator", dependencies: ["TransferSimulator", argumentParser], exclude: ["README.md"],
      swiftSettings: swiftSettings),
    .executableTarget(
      name: "crash-score", dependencies: ["Drill", argumentParser], exclude: ["README.md"],
      swiftSettings: swiftSettings),
    module(
      "TestSupport",
      ["BatchDomain", "RunStore", "StoreCore", "S3Signing", "CSQLite", "FaultyVFS", nioConcurrencyHelpers]),
    .target(name: "FaultyVFS", dependencies: ["CSQLite"], path: "Tests/FaultyVFS"),
    .target(
      name: "ProgramSupport", dependencies: ["TestSupport", "TransferSimulator", nioConcurrencyHelpers],
      path: "Tests/ProgramSupport", swiftSettings: swiftSettings),

    tests("ArchitectureTests", []),
    tests("BatchDomainTests", ["BatchDomain", "TestSupport", crypto]),
    tests("ManifestReaderTests", ["ManifestReader", "BatchDomain", "CZlib"]),
    tests("ManifestListingTests", ["ManifestListing", "BatchDomain", "CZlib", "TestSupport", crypto]),
    tests(
      "RunStoreTests",
      [
        "RunStore", "StoreCore", "PostgresStore", "BatchDomain", "Migrations", "CSQLite", "TestSupport",
        nioConcurrencyHelpers,
      ], exclude: ["Formats"]),
    tests(
      "ServiceTests",
      [
        "ServiceHTTP", "TransfersService", "AssetsService", "BatchDomain", "TestSupport", "TransferSimulator",
        nioConcurrencyHelpers, nioCore, nioPosix, nioHTTP1, nioSSL,
      ]),
    tests(
      "DispatcherTests",
      [
        "Dispatcher", "BatchDomain", "RunStore", "StoreCore", "ServiceHTTP", "TransfersService",
        "TestSupport",
        nioConcurrencyHelpers,
      ]),
    tests(
      "SimulationTests",
      [
        "AssetsService", "Dispatcher", "BatchDomain", "RunStore", "StoreCore", "ServiceHTTP",
        "TransfersService",
        "CSQLite",
        "TestSupport",
        nioConcurrencyHelpers,
      ]),
    tests(
      "NightsTests",
      [
        "OrchestrateCommands", "AssetsService", "BatchDomain", "RunStore", "StoreCore", "ServiceHTTP",
        "TransfersService",
        "TestSupport", "TransferSimulator", argumentParser, nioConcurrencyHelpers,
      ]),
    tests("ChildProcessesTests", ["ChildProcesses", "TestSupport"]),
    tests("S3SigningTests", ["S3Signing", "BatchDomain", "TestSupport"]),
    tests(
      "S3AccessTests",
      [
        "S3Access", "S3Signing", "BatchDomain", "ChildProcesses", "TestSupport", "TransferSimulator",
        nioConcurrencyHelpers,
        nioCore,
        nioPosix, nioHTTP1, nioSSL,
      ]),
    tests("CostTests", ["BatchDomain", "RunStore", "StoreCore", "TestSupport"]),
    tests("ReportingTests", ["Reporting", "BatchDomain", "TestSupport"]),
    tests(
      "DashboardTests",
      [
        "Dashboard", "BatchDomain", "Reporting", "RunStore", "StoreCore", "TestSupport", asyncHTTPClient,
        crypto,
        nioConcurrencyHelpers,
        nioCore, nioHTTP1,
      ]),
    tests(
      "NotificationsTests",
      [
        "Notifications", "BatchDomain", "TestSupport", nioConcurrencyHelpers, nioCore, nioPosix, nioHTTP1,
        nioSSL,
      ]),
    tests(
      "OrchestrateCommandsTests",
      [
        "OrchestrateCommands", "BatchDomain", "ManifestListing", "ManifestReader", "Notifications",
        "Reporting",
        "RunStore", "StoreCore", "S3Access", "S3Signing", "ServiceHTTP",
        "TransfersService", "Dispatcher", "TestSupport", argumentParser, nioConcurrencyHelpers,
      ]),
    tests(
      "TransferSimulatorTests",
      ["TransferSimulator", "CZlib", asyncHTTPClient, crypto, nioCore, nioPosix, nioHTTP1]),
    tests(
      "EndToEndTests",
      [
        "orchestrate", "transfer-simulator", "TransferSimulator", "BatchDomain", "Drill", "KillPoints",
        "RunStore",
        "ProgramSupport", "TestSupport",
        nioConcurrencyHelpers,
      ],
      resources: [.copy("Fixtures")]),
    tests(
      "BrowserTests",
      ["orchestrate", "ProgramSupport", "TransferSimulator", "TestSupport", nioConcurrencyHelpers]),
  ]
)

// `scripts/tsan` names the suites that it runs, so that nothing but what they need is built once more.
if let suites = Context.environment["ORCHESTRATE_SUITES"]?.split(separator: " ").map(String.init) {
  package.targets.removeAll { $0.type == .test && !suites.contains($0.name) }
}
