import ArgumentParser
import CancelService

@main
struct CancelWorker: AsyncParsableCommand {
  static let configuration = CommandConfiguration(commandName: "cancel-worker")
}
