/// A bucket of the small S3 whose objects follow from their number, so that millions of them need no memory.
///
/// Its keys are those of the numbers, in order, and the objects named one by one. The names of the numbered ones go through
/// what names of real videos have: spaces, plus signs, letters beyond ASCII, `//`, `&` and `=`.
package struct SyntheticBucket: Sendable {
  /// An object named by itself.
  package struct Object: Sendable, Equatable {
    /// Its key, any bytes.
    package var key: [UInt8]
    /// Bytes.
    package var size: Int64
    /// The storage class, as a listing spells it.
    package var storageClass: String
    /// Its content; nil stands for bytes that follow from their position.
    package var content: [UInt8]?

    /// An object with bytes that follow from their position.
    package init(_ key: String, size: Int64 = 73_400_320, storageClass: String = "STANDARD") {
      self.init(key: Array(key.utf8), size: size, storageClass: storageClass)
    }

    /// An object with content.
    package init(_ key: String, content: [UInt8]) {
      self.init(key: Array(key.utf8), size: Int64(content.count), content: content)
    }

    /// An object whose key is no text.
    package init(key: [UInt8], size: Int64, storageClass: String = "STANDARD", content: [UInt8]? = nil) {
      self.key = key
      self.size = size
      self.storageClass = storageClass
      self.content = content
    }
  }

  /// Its name.
  package var name: String
  /// Where it is.
  package var region = "us-west-2"
  /// How many numbered videos it has.
  package var count = 0
  /// What the keys of numbered videos begin with.
  package var prefix = "videos/"
  /// Whether their names have what is hard to encode; else they are plain.
  package var hasOddNames = true
  /// The sizes of numbered videos in bytes, from which each one's is drawn.
  package var sizes: ClosedRange<Int64> = 1_000_000...500_000_000
  /// Every n-th numbered video is larger than 4 GB; nil for none.
  package var largeEvery: Int?
  /// Every n-th numbered video is in `GLACIER`; nil for none.
  package var archivedEvery: Int?
  /// Every n-th numbered video has subtitles beside it, `NAME.srt`; nil for none.
  package var subtitlesEvery: Int?
  /// Whether a request for an object has to say that its sender pays.
  package var requesterPays = false
  /// Whether GET and HEAD find an object under every key, listed or not.
  package var holdsEveryKey = false
  /// Keys that begin with one of these are refused to everyone.
  package var deniedPrefixes: [String] = []
  /// The objects named one by one, in the order of their keys.
  package var objects: [Object] {
    didSet { objects.sort { $0.key.lexicographicallyPrecedes($1.key) } }
  }

  /// A bucket with those objects.
  package init(_ name: String, region: String = "us-west-2", count: Int = 0, objects: [Object] = []) {
    self.name = name
    self.region = region
    self.count = count
    self.objects = objects.sorted { $0.key.lexicographicallyPrecedes($1.key) }
  }
}

extension SyntheticBucket {
  /// How many numbered keys there are, subtitles included.
  var numberedKeys: Int { count + (subtitlesEvery.map { count / max(1, $0) } ?? 0) }

  /// The numbered object at a place in the order of keys, from 0.
  func numbered(_ place: Int) -> Object {
    guard let every = subtitlesEvery.map({ max(1, $0) }) else { return video(place) }
    let (block, rest) = place.quotientAndRemainder(dividingBy: every + 1)
    guard rest == every else { return video(block * every + rest) }
    let text = "1\n00:00:01,000 --> 00:00:02,000\nvideo \(block * every + every - 1)\n"
    return Object(
      key: key(block * every + every - 1, ".srt"), size: Int64(text.utf8.count), content: Array(text.utf8))
  }

  private func video(_ number: Int) -> Object {
    let hash = SeededHash(seed: 0).adding(name).adding(number)
    let isLarge = largeEvery.map { number % $0 == $0 - 1 } ?? false
    let isArchived = archivedEvery.map { number % $0 == $0 - 1 } ?? false
    let span = UInt64(sizes.upperBound - sizes.lowerBound) + 1
    return Object(
      key: key(number, ".mp4"),
      size: isLarge ? (5 << 30) + Int64(number) : sizes.lowerBound + Int64(hash.value % span),
      storageClass: isArchived ? "GLACIER" : "STANDARD")
  }

  private static let decorations = [
    "", " night 1", " a+b", "/ü–片", "//twice", " (final) & more=1", "/~.._-", " 100%",
  ]

  private func key(_ number: Int, _ suffix: String) -> [UInt8] {
    let digits = String(number)
    let zeros = String(repeating: "0", count: max(0, 8 - digits.count))
    let decoration =
      hasOddNames ? SyntheticBucket.decorations[number % SyntheticBucket.decorations.count] : ""
    return Array("\(prefix)\(zeros)\(digits)\(decoration)\(suffix)".utf8)
  }

  /// The first place among the numbered keys whose key does not precede `key`.
  private func firstNumbered(notBefore key: [UInt8]) -> Int {
    var (low, high) = (0, numberedKeys)
    while low < high {
      let middle = (low + high) / 2
      if numbered(middle).key.lexicographicallyPrecedes(key) { low = middle + 1 } else { high = middle }
    }
    return low
  }

  /// The object with a key.
  func object(_ key: [UInt8]) -> Object? {
    let place = firstNumbered(notBefore: key)
    if place < numberedKeys, numbered(place).key == key { return numbered(place) }
    if let named = objects.first(where: { $0.key == key }) { return named }
    guard holdsEveryKey, !key.isEmpty else { return nil }
    let hash = SeededHash(seed: 1).adding(name).adding(String(decoding: key, as: UTF8.self))
    let span = UInt64(sizes.upperBound - sizes.lowerBound) + 1
    return Object(key: key, size: sizes.lowerBound + Int64(hash.value % span))
  }

  /// Up to `limit` objects whose keys begin with `prefix` and come after `after`, in the order of their keys.
  func list(prefix: [UInt8], after: [UInt8]?, limit: Int, extra: [Object] = []) -> [Object] {
    let start = after.map { $0.lexicographicallyPrecedes(prefix) ? prefix : $0 } ?? prefix
    var place = firstNumbered(notBefore: start)
    let named = (objects + extra).filter { $0.key.starts(with: prefix) }
      .sorted { $0.key.lexicographicallyPrecedes($1.key) }
    var position = named.firstIndex { !$0.key.lexicographicallyPrecedes(start) } ?? named.count
    var found: [Object] = []
    while found.count < limit {
      var next: Object?
      if place < numberedKeys {
        let candidate = numbered(place)
        if candidate.key.starts(with: prefix) { next = candidate }
      }
      if position < named.count, next.map({ named[position].key.lexicographicallyPrecedes($0.key) }) ?? true {
        next = named[position]
        position += 1
      } else {
        place += 1
      }
      guard let next else { break }
      if next.key != after { found.append(next) }
    }
    return found
  }
}
