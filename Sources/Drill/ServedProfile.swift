import BatchDomain
import Foundation
import S3Signing
import TransferSimulator

/// The generation of the service that a run is sent to.
package enum ServedProfile: String, CaseIterable, Sendable {
  case v1
  case v1_3 = "v1.3"

  /// Items of a manifest, so that a run lasts for some twenty lives.
  package var items: Int {
    switch self {
    case .v1: 2_000
    case .v1_3: 600
    }
  }

  /// Makes a service lose answers, answer 500 before and after it took the work, and throttle.
  func serve(_ items: DrillItems, in configuration: inout SimulatorConfiguration) {
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
      store.buckets = Set(items.items.compactMap { S3Location(ObjectName($0.object))?.bucket }).sorted().map {
        var bucket = SyntheticBucket($0, objects: [])
        bucket.holdsEveryKey = true
        return bucket
      }
      configuration.objects = store
    }
  }

  /// Options of `submit` besides those of every profile.
  var options: [String] {
    switch self {
    case .v1: ["--profile", rawValue, "--chunk-size", "20"]
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
  func taken(of items: DrillItems, by server: SimulatorServer) -> [TakenItem] {
    switch self {
    case .v1:
      let counts = server.ledger.acceptedCounts
      return items.items.map {
        TakenItem(times: counts[ElementKey(indexID: $0.index, object: $0.object)] ?? 0)
      }
    case .v1_3:
      // The service was given URLs of the small S3, with the key percent-encoded in its path.
      let records = Dictionary(grouping: server.assets.records(at: server.now)) {
        Array(($0.object.removingPercentEncoding ?? $0.object).utf8)
      }
      return items.items.map { item in
        let assets = records[Array("\(server.address)/\(item.object.dropFirst("s3://".count))".utf8)] ?? []
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
