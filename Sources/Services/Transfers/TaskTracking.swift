internal import BatchDomain
internal import ServiceHTTP

/// What became of accepted items, by the list of tasks: nothing links a task to the request that brought it but index,
/// file name and time, so that items are recognised by their names and counted.
struct TaskTracking: TrackingStrategy {
  let api: any TransfersAPI
  let clock: any BatchClock
  let wrongEndpoint: String

  var isByID: Bool { false }

  func mark(of item: SentItem) -> String? {
    let name = item.object.fileName
    return name.isEmpty ? nil : name.rawValue
  }

  func page(_ page: Int, of index: IndexID, gate: any ReadingGate) async -> TrackingAnswer<ListedPage> {
    await ask(through: gate) { () throws(ListingFailure) in
      let listed = try await api.listTasks(index: index, page: page)
      return ListedPage(
        number: page, videos: listed.rows.map { Self.video($0, in: index) },
        isLast: listed.endsList(at: page), readAt: clock.now())
    }
  }

  func reason(
    of id: String, in index: IndexID, gate: any ReadingGate
  ) async -> TrackingAnswer<String?> {
    let answer = await ask(through: gate) { () throws(ListingFailure) -> String? in
      do throws(ListingFailure) {
        return try await api.task(id).reason
      } catch .refused(let answer) where answer.status == 404 && !answer.isForeign {
        // The task is gone, which says nothing about the address: its list was just read there.
        return nil
      }
    }
    return answer
  }

  private static func video(_ row: TaskRow, in index: IndexID) -> ListedVideo {
    let (state, word) = VideoStatus.read(row.status)
    // One of another index is no item's; its time still tells how far back the page is.
    let mark = row.belongsToAnother(than: index) ? nil : row.fileName?.rawValue
    return ListedVideo(
      id: row.id, mark: mark, createdAt: row.createdAt, state: state, detail: row.reason ?? word)
  }

  private func ask<Value>(
    through gate: any ReadingGate, _ request: () async throws(ListingFailure) -> Value
  ) async -> TrackingAnswer<Value> {
    guard await gate.enter() else { return .stopped }
    do throws(ListingFailure) {
      let value = try await request()
      await gate.leave(isThrottled: false, asked: nil)
      return .value(value)
    } catch {
      let (isThrottled, asked) = error.throttling
      await gate.leave(isThrottled: isThrottled, asked: asked)
      return answer(for: error)
    }
  }

  private func answer<Value>(for failure: ListingFailure) -> TrackingAnswer<Value> {
    switch failure {
    case .transport(let transport):
      return .failed(failure.reason, refusal: TransferOutcomes.pause(after: .failure(transport)))
    case .refused(let answer):
      switch TransferOutcomes.outcome(of: answer) {
      case .index: return .missing(failure.reason)
      case .account: return .failed(failure.reason, refusal: .account)
      // A page that cannot be understood may be whole the next time.
      case .endpoint where answer.code != PageReader.unreadableCode:
        let reason = answer.isForeign ? failure.reason : "\(wrongEndpoint): \(failure.reason)"
        return .failed(reason, refusal: .endpoint)
      default: return .failed(failure.reason, refusal: nil)
      }
    }
  }
}
