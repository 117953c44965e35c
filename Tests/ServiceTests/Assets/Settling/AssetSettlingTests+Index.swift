import AssetsService
import BatchDomain
import NIOConcurrencyHelpers
import ServiceHTTP
import TestSupport
import Testing

/// The same of the step `index`: what the lists of indexed assets show.
extension AssetSettlingTests {
  private func indexed(_ id: String, asset: String = "a1", index: IndexID = "i1") -> IndexedAssetRow {
    IndexedAssetRow(id: id, asset: asset, index: index, createdAt: start + .seconds(5))
  }

  @Test func `an indexed asset of the asset in its index is proof at once`() async throws {
    let model = ModelAssets(
      .init(indexed: [indexed("x9", index: "i2"), indexed("x2"), indexed("x1"), indexed("x0", asset: "b")]))
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(.index), at: 15)
    #expect(reading.finding == .received)
    #expect(reading.externalID == "x1")
    #expect(reading.isDone)
    #expect(reading.surplus == ["x2"])
    #expect(Set(model.calls.entries) == [.ofAsset])
  }

  @Test func `an absence in an index counts beside a later one in its own list`() async throws {
    accepted("x5", 11, step: .index, asset: "b1")
    let model = ModelAssets(.init(indexed: [indexed("x5", asset: "b1"), indexed("x9", index: "i2")]))
    var strategy = try strategy(model)
    #expect(try await look(&strategy, unknown(.index), at: 20).finding == .unconfirmed)
    let reading = try await look(&strategy, unknown(.index), at: 50)
    #expect(reading.finding == .notReceived)
    #expect(reading.evidence.witnesses == [ChunkNumber(9)])
  }

  @Test func `a later one of another index is looked for there`() async throws {
    accepted("x5", 11, step: .index, asset: "b1", index: "i2")
    let model = ModelAssets(.init(indexed: [indexed("x5", asset: "b1", index: "i2")]))
    var strategy = try strategy(model)
    #expect(try await look(&strategy, unknown(.index), at: 20).finding == .unconfirmed)
  }

  @Test(arguments: [true, false])
  func `while an index step that was accepted last is not listed, nothing is concluded`(
    hasListOfAsset: Bool
  ) async throws {
    accepted("x0", -5, step: .index, asset: "b0", index: "i1")
    let model = ModelAssets(.init(failures: hasListOfAsset ? [:] : [.ofAsset: .missing]))
    var strategy = try strategy(model)
    #expect(
      try await look(&strategy, unknown(.index), at: 70).finding == .open(notBefore: start + .seconds(160)))
    #expect(isOpen(try await look(&strategy, unknown(.index), at: 160)))
    var row = indexed("x0", asset: "b0")
    row.createdAt = start - .seconds(5)
    model.change { [row] in $0.indexed = [row] }
    // It took at most 170 s.
    #expect(
      try await look(&strategy, unknown(.index), at: 165).finding == .open(notBefore: start + .seconds(350)))
    #expect(try await look(&strategy, unknown(.index), at: 350).finding == .unconfirmed)
    #expect(try await look(&strategy, unknown(.index), at: 380).finding == .notReceived)
  }

  @Test func `the longest lag of the run counts, whichever list had it`() async throws {
    records.state.withLockedValue {
      $0.lags[IndexID("")] = ListingLag(acceptedAt: start, lag: .seconds(100))
    }
    var strategy = try strategy(ModelAssets())
    #expect(
      try await look(&strategy, unknown(.index), at: 100).finding == .open(notBefore: start + .seconds(210)))
  }

  @Test func `a later one whose asset is not known is no witness, and time decides`() async throws {
    accepted("x5", 11, step: .index)
    var strategy = try strategy(ModelAssets())
    #expect(
      try await look(&strategy, unknown(.index), at: 40).finding == .open(notBefore: start + .seconds(70)))
    #expect(try await look(&strategy, unknown(.index), at: 70).finding == .unconfirmed)
    #expect(try await look(&strategy, unknown(.index), at: 100).finding == .notReceived)
  }

  @Test func `a service without the list of an asset is asked for the list of the index`() async throws {
    let model = ModelAssets(
      .init(indexed: [indexed("x1"), indexed("x0", asset: "b")], failures: [.ofAsset: .missing]))
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(.index), at: 15)
    #expect(reading.externalID == "x1")
    #expect(model.calls.entries.first == .ofAsset)
    #expect(model.calls.entries.contains(.ofIndex))
  }

  @Test func `where the list of an asset names others, the list of the index decides`() async throws {
    let model = ModelAssets(.init(indexed: [indexed("x0", asset: "b")], ignoresAssets: true))
    var strategy = try strategy(model)
    accepted("x5", 11, step: .index, asset: "b1")
    let witness = indexed("x5", asset: "b1")
    model.change { $0.indexed.insert(witness, at: 0) }
    #expect(try await look(&strategy, unknown(.index), at: 20).finding == .unconfirmed)
    #expect(model.calls.entries.contains(.ofIndex))
    let own = indexed("x1")
    model.change { $0.indexed.insert(own, at: 0) }
    let reading = try await look(&strategy, unknown(.index), at: 50)
    #expect(reading.externalID == "x1")
    #expect(reading.surplus.isEmpty)
  }

  @Test func `a list of an asset with what another chunk was given is not that of the asset`() async throws {
    records.state.withLockedValue { $0.holders = [.index: ["x0": [ChunkNumber(9)]]] }
    let model = ModelAssets(
      .init(
        indexed: [indexed("y0", asset: "c"), indexed("x0", asset: "b")], ignoresAssets: true,
        namesAssets: false))
    var strategy = try strategy(model)
    #expect(try await look(&strategy, unknown(.index), at: 1_000).finding == .unconfirmed)
    #expect(model.calls.entries.contains(.ofIndex))
    // Where every list says that it is of this asset, a person has to look.
    let own = indexed("x0")
    model.change { $0.indexed = [own] }
    #expect(try await look(&strategy, unknown(.index), at: 1_030).finding == .undecidable)
  }

  @Test func `a row without its index leaves it open, unless another is in the index`() async throws {
    let model = ModelAssets(.init(indexed: [IndexedAssetRow(id: "x1", asset: "a1")]))
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(.index), at: 1_000)
    #expect(isOpen(reading) && reading.evidence.text.contains("without its index"))
    let own = indexed("x2")
    model.change { $0.indexed.append(own) }
    #expect(try await look(&strategy, unknown(.index), at: 1_030).externalID == "x2")
  }

  @Test func `a recent row of an index without its asset leaves an absence open`() async throws {
    var row = IndexedAssetRow(id: "x1", index: "i1", createdAt: start + .seconds(5))
    let model = ModelAssets(.init(indexed: [row], failures: [.ofAsset: .missing]))
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(.index), at: 1_000)
    #expect(isOpen(reading) && reading.evidence.text.contains("without its asset"))
    // One that is older than the request cannot be of it.
    row.createdAt = start - .seconds(3_600)
    model.change { [row] in $0.indexed = [row] }
    #expect(try await look(&strategy, unknown(.index), at: 1_030).finding == .unconfirmed)
    row.createdAt = nil
    let own = indexed("x2")
    model.change { [row] in $0.indexed = [row, own] }
    #expect(try await look(&strategy, unknown(.index), at: 1_060).externalID == "x2")
  }

  @Test func `an index step whose asset is not recorded is left to a person`() async throws {
    var strategy = try strategy(ModelAssets())
    #expect(try await look(&strategy, unknown(.index, asset: nil), at: 15).finding == .undecidable)
  }

  @Test func `lists of an asset that cannot be read leave it open`() async throws {
    var strategy = try strategy(ModelAssets(.init(failures: [.ofAsset: .broken])))
    #expect(try await look(&strategy, unknown(.index), at: 1_000).finding == .open(notBefore: nil))
  }
  @Test func `a gap in the list of an asset leaves an absence open, and what is behind it is proof`()
    async throws
  {
    let model = ModelAssets(.init(emptiedPages: [1]), pageLimit: 1)
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(.index), at: 1_000)
    #expect(isOpen(reading))
    #expect(
      reading.evidence.text.contains("page 1 of the list of indexed assets of the asset is empty although"))
    let rows = [indexed("x0", index: "other"), indexed("x1")]
    model.change { $0.indexed = rows }
    #expect(try await look(&strategy, unknown(.index), at: 1_030).externalID == "x1")
  }

  @Test func `a gap in the list of an index leaves it open`() async throws {
    let rows = [indexed("x0", asset: "b"), indexed("x9", asset: "c"), indexed("x1")]
    let model = ModelAssets(
      .init(indexed: rows, failures: [.ofAsset: .missing], emptiedPages: [2]), pageLimit: 1)
    var strategy = try strategy(model)
    let reading = try await look(&strategy, unknown(.index), at: 1_000)
    #expect(isOpen(reading))
    #expect(reading.evidence.text.contains("page 2 of the list of indexed assets is empty although"))
  }
}
