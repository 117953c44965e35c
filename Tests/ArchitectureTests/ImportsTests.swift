import Foundation
import Testing

/// Holds the arrows between the targets: who may import whom.
@Suite("Imports")
struct ImportsTests {
  static let domain: Set<String> = ["BatchDomain"]
  static let ports = domain.union(["Foundation", "Synchronization", "NIOConcurrencyHelpers"])
  /// The C library under the names it has on the platforms Swift runs on.
  static let system: Set<String> = ["Glibc", "Musl", "Darwin"]

  /// What each target may import; system modules included, so that a new dependency is a decision.
  static let allowed: [String: Set<String>] = [
    "BuildCommit": [],
    "BatchDomain": ["Crypto", "Foundation"],
    "ManifestReader": domain.union(["Foundation", "CZlib", "Crypto"]).union(system),
    "ManifestListing": domain.union(["Foundation", "CZlib", "Crypto", "HeapModule"]).union(system),
    "KillPoints": ["Foundation", "Synchronization"],
    "StoreCore": ports.union(["KillPoints", "Crypto", "Dispatch"]),
    "RunStore": ports.union(["CSQLite", "KillPoints", "Migrations", "Crypto", "Dispatch", "StoreCore"]),
    "PostgresStore": ports.union(["CPostgres", "Migrations", "Crypto", "Dispatch", "StoreCore"]),
    "ServiceHTTP": ports.union([
      "CZlib", "KillPoints", "NIOCore", "NIOExtras", "NIOPosix", "NIOHTTP1", "NIOSSL", "NIOTLS",
      "FoundationEssentials",
    ]).union(system),
    "Services": domain.union(["ServiceHTTP", "NIOConcurrencyHelpers", "NIOCore", "Crypto"]).union(system),
    "Dispatcher": domain.union(["KillPoints", "NIOConcurrencyHelpers"]),
    "Reporting": domain.union(["Mustache"]),
    "Dashboard": ports.union([
      "Reporting", "Crypto", "Hummingbird", "HummingbirdCore", "HTTPTypes", "Logging", "NIOCore",
    ]),
    "ChildProcesses": Set(["Subprocess", "System", "SystemPackage"]).union(system),
    "S3Signing": domain.union(["Crypto"]),
    "S3Access": domain.union([
      "AsyncHTTPClient", "ChildProcesses", "Foundation", "FoundationEssentials", "NIOCore", "NIOHTTP1",
      "NIOPosix",
      "NIOSSL", "S3Signing", "XMLCoder",
    ]),
    "Notifications": ports.union([
      "AsyncHTTPClient", "ChildProcesses", "NIOCore", "NIOHTTP1", "NIOPosix", "NIOSSL",
    ]),
    "OrchestrateCommands": ports.union([
      "BuildCommit", "ChildProcesses", "Drill", "ManifestListing", "ManifestReader", "PostgresStore",
      "RunStore",
      "StoreCore",
      "S3Access", "S3Signing",
      "ServiceHTTP",
      "AssetsService", "TransfersService", "Dispatcher",
      "Reporting",
      "Dashboard",
      "Notifications", "ArgumentParser", "Logging", "NIOPosix",
      "UnixSignals", "Yams", "Dispatch", "DequeModule",
    ]).union(system),
    "orchestrate": ["OrchestrateCommands"],
    "TransferSimulator": [
      "Foundation", "Synchronization", "HummingbirdCore", "NIOCore", "NIOPosix", "HTTPTypes", "Logging",
      "Glibc", "Dispatch", "CZlib", "Crypto",
    ],
    "transfer-simulator": [
      "TransferSimulator", "ArgumentParser", "Foundation", "Dispatch", "Glibc", "Synchronization",
    ],
    "crash-score": ["Drill", "ArgumentParser", "Foundation"],
    "Drill": [
      "BatchDomain", "ChildProcesses", "Foundation", "S3Signing", "Synchronization", "TransferSimulator",
    ],
    "TestSupport": [
      "BatchDomain", "RunStore", "StoreCore", "S3Signing", "CSQLite", "Dispatch", "FaultyVFS", "Foundation",
      "Glibc",
      "NIOConcurrencyHelpers",
    ],
  ]

  static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()

  @Test("a target imports only what it may", arguments: allowed.keys.sorted())
  func imports(target: String) throws {
    let allowed = try #require(Self.allowed[target])
    for (file, module) in try Self.imports(under: Self.root.appendingPathComponent("Sources/\(target)")) {
      #expect(allowed.contains(module), "\(file) imports \(module)")
    }
  }

