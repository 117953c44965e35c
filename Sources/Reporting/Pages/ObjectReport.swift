package import BatchDomain

/// Where a video was sent, in every form but HTML.
package struct ObjectReport: Sendable {
  private let object: String
  private let appearances: [ObjectAppearance]

  /// A report on a video.
  ///
  /// - Parameter appearances: newest run first.
  package init(_ object: String, _ appearances: [ObjectAppearance]) {
    self.object = object
    self.appearances = appearances
  }

  /// A table with one line for each run and index that has the video.
  package func text(zone: LocalZone) -> String {
    let name = VisibleText.escape(object, cutAt: 400)
    guard !appearances.isEmpty else { return "no run has \(name)\n" }
    var table = TextTable(.left, .left, .right, .left, .right, .right, .left, .left)
    table.add("RUN", "CREATED", "ITEM", "STATE", "CHUNK", "ATTEMPTS", "INDEX", "LAST ANSWER")
    for found in appearances {
      let chunk = found.chunk
      table.add(
        found.run.rawValue, zone.brief(found.createdAt), String(found.item), found.chunk.state.rawValue,
        found.chunk.number.description, String(found.chunk.attempts),
        VisibleText.escape(found.index.rawValue, cutAt: 60),
        VisibleText.answer(chunk.status, chunk.code, chunk.message, cutAt: 100))
    }
    return "\(name)\n\n" + table.text()
  }

  /// `{"object", "appearances": [{"run_id", "created_at", "item", "index_id", "state", "chunk", ...}]}` with a line end.
  package func json(_ layout: JSONWriter.Layout = .pretty) -> String {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("object")
    json.value(object)
    json.key("appearances")
    json.beginArray()
    for found in appearances {
      json.beginObject()
      json.key("run_id")
      json.value(found.run.rawValue)
      json.key("created_at")
      json.value(found.createdAt)
      json.key("item")
      json.value(found.item)
      json.key("index_id")
      json.value(found.index.rawValue)
      json.key("state")
      json.value(found.chunk.state.rawValue)
      json.key("chunk")
      json.value(found.chunk.number.rawValue)
      json.key("attempts")
      json.value(found.chunk.attempts)
      json.key("http_status")
      json.value(found.chunk.status)
      json.key("error_code")
      json.value(found.chunk.code)
      json.key("message")
      json.value(found.chunk.message)
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.take() + "\n"
  }

  /// A header record, then one record for each run and index that has the video.
  package func csv() -> String {
    var csv = CSVWriter()
    csv.add([
      "run_id", "created_at", "item", "index_id", "state", "chunk", "attempts", "http_status", "error_code",
      "message",
    ])
    for found in appearances {
      csv.add([
        found.run.rawValue, found.createdAt.description, String(found.item), found.index.rawValue,
        found.chunk.state.rawValue, String(found.chunk.number.rawValue), String(found.chunk.attempts),
        found.chunk.status.map(String.init), found.chunk.code, found.chunk.message,
      ])
    }
    return csv.take()
  }
}
