import BatchDomain
import Foundation
import TestSupport
import TransferSimulator

/// The plain account of the nights: what is on the list, which run has which videos, and what became of each by the service's
/// own records. It knows nothing of how the program does its work.
struct NightBook {
  /// A video in one of its versions: the same object, with other members on the list.
  struct Video: Hashable {
    let name: String
    var version = 0

    var key: String { "videos/\(name).mp4" }
    var object: String { "s3://\(NightBook.bucket)/\(key)" }
  }

  /// A run as it has to be.
  struct Run {
    let id: String
    let items: [Video]
    let skipped: Int
    /// When it was planned, at the earliest and at the latest.
    let planned: ClosedRange<Timestamp>
    /// Whether nothing of it is left.
    var isDone = false
    /// Items whose requests died with their process, at most.
    var doubted = 0
    /// Whether somebody asked the service about its items.
    var isTracked = false
  }

  /// What became of a video at the service.
  struct Fate: Equatable {
    /// The service's own word.
    let state: String
    var isFinal: Bool { ["ready", "failed"].contains(state) }
  }

  static let bucket = "media-west"
  static let index = "629d807aa9e2a3a33a92c00b"

  /// Tonight's list, in its order.
  private(set) var list: [Video] = []
  /// Runs, the oldest first.
  var runs: [Run] = []
  /// Videos that were on the list once, in their last version.
  private var gone: [Video] = []
  private var made = 0

  /// All that is in some run.
  var sent: Set<Video> { Set(runs.flatMap(\.items)) }

  /// The run of which something is left.
  var unfinished: Run? { runs.last.flatMap { $0.isDone ? nil : $0 } }

  /// What a run that is planned now has to have.
  var new: [Video] {
    let sent = sent
    return list.filter { !sent.contains($0) }
  }

  // MARK: The list

  /// Lets the list grow.
  mutating func grow(by count: Int) {
    for _ in 0..<count {
      list.append(Video(name: "v\(made)"))
      made += 1
    }
  }

  /// Takes videos off the list, wherever they are in it.
  mutating func shrink(by count: Int, in world: NightWorld) {
    for _ in 0..<min(count, list.count) { gone.append(list.remove(at: world.draw(0...list.count - 1))) }
  }

  /// Puts videos back that were taken off.
  mutating func comeBack(_ count: Int, in world: NightWorld) {
    for _ in 0..<min(count, gone.count) { list.append(gone.remove(at: world.draw(0...gone.count - 1))) }
  }

  /// Changes what the list says of videos that the service has.
  mutating func change(_ count: Int, having fates: [String: [Fate]], in world: NightWorld) {
    let places = list.indices.filter { place in
      list[place].version < 2 && fates[list[place].name]?.count == list[place].version + 1
    }
    for place in world.shuffled(Array(places)).prefix(count) { list[place].version += 1 }
  }

  /// Puts the list in another order.
  mutating func reorder(in world: NightWorld) { list = world.shuffled(list) }

  // MARK: The service's records

  /// What the service made of each video, in the order of its versions: by its own records.
  static func fates(in world: NightWorld, isCurrent: Bool) -> [String: [Fate]] {
    var fates: [String: [Fate]] = [:]
    if isCurrent {
      for record in world.server.assets.records(at: world.server.now) {
        for state in record.indexedStates {
          fates[name(of: record.object), default: []].append(Fate(state: state))
        }
      }
    } else {
      var query = TaskQuery()
      query.limit = 100_000
      query.isDescending = false
      for row in world.server.model.list(query).rows {
        fates[name(of: row.task.object ?? ""), default: []].append(Fate(state: row.status.rawValue))
      }
    }
    return fates
  }

  /// The name of the video behind an object or an address.
  static func name(of path: String) -> String {
    String(path.split(separator: "/").last?.dropLast(".mp4".count) ?? "")
  }

  /// A request that submits, as the service saw it.
  struct Arrival {
    let at: Timestamp
    let step: String
    let items: Int
  }

  /// Every request that submits, in order of arrival.
  static func arrivals(in world: NightWorld) -> [Arrival] {
    world.server.ledger.transfers.map { entry in
      Arrival(
        at: Timestamp(milliseconds: entry.receivedAt), step: entry.endpoint.rawValue,
        items: max(1, entry.elements.count))
    }
  }

  /// An intent as the store has it: what a budget has to count, whether its request left or not.
  struct Intent {
    let at: Timestamp
    let step: String
    let items: Int
  }

  /// Every intent in the store.
  static func intents(in world: NightWorld) throws -> [Intent] {
    try Raw.query(
      """
      SELECT a.started_at || ' ' || a.step || ' ' || c.item_count
      FROM attempt AS a JOIN chunk AS c ON c.run = a.run AND c.number = a.chunk ORDER BY a.started_at
      """, in: world.database
    ).map { row in
      let words = row.split(separator: " ")
      return Intent(
        at: Timestamp(milliseconds: Int64(words[0]) ?? 0), step: String(words[1]), items: Int(words[2]) ?? 0)
    }
  }

  /// What waits to be sent: for each step, the items of the chunk that is next.
  static func waiting(in world: NightWorld) throws -> [(step: String, items: Int)] {
    try Raw.query(
      """
      SELECT step || ' ' || item_count FROM
        (SELECT step, item_count, row_number() OVER (PARTITION BY step ORDER BY number) AS place
         FROM chunk WHERE state = 'pending' AND run = (SELECT max(id) FROM run))
      WHERE place = 1
      """, in: world.database
    ).map { row in
      let words = row.split(separator: " ")
      return (String(words[0]), Int(words[1]) ?? 0)
    }
  }

  /// The places of a run's items whose fate the store does not know: their process died.
  static func doubted(of run: String, in world: NightWorld) throws -> Set<Int> {
    let ranges = try Raw.query(
      """
      SELECT first_item || ' ' || item_count FROM chunk
      WHERE state = 'unknown' AND run = (SELECT id FROM run WHERE run_id = '\(run)')
      """, in: world.database)
    return Set(
      ranges.flatMap { row -> Range<Int> in
        let numbers = row.split(separator: " ").compactMap { Int($0) }
        return numbers[0]..<numbers[0] + numbers[1]
      })
  }

  /// The state of a run in the store.
  static func state(of run: String, in world: NightWorld) throws -> String? {
    try Raw.query("SELECT state FROM run WHERE run_id = '\(run)'", in: world.database).first
  }

  /// How many attempts the store has of a run.
  ///
  /// - Parameter answered: whether only those count to which the service's answer came.
  static func attempts(of run: String, answered: Bool = false, in world: NightWorld) throws -> Int {
    let found = try Raw.query(
      """
      SELECT count(*) FROM attempt WHERE run = (SELECT id FROM run WHERE run_id = '\(run)')
        AND (status IS NOT NULL OR \(answered ? 0 : 1))
      """, in: world.database)
    return Int(found.first ?? "") ?? 0
  }
}
