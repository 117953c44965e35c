#if canImport(Glibc)
  internal import Glibc
#else
  internal import Darwin
#endif

/// The files that this process may have open: every connection is one.
enum OpenFiles {
  /// Whether none can be opened any more. What fails for that reason inside of libraries comes out as another error: a
  /// name that cannot be resolved, certificates that cannot be read.
  static var areUsedUp: Bool {
    let descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard descriptor < 0 else {
      close(descriptor)
      return false
    }
    return isLimit(errno)
  }

  /// Whether an error of the system says so.
  static func isLimit(_ code: CInt) -> Bool { code == EMFILE || code == ENFILE }

  /// How many this process may have open, as `ulimit -n` shows it; `nil` where the system does not say.
  static var limit: UInt64? {
    var limit = rlimit()
    #if canImport(Glibc)
      let isKnown = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
    #else
      let isKnown = getrlimit(RLIMIT_NOFILE, &limit) == 0
    #endif
    return isKnown ? UInt64(limit.rlim_cur) : nil
  }
}
