extension Secret {
  /// Why a secret can't be had; never what is in it.
  package struct Fault: Error, CustomStringConvertible {
    /// What is wrong and what to do about it.
    package let description: String
  }

  /// The secret that `text` stands for: itself, `env:NAME` or `file:PATH`.
  ///
  /// - Throws: ``Fault``.
  package init(configured text: String, environment: [String: String]) throws(Fault) {
    var source = SecretSource(directory: "", environment: environment)
    do {
      self = try source.secret(text)
    } catch {
      throw Fault(description: error.message)
    }
  }
}
