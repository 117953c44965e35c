import Foundation

@testable import TransferSimulator

/// Profile v1.3 without a server, at a time that the test sets.
final class AssetsProbe {
  struct Reply {
    let answer: SimulatedAnswer
    let reaction: Reaction
    let isTaken: Bool

    var status: Int { answer.status }
    var json: [String: Any] {
      (try? JSONSerialization.jsonObject(with: Data(answer.body))) as? [String: Any] ?? [:]
    }
    var code: String? { json["code"] as? String }
    var id: String { json["_id"] as? String ?? "" }
    var rows: [[String: Any]] { json["data"] as? [[String: Any]] ?? [] }
    var ids: [String] { rows.compactMap { $0["_id"] as? String } }
    func page(_ name: String) -> Int? { (json["page_info"] as? [String: Any])?[name] as? Int }
  }

  static let index = "629d807aa9e2a3a33a92c00b"
  static let start: Int64 = 1_795_730_400_000

  let model: AssetsModel
  let plan: FaultPlan
  var now = AssetsProbe.start

  /// A service whose assets are ready after a second unless the test says otherwise.
  init(_ configure: (inout SimulatorConfiguration, inout AssetsConfiguration) -> Void = { _, _ in }) {
    var configuration = SimulatorConfiguration()
    configuration.apiKey = "right-key"
    configuration.taskStep = .seconds(1)
    var assets = AssetsConfiguration()
    configure(&configuration, &assets)
    configuration.assets = assets
    let plan = FaultPlan(rules: configuration.faults, seed: configuration.seed)
    let objects = configuration.objects == nil ? nil : ObjectStore(configuration, plan: plan)
    self.plan = plan
    model = AssetsModel(configuration, plan: plan, objects: objects)
  }

  func pass(_ duration: Duration) { now += duration.wholeMilliseconds }

  func send(
    _ method: String, _ path: String, type: String? = nil, body: String = "", key: String? = "right-key"
  ) -> Reply {
    var headers = ["host": "127.0.0.1:1"]
    headers["x-api-key"] = key
    headers["content-type"] = type
    let call = AssetsCall(
      SimulatedRequest(method: method, target: "/v1.3" + path, headers: headers, body: Array(body.utf8)))
    let reaction = model.react(to: call, at: now)
    let (answer, isTaken) = model.answer(call, reaction, at: now)
    return Reply(answer: answer, reaction: reaction, isTaken: isTaken)
  }

  func get(_ path: String) -> Reply { send("GET", path) }

  static func form(_ fields: [(String, String)]) -> String {
    fields.map { "--edge\r\nContent-Disposition: form-data; name=\"\($0.0)\"\r\n\r\n\($0.1)\r\n" }.joined()
      + "--edge--\r\n"
  }

  func upload(fields: [(String, String)]) -> Reply {
    send("POST", "/assets", type: "multipart/form-data; boundary=edge", body: Self.form(fields))
  }

  /// Makes an asset of `https://media.example/NAME` with that tag.
  func upload(_ name: String = "01.mp4", tag: String? = nil, url: String? = nil) -> Reply {
    var fields = [
      ("method", "url"), ("url", url ?? "https://media.example/\(PercentCoding.encode(name.utf8))?sig=x"),
      ("filename", name),
    ]
    if let tag { fields.append(("user_metadata", #"{"orchestrate_item":"\#(tag)"}"#)) }
    return upload(fields: fields)
  }

  func index(_ asset: String, in index: String = AssetsProbe.index, tag: String? = nil) -> Reply {
    let metadata = tag.map { #","user_metadata":{"orchestrate_item":"\#($0)","empty":""}"# } ?? ""
    return send(
      "POST", "/indexes/\(index)/indexed-assets", type: "application/json",
      body: #"{"asset_id":"\#(asset)"\#(metadata)}"#)
  }

  /// Makes an asset, waits until it is ready, and puts it into the index.
  @discardableResult
  func both(_ name: String, tag: String) -> (asset: String, indexed: String) {
    let asset = upload(name, tag: tag).id
    pass(.seconds(1))
    return (asset, index(asset, tag: tag).id)
  }
}
