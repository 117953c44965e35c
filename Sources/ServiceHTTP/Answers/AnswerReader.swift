package import BatchDomain
internal import Synchronization

/// Reads what an answer says: lenient about every version of the service, and every text goes through its ``Scrubber``.
///
/// Shapes of error bodies: v1 `{"error_code", "message"}`, a legacy sample with a number as code; v1.2
/// `{"code", "message", "docs_url"}`; the newest calls of v1.3 have the same inside `{"error": ...}`; some errors have no
/// body at all, or a gateway's HTML. A compressed body is decompressed, up to a limit.
package struct AnswerReader: Sendable {
  private let scrubber: Scrubber
  private let codeNames: [String]
  private let isKnownCode: @Sendable (String) -> Bool
  private let nest: String?
  private let memory = AnswerMemory()

  /// Longest error code that is kept, in characters.
  package static let longestCode = 100

  /// A reader of answers.
  ///
  /// - Parameters:
  ///   - codeNames: names of the member of a body that has the error code, the service's own first.
  ///   - isKnownCode: whether a code is one of a published table: that is no secret, even if somebody's key is a part
  ///     of it.
  ///   - nest: name of a member in which some errors have their code and message.
  package init(
    codeNames: [String], nest: String? = nil, isKnownCode: @escaping @Sendable (String) -> Bool,
    scrubber: Scrubber
  ) {
    self.nest = nest
    self.codeNames = codeNames
    self.isKnownCode = isKnownCode
    self.scrubber = scrubber
  }

  /// Reads an answer as it came. Never fails: what cannot be understood is left out. Of a long body only the beginning
  /// is looked at, and the bytes are dropped.
  ///
  /// - Parameters:
  ///   - now: when the answer came, by this machine's clock.
  ///   - limits: limits of the service that what was sent uses up.
  package func read(
    _ answer: Answer, now: Timestamp, limits: [RequestedWait.Limit] = [.all]
  ) -> Answer {
    let isLong = answer.bytes.count > Self.longestBody
    let source = Source(
      body: isLong ? Array(answer.bytes.prefix(Self.longestBody)) : answer.bytes, isCut: answer.cut != nil,
      isLong: isLong || answer.cut == .limit, answer.headers)
    let words = memory.words(of: source, read: words(of:))
    let requested = RequestedWait(
      answer.headers, status: answer.status, now: now, limits: limits)
    var message = words.message
    if answer.status == 407 {
      message = "a proxy on the way wants a user name and a password" + (message.map { ": \($0)" } ?? "")
    } else if let origin = redirection(answer) {
      message = "redirects to \(origin)"
    }
    return Answer(
      status: answer.status, code: words.code, message: message, mediaType: words.mediaType,
      body: words.body, wait: requested.wait, quotaUsedUp: requested.quotaUsedUp)
  }

  /// Where a redirect leads: scheme, host and port, since the rest may have a secret in it. `nil` for what is no redirect, or
  /// does not say it.
  private func redirection(_ answer: Answer) -> String? {
    guard (300..<400).contains(answer.status), let place = answer.headers["location"].first else {
      return nil
    }
    if place.hasPrefix("/"), !place.hasPrefix("//") { return "another path of the same host" }
    guard let mark = place.firstRange(of: "://") else { return nil }
    let scheme = place[..<mark.lowerBound].lowercased()
    let authority = place[mark.upperBound...].prefix { !"/?#".contains($0) }
    let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
    guard scheme == "http" || scheme == "https", let (name, port) = WebAddress.split(host.lowercased()[...])
    else { return nil }
    return scrubber.scrub("\(scheme)://\(name)\(port.map { ":\($0)" } ?? "")")
  }

  /// All that the words of an answer are made of.
  struct Source: Sendable, Equatable {
    /// The body, or as much of it as came or was read.
    var body: [UInt8]
    /// Whether the body is not whole.
    var isCut: Bool
    /// Whether that is because it is longer than was to be read.
    var isLong: Bool
    /// Values of `Content-Type`.
    var contentType: [String]
    /// Values of `Content-Encoding`.
    var encodings: [String]
    /// Values of `Server`.
    var server: [String]

    /// The parts of an answer that are looked at.
    init(body: [UInt8], isCut: Bool, isLong: Bool = false, _ headers: AnswerHeaders) {
      self.body = body
      self.isCut = isCut || isLong
      self.isLong = isLong
      contentType = headers["content-type"]
      encodings = headers["content-encoding"]
      server = headers["server"]
    }
  }

  /// What an answer says, without secrets.
  struct Words: Sendable, Equatable {
    /// The service's error code.
    var code: String?
    /// Its message.
    var message: String?
    /// Type and subtype of the body.
    var mediaType: String?
    /// What the body is.
    var body = Answer.Body.empty
  }

  /// What an answer says.
  func words(of source: Source) -> Words {
    let mediaType = source.contentType.first.flatMap(mediaType)
    var plain = source
    switch ContentCoding.decoded(source.body, values: source.encodings, limit: Self.longestBody) {
    case .unreadable(let coding):
      return Words(
        message:
          "its body is compressed (\(scrubber.scrub(coding))), which was not asked for and cannot be read",
        mediaType: mediaType, body: .unreadable)
    case .bytes(let bytes, let isCut, let isLong):
      plain.body = bytes
      plain.isCut = source.isCut || isCut || isLong
      plain.isLong = source.isLong || isLong
    }
    // Of a text that only begins like JSON nothing is believed.
    let json = plain.isLong ? LenientJSON.parse(beginning: plain.body) : LenientJSON.parse(plain.body)
    let text = json == nil ? text(of: plain) : nil
    if json == nil, let page = MarkupPage(text ?? "", mediaType: mediaType), !plain.body.isEmpty {
      return Words(message: page.words(server: server(of: plain)), mediaType: mediaType, body: .page)
    }
    return Words(
      code: json.flatMap(code), message: message(json, text ?? self.text(of: plain)),
      mediaType: mediaType, body: kind(of: plain, json))
  }

  /// Bytes of a body that are looked at, and bytes that are made of a compressed one, at most.
  package static let longestBody = 64 * 1_024

  private func kind(of source: Source, _ json: LenientJSON?) -> Answer.Body {
    if json != nil { return .json }
    let isBlank = source.body.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) }
    return isBlank && !source.isCut ? .empty : .other
  }

  /// The first value of `Server`, if it is short and visible.
  private func server(of source: Source) -> String? {
    guard let name = source.server.first.map({ scrubber.scrub($0) }), (1...60).contains(name.utf8.count),
      name.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
    else { return nil }
    return name
  }

  /// Bytes of a body without a message of its own that are looked at for one.
  private static let longestExcerpt = 8_192

  /// What may have the code and the message: the body itself, and what it nests.
  private func sources(_ json: LenientJSON) -> [LenientJSON] {
    [json] + [nest.flatMap { json[$0] }].compactMap { $0 }
  }

  /// The code under the first name that has a known one, else under the first that has any: some gateways put a status of
  /// their own beside the service's code.
  private func code(_ json: LenientJSON) -> String? {
    let codes = sources(json).flatMap { source in
      codeNames.compactMap { name in
        switch source[name] {
        case .string(let text), .number(let text): cleaned(code: text)
        default: nil
        }
      }
    }
    return codes.first(where: isKnownCode) ?? codes.first
  }

  private func cleaned(code: String) -> String? {
    if isKnownCode(code) { return code }
    guard let clean = BodyText.message(scrubber.scrub(code)) else { return nil }
    return String(clean.prefix(Self.longestCode))
  }

  /// The service's `message`; without one the body, if it is text.
  private func message(_ json: LenientJSON?, _ text: @autoclosure () -> String?) -> String? {
    for source in json.map(sources) ?? [] {
      if let text = source["message"]?.string, let message = BodyText.message(scrubber.scrub(text)) {
        return message
      }
    }
    return text().flatMap(BodyText.message)
  }

  /// The beginning of the body without secrets, if it is text.
  private func text(of source: Source) -> String? {
    // What is kept is far shorter than what is looked at; a secret at the cut is dropped with its beginning.
    let isLong = source.body.count > Self.longestExcerpt
    return BodyText.text(of: source.body.prefix(Self.longestExcerpt)).map {
      scrubber.scrub($0, isCut: source.isCut || isLong)
    }
  }

  /// Type and subtype in lower case; `nil` for what is not a media type (RFC 9110 section 8.3.1).
  private func mediaType(_ value: String) -> String? {
    let essence = scrubber.scrub(value).prefix { $0 != ";" }.filter { $0 != " " && $0 != "\t" }.lowercased()
    let parts = essence.split(separator: "/", omittingEmptySubsequences: false)
    let isToken = { (byte: UInt8) in
      (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || "!#$&^_.+-".utf8.contains(byte)
    }
    guard parts.count == 2, essence.utf8.count <= 100,
      parts.allSatisfy({ !$0.isEmpty && $0.utf8.allSatisfy(isToken) })
    else { return nil }
    return essence
  }
}

