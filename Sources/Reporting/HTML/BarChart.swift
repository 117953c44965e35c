/// A chart of bars beside each other as inline SVG. It has no text of its own that is to be read: that stands around
/// it, where it keeps its size on a phone.
struct BarChart {
  /// A bar.
  struct Bar {
    /// Its height; 0 or more.
    let value: Int
    /// What it stands for, shown while it is pointed at.
    let title: String
  }

  /// The bars from left to right.
  let bars: [Bar]
  /// What the chart shows, for who cannot see it.
  let label: String

  /// The greatest value; 0 without bars.
  var greatest: Int { bars.reduce(0) { max($0, $1.value) } }

  /// The picture, stretched to the width there is.
  var svg: HTMLFragment {
    let height = 100
    let step = 10
    var svg =
      "<svg class=\"bars\" viewBox=\"0 0 \(max(1, bars.count) * step) \(height)\" preserveAspectRatio=\"none\" "
      + "role=\"img\" aria-label=\"\(HTMLText.escape(label))\">"
    let greatest = Double(max(1, greatest))
    for (place, bar) in bars.enumerated() {
      // What is there is seen, however small it is beside the greatest.
      let drawn = bar.value > 0 ? max(1, Int((Double(bar.value) / greatest * Double(height)).rounded())) : 0
      svg +=
        "<g><title>\(HTMLText.escape(bar.title))</title>"
        + "<rect class=\"catch\" x=\"\(place * step)\" y=\"0\" width=\"\(step)\" height=\"\(height)\"/>"
        + "<rect class=\"bar\" x=\"\(place * step + 1)\" y=\"\(height - drawn)\" width=\"\(step - 2)\" height=\"\(drawn)\"/></g>"
    }
    return HTMLFragment(trusted: svg + "</svg>")
  }
}
