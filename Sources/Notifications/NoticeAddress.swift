internal import Foundation

/// An address that notices or heartbeats go to: https, or http to this machine.
///
/// Whoever knows such an address can write into a chat, so only its host is ever shown.
package struct NoticeAddress: Sendable, Equatable {
  /// The whole address; for the transport alone.
  let text: String
  /// Scheme, host and port, and that something follows: `https://hooks.example.org/…`.
  package let shown: String

  /// Reads an address.
  ///
  /// - Throws: ``NoticeTargetError``, whose words complete "the address ..." and never repeat it.
  package init(_ text: String) throws(NoticeTargetError) {
    guard text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "\\") }), !text.isEmpty else {
      throw NoticeTargetError("is empty or has characters that no address has")
    }
    let scheme = text.lowercased().hasPrefix("http://") ? "http" : "https"
    guard text.lowercased().hasPrefix("\(scheme)://"), let parts = URLComponents(string: text) else {
      throw NoticeTargetError("does not begin with https://")
    }
    guard parts.user == nil, parts.password == nil else {
      throw NoticeTargetError("has a user name or password before its host, which is not sent")
    }
    guard parts.fragment == nil else { throw NoticeTargetError("has a fragment, which is not sent") }
    guard let host = parts.host?.lowercased(), Self.isHost(host), (1...65_535).contains(parts.port ?? 443)
    else {
      throw NoticeTargetError("has no valid host and port")
    }
    guard scheme == "https" || Self.isLoopback(host) else {
      throw NoticeTargetError("is http to another machine, which would show it to everyone between")
    }
    self.text = text
    let bracketed = host.contains(":") && !host.hasPrefix("[") ? "[\(host)]" : host
    shown = "\(scheme)://\(bracketed)" + (parts.port.map { ":\($0)" } ?? "") + "/…"
  }

  private static func isHost(_ host: String) -> Bool {
    !host.isEmpty
      && host.utf8.allSatisfy { byte in
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: "-._:[]".utf8.contains(byte)
        }
      }
  }

  /// Whether the host is this machine whatever a name server says.
  private static func isLoopback(_ host: String) -> Bool {
    if ["localhost", "::1", "[::1]"].contains(host) { return true }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts[0] == "127" && parts.allSatisfy { UInt8($0) != nil }
  }
}

extension NoticeAddress: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  /// What may be shown.
  package var description: String { shown }
  /// The same.
  package var debugDescription: String { shown }
  /// A mirror without children, so that `dump` shows no more.
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}
