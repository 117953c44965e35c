import Foundation

/// Keeps the descriptors 0 to 2 for standard input, output and error.
///
/// A program may be started with any of them closed, as some service managers do. The next file or socket that is opened
/// then gets that number, and results would be written into it.
package enum StandardDescriptors {
  /// Puts a stand-in where one of them is closed. Called before anything else: the libraries of the language open files
  /// of their own as soon as there is a task.
  ///
  /// Standard input is one that cannot be read and standard output one that cannot be written, so that whoever uses them
  /// gets an error instead of an empty manifest or a result that nobody sees. What goes to standard error is dropped.
  package static func hold() {
    hold(STDIN_FILENO, O_WRONLY)
    hold(STDOUT_FILENO, O_RDONLY)
    hold(STDERR_FILENO, O_WRONLY)
  }

  private static func hold(_ descriptor: Int32, _ mode: Int32) {
    guard fcntl(descriptor, F_GETFD) == -1, errno == EBADF else { return }
    // The system gives the lowest free number. A folder takes the place where a confined program sees no devices.
    var held = open("/dev/null", mode)
    if held < 0 { held = open("/", O_RDONLY) }
    guard held >= 0, held != descriptor else { return }
    dup2(held, descriptor)
    close(held)
  }
}
