#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// An address at which connections are neither accepted nor refused: a listener whose queue is full.
struct BlackHole {
  private let listener: CInt
  private let filler: CInt
  private let port: UInt16

  struct Unavailable: Error {}

  init() async throws {
    listener = Self.newSocket()
    filler = Self.newSocket()
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let (listener, filler) = (listener, filler)
    let isReady = withUnsafeMutablePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        bind(listener, address, length) == 0 && listen(listener, 0) == 0
          && getsockname(listener, address, &length) == 0 && connect(filler, address, length) == 0
      }
    }
    guard isReady else { throw Unavailable() }
    port = UInt16(bigEndian: address.sin_port)
  }

  var url: String { "http://127.0.0.1:\(port)" }

  func close() {
    _ = [listener, filler].map { socket in
      #if canImport(Glibc)
        Glibc.close(socket)
      #else
        Darwin.close(socket)
      #endif
    }
  }

  private static func newSocket() -> CInt {
    #if canImport(Glibc)
      socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    #else
      socket(AF_INET, SOCK_STREAM, 0)
    #endif
  }
}
