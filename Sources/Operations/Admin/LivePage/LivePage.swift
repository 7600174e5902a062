/// The live page: one HTML document with its style and script in it, so that it needs nothing from anywhere.
struct LivePage {
  private let nonce: String

  /// A page with a nonce of its own.
  init() {
    var random = SystemRandomNumberGenerator()
    nonce = String(random.next(), radix: 36) + String(random.next(), radix: 36)
  }

  /// What the browser may do with it: run its own script, use its own style, and listen to `/events`.
  var contentSecurityPolicy: String {
    "default-src 'none'; script-src 'nonce-\(nonce)'; style-src 'nonce-\(nonce)'; connect-src 'self'; "
      + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
  }

  /// The document.
  var html: String {
    """
    <!doctype html>
    <html lang="en">
    <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>cancel-worker</title>
    <link rel="icon" href="data:,">
    <style nonce="\(nonce)">
    \(Self.style)
    </style>
    </head>
    <body>
    \(Self.content)
    <script nonce="\(nonce)">
    \(Self.script)
    </script>
    </body>
    </html>

    """
  }
}
