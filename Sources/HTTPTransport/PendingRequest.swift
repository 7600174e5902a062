import NIOCore

/// A request with the one who waits for its response.
struct PendingRequest {
  /// No request is sent more often than this for being turned away unprocessed; one more is answered with the fault.
  private static let mostRepetitions = 2

  let request: HTTPRequest
  /// Takes the body of a success as it comes, where that is wanted and the body is not coded.
  let onBody: (@Sendable (ByteBuffer) -> Void)?
  let completion: @Sendable (Result<HTTPResponse, HTTPFault>) -> Void
  /// How often it was turned away and sent again.
  private var repetitions = 0

  init(
    request: HTTPRequest, onBody: (@Sendable (ByteBuffer) -> Void)? = nil,
    completion: @escaping @Sendable (Result<HTTPResponse, HTTPFault>) -> Void
  ) {
    self.request = request
    self.onBody = onBody
    self.completion = completion
  }

  /// The request for another try, unless it has had them all.
  var repeated: PendingRequest? {
    guard repetitions < Self.mostRepetitions else { return nil }
    var again = self
    again.repetitions += 1
    return again
  }

  func fail(_ fault: HTTPFault) {
    completion(.failure(fault))
  }

  func answer(_ response: HTTPResponse) {
    completion(.success(response))
  }
}
