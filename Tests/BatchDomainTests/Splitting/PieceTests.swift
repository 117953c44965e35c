import BatchDomain
import Testing

@Suite("Pieces of a chunk")
struct PieceTests {
  @Test("halves cover the range, the first being a power of two and the longer", arguments: 2...33)
  func halves(count: Int) {
    let pieces = Piece.halves(of: 7..<7 + count)
    #expect(pieces.map(\.state) == [.pending, .pending])
    #expect(pieces[0].items.lowerBound == 7)
    #expect(pieces[0].items.upperBound == pieces[1].items.lowerBound)
    #expect(pieces[1].items.upperBound == 7 + count)
    #expect(pieces[0].items.count >= pieces[1].items.count)
    #expect(pieces[0].items.count.nonzeroBitCount == 1)
  }

  @Test("ranges of seen and unseen items take turns and cover the chunk")
  func ranges() {
    #expect(
      Piece.ranges(from: 10, isSeen: [true, true, false, true, false, false]) == [
        Piece(items: 10..<12, state: .accepted), Piece(items: 12..<13, state: .pending),
        Piece(items: 13..<14, state: .accepted), Piece(items: 14..<16, state: .pending),
      ])
  }
}
