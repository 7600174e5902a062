/// The live page's files. They lie beside this one and are compiled into the binary, so the page needs nothing from anywhere.
enum LivePage {
  /// One file as the admin server gives it out.
  struct File {
    var contentType: String
    var bytes: [UInt8]
  }

  /// The document, at `/`.
  static let document = File(contentType: "text/html; charset=utf-8", bytes: PackageResources.live_html)

  /// The files that the document names, by their paths.
  static let files = [
    "/live.css": File(contentType: "text/css; charset=utf-8", bytes: PackageResources.live_css),
    "/live.js": File(contentType: "text/javascript; charset=utf-8", bytes: PackageResources.live_js),
  ]

  /// What the browser may do with the document: use this server's script and style, and listen to its events. Every other
  /// answer of the server is of a type that the browser takes for neither.
  static let contentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}
