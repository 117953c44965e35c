import Foundation

/// One element of the array in the `file` part, as the service reads it.
struct TransferElement: Decodable {
  /// Why an element, or the array, was not understood.
  enum Problem: Error {
    case notAnArray
    case missing(field: String, position: Int)
    case wrongType(field: String, position: Int)
  }

  let key: ElementKey

  private enum Field: String, CodingKey, CaseIterable {
    case indexID = "index_id"
    case language
    case object
    case transcription
  }

  init(from decoder: any Decoder) throws {
    let position = decoder.codingPath.last?.intValue ?? 0
    guard let members = try? decoder.container(keyedBy: Field.self) else {
      throw Problem.wrongType(field: "element", position: position)
    }
    func text(_ field: Field) throws -> String {
      guard members.contains(field) else { throw Problem.missing(field: field.rawValue, position: position) }
      guard let value = try? members.decode(String.self, forKey: field) else {
        throw Problem.wrongType(field: field.rawValue, position: position)
      }
      return value
    }
    key = ElementKey(indexID: try text(.indexID), object: try text(.object))
    _ = try text(.language)
    if members.contains(.transcription), (try? members.decodeNil(forKey: .transcription)) != true {
      _ = try text(.transcription)
    }
  }

  /// Reads the whole array; an empty one is refused.
  static func decode(_ content: Data) throws(Problem) -> [TransferElement] {
    do {
      let elements = try JSONDecoder().decode([TransferElement].self, from: content)
      guard !elements.isEmpty else { throw Problem.notAnArray }
      return elements
    } catch let problem as Problem {
      throw problem
    } catch {
      throw .notAnArray
    }
  }
}
