import BatchDomain
import Testing

@Suite("Parts of a path")
struct PathNamesTests {
  @Test(
    "folder and name are those of dirname and basename",
    arguments: [
      ("x", ".", "x"), ("-", ".", "-"), (".", ".", "."), ("ä", ".", "ä"), ("x/", ".", "x"), ("/x", "/", "x"),
      ("//x", "/", "x"), ("/", "/", "/"), ("a/b", "a", "b"), ("a//b//", "a", "b"),
      ("d/runs.db", "d", "runs.db"),
      ("../m.jsonl", "..", "m.jsonl"), ("/a/b/c", "/a/b", "c"), ("", ".", ""),
    ] as [(String, String, String)])
  func parts(path: String, folder: String, name: String) {
    #expect(PathNames.folder(of: path) == folder)
    #expect(PathNames.name(of: path) == name)
  }
}
