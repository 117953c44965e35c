import BatchDomain
import ServiceHTTP
import Testing

@testable import TransfersService

/// A list of tasks that is given page by page; the pages behind those are empty.
struct PagedTasks: TransfersAPI {
  let pages: [TaskListPage]
  /// The pages that were asked for.
  let asked = Journal<Int>()

  func submit(_ unit: SendUnit) async -> Result<Answer, TransportFailure> { .success(Answer(status: 500)) }

  func listTasks(index: IndexID?, page: Int) async throws(ListingFailure) -> TaskListPage {
    asked.append(page)
    return page <= pages.count ? pages[page - 1] : TaskListPage([])
  }

  func task(_ id: String) async throws(ListingFailure) -> TaskRow { throw .refused(Answer(status: 404)) }
}

/// How a list is read that is not what was asked for.
@Suite("Sweep of the list of tasks")
struct ListingSweepTests {
  static let index = IndexID("629d807aa9e2a3a33a92c00b")
  static let other = IndexID("62a0906d47f5678267ec10a6")
  static let start = Timestamp(milliseconds: 1_750_000_000_000)

  /// Each is a second older than the one before.
  static func row(_ number: Int, in index: IndexID? = index) -> TaskRow {
    TaskRow(
      id: "t\(number)", index: index, fileName: FileName("\(number).mp4"),
      createdAt: start - .seconds(number))
  }

  static func rows(_ numbers: Range<Int>) -> [TaskRow] { numbers.map { row($0) } }

  private func snapshot(
    _ pages: [TaskListPage], since seconds: Int = 1_000, lookingFor names: Set<FileName> = []
  ) async throws -> (found: ListingSnapshot, asked: [Int]) {
    let api = PagedTasks(pages: pages)
    let found = try await ListingSweep(api: api, gate: CountingGate(), clock: TimeOutClock())
      .snapshot(of: Self.index, since: Self.start - .seconds(seconds), lookingFor: names)
    return (found, api.asked.entries)
  }

  @Test("a list goes on behind a short page, and ends at an empty one")
  func shortPages() async throws {
    // The server has a limit of its own, and something leaves a row out.
    let (found, asked) = try await snapshot(
      [
        TaskListPage(Self.rows(0..<20)), TaskListPage(Self.rows(20..<39)), TaskListPage(Self.rows(40..<45)),
      ],
      lookingFor: ["44.mp4"])
    #expect(found.tasks == 44)
    #expect(found.times["44.mp4"] == [Self.start - .seconds(44)])
    #expect(found.gap == nil)
    #expect(asked == [1, 2, 3, 4, 1])
  }

  @Test("a list of one page costs one request more, and is not read again")
  func onePage() async throws {
    #expect(try await snapshot([TaskListPage(Self.rows(0..<3), lastPage: 1)]).asked == [1, 2])
    #expect(try await snapshot([]).asked == [1])
  }

  @Test("a page of which every task is older than the window is the end")
  func window() async throws {
    let pages = [TaskListPage(Self.rows(0..<3)), TaskListPage(Self.rows(50..<53), lastPage: 9)]
    let (found, asked) = try await snapshot(pages, since: 10)
    #expect(found.tasks == 3)
    #expect(found.gap == nil)
    #expect(asked == [1, 2, 1])
  }

  @Test(
    "an empty page that says that others follow is a gap: what is behind it is seen, the rest is not absent")
  func gap() async throws {
    let pages = [
      TaskListPage(Self.rows(0..<3), lastPage: 3), TaskListPage([], lastPage: 3),
      TaskListPage(Self.rows(6..<8), lastPage: 3),
    ]
    let (found, asked) = try await snapshot(pages, lookingFor: ["7.mp4"])
    #expect(found.times["7.mp4"]?.count == 1)
    #expect(found.gap == "page 2 of the listing is empty although it has 3 pages")
    #expect(asked == [1, 2, 3, 4, 1])
  }

  @Test("a list that has no end, by its own words, and no tasks is not read for ever")
  func nothingButGaps() async throws {
    let (found, asked) = try await snapshot(
      Array(repeating: TaskListPage([], lastPage: 1_000_000), count: 50))
    #expect(found.gap != nil)
    #expect(asked == [1, 2, 3, 4])
  }

