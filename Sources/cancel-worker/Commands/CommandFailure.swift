import ArgumentParser
import CancelService
import Foundation

/// Tells why a command fails, on standard error, and ends it with a documented exit code.
struct CommandFailure: Error {
  let exit: ArgumentParser.ExitCode

  init(code: CancelService.ExitCode, _ reason: any Error) {
    self.init(code: code, message: "\(reason)")
  }

  init(code: CancelService.ExitCode, message: String) {
    StandardError.write("cancel-worker: \(message)\n")
    exit = ArgumentParser.ExitCode(code.rawValue)
  }
}

/// Standard error, for what is not data.
enum StandardError {
  static func write(_ text: String) {
    FileHandle.standardError.write(Data(text.utf8))
  }
}

/// Standard output, for data.
enum StandardOutput {
  static func write(_ text: String) {
    FileHandle.standardOutput.write(Data(text.utf8))
  }
}
