import ArgumentParser
import Foundation
import TransferSimulator

/// The generation of the service that a run is sent to.
enum ServedProfile: String, ExpressibleByArgument, CaseIterable {
  case v1
  case v1_3 = "v1.3"

  private static let bucket = "media-west"
  private static let index = "629d807aa9e2a3a33a92c00b"

  /// The name of an item's object in its bucket.
  private static func key(_ item: Int) -> String { "a/\(item).mp4" }

  private static func object(_ item: Int) -> String { "s3://\(bucket)/\(key(item))" }

  /// Items of a manifest, so that a run lasts for some twenty lives.
  var items: Int {
    switch self {
    case .v1: 2_000
    case .v1_3: 600
    }
  }

  /// Makes a service lose answers, answer 500 before and after it took the work, and throttle.
  ///
  /// - Parameter items: how many objects there are to be sent.
  func serve(_ items: Int, in configuration: inout SimulatorConfiguration) {
    let faults = [
      FaultRule(.resetAfter, share: 0.03), FaultRule(.error, share: 0.02),
      FaultRule(.errorAccepted, share: 0.02), FaultRule(.throttle, share: 0.01),
    ]
    switch self {
    case .v1:
      configuration.faults = faults
      configuration.taskStep = .zero
    case .v1_3:
      configuration.faults = faults.map { $0.on(.upload) } + faults.map { $0.on(.index) }
      // Long enough for kills between the two steps.
      configuration.taskStep = .milliseconds(20)
      var assets = AssetsConfiguration()
      assets.durations = 10...60
      configuration.assets = assets
      var store = ObjectStoreConfiguration()
      store.buckets = [
        SyntheticBucket(Self.bucket, objects: (0..<items).map { SyntheticBucket.Object(Self.key($0)) })
      ]
      configuration.objects = store
    }
  }

  /// The manifest of so many items.
  func manifest(_ items: Int) -> Data {
    let lines = (0..<items).map {
      #"{"index_id":"\#(Self.index)","language":"en","object":"\#(Self.object($0))"}"# + "\n"
    }
    return Data(lines.joined().utf8)
  }

  /// Options of `submit` besides those of every profile.
  var options: [String] {
    switch self {
    case .v1: ["--chunk-size", "20"]
    case .v1_3: ["--profile", rawValue, "--settle-grace", "1s"]
    }
  }

  /// Variables of the program's environment besides those of every profile.
  func environment(_ server: SimulatorServer) -> [String: String] {
    switch self {
    case .v1: [:]
    case .v1_3:
      [
        "AWS_ACCESS_KEY_ID": SimulatedCredentials.example.accessKeyID,
        "AWS_SECRET_ACCESS_KEY": SimulatedCredentials.example.secret,
        "AWS_ENDPOINT_URL_S3": server.address,
      ]
    }
  }

  /// What the service has of each item.
  func taken(of items: Int, by server: SimulatorServer) -> [TakenItem] {
    switch self {
    case .v1:
      let counts = server.ledger.acceptedCounts
      return (0..<items).map {
        TakenItem(times: counts[ElementKey(indexID: Self.index, object: Self.object($0))] ?? 0)
      }
    case .v1_3:
      let records = Dictionary(grouping: server.assets.records(at: server.now), by: \.object)
      return (0..<items).map { item in
        let assets = records["\(server.address)/\(Self.bucket)/\(Self.key(item))"] ?? []
        return TakenItem(
          times: assets.reduce(0) { $0 + $1.indexes.count },
          assets: assets.filter { $0.status != "gone" && $0.status != "failed" }.map(\.id),
          indexed: Set(assets.filter { !$0.indexes.isEmpty }.map(\.id)))
      }
    }
  }
}

/// What the service has of one item.
struct TakenItem {
  /// How often it took the item: tasks, or indexed assets.
  var times: Int
  /// The assets that can be used, with profile v1.3.
  var assets: [String] = []
  /// Those of which an indexed asset was made.
  var indexed: Set<String> = []
}