  @Test("a list that ignores the page it is asked for ends by its own word, or where its one page is short")
  func samePage() async throws {
    let (whole, asked) = try await snapshot(
      Array(repeating: TaskListPage(Self.rows(0..<3), lastPage: 1), count: 9), lookingFor: ["2.mp4"])
    #expect(whole.times["2.mp4"]?.count == 1 && whole.gap == nil)
    #expect(asked == [1, 2, 1])
    // A total that is too small ends nothing that goes on.
    let small = try await snapshot([
      TaskListPage(Self.rows(0..<3), lastPage: 1), TaskListPage(Self.rows(3..<6), lastPage: 1),
    ])
    #expect(small.found.tasks == 6)
    let silent = try await snapshot(Array(repeating: TaskListPage(Self.rows(0..<3)), count: 9))
    #expect(silent.found.tasks == 3)
    #expect(silent.asked == [1, 2, 3, 4, 1])
    for pages in [TaskListPage(Self.rows(0..<50)), TaskListPage(Self.rows(0..<3), lastPage: 99)] {
      await #expect(throws: ListingSweep.Failure.self) {
        try await snapshot(Array(repeating: pages, count: 50))
      }
    }
  }

  @Test("an empty page that is the last one, or says nothing of others, is the end")
  func end() async throws {
    for lastPage in [nil, 1, 2] {
      let pages = [TaskListPage(Self.rows(0..<3)), TaskListPage([], lastPage: lastPage)]
      let (found, asked) = try await snapshot(pages)
      #expect(found.gap == nil)
      #expect(asked == [1, 2])
    }
  }

  @Test("tasks of another index are left out, whatever they are named: the filter may have been dropped")
  func anotherIndex() async throws {
    let unreadable = TaskRow(id: "x", index: Self.other, fileName: nil, createdAt: nil)
    let unnamed = TaskRow(id: "y", index: Self.other, fileName: nil, createdAt: Self.start)
    let shouted = IndexID(Self.index.rawValue.uppercased())
    let pages = [
      TaskListPage([unreadable, unnamed, Self.row(0, in: Self.other)]),
      TaskListPage([Self.row(1, in: Self.other), Self.row(2, in: Self.other)]),
      TaskListPage([Self.row(3), Self.row(4, in: nil), Self.row(5, in: shouted)]),
    ]
    let (found, _) = try await snapshot(
      pages, lookingFor: ["0.mp4", "1.mp4", "2.mp4", "3.mp4", "4.mp4", "5.mp4"])
    #expect(found.tasks == 3)
    #expect(Set(found.times.keys) == ["3.mp4", "4.mp4", "5.mp4"])
    #expect(found.newestUnnamed == nil)
  }
}

/// What is shown of a page of tasks to those who follow items.
@Suite("Tracking by the list of tasks")
struct TaskTrackingTests {
  private func page(_ page: TaskListPage, number: Int = 1) async throws -> ListedPage {
    let pages = Array(repeating: TaskListPage([]), count: number - 1) + [page]
    let tracking = TaskTracking(
      api: PagedTasks(pages: pages), clock: TimeOutClock(), wrongEndpoint: "")
    guard
      case .value(let listed) = await tracking.page(number, of: ListingSweepTests.index, gate: CountingGate())
    else {
      Issue.record("no page")
      return ListedPage(number: number, videos: [], isLast: true, readAt: ListingSweepTests.start)
    }
    return listed
  }

  @Test("only an empty page is the last one, and not even that where it says that others follow")
  func last() async throws {
    #expect(try await page(TaskListPage([ListingSweepTests.row(0)])).isLast == false)
    #expect(try await page(TaskListPage([])).isLast)
    #expect(try await page(TaskListPage([], lastPage: 3), number: 2).isLast == false)
    #expect(try await page(TaskListPage([], lastPage: 3), number: 3).isLast)
    #expect(try await page(TaskListPage([ListingSweepTests.row(0)], lastPage: 1), number: 2).isLast == false)
  }

  @Test("a task of another index is no item's, and tells how far back the page is all the same")
  func anotherIndex() async throws {
    let rows = [
      ListingSweepTests.row(0, in: ListingSweepTests.other), ListingSweepTests.row(1),
      ListingSweepTests.row(2, in: nil),
    ]
    let videos = try await page(TaskListPage(rows)).videos
    #expect(videos.map(\.mark) == [nil, "1.mp4", "2.mp4"])
    #expect(videos.map(\.createdAt) == rows.map(\.createdAt))
  }
}
