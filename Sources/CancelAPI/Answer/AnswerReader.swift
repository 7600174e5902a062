import CancelContract

/// Reads the API's answers: status, headers and body in, a typed outcome out. No I/O and no clock.
///
/// | status | kind |
/// |---|---|
/// | 2xx | accepted |
/// | 401, 403 | credentialRefused |
/// | 429 | throttled |
/// | 408, 425, 5xx, 3xx | transient |
/// | any other 4xx | rejected |
/// | anything else | ambiguous |
///
/// The status decides as soon as the head is whole. A body that breaks off, is too long or can't be read costs the
/// token or the API's own problem, and no more.
package struct AnswerReader: Sendable {
  /// The most of a body that is read, in bytes.
  package static let longestBody = 64 * 1024

  /// The answer in this response.
  ///
  /// - Parameters:
  ///   - status: The final status code.
  ///   - headers: What the headers said.
  ///   - body: As much of the body as came, up to ``longestBody``.
  ///   - credential: What the call was sent with; a body or location that repeats a part of it is left out whole.
  ///   - now: The time by the worker's clock.
  package static func answer(
    status: Int,
    headers: AnswerHeaders,
    body: [UInt8],
    credential: Credential,
    now: Timestamp
  ) -> CancelAnswer {
    let rateLimit = rateLimit(headers, now: now)
    switch status {
    case 200..<300:
      let token = ConfirmationToken.read(body).flatMap { credential.isRepeated(in: $0) ? nil : $0 }
      return CancelAnswer(kind: .accepted, httpStatus: status, token: token, rateLimit: rateLimit)
    case 300..<400:
      return CancelAnswer(
        kind: .transient, httpStatus: status, problem: redirect(status: status, headers, credential),
        rateLimit: rateLimit)
    case 400..<600:
      let problem =
        credential.isRepeated(in: body.span)
        ? .credentialRepeated(status: status) : Problem(apiBody: body, status: status)
      return CancelAnswer(kind: kind(ofError: status), httpStatus: status, problem: problem, rateLimit: rateLimit)
    default:
      return CancelAnswer(
        kind: .ambiguous, httpStatus: status,
        problem: Problem(.apiAnswerLost, detail: "The API answered with a status code that HTTP does not have."),
        rateLimit: rateLimit)
    }
  }

  private static func kind(ofError status: Int) -> CancelAnswer.Kind {
    switch status {
    case 401, 403: .credentialRefused
    case 429: .throttled
    case 408, 425, 500...: .transient
    default: .rejected
    }
  }

  private static func redirect(status: Int, _ headers: AnswerHeaders, _ credential: Credential) -> Problem {
    let host = headers.locationHost.flatMap { credential.isRepeated(in: $0) ? nil : $0 }
    let target = host.map { " to \($0)" } ?? ""
    return Problem(
      .apiStatus,
      detail: "The API answered with a redirect\(target). Redirects are not followed, so that credentials stay with "
        + "the configured host; check api.baseURL.",
      status: status)
  }

  private static func rateLimit(_ headers: AnswerHeaders, now: Timestamp) -> RateLimit? {
    let rateLimit = RateLimit(
      limit: headers.limit,
      remaining: headers.remaining,
      resetAfter: headers.reset?.fromAnswer(date: headers.date, now: now),
      retryAfter: headers.retryAfter?.fromAnswer(date: headers.date, now: now))
    return rateLimit == RateLimit() ? nil : rateLimit
  }
}

extension Problem {
  /// Stands for a problem that repeats a part of the credential.
  fileprivate static func credentialRepeated(status: Int) -> Problem {
    Problem(
      .apiStatus,
      detail: "the API answered \(status), and what it sent repeats a part of the account's credential: it is left out",
      status: status)
  }
}
