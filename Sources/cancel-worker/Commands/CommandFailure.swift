import ArgumentParser
import Foundation
import Operations

/// Tells why a command fails, on standard error, and ends it with a documented exit code.
struct CommandFailure: Error {
  let exit: ArgumentParser.ExitCode

  init(code: Operations.ExitCode, _ reason: any Error) {
    self.init(code: code, message: "\(reason)")
  }

  init(code: Operations.ExitCode, message: String) {
    StandardError.write("cancel-worker: \(message)\n")
    exit = ArgumentParser.ExitCode(code.rawValue)
  }
}

/// Standard error, for what is not data.
enum StandardError {
  static func write(_ text: String) {
    StandardStream.error.write(text)
  }
}

/// Standard output, for data.
enum StandardOutput {
  static func write(_ text: String) {
    let error = StandardStream.output.write(text)
    guard error != 0 else { return }
    // As a process does that a broken pipe ends: nobody reads what would follow.
    if error == EPIPE { _exit(128 + SIGPIPE) }
    let reason = String(cString: strerror(error))
    StandardError.write("cancel-worker: standard output can't be written: \(reason)\n")
    _exit(Operations.ExitCode.software.rawValue)
  }
}
