internal import BatchDomain
internal import S3Signing
internal import XMLCoder

#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// XML as S3 writes it: UTF-8.
private enum S3XML {
  /// The value in a document; `nil` when it is broken.
  ///
  /// What is not UTF-8 is refused first: Foundation's parser ends the program at an element whose name is not.
  static func decode<Value: Decodable>(_ type: Value.Type, _ bytes: [UInt8]) -> Value? {
    guard String(validating: bytes, as: UTF8.self) != nil else { return nil }
    do {
      // White space belongs to a key where keys are not encoded.
      return try XMLDecoder(trimValueWhitespaces: false).decode(type, from: Data(bytes))
    } catch {
      return nil
    }
  }
}

/// What S3 says of an error: a code and a sentence.
struct S3Refusal: Sendable, Equatable {
  /// The status.
  let status: Int
  /// S3's word for it; `nil` where the body has none, as in answers to HEAD.
  let code: String?
  /// S3's sentence.
  let message: String?
  /// The region that the bucket is in, where the answer says it.
  let region: String?
  /// What the body is where it is markup and not S3's: of whatever stands between, or of another server.
  let page: String?
  /// Whether nothing in the answer is S3's own.
  let isForeign: Bool

  private struct Body: Decodable {
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var Code: String?
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var Message: String?
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var Region: String?
  }

  /// Reads an answer that is no success.
  init(_ answer: AccessAnswer) {
    status = answer.status
    var body: Body?
    if answer.body.contains(UInt8(ascii: "<")) {
      body = S3XML.decode(Body.self, answer.body)
    }
    code = body?.Code.flatMap { $0.isEmpty ? nil : VisibleText.escape($0, cutAt: 80) }
    message = body?.Message.flatMap { $0.isEmpty ? nil : VisibleText.escape($0, cutAt: 300) }
    page = body?.Code == nil ? Self.page(answer) : nil
    // Amazon and whoever answers as it does send such headers with every answer, also where there is no body.
    isForeign =
      code == nil && !answer.headers.contains { $0.name.lowercased().hasPrefix("x-amz-") }
      && (page != nil || answer.status == 404)
    region = [answer.header("x-amz-bucket-region"), body?.Region].compactMap(\.self).first {
      RegionName.isOne($0)
    }
  }

  private static func page(_ answer: AccessAnswer) -> String? {
    guard !answer.body.isEmpty else { return nil }
    let type = answer.header("content-type")?.prefix { $0 != ";" && $0 != " " }.lowercased()
    let page = MarkupPage(String(decoding: answer.body, as: UTF8.self), mediaType: type)
    // What a title repeats of a signed URL is a secret.
    let isQuiet = page?.title?.lowercased().contains("x-amz-") != true
    return page.map { VisibleText.escape(isQuiet ? $0.name : "a page", cutAt: 200) }
  }

  /// Whether asking again later can help.
  var mayPass: Bool {
    if let code,
      ["SlowDown", "InternalError", "ServiceUnavailable", "RequestTimeout", "Throttling"].contains(code)
    {
      return true
    }
    return status == 429 || status >= 500
  }

  /// Whether the session has ended.
  var saysEnded: Bool { code == "ExpiredToken" || code == "TokenRefreshRequired" }

  /// Whether the key or the session is not known, which is also said of a session some time after its end.
  var saysUnknown: Bool { code == "InvalidToken" || code == "InvalidAccessKeyId" }

  /// What was answered, for messages.
  var words: String {
    guard let code else { return "status \(status)" + (page.map { " and \($0)" } ?? "") }
    return message.map { "\(code) (\($0))" } ?? code
  }
}

/// One page of a listing as S3 writes it.
struct ListedPage: Sendable {
  /// The objects in order.
  let objects: [ListedObject]
  /// What the next page is asked for with; `nil` where it is not said.
  let token: String?
  /// Whether there are more pages.
  let goesOn: Bool

  private struct Body: Decodable {
    /// A beginning of keys that a delimiter makes one of.
    struct Prefix: Decodable {}

    struct Object: Decodable {
      // swift-format-ignore: AlwaysUseLowerCamelCase
      var Key: String
      // swift-format-ignore: AlwaysUseLowerCamelCase
      var Size: Int64?
      // swift-format-ignore: AlwaysUseLowerCamelCase
      var StorageClass: String?
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    var IsTruncated: Bool
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var EncodingType: String?
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var NextContinuationToken: String?
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var Contents: [Object]?
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var KeyCount: String?
    // swift-format-ignore: AlwaysUseLowerCamelCase
    var CommonPrefixes: [Prefix]?
  }

  /// Reads a page; `nil` when it is broken: not XML, cut off, with a key that cannot be decoded, or without the keys that
  /// it counts.
  init?(_ bytes: [UInt8]) {
    guard let body = S3XML.decode(Body.self, bytes) else { return nil }
    // Keys that are counted and not there would be left out in silence.
    if let count = body.KeyCount.flatMap(Int.init), count > 0, (body.Contents ?? []).isEmpty,
      body.CommonPrefixes == nil
    {
      return nil
    }
    let isEncoded = body.EncodingType == "url"
    var objects: [ListedObject] = []
    objects.reserveCapacity(body.Contents?.count ?? 0)
    for object in body.Contents ?? [] {
      guard
        let key = isEncoded ? PercentEncoding.decode(object.Key.utf8, isForm: true) : Array(object.Key.utf8)
      else { return nil }
      objects.append(ListedObject(key: key, size: object.Size, storageClass: object.StorageClass))
    }
    self.objects = objects
    token = body.NextContinuationToken.flatMap { $0.isEmpty ? nil : $0 }
    goesOn = body.IsTruncated
    // A page that says there are more, and not where, cannot be followed.
    guard !goesOn || token != nil || !objects.isEmpty else { return nil }
  }
}
