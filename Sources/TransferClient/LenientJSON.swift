#if canImport(FoundationEssentials)
  internal import FoundationEssentials
#else
  internal import Foundation
#endif

/// A JSON value of any shape, for answers whose shape is not to be relied on.
enum LenientJSON: Sendable, Equatable, Decodable {
  /// An object; of a repeated name one value.
  case object([String: LenientJSON])
  /// An array.
  case array([LenientJSON])
  /// A string.
  case string(String)
  /// A number, as the text a person would write for it.
  case number(String)
  /// `true` or `false`.
  case boolean(Bool)
  /// `null`.
  case null

  /// Parses a whole body; bytes that are not UTF-8 are repaired first.
  ///
  /// - Returns: `nil` when it is not JSON.
  static func parse(_ bytes: some Collection<UInt8>) -> LenientJSON? {
    do {
      let repaired = Data(String(decoding: bytes, as: UTF8.self).utf8)
      return try JSONDecoder().decode(LenientJSON.self, from: repaired)
    } catch {
      // Not being JSON is an answer here, not a failure.
      return nil
    }
  }

  /// Takes whatever value is there.
  init(from decoder: any Decoder) throws {
    if let fields = Self.attempt({ try decoder.container(keyedBy: Name.self) }) {
      var object: [String: LenientJSON] = [:]
      for name in fields.allKeys {
        object[name.stringValue] = try fields.decode(LenientJSON.self, forKey: name)
      }
      self = .object(object)
      return
    }
    if var elements = Self.attempt({ try decoder.unkeyedContainer() }) {
      var array: [LenientJSON] = []
      while !elements.isAtEnd { array.append(try elements.decode(LenientJSON.self)) }
      self = .array(array)
      return
    }
    let value = try decoder.singleValueContainer()
    if value.decodeNil() {
      self = .null
    } else if let boolean = Self.attempt({ try value.decode(Bool.self) }) {
      self = .boolean(boolean)
    } else if let string = Self.attempt({ try value.decode(String.self) }) {
      self = .string(string)
    } else if let whole = Self.attempt({ try value.decode(Int64.self) }) {
      self = .number(String(whole))
    } else {
      self = .number(String(try value.decode(Double.self)))
    }
  }

  /// The value of a member, if this is an object that has it.
  subscript(name: String) -> LenientJSON? {
    guard case .object(let members) = self else { return nil }
    return members[name]
  }

  /// The text, if this is a string.
  var string: String? {
    guard case .string(let text) = self else { return nil }
    return text
  }

  private struct Name: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }

  /// The value, or `nil` when it has another type.
  private static func attempt<Value>(_ body: () throws -> Value) -> Value? {
    do { return try body() } catch { return nil }
  }
}
