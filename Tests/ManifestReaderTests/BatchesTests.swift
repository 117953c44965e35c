import BatchDomain
import ManifestReader
import Testing

@Suite struct BatchesTests {
  static let lines = [
    item(1),
    #"{ "index_id" : "629d807aa9e2a3a33a92c00b","language":"en","object":"s3://bucket/2","transcription":null }"#,
    item(3, index: "629d807aa9e2a3a33a92c00c"),
    #"{"object":"s3:\/\/bucket\/4.mp4","transcr\u0069ption":"","language":"en","index_id":"629d807aa9e2a3a33a92c00\u0063"}"#,
    item(5, index: "629d807aa9e2a3a33a92c00c", more: #", "x" : [ 1 , "  " ]"#),
  ]

  @Test(arguments: [1, 200, 1 << 20])
  func batchesHoldSourcesAndWireForms(batchBytes: Int) async throws {
    let reading = try await read(
      Array(("[" + BatchesTests.lines.joined(separator: " ,\n") + "]").utf8), batchBytes: batchBytes)
    #expect(reading.items == BatchesTests.lines)
    #expect(reading.entries.map(\.continuesIndex) == [false, true, false, true, true])
    var sequence = 0
    var digest = ContentDigest()
    for batch in reading.batches {
      #expect(batch.firstSequence == sequence)
      sequence = batch.endSequence
      for entry in batch.entries {
        let wire = Array(batch.wireForm(of: entry))
        #expect(wire == WireForm.bytes(of: batch.source(of: entry)))
        digest.update(wire + [0x0A])
      }
    }
    #expect(reading.digest == digest.finished())
  }

  @Test func digestKnowsItemsNotTheirSpelling() async throws {
    let array = try await read("[" + item(1) + " , " + item(2) + "]")
    let lines = try await read(item(1) + "\n" + item(2, more: #","transcription":null"#) + "\n" + item(1))
    #expect(array.digest == lines.digest)
    let other = try await read("[" + item(2) + " , " + item(1) + "]")
    #expect(array.digest != other.digest)
  }

  @Test func everySplitOfAMixedManifestReadsTheSame() async throws {
    let bytes = Array(("\u{FEFF}[ " + BatchesTests.lines.joined(separator: " ,\n") + "\n]\n").utf8)
    let whole = try await read(bytes, batchBytes: 300)
    #expect(whole.itemCount == 5)
    for split in 1..<bytes.count {
      #expect(try await read(bytes, sizes: [split, Int.max], batchBytes: 300) == whole)
    }
    #expect(try await read(bytes, sizes: [1], batchBytes: 300) == whole)
  }

  @Test func cancelledTaskStopsReading() async {
    let task = Task {
      withUnsafeCurrentTask { $0?.cancel() }
      return try await read(item(1))
    }
    await #expect(throws: CancellationError.self) { _ = try await task.value }
  }
}
