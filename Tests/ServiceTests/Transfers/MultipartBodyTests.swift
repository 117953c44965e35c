import BatchDomain
import Testing
import TransfersService

@Suite struct MultipartBodyTests {
  private func body(_ content: String) -> MultipartBody {
    MultipartBody(chunk: ChunkNumber(17), content: Array(content.utf8))
  }

  @Test func `the boundary is the chunk's, the same on every attempt`() {
    #expect(body("[]").boundary == "----chunk-000017")
    #expect(MultipartBody(chunk: ChunkNumber(1_234_567), content: []).boundary == "----chunk-1234567")
  }

  @Test(arguments: [
    ("[\"----chunk-000017\"]", "----chunk-000017-1"), ("----chunk-000017-1", "----chunk-000017-2"),
    ("x----chunk-00001", "----chunk-000017"), ("--------chunk-000017", "----chunk-000017-1"),
  ])
  func `a boundary that occurs in the content is not used`(content: String, boundary: String) {
    let body = body(content)
    #expect(body.boundary == boundary)
    let head = "POST / HTTP/1.1\r\nContent-Type: \(body.contentType)\r\n\r\n"
    let request = Array(head.utf8) + body.opening.utf8 + body.content + body.closing.utf8
    #expect(MultipartReader.filePart(of: request) == Array(content.utf8))
    #expect(body.length == request.count - head.utf8.count)
  }
}
