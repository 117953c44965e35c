import CZlib
import Crypto
import Foundation

/// The inventory of a bucket as S3 writes it: a manifest, its checksum, and gzipped files of comma-separated lines.
struct Inventory {
  let objects: [SyntheticBucket.Object]

  /// - Parameters:
  ///   - prefix: what the keys of its files begin with.
  ///   - lines: the most lines of one file.
  init(
    bucket: SyntheticBucket, prefix: String, manifestKey: String, lines: Int, modifiedAt: Int64,
    etag: (SyntheticBucket.Object) -> String
  ) {
    var files: [SyntheticBucket.Object] = []
    var after: [UInt8]?
    let modified = TimeText.rfc3339(modifiedAt).replacing("Z", with: ".000Z")
    while true {
      let part = bucket.list(prefix: [], after: after, limit: lines)
      guard let last = part.last else { break }
      after = last.key
      let rows = part.map { object in
        let key = PercentCoding.encode(object.key, keeping: "/").replacing("%20", with: "+")
        let tag = etag(object).replacing("\"", with: "")
        return "\"\(bucket.name)\",\"\(key)\",\"\(object.size)\",\"\(modified)\",\"\(tag)\","
          + "\"\(object.storageClass)\"\n"
      }
      // Two members, as a reader must expect them.
      let half = rows.count / 2
      let content =
        Gzip.member(Array(rows[..<half].joined().utf8)) + Gzip.member(Array(rows[half...].joined().utf8))
      let name = SeededHash(seed: 0).adding(bucket.name).adding(files.count).hex(32)
      files.append(
        SyntheticBucket.Object("\(prefix)\(bucket.name)/all/data/\(name).csv.gz", content: content))
    }
    let named = files.map { file in
      JSONText.object([
        ("key", .string(String(decoding: file.key, as: UTF8.self))), ("size", .integer(Int(file.size))),
        ("MD5checksum", .string(Inventory.md5(file.content ?? []))),
      ])
    }
    let manifest = JSONText.object([
      ("sourceBucket", .string(bucket.name)), ("destinationBucket", .string("arn:aws:s3:::\(bucket.name)")),
      ("version", "2016-11-30"), ("creationTimestamp", .string(String(modifiedAt))), ("fileFormat", "CSV"),
      ("fileSchema", "Bucket, Key, Size, LastModifiedDate, ETag, StorageClass"), ("files", .array(named)),
    ])
    let text = Array(manifest.text.utf8)
    objects =
      files + [
        SyntheticBucket.Object(manifestKey, content: text),
        SyntheticBucket.Object(
          manifestKey.replacing("manifest.json", with: "manifest.checksum"),
          content: Array(Inventory.md5(text).utf8)),
      ]
  }

  private static func md5(_ bytes: [UInt8]) -> String {
    RequestSignature.hex(Insecure.MD5.hash(data: Data(bytes)))
  }
}

/// gzip (RFC 1952) by the system's zlib.
enum Gzip {
  /// One whole member.
  static func member(_ content: [UInt8]) -> [UInt8] {
    var stream = z_stream()
    // 16 more than the largest window asks for the wrapper of gzip (zlib.h).
    guard
      deflateInit2_(
        &stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
        Int32(MemoryLayout<z_stream>.size)) == Z_OK
    else { preconditionFailure("zlib does not start") }
    defer { deflateEnd(&stream) }
    var content = content
    var output = [UInt8](repeating: 0, count: Int(deflateBound(&stream, UInt(content.count))))
    let count = content.withUnsafeMutableBufferPointer { input in
      output.withUnsafeMutableBufferPointer { output in
        stream.next_in = input.baseAddress
        stream.avail_in = UInt32(input.count)
        stream.next_out = output.baseAddress
        stream.avail_out = UInt32(output.count)
        let status = deflate(&stream, Z_FINISH)
        precondition(status == Z_STREAM_END, "the room that zlib asked for is not enough")
        return output.count - Int(stream.avail_out)
      }
    }
    return Array(output[..<count])
  }
}
