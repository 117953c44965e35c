internal import BatchDomain
internal import ServiceHTTP

/// Reads an index's list of tasks, newest first, back to the start of a window.
///
/// Pages are numbered over a list that grows meanwhile, so rows come twice: they are told apart by their ids.
/// The service's own time filter is not used: it means "on that date", and nights cross midnight. Rows that name
/// another index are left out: something on the way may drop the filter of the request.
///
/// The sweep ends at an empty page, at one of which every row is older than the window, or at one without a new row
/// behind the last page by the list's own word. A short page is no end: the service, or a gateway, may make pages shorter than was asked for,
/// or leave rows out of one. An empty page that says that others follow it is a gap, and the list is read on behind it.
/// A list that gives the same rows on every page shows nothing, unless it is shorter than any page. At the end the list
/// is read again from its first page on, as far as it brings only rows that came meanwhile.
struct ListingSweep {
  let api: any TransfersAPI
  let gate: any ReadingGate
  let clock: any BatchClock

  /// Pages one sweep may read; a window with more tasks cannot be judged.
  static let pageCap = 2_000
  /// Pages in a row without a new task after which a list counts as one that ignores the page it is asked for.
  static let repeatLimit = 3
  /// Rows of a page of the service where no number of them is asked for: no page that others follow has fewer.
  static let leastPage = 10
  /// Empty pages that are read on behind.
  static let emptyPageCap = 3

  /// Why a sweep shows nothing.
  enum Failure: Error {
    /// The run stops.
    case stopped
    /// The listing could not be had, in words.
    case unavailable(String)
  }

  /// Reads the list.
  ///
  /// - Parameters:
  ///   - windowStart: by the service's clock; older tasks are of no interest.
  ///   - names: file names that are looked for. One that is a bare UUID is no file's name unless it is among them:
  ///     the service shows such names for videos whose own it does not know.
  func snapshot(
    of index: IndexID, since windowStart: Timestamp, lookingFor names: Set<FileName>
  ) async throws(Failure) -> ListingSnapshot {
    let takenAt = clock.now()
    var seen: Set<String> = []
    var tasks = 0
    var times: [FileName: [Timestamp]] = [:]
    var newestUnnamed: Timestamp?

    /// Returns whether a row was there before, and whether one was not.
    func take(_ rows: [TaskRow]) throws(Failure) -> (isKnown: Bool, isNew: Bool) {
      var (isKnown, isNew) = (false, false)
      for row in rows {
        guard seen.insert(row.id).inserted else {
          isKnown = true
          continue
        }
        isNew = true
        if row.belongsToAnother(than: index) { continue }
        guard let createdAt = row.createdAt else {
          throw .unavailable("the listing has a task whose time cannot be read")
        }
        guard createdAt >= windowStart else { continue }
        tasks += 1
        if let name = row.fileName, names.contains(name) {
          times[name, default: []].append(createdAt)
        } else if let name = row.fileName, !name.isBareUUID {
          // Somebody else's, or of a chunk that is not looked into.
          continue
        } else {
          newestUnnamed = max(newestUnnamed ?? createdAt, createdAt)
        }
      }
      return (isKnown, isNew)
    }

    var page = 1
    var pagesWithRows = 0
    var emptyPages: [Int] = []
    var lastPage = 0
    var repeats = 0
    while true {
      let listed = try await read(index, page: page)
      let isNew = try take(listed.rows).isNew
      if listed.endsList(at: page) { break }
      if listed.rows.isEmpty {
        emptyPages.append(page)
        lastPage = listed.lastPage ?? 0
        guard emptyPages.count <= Self.emptyPageCap else { break }
      } else {
        pagesWithRows += 1
        repeats = isNew ? 0 : repeats + 1
        // Something on the way ignores the number of the page: by its own word there is no such page.
        if !isNew, let last = listed.lastPage, page > last { break }
        // Shorter than any page limit is, it is the whole list.
        if repeats >= Self.repeatLimit, listed.lastPage == nil, listed.rows.count < Self.leastPage { break }
        guard repeats < Self.repeatLimit else {
          throw .unavailable("the listing gives the same tasks on every page")
        }
        if listed.rows.allSatisfy({ ($0.createdAt ?? windowStart) < windowStart }) { break }
      }
      page += 1
      guard page <= Self.pageCap else {
        throw .unavailable("the listing has more than \(Self.pageCap) pages of recent tasks")
      }
    }
    // A single page with rows was the whole list, read at one moment.
    if pagesWithRows > 1 {
      var again = 1
      while again <= Self.pageCap {
        let rows = try await read(index, page: again).rows
        if try take(rows).isKnown || rows.isEmpty { break }
        again += 1
      }
    }
    let gap = emptyPages.first.map { "page \($0) of the listing is empty although it has \(lastPage) pages" }
    return ListingSnapshot(
      takenAt: takenAt, tasks: tasks, times: times, newestUnnamed: newestUnnamed, gap: gap)
  }

  private func read(_ index: IndexID, page: Int) async throws(Failure) -> TaskListPage {
    guard await gate.enter() else { throw .stopped }
    do throws(ListingFailure) {
      let listed = try await api.listTasks(index: index, page: page)
      await gate.leave(isThrottled: false, asked: nil)
      return listed
    } catch {
      let (isThrottled, asked) = error.throttling
      await gate.leave(isThrottled: isThrottled, asked: asked)
      throw .unavailable(error.reason)
    }
  }
}

extension FileName {
  /// Whether it is a UUID in its usual spelling, 8-4-4-4-12 hexadecimal digits, and nothing else.
  fileprivate var isBareUUID: Bool {
    let groups = rawValue.split(separator: "-", omittingEmptySubsequences: false)
    return groups.map(\.utf8.count) == [8, 4, 4, 4, 12]
      && groups.allSatisfy { $0.allSatisfy { $0.isASCII && $0.isHexDigit } }
  }
}
