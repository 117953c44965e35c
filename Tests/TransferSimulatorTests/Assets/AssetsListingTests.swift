import Foundation
import Testing

@testable import TransferSimulator

/// What listings of profile v1.3 show, and how they can be hard to read.
struct AssetsListingTests {
  private let listing = "/indexes/\(AssetsProbe.index)/indexed-assets"

  @Test func assetsComeNewestFirstInPages() {
    let probe = AssetsProbe()
    let ids = (0..<25).map { probe.upload("\($0).mp4", tag: "\($0)").id }
    let first = probe.get("/assets")
    #expect(first.ids == Array(ids.reversed().prefix(10)))
    #expect(first.page("total_results") == 25 && first.page("total_page") == 3)
    #expect(probe.get("/assets?page=3").ids == Array(ids[..<5].reversed()))
    #expect(probe.get("/assets?page=4").ids.isEmpty)
    #expect(probe.get("/assets?page_limit=50").ids.count == 25)
  }

  @Test func assetsAreFilteredByIDsNameAndType() {
    let probe = AssetsProbe()
    let ids = ["Night 1.MP4", "night-2.mov", "day.mp4", "x.pdf"].map { probe.upload($0).id }
    #expect(
      probe.get("/assets?asset_ids=\(ids[0])&asset_ids=\(ids[2])&asset_ids=none").ids == [ids[2], ids[0]])
    #expect(probe.get("/assets?filename=NIGHT").ids == [ids[1], ids[0]])
    #expect(probe.get("/assets?filename=night%201").ids == [ids[0]])
    #expect(probe.get("/assets?asset_types=video").ids.isEmpty)
    probe.pass(.seconds(1))
    #expect(probe.get("/assets?asset_types=video").ids == [ids[2], ids[1], ids[0]])
    #expect(probe.get("/assets?asset_types=document&asset_types=audio").ids == [ids[3]])
  }

  @Test func assetsHaveTheirMetadataUnlessSwitchedOff() {
    for returns in [true, false] {
      let probe = AssetsProbe { $1.returnsMetadata = returns }
      let made = probe.upload("01.mp4", tag: "t")
      for row in [probe.get("/assets").rows[0], probe.get("/assets/\(made.id)").json, made.json] {
        #expect(((row["user_metadata"] as? [String: Any])?["orchestrate_item"] as? String == "t") == returns)
      }
    }
  }

  @Test func indexedAssetsAreFilteredAndSorted() throws {
    let probe = AssetsProbe { $1.durations = 60...60 }
    let first = probe.both("First.mp4", tag: "a").indexed
    probe.pass(.seconds(10))
    let second = probe.both("second.mp4", tag: "b").indexed
    #expect(probe.get(listing).ids == [second, first])
    #expect(probe.get("\(listing)?sort_option=asc").ids == [first, second])
    #expect(probe.get("\(listing)?status=ready").ids == [first])
    #expect(probe.get("\(listing)?status=ready&status=pending&sort_by=updated_at").ids == [second, first])
    #expect(probe.get("\(listing)?filename=FIRST").ids == [first])
    #expect(probe.get("\(listing)?duration[gte]=60&duration[lte]=60&fps[lte]=25").ids.count == 2)
    #expect(probe.get("\(listing)?duration%5Bgte%5D=61").ids.isEmpty)
    #expect(probe.get("\(listing)?created_at=2026-11-26T22:00:05Z").ids == [second])
    #expect(probe.get("\(listing)?orchestrate_item=a").ids == [first])
    #expect(probe.get("\(listing)?user_metadata[orchestrate_item]=a").ids.count == 2)
    for query in ["sort_by=name", "sort_option=up", "created_at=yesterday", "duration[gte]=x"] {
      #expect(probe.get("\(listing)?\(query)").status == 400)
    }
    let row = try #require(probe.get(listing).rows.first)
    #expect(row["user_metadata"] == nil)
    let metadata = probe.get("\(listing)/\(second)").json["user_metadata"] as? [String: Any]
    #expect(metadata?.keys.sorted() == ["orchestrate_item"])
  }

  @Test func indexesOfAnAssetAreListed() {
    let probe = AssetsProbe()
    let (asset, indexed) = probe.both("01.mp4", tag: "t")
    let other = probe.index(asset, in: "other").id
    let reply = probe.get("/assets/\(asset)/indexed-assets")
    #expect(reply.ids == [other, indexed])
    #expect(
      reply.rows.compactMap { ($0["index"] as? [String: Any])?["_id"] as? String } == [
        "other", AssetsProbe.index,
      ])
  }

  @Test func pathByAssetCanBeMissing() {
    let probe = AssetsProbe { $1.listsByAsset = false }
    let asset = probe.both("01.mp4", tag: "t").asset
    #expect(probe.get("/assets/\(asset)/indexed-assets").status == 404)
  }

  @Test func listingsLagAndReadingByIDDoesNot() {
    let probe = AssetsProbe { configuration, _ in configuration.listingLag = .seconds(5) }
    let (asset, indexed) = probe.both("01.mp4", tag: "t")
    #expect(probe.get("/assets").ids.isEmpty)
    #expect(probe.get("/assets?asset_ids=\(asset)").ids.isEmpty)
    #expect(probe.get(listing).ids.isEmpty)
    #expect(probe.get("/assets/\(asset)/indexed-assets").ids.isEmpty)
    #expect(probe.get("/assets/\(asset)").status == 200)
    probe.pass(.seconds(5))
    #expect(probe.get("/assets").ids == [asset])
    #expect(probe.get(listing).ids == [indexed])
    #expect(probe.get("/assets/\(asset)/indexed-assets").ids == [indexed])
  }

  @Test func listingsCanBeHardToRead() {
    func listed(_ mode: ListingMode, _ body: (AssetsProbe, [String]) -> Void) {
      let probe = AssetsProbe()
      let ids = (0..<4).map { probe.upload("\($0).mp4", tag: "\($0)").id }
      probe.model.setListingModes([mode])
      body(probe, ids)
    }
    listed(.fails) { probe, _ in #expect(probe.get("/assets").status == 500) }
    listed(.missing) { probe, _ in #expect(probe.get("/assets").status == 404) }
    listed(.ignoreFilename) { probe, _ in #expect(probe.get("/assets?filename=1").ids.count == 4) }
    listed(.zeroTotals) { probe, _ in #expect(probe.get("/assets").page("total_page") == 0) }
    listed(.omitMetadata) { probe, _ in
      #expect(probe.get("/assets").rows.allSatisfy { $0["user_metadata"] == nil })
    }
    listed(.repeating) { probe, ids in
      #expect(probe.get("/assets?page_limit=2").ids == [ids[3], ids[2]])
      #expect(probe.get("/assets?page=2&page_limit=2").ids == [ids[2], ids[1]])
    }
    listed(.shifting) { probe, ids in
      #expect(probe.get("/assets?page_limit=2").ids == [ids[3], ids[2]])
      #expect(probe.get("/assets?page=2&page_limit=2").ids == [ids[2], ids[1]])
      #expect(probe.model.records(at: probe.now).count == 4)
    }
  }
}
