// swift-tools-version: 6.2
// A package of its own without any dependency, so that fuzzers, the address sanitizer and what is counted in an optimised
// build take a minute: the
// real sources of the targets that read what others wrote, through symbolic links. `scripts/fuzz` and `scripts/asan`
// make the links (`link_fuzz_sources` in scripts/lib.sh) and build it.
import PackageDescription

let swiftSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

/// A fuzzer; its `main` is libFuzzer's, so it links only with `--sanitize fuzzer`.
func fuzzer(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
  .executableTarget(name: name, dependencies: ["Oracles"] + dependencies, swiftSettings: swiftSettings)
}

let package = Package(
  name: "fuzz",
  platforms: [.macOS(.v15)],
  targets: [
    // The project's own sources.
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .target(
      name: "BatchDomain", dependencies: ["Crypto"], exclude: ["README.md"], swiftSettings: swiftSettings),
    .target(
      name: "ManifestReader", dependencies: ["BatchDomain", "CZlib"], exclude: ["README.md"],
      swiftSettings: swiftSettings),
    .target(
      name: "ManifestListing", dependencies: ["BatchDomain", "Crypto", "CZlib", "HeapModule"],
      exclude: ["README.md"], swiftSettings: swiftSettings),
    // What decodes answers; the files that need the network have no link here.
    .target(name: "ServiceHTTP", dependencies: ["BatchDomain", "CZlib"], swiftSettings: swiftSettings),
    .target(
      name: "TransfersService", dependencies: ["BatchDomain", "ServiceHTTP"], swiftSettings: swiftSettings),
    .testTarget(
      name: "ManifestReaderTests", dependencies: ["ManifestReader", "BatchDomain", "CZlib"],
      swiftSettings: swiftSettings),

    // Stand in for swift-crypto, which takes longer to build than all the rest, and for swift-collections.
    .target(name: "Crypto", swiftSettings: swiftSettings),
    .target(name: "HeapModule", swiftSettings: swiftSettings),
    .target(name: "Oracles", swiftSettings: swiftSettings),
    .target(name: "AllocationCounter"),
    .executableTarget(
      name: "ReadingCost", dependencies: ["ManifestReader", "BatchDomain", "AllocationCounter"],
      swiftSettings: swiftSettings),
    fuzzer("ManifestFuzzer", ["ManifestReader", "BatchDomain", "CZlib"]),
    fuzzer("AnswerFuzzer", ["ServiceHTTP", "TransfersService", "BatchDomain"]),
    fuzzer("ListFuzzer", ["ManifestListing", "BatchDomain"]),
    fuzzer("WaitFuzzer", ["ServiceHTTP", "BatchDomain"]),
  ]
)
