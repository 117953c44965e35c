import BatchDomain
import Foundation
import NIOConcurrencyHelpers
import ServiceHTTP
import TestSupport
import TransfersService

/// The service of one world: rules, a list of tasks, and the ledger of what it took.
final class ServiceModel: Sendable {
  /// One element of a request.
  struct Item: Sendable, Hashable {
    let index: String
    let object: String

    /// The name the list of tasks shows.
    var name: String { object.split(separator: "/").last.map(String.init) ?? object }
  }

  /// A line of the ledger: a request took an item.
  struct Taking: Sendable {
    let item: Item
    let request: Int
  }

  /// A request that arrived.
  struct Request: Sendable {
    let number: Int
    let items: [Item]
    /// What the machine's clock showed.
    let at: Timestamp
  }

  private struct Task {
    let row: TaskRow
    let index: String
    let madeAt: Duration
  }

  private struct State {
    var requests: [Request] = []
    var ledger: [Taking] = []
    var known: Set<Item> = []
    var tasks: [Task] = []
    var nextID = 0
    /// The list never goes back; nothing is there before it caught up with the beginning.
    var shownUpTo: Duration = .seconds(-1)
  }

  let timeline: Timeline
  let dice: Dice
  let weather: Weather
  private let state = NIOLockedValueBox(State())

  init(timeline: Timeline, dice: Dice, weather: Weather) {
    self.timeline = timeline
    self.dice = dice
    self.weather = weather
  }

  /// Everything it took, in order: an item that came twice stands in it twice.
  var ledger: [Taking] { state.withLockedValue { $0.ledger } }
  /// Every request that arrived.
  var requests: [Request] { state.withLockedValue { $0.requests } }

  /// A request arrives.
  func receive(_ filePart: [UInt8]) -> Request {
    let elements = (try? JSONSerialization.jsonObject(with: Data(filePart))) as? [[String: Any]] ?? []
    let items = elements.map {
      Item(index: $0["index_id"] as? String ?? "", object: $0["object"] as? String ?? "")
    }
    return state.withLockedValue { state in
      state.requests.append(Request(number: state.requests.count, items: items, at: timeline.now))
      return state.requests[state.requests.count - 1]
    }
  }

  /// Takes items of a request. One that it took before becomes no second task, and stands in the ledger again.
  func take(_ items: some Sequence<Item>, request: Int) {
    for item in items {
      state.withLockedValue { state in
        for _ in 0..<weather.timesTaken { state.ledger.append(Taking(item: item, request: request)) }
        guard state.known.insert(item).inserted else { return }
        add(item.name, item.index, to: &state)
      }
      if weather.listing == .shared, dice.chance(0.3) {
        state.withLockedValue {
          add(dice.chance(0.2) ? nil : "another-\($0.nextID).mp4", item.index, to: &$0)
        }
      }
    }
  }

  private func add(_ name: String?, _ index: String, to state: inout State) {
    state.nextID += 1
    let row = TaskRow(
      id: "t\(state.nextID)",
      fileName: weather.listing == .nameless ? FileName("0b9e7c1a-\(state.nextID)") : name.map(FileName.init),
      createdAt: Timeline.start + timeline.elapsed + weather.skew)
    state.tasks.append(Task(row: row, index: index, madeAt: timeline.elapsed))
  }

  /// A page of the list, newest first.
  func list(index: String, page: Int, isCalm: Bool) -> Result<[TaskRow], ListingFailure> {
    switch weather.listing {
    case .missing:
      return .failure(.refused(Answer(status: 404)))
    case .failing where !isCalm && dice.chance(0.4):
      return .failure(
        dice.pick([
          .refused(Answer(status: 500)), .refused(Answer(status: 429)),
          .refused(Answer(status: 429, wait: dice.milliseconds(0...5_000))),
          .transport(TransportFailure(progress: .notWritten, code: "connect_refused", message: "refused")),
        ]))
    case .stuck:
      return .success([])
    case .sound, .failing, .nameless, .shared:
      break
    }
    let upTo = timeline.elapsed - weather.lag * (0.6 + 0.4 * dice.source.nextUnit())
    return state.withLockedValue { state in
      state.shownUpTo = max(state.shownUpTo, upTo)
      let shown = state.tasks.filter { $0.index == index && $0.madeAt <= state.shownUpTo }
      return .success(
        shown.reversed().dropFirst((page - 1) * weather.pageLimit).prefix(weather.pageLimit).map(\.row))
    }
  }
}