/// What the last answer said. A service says the same to nearly every chunk it takes, and reading an answer and taking
/// secrets out of it costs more than sending its request.
final class AnswerMemory: Sendable {
  private let last = Mutex<(source: AnswerReader.Source, words: AnswerReader.Words)?>(nil)

  /// The words of an answer: those remembered, else read and remembered.
  func words(
    of source: AnswerReader.Source, read: (AnswerReader.Source) -> AnswerReader.Words
  ) -> AnswerReader.Words {
    if let known = last.withLock({ $0?.source == source ? $0?.words : nil }) { return known }
    let words = read(source)
    last.withLock { $0 = (source, words) }
    return words
  }
}

/// Turns bodies and messages into texts that may be stored and shown.
package enum BodyText {
  /// Longest message that is kept, in bytes of UTF-8.
  static let longestMessage = 2_048

  /// A body as text, if it looks like text: no NUL, and hardly a byte that is neither printable nor white space.
  ///
  /// Bytes that are not UTF-8 are repaired with U+FFFD.
  static func text(of body: some Collection<UInt8>) -> String? {
    guard !body.isEmpty, !body.contains(0) else { return nil }
    let text = String(decoding: body, as: UTF8.self)
    let odd = text.unicodeScalars.count { $0 == "\u{FFFD}" || isControl($0) }
    return odd * 10 <= text.unicodeScalars.count ? text : nil
  }

  /// The text without control characters that a terminal would obey, and at most ``longestMessage`` long; `nil`
  /// when nothing but white space is left. Secrets must be out already: cutting could hide a part of one.
  package static func message(_ text: String) -> String? {
    var scalars = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      scalars.append(isControl(scalar) ? "\u{FFFD}" : scalar)
    }
    let cut = prefix(of: String(scalars), bytes: longestMessage)
    return cut.allSatisfy(\.isWhitespace) ? nil : cut
  }

  /// As many whole characters from the beginning as fit into that many bytes of UTF-8.
  static func prefix(of text: String, bytes limit: Int) -> String {
    guard text.utf8.count > limit else { return text }
    var end = text.startIndex
    while end < text.endIndex {
      let next = text.index(after: end)
      guard text.utf8.distance(from: text.startIndex, to: next) <= limit else { break }
      end = next
    }
    return String(text[..<end])
  }

  private static func isControl(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x09, 0x0A, 0x0D: false
    case 0..<0x20, 0x7F..<0xA0: true
    default: false
    }
  }
}
