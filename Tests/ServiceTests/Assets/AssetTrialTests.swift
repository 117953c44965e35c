import AssetsService
import BatchDomain
import NIOConcurrencyHelpers
import ServiceHTTP
import Testing

/// A clock on which whoever sleeps wakes at once, and the time has passed.
private final class HastyClock: BatchClock {
  private let passed = NIOLockedValueBox(Duration.zero)

  func now() -> Timestamp { Timestamp(milliseconds: 1_750_000_000_000) + elapsed() }
  func elapsed() -> Duration { passed.withLockedValue { $0 } }
  func sleep(for duration: Duration) async throws { passed.withLockedValue { $0 += duration } }
}

/// What one object shows on its way through both steps.
@Suite struct AssetTrialTests {
  private let clock = HastyClock()
  private let object: ObjectName = "s3://media-west/a/01.mp4"
  private let tag = sampleTag(number: 0).item

  /// Takes the object through both steps.
  private func trial(_ model: ModelAssets, urls: FixedURLs = FixedURLs()) async throws -> AssetTrial {
    let service = AssetsService(
      model, urls: urls, run: try #require(RunID(rawValue: sampleRun)), urlLifetime: .seconds(3_600),
      clock: clock, destination: "https://api.test/v1.3/assets")
    return await service.trial(of: object, into: "i1")
  }

  private static func made(_ id: String, status: String? = "processing") -> Result<
    CreationAnswer, TransportFailure
  > {
    .success(CreationAnswer(Answer(status: 201, body: .json), id: id, status: status))
  }

  private func asset(_ status: String, item: String? = nil, message: String? = nil) -> AssetRow {
    AssetRow(
      id: "a1", status: status, message: message, hasMetadata: item != nil, item: item, run: sampleRun)
  }

  @Test func `it is uploaded once, waited for, and indexed once`() async throws {
    let working = asset("processing", item: tag)
    let ready = asset("ready", item: tag)
    let model = ModelAssets(
      .init(
        indexed: [IndexedAssetRow(id: "x1", asset: "a1", index: "i1")],
        creations: [Self.made("a1"), Self.made("x1")], unlisted: [working],
        // The list is behind at the first look.
        after: [
          .byID: {
            $0.unlisted = []
            $0.assets = [ready]
          }
        ]))
    let trial = try await trial(model)
    #expect(
      trial
        == AssetTrial(
          upload: .ready(
            AssetTrial.Seen(
              id: "a1", readyAfter: .milliseconds(250), listedAfter: .milliseconds(250), showsTag: true)),
          index: .accepted(id: "x1", listedAfter: .zero)))
    #expect(model.created.entries.map(\.url) == [sampleURL])
    #expect(model.created.entries.first?.fileName == "01.mp4")
    #expect(model.added.entries.map(\.asset) == ["a1"])
    #expect(model.added.entries.map(\.index) == ["i1"])
  }

  @Test func `lists that never show it are not waited for without end`() async throws {
    let ready = asset("ready", item: tag)
    let model = ModelAssets(
      .init(creations: [Self.made("a1", status: "ready"), Self.made("x1")], unlisted: [ready]))
    let trial = try await trial(model)
    #expect(
      trial
        == AssetTrial(
          upload: .ready(
            AssetTrial.Seen(id: "a1", readyAfter: .zero, listedAfter: nil, showsTag: false)),
          index: .accepted(id: "x1", listedAfter: nil)))
  }

  @Test func `metadata that the list does not show is said`() async throws {
    let bare = asset("ready")
    let model = ModelAssets(.init(assets: [bare], creations: [Self.made("a1"), Self.made("x1")]))
    guard case .ready(let seen) = try await trial(model).upload else {
      Issue.record("it is not ready")
      return
    }
    #expect(seen.listedAfter == .zero && !seen.showsTag)
  }

  @Test func `an asset that fails is not indexed, and its reason is said`() async throws {
    let failed = asset("failed", item: tag, message: "could not be fetched")
    let model = ModelAssets(.init(assets: [failed], creations: [Self.made("a1")]))
    let trial = try await trial(model)
    #expect(
      trial
        == AssetTrial(upload: .failed("the service could not use it: could not be fetched", id: "a1")))
    #expect(model.added.entries.isEmpty)
  }

  @Test func `an asset that never is ready is given up after five minutes`() async throws {
    let working = asset("processing", item: tag)
    let model = ModelAssets(.init(assets: [working], creations: [Self.made("a1")]))
    guard case .failed(let why, id: "a1") = try await trial(model).upload else {
      Issue.record("it is ready")
      return
    }
    #expect(why.contains("not ready after 5m") && why.contains("processing"), "\(why)")
    #expect(model.added.entries.isEmpty)
  }

  @Test func `a lost answer is said, and nothing is sent again`() async throws {
    let model = ModelAssets()
    guard case .failed(let why, id: nil) = try await trial(model).upload else {
      Issue.record("it is ready")
      return
    }
    #expect(why.contains("is not known"), "\(why)")
    #expect(model.created.entries.count == 1)
  }

  @Test func `without an address of the object nothing is sent`() async throws {
    let model = ModelAssets()
    let trial = try await trial(
      model, urls: FixedURLs(error: .refused(code: "object_missing", message: "there is no such object")))
    guard case .failed(let why, id: nil) = trial.upload else {
      Issue.record("it is ready")
      return
    }
    #expect(why.contains("there is no such object"))
    #expect(model.created.entries.isEmpty)
  }
}
