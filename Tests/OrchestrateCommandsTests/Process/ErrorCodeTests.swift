import BatchDomain
import Foundation
import ManifestReader
import S3Access
import ServiceHTTP
import Testing

@testable import ManifestListing
@testable import OrchestrateCommands

@Suite("The codes of errors")
struct ErrorCodeTests {
  private static let root = (1...4).reduce(URL(filePath: #filePath)) { url, _ in
    url.deletingLastPathComponent()
  }

  /// Code and status of every row of the table.
  private func documented() throws -> [String: Int32] {
    let page = try String(contentsOf: Self.root.appending(path: "docs/json-output.md"), encoding: .utf8)
    let section = try #require(page.split(separator: "\n## Errors\n").last?.split(separator: "\n## ").first)
    var codes: [String: Int32] = [:]
    for line in section.split(separator: "\n") {
      guard let row = line.wholeMatch(of: /\| `([a-z0-9_]+)` \| ([0-9]+) \| (.+) \|/) else { continue }
      #expect(codes[String(row.1)] == nil, "\(row.1) is in the table twice")
      codes[String(row.1)] = Int32(row.2)
    }
    return codes
  }

  /// Codes of errors that have a kind of their own.
  private static let kinds: [CommandFailure] =
    ConfigurationError.Code.allCases.map { CommandFailure(ConfigurationError($0, "m")) }
    + StoreError.Code.allCases.map { CommandFailure(StoreError($0, "m")) }
    + S3Error.Code.allCases.map { CommandFailure(S3Error($0, "m")) }
    + ServiceHTTPError.Code.allCases.map { CommandFailure(ServiceHTTPError($0, "m", remedy: "r")) }
    + ListError.Code.allCases.map { CommandFailure(ListError($0, "f", "m", remedy: "r")) }
    + ManifestError.Code.allCases.map {
      CommandFailure(ManifestError(code: $0, subject: "s", cause: "c", remedy: "r"))
    }

  @Test("docs/json-output.md has the code and the status of every kind of error")
  func kinds() throws {
    let documented = try documented()
    for failure in Self.kinds {
      #expect(documented[failure.code.rawValue] == failure.status.rawValue, "\(failure.code.rawValue)")
    }
  }

  @Test("docs/json-output.md has the code of every failure that a command makes, and no other code")
  func commands() throws {
    let documented = try documented()
    let folder = Self.root.appending(path: "Sources/OrchestrateCommands")
    let files = try #require(FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil))
    var codes = Set(Self.kinds.map(\.code.rawValue))
    for case let file as URL in files where file.pathExtension == "swift" {
      let source = try String(contentsOf: file, encoding: .utf8)
      for found in source.matches(of: /\bcode(?:: CommandFailure\.Code =|:)\s*"([a-z0-9_]+)"/) {
        codes.insert(String(found.1))
      }
      for found in source.matches(of: /\.(\w+),\s*code: "([a-z0-9_]+)"/) {
        let status = OrchestrateCommands.ExitStatus.allCases.first { "\($0)" == found.1 }?.rawValue
        #expect(documented[String(found.2)] == status, "\(found.2) in \(file.lastPathComponent)")
      }
    }
    #expect(codes.count > 60)
    #expect(codes.subtracting(documented.keys).sorted() == [])
    #expect(Set(documented.keys).subtracting(codes).sorted() == [])
  }
}
