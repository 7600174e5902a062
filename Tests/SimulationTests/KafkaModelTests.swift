import Simulation
import Testing

/// The model of Kafka shows what the scripts say; `KafkaScriptTests` asks a real broker for the same.
@Suite struct KafkaModelTests {
  @Test(arguments: KafkaScript.all)
  func theModelShowsWhatAKafkaShows(script: KafkaScript) {
    var model = KafkaScriptModel()
    for (index, step) in script.steps.enumerated() {
      let instead = model.perform(step)
      #expect(instead == nil, "step \(index), \(step)")
    }
  }
}
