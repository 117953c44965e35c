/// The script that keeps a page up to date: it puts what the server rendered where it belongs, and nothing else.
enum LiveScript {
  /// The text. It names no run: the page's own address does.
  static let text = """
    const link = document.getElementById('link');
    const source = new EventSource(location.pathname + '/events');
    source.addEventListener('section', event => {
      const end = event.data.indexOf('\\n');
      const place = document.getElementById(event.data.slice(0, end));
      if (place) place.innerHTML = event.data.slice(end + 1);
      link.textContent = 'live';
    });
    source.addEventListener('end', () => { source.close(); link.textContent = ''; });
    source.addEventListener('error', () => { link.textContent = 'not connected, trying again'; });
    """
}
