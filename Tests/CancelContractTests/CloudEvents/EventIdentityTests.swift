import CancelContract
import Testing

struct EventIdentityTests {
  /// Computed with Python's `uuid.uuid5`.
  @Test(arguments: [
    (
      SourceCoordinates(topic: "order-cancel.requests", partition: 3, offset: 42),
      "8e5c19e9-d115-5795-bf9c-585b13a3f422"
    ),
    (SourceCoordinates(topic: "t", partition: 0, offset: 0), "5909d005-2bfd-5303-b179-23a11adb9b86"),
    (
      SourceCoordinates(topic: "order-cancel.requests", partition: .max, offset: .max),
      "3702c7be-ccd1-54f9-9756-f43d5adf0aa9"
    ),
  ])
  func `a result's id follows from its coordinates`(source: SourceCoordinates, id: String) {
    #expect(EventIdentity.result(of: source).uuidString.lowercased() == id)
  }

  @Test func `a progress event's id follows from its number too`() {
    let source = SourceCoordinates(topic: "order-cancel.requests", partition: 3, offset: 42)
    let id = EventIdentity.progress(of: source, sequence: 1)
    #expect(id.uuidString.lowercased() == "9ced4117-ba2b-5d2c-86cf-7851e6c79d41")
    #expect(EventIdentity.progress(of: source, sequence: 2) != id)
  }
}
