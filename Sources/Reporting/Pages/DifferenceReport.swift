package import BatchDomain

/// How two runs differ, in every form but HTML.
package struct DifferenceReport: Sendable {
  /// A setting that the runs have in different values: its name, and the two.
  private typealias Setting = (name: String, values: [String])

  private let runs: [RunSummary]
  private let settings: [Setting]
  private let difference: RunDifference

  /// A report in its parts.
  ///
  /// - Parameters:
  ///   - runs: the first and the second.
  ///   - settings: what either was told.
  package init(_ runs: [RunSummary], settings: [RunSettings], _ difference: RunDifference) {
    self.runs = runs
    let words = settings.map(SettingWords.list)
    self.settings = zip(words[0], words[1]).filter { $0 != $1 }.map { ($0.0.name, [$0.0.value, $0.1.value]) }
    self.difference = difference
  }

  /// Reads the items of both runs and compares them.
  package static func compare(
    _ first: RunSummary, _ second: RunSummary, in details: any RunCatalog
  ) async throws -> RunDifference {
    let parts = DifferenceFold.parts(for: first.items)
    var changes: [[RunDifference.Change]] = []
    for part in 0..<parts {
      var fold = DifferenceFold(part: part, of: parts)
      try await ItemPages(of: first.run, matching: RowFilter(), in: details).forEachPage { page in
        for item in page { fold.addFirst(item) }
      }
      try await ItemPages(of: second.run, matching: RowFilter(), in: details).forEachPage { page in
        for item in page { fold.addSecond(item) }
      }
      changes.append(fold.matched)
      for (state, missing) in fold.missing {
        var objects: [ObjectName] = []
        for sequence in missing.sequences {
          let page = try await details.items(
            of: first.run, matching: RowFilter(), from: sequence, limit: 1)
          objects += page.rows.map(\.object)
        }
        changes.append([
          RunDifference.Change(from: state, to: nil, items: missing.items, objects: objects)
        ])
      }
    }
    return RunDifference(parts: changes)
  }

  /// Both runs in a line each, the settings that differ, and the items by where they went.
  package func text() -> String {
    var heads = TextTable(.left, .left, .left)
    for (word, run) in zip(["first", "second"], runs) {
      heads.add(word, run.run.rawValue, RunHeadline.text(run))
    }
    var text = heads.text()
    if !settings.isEmpty {
      var table = TextTable(.left, .left, .left)
      table.add("SETTING", "FIRST", "SECOND")
      for setting in settings {
        table.add([setting.name] + setting.values.map { VisibleText.escape($0, cutAt: 80) })
      }
      text += "\n" + table.text()
    }
    var table = TextTable(.left, .left, .right, .left)
    table.add("FIRST", "SECOND", "ITEMS", "FOR EXAMPLE")
    for change in difference.changes {
      let objects = change.isChange ? change.objects.map { VisibleText.escape($0.rawValue, cutAt: 100) } : []
      table.add(
        change.from?.rawValue ?? "-", change.to?.rawValue ?? "-", HumanNumber.text(change.items),
        objects.joined(separator: ", "))
    }
    let both = HumanNumber.text(difference.inBoth, "item")
    let isPartly = difference.changes.contains { $0.from == nil || $0.to == nil }
    return text + "\n" + table.text() + "\n\(both) in both runs"
      + (isPartly ? "; \"-\" is where a run does not have them\n" : "\n")
  }

  /// `{"runs": [RUN, RUN], "settings": [...], "changes": [...]}` with a line end.
  package func json(_ layout: JSONWriter.Layout = .pretty) -> String {
    var json = JSONWriter(layout)
    json.beginObject()
    json.key("runs")
    json.beginArray()
    for run in runs { RunJSON.write(run, to: &json) }
    json.endArray()
    json.key("settings")
    json.beginArray()
    for setting in settings {
      json.beginObject()
      json.member("setting", setting.name)
      for (member, value) in zip(["first", "second"], setting.values) { json.member(member, value) }
      json.endObject()
    }
    json.endArray()
    json.key("changes")
    json.beginArray()
    for change in difference.changes {
      json.beginObject()
      json.member("from", change.from?.rawValue)
      json.member("to", change.to?.rawValue)
      json.member("items", change.items)
      json.key("objects")
      json.beginArray()
      for object in change.objects { json.value(object.rawValue) }
      json.endArray()
      json.endObject()
    }
    json.endArray()
    json.endObject()
    return json.take() + "\n"
  }

  /// A header record, then one for each way from state to state.
  package func csv() -> String {
    var csv = CSVWriter()
    csv.add(["from", "to", "items"])
    for change in difference.changes {
      csv.add([change.from?.rawValue, change.to?.rawValue, String(change.items)])
    }
    return csv.take()
  }
}
