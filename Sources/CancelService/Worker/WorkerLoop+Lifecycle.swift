import CancelAPI
import CancelContract
import CancelCore
import Kafka

extension WorkerLoop {
  /// Takes messages from this consumer from now on.
  func attach(_ consumer: KafkaConsumer) {
    self.consumer = consumer
  }

  /// Lets go of the consumer, which holds on to the loop.
  func detachConsumer() {
    consumer = nil
  }

  /// Says so by answering.
  var isTurning: Bool { true }

  /// Takes `accounts` as all that are configured.
  func replaceAccounts(with accounts: Accounts) {
    let renewed = directory.replace(with: accounts)
    engine.configure(accounts: directory.quotaKeys, renewed: renewed, at: clock.now)
    turn()
  }

  /// Sends no further call, lets those in flight finish, and publishes what is settled; for `drainTimeout` at most.
  ///
  /// - Returns: whether nothing was left.
  func drain() async -> Bool {
    isStopping = true
    engine.stop()
    let finished = await wait(atMost: settings.drainTimeout) { loop in
      loop.failure != nil || loop.engine.callsInFlight == 0
    }
    guard failure == nil else { return false }
    let flushed = await flush(atMost: settings.drainTimeout)
    return finished && flushed
  }

  /// Hands over the notices that have gathered.
  func publishNotices() {
    let notices = engine.drainWaitNotices()
    guard !notices.isEmpty else { return }
    notifier?.publish(notices)
  }
}
