import CancelAPI

/// What a trace says of where calls go.
public struct TracedCalls: Sendable {
  /// The API's base URL, without a `/` at its end.
  public var baseURL: String
  /// The API's host.
  public var serverAddress: String
  /// The API's port.
  public var serverPort: Int
  /// The endpoint's paths, with `{orderId}` for the order's number.
  public var paths: CancelPaths

  /// Calls to this endpoint.
  public init(endpoint: Endpoint, paths: CancelPaths) {
    self.baseURL = endpoint.description
    self.serverAddress = endpoint.host
    self.serverPort = endpoint.port
    self.paths = paths
  }
}
