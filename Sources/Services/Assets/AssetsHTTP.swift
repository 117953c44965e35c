package import BatchDomain
internal import NIOConcurrencyHelpers
internal import NIOCore
package import ServiceHTTP

/// The requests of profile v1.3 over HTTP.
///
/// Call ``shutdown()`` at the end.
package final class AssetsHTTP: AssetsAPI {
  /// Bytes of an answer to a request that makes something which are read; a connection with more to come is closed.
  package static let answerLimit = 64 * 1_024
  /// Bytes of a page which are read; a longer one is a failure.
  package static let pageByteLimit = 4 * 1_024 * 1_024
  /// The most a request that only reads may take.
  package static let readTimeout: Duration = .seconds(30)
  /// The most rows of a page, and the most ids of a request: the service refuses a larger page, and nobody says how
  /// many ids it takes.
  package static let pageLimit = 50

  private let requester: HTTPRequester
  private let clock: any BatchClock
  private let register: SecretRegister?
  private let reader: AnswerReader
  private let pages: PageReader
  private let decoder: AssetPages
  private let onLimits: (@Sendable ([String]) -> Void)?
  private let lead = NIOLockedValueBox<Duration?>(nil)

  /// A client that has not connected yet.
  ///
  /// - Parameters:
  ///   - endpoint: where to send, and how.
  ///   - clock: time for time-outs and for dates in answers.
  ///   - register: secrets that become known later, and that must not be in what is returned either: those of S3.
  ///   - onLimits: is told, of each answer to a request that makes something, the header lines that speak of limits.
  ///   - onHead: is told the status when the head of an answer came, before its body is read; for tests.
  package init(
    _ endpoint: ServiceEndpoint, clock: any BatchClock, register: SecretRegister? = nil,
    onLimits: (@Sendable ([String]) -> Void)? = nil, onHead: (@Sendable (Int) -> Void)? = nil
  ) {
    self.onLimits = onLimits
    self.clock = clock
    self.register = register
    requester = HTTPRequester(endpoint, clock: clock, register: register, onHead: onHead)
    reader = AnswerReader(assetsScrubbedBy: requester.scrubber)
    pages = PageReader(
      reader, scrubber: requester.scrubber, subject: "the answer", byteLimit: Self.pageByteLimit,
      limits: [.all, .requests])
    decoder = AssetPages(key: endpoint.key, scrubber: requester.scrubber)
  }

  /// Runs tasks where the network is read; see `HTTPRequester.executor`.
  package var executor: any TaskExecutor { requester.executor }

  /// Closes all connections; requests under way fail. Nothing can be sent afterwards; a second call does nothing.
  package func shutdown() async { await requester.shutdown() }

  package var pageLimit: Int { Self.pageLimit }

  /// How far the clock of this machine is ahead of the service's, by the date of the last answer to a request that only
  /// reads, to a second; `nil` as long as none said it.
  package var clockLead: Duration? { lead.withLockedValue { $0 } }

  // MARK: Requests that make something

  package func create(
    _ asset: NewAsset, timeout: Duration
  ) async -> Result<CreationAnswer, TransportFailure> {
    let form = AssetForm(asset)
    // Minutes of media are counted where an asset is added to an index, whatever the headers say here.
    return await make(
      AssetPaths.assets, HTTPRequest.Body(type: form.contentType, bytes: form.buffer), timeout: timeout,
      limits: [.all, .requests], hiding: asset.url)
  }

  package func add(
    _ asset: NewIndexedAsset, timeout: Duration
  ) async -> Result<CreationAnswer, TransportFailure> {
    await make(
      AssetPaths.indexedAssets(in: asset.index),
      HTTPRequest.Body(type: "application/json", bytes: ByteBuffer(string: asset.body)), timeout: timeout,
      limits: RequestedWait.Limit.allCases, hiding: nil)
  }

  private func make(
    _ path: String, _ body: HTTPRequest.Body, timeout: Duration, limits: [RequestedWait.Limit],
    hiding secret: String?
  ) async -> Result<CreationAnswer, TransportFailure> {
    let result = await requester.send(
      HTTPRequest(path, body: body), timeout: timeout, bodyLimit: Self.answerLimit)
    return result.map { answer in
      if let onLimits { onLimits(answer.headers.limitLines.map { requester.scrubber.scrub($0) }) }
      let made = made(by: answer)
      let reader = made == nil ? secret.map(self.reader(hiding:)) ?? reader : reader
      var words = reader.read(answer, now: clock.now(), limits: limits)
      guard let made else { return CreationAnswer(words) }
      words.message = nil
      return CreationAnswer(
        words, id: made.id, status: made.status, duration: made.duration, asset: made.asset)
    }
  }

  /// What an answer says was made; `nil` when it is no whole success.
  private func made(by answer: Answer) -> AssetPages.Creation? {
    guard (200..<300).contains(answer.status), answer.cut == nil,
      case .bytes(let bytes, isCut: false, isLong: false) = ContentCoding.decoded(
        answer.bytes, values: answer.headers["content-encoding"], limit: Self.answerLimit)
    else { return nil }
    return decoder.creation(bytes)
  }

  /// A reader of answers that may repeat an address, with which, or with whose signature, everybody can fetch the object.
  private func reader(hiding url: String) -> AnswerReader {
    var secrets = [url]
    if let mark = url.firstIndex(of: "?") {
      let query = url[url.index(after: mark)...]
      let values = query.split(separator: "&").compactMap { $0.split(separator: "=", maxSplits: 1).last }
      secrets += ([query] + values.filter { $0.utf8.count >= Self.shortestSecret }).map { String($0) }
    }
    return AnswerReader(
      assetsScrubbedBy: Scrubber(
        key: requester.endpoint.key, route: requester.endpoint.route, secrets: secrets, register: register))
  }

  /// Shorter values of a query are no signatures: algorithms, times and numbers.
  private static let shortestSecret = 40

  // MARK: Requests that only read

  package func assets(ids: [String]) async throws(ListingFailure) -> [AssetRow] {
    try await read(AssetPaths.assets(ids: ids, limit: pageLimit)) { pages, bytes throws(UnreadablePage) in
      try pages.assets(bytes).rows
    }
  }

  package func asset(_ id: String) async throws(ListingFailure) -> AssetRow {
    try await read(AssetPaths.asset(id)) { pages, bytes throws(UnreadablePage) in try pages.asset(bytes) }
  }

  package func assets(
    page: Int, limit: Int, fileName: FileName?
  ) async throws(ListingFailure) -> ListPage<AssetRow> {
    try await read(AssetPaths.assets(page: page, limit: limit, fileName: fileName)) {
      pages, bytes throws(UnreadablePage) in try pages.assets(bytes)
    }
  }

  package func indexedAssets(
    of asset: String, page: Int
  ) async throws(ListingFailure) -> ListPage<IndexedAssetRow> {
    try await read(AssetPaths.indexedAssets(of: asset, page: page, limit: pageLimit)) {
      pages, bytes throws(UnreadablePage) in try pages.indexedAssets(bytes)
    }
  }

  package func indexedAssets(
    in index: IndexID, page: Int
  ) async throws(ListingFailure) -> ListPage<IndexedAssetRow> {
    try await read(AssetPaths.indexedAssets(in: index, page: page, limit: pageLimit)) {
      pages, bytes throws(UnreadablePage) in try pages.indexedAssets(bytes)
    }
  }

  package func indexedAsset(
    _ id: String, in index: IndexID
  ) async throws(ListingFailure) -> IndexedAssetRow {
    try await read(AssetPaths.indexedAsset(id, in: index)) { pages, bytes throws(UnreadablePage) in
      try pages.indexedAsset(bytes)
    }
  }

  package func index(_ id: IndexID) async throws(ListingFailure) -> IndexDescription {
    try await read(AssetPaths.index(id)) { pages, bytes throws(UnreadablePage) in try pages.index(bytes) }
  }

  private func read<Page: Sendable>(
    _ target: String,
    decode: @escaping @Sendable (AssetPages, [UInt8]) throws(UnreadablePage) -> Page
  ) async throws(ListingFailure) -> Page {
    let result = await requester.send(
      HTTPRequest(target), timeout: Self.readTimeout, bodyLimit: Self.pageByteLimit)
    switch result {
    case .failure(let failure): throw .transport(failure)
    case .success(let answer):
      let now = clock.now()
      if let date = answer.headers["date"].lazy.compactMap({ HTTPDate.parse($0, now: now) }).first {
        lead.withLockedValue { $0 = now.since(date) }
      }
      return try await pages.page(answer, now: now) { [decoder] bytes throws(UnreadablePage) in
        try decode(decoder, bytes)
      }
    }
  }
}

extension AssetsHTTP: CustomReflectable {
  /// A mirror without children: the decoders know the key.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

extension AnswerReader {
  /// A reader of answers of profile v1.3: the newest calls have their errors inside `error`.
  package init(assetsScrubbedBy scrubber: Scrubber) {
    self.init(
      codeNames: ["code", "error_code"], nest: "error",
      isKnownCode: { AssetOutcomes.meaning(ofCode: $0) != nil }, scrubber: scrubber)
  }
}
