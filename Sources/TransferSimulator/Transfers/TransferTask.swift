import Foundation

/// One video that the service works on. Its state follows from its age; nothing has to be moved along.
package struct TransferTask: Sendable, Equatable {
  /// A state of a task, spelled as on the wire.
  package enum Status: String, Sendable, CaseIterable {
    /// The video is checked.
    case validating
    /// A worker is being started.
    case pending
    /// A worker is assigned; only in the last profile.
    case queued
    /// The video is worked on.
    case indexing
    /// Done.
    case ready
    /// The service could not process the video.
    case failed
  }

  /// 24 lowercase hexadecimal digits.
  package let id: String
  /// The index that receives the video.
  package let indexID: String
  /// The name that listings show; normally the last segment of the object's key.
  package let filename: String
  /// The object the task came from; nil for tasks that no transfers request made.
  package let object: String?
  /// When the service took the video, in milliseconds since 1970, without the configured offset.
  package let acceptedAt: Int64
  /// Bits for what is drawn per task.
  let draw: UInt64
  /// The number of steps after which the task fails; nil when it becomes ready.
  let failsAfter: Int?

  /// The identifier of the video, shown once it is ready.
  package var videoID: String { SeededHash(seed: draw).adding("video").hex(24) }

  /// The state at `now`, and since when it holds, in the time of `acceptedAt`.
  func state(at now: Int64, step: Int64, phases: [Status]) -> (status: Status, since: Int64) {
    let age = max(0, now - acceptedAt)
    let end = failsAfter ?? phases.count
    let position = step <= 0 ? end : Int(min(age / step, Int64(end)))
    guard position < end else {
      return (failsAfter == nil ? .ready : .failed, acceptedAt + Int64(end) * step)
    }
    return (phases[position], acceptedAt + Int64(position) * step)
  }
}

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

/// What identifies a video within the service: the index and the object in S3, compared by their bytes. Swift treats
/// texts as equal that look alike, which are different keys to S3.
package struct ElementKey: Hashable, Sendable, Comparable {
  /// The index that receives the video.
  package let indexID: String
  /// The `s3://bucket/key` of the video.
  package let object: String

  /// Joins the two parts.
  package init(indexID: String, object: String) {
    self.indexID = indexID
    self.object = object
  }

  /// Whether both parts have the same bytes.
  package static func == (left: ElementKey, right: ElementKey) -> Bool {
    left.bytes.elementsEqual(right.bytes)
  }

  /// Hashes the bytes of both parts.
  package func hash(into hasher: inout Hasher) { for byte in bytes { hasher.combine(byte) } }

  /// Orders by index, then by object.
  package static func < (left: ElementKey, right: ElementKey) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }

  /// The bytes of both parts, with one between them that no UTF-8 has.
  private var bytes: [UInt8] { Array(indexID.utf8) + [0xFF] + Array(object.utf8) }
}

/// The fields of a request that creates one task: multipart/form-data as the service documents it, or a form in
/// the style of a query, which is what the vendor's Python SDK sends when there is no file in it.
struct TaskForm {
  private let multipart: MultipartForm?
  private let query: QueryString?

  /// Decodes a body; `nil` when it is neither.
  init?(contentType: String, body: Data) {
    if MultipartForm.parameters(contentType).value.lowercased() == "application/x-www-form-urlencoded" {
      multipart = nil
      query = QueryString(String(decoding: body, as: UTF8.self)[...])
    } else {
      guard let form = MultipartForm(contentType: contentType, body: body) else { return nil }
      multipart = form
      query = nil
    }
  }

  /// The text of a field.
  func text(_ name: String) -> String? { multipart.map { $0.text(name) } ?? query?[name] }

  /// The file name of a field that is a file.
  func fileName(_ name: String) -> String? { multipart?[name]?.filename }
}
