import BatchDomain
import Testing

@Suite("distance of words")
struct EditDistanceTests {
  @Test(arguments: [
    ("", "", 0), ("a", "", 1), ("", "abc", 3), ("rate", "rate", 0), ("rtae", "rate", 1), ("rats", "rate", 1),
    ("strct", "strict", 1), ("kitten", "sitting", 3),
  ])
  func distanceIsTheFewestChanges(left: String, right: String, distance: Int) {
    #expect(EditDistance.between(left, right) == distance)
    #expect(EditDistance.between(right, left) == distance)
  }
}