  @Test("every Swift target under Sources has its arrows written down here")
  func everyTargetIsHeld() throws {
    let folders = try FileManager.default.contentsOfDirectory(
      atPath: Self.root.appendingPathComponent("Sources").path)
    let swift = folders.filter { !["CPostgres", "CSQLite", "CZlib"].contains($0) && !$0.hasPrefix(".") }
    #expect(Set(swift) == Set(Self.allowed.keys))
  }

  @Test("every target has a page that says what lives there")
  func everyTargetHasAPage() throws {
    let sources = Self.root.appendingPathComponent("Sources")
    let manager = FileManager.default
    for folder in try manager.contentsOfDirectory(atPath: sources.path) where !folder.hasPrefix(".") {
      // The folder of the services' generations has one target for each.
      let targets =
        folder == "Services"
        ? try manager.contentsOfDirectory(atPath: sources.appendingPathComponent(folder).path).map {
          "\(folder)/\($0)"
        } : [folder]
      for target in targets {
        #expect(
          manager.fileExists(atPath: sources.appendingPathComponent("\(target)/README.md").path),
          "Sources/\(target) has no README.md")
      }
    }
  }

  @Test("one file of the commands names the engine of the store")
  func oneOpener() throws {
    let folder = Self.root.appendingPathComponent("Sources/OrchestrateCommands")
    let files = try Self.imports(under: folder).filter { $0.module == "RunStore" }.map(\.file)
    #expect(files == ["StoreOpener.swift"])
  }

  @Test(
    "of what ships the drill alone imports the simulator, one command the drill, and nothing the test support"
  )
  func shipping() throws {
    for (target, modules) in Self.allowed
    where !["Drill", "transfer-simulator", "TransferSimulator", "TestSupport"].contains(target) {
      #expect(modules.isDisjoint(with: ["TransferSimulator", "TestSupport", "FaultyVFS"]))
    }
    let folder = Self.root.appendingPathComponent("Sources/OrchestrateCommands")
    let files = try Self.imports(under: folder).filter { $0.module == "Drill" }.map(\.file)
    #expect(files == ["DrillCommand.swift"])
  }

  @Test("no path is taken apart by Foundation's NSString, which ends the process at a name of one character")
  func paths() throws {
    let folder = Self.root.appendingPathComponent("Sources")
    let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    var swift = 0
    for case let file as URL in files where file.pathExtension == "swift" {
      swift += 1
      let text = try String(contentsOf: file, encoding: .utf8)
      #expect(!text.contains("as NSString"), "\(file.path)")
    }
    #expect(swift > 100)
  }

  @Test("storage that can be made to fail is linked through the test support only")
  func faultyStorage() throws {
    let text = try String(contentsOf: Self.root.appendingPathComponent("Package.swift"), encoding: .utf8)
    let mentions = text.split(separator: "\n").filter { $0.contains("FaultyVFS") }
    #expect(mentions.count == 2)
    #expect(
      mentions.allSatisfy {
        $0.contains(#"["BatchDomain", "RunStore", "StoreCore", "S3Signing""#)
          || $0.contains(#".target(name: "FaultyVFS","#)
      })
  }

  @Test("the reader of imports finds one it must refuse")
  func readerWorks() {
    let text =
      "import Foundation\npackage import BatchDomain\n  @preconcurrency import NIOCore\n// import No\nimport struct Foo.Bar\n"
    #expect(Self.modules(in: text) == ["Foundation", "BatchDomain", "NIOCore", "Foo"])
  }

  static func imports(under folder: URL) throws -> [(file: String, module: String)] {
    let enumerator = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    var found: [(String, String)] = []
    for case let file as URL in enumerator where file.pathExtension == "swift" {
      let text = try String(contentsOf: file, encoding: .utf8)
      found += modules(in: text).map { (file.lastPathComponent, $0) }
    }
    try #require(!found.isEmpty || ["BuildCommit", "orchestrate"].contains(folder.lastPathComponent))
    return found
  }

  static func modules(in text: String) -> [String] {
    let kinds: Set<Substring> = ["struct", "class", "enum", "protocol", "func", "var", "let", "typealias"]
    return text.split(separator: "\n").compactMap { line in
      let words = line.split(separator: " ")
      guard let place = words.firstIndex(of: "import") else { return nil }
      let before = words[..<place]
      guard
        before.allSatisfy({
          $0.hasPrefix("@") || ["package", "public", "internal", "private", "fileprivate"].contains($0)
        })
      else { return nil }
      var rest = words[(place + 1)...]
      if let kind = rest.first, kinds.contains(kind) { rest = rest.dropFirst() }
      return rest.first.map { String($0.split(separator: ".")[0]) }
    }
  }
}
