import Foundation
import Testing

@testable import Operations

@Suite struct LivePageTests {
  private let html = String(decoding: PackageResources.live_html, as: UTF8.self)
  private let style = String(decoding: PackageResources.live_css, as: UTF8.self)
  private let script = String(decoding: PackageResources.live_js, as: UTF8.self)

  @Test func itNeedsNothingFromAnywhere() {
    let all = html + style + script
    #expect(!all.contains("http:") && !all.contains("https:") && !all.contains("@import") && !all.contains("url("))
    #expect(!all.contains("innerHTML") && !all.contains("eval("))
  }

  @Test func itsPolicyAllowsItsOwnScriptAndStyleAlone() async throws {
    let policy = LivePage.contentSecurityPolicy
    #expect(policy.hasPrefix("default-src 'none'; script-src 'self'; style-src 'self'; "))
    #expect(!policy.contains("unsafe"))
    #expect(!html.contains("style=") && !html.contains(" onclick") && !html.contains("<style"))
    #expect(html.split(separator: "<script").count == 2 && html.contains("<script src=\"live.js\" defer></script>"))
    try await FakeWorker().serve { port in
      for (path, type) in [("/", "text/html"), ("/live.css", "text/css"), ("/live.js", "text/javascript")] {
        let answer = try await RawClient.ask(
          port: port, "GET \(path) HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        #expect(answer.hasPrefix("HTTP/1.1 200"))
        #expect(answer.lowercased().contains("content-type: \(type); charset=utf-8\r\n"))
      }
    }
  }

  @Test func itSpeaksToScreenReaders() {
    #expect(html.contains(#"role="status" aria-live="polite""#))
    #expect(html.split(separator: "<table>").count == html.split(separator: "<caption").count)
    #expect(html.contains("<main>") && html.contains("<h1>"))
    #expect(html.contains("<html lang=\"en\">"))
  }

  /// WCAG 2 AA: text against its ground by 4.5 to 1 at least, in both schemes.
  @Test(arguments: [0, 1])
  func contrast(scheme: Int) throws {
    let blocks = style.components(separatedBy: ":root {").dropFirst().map { $0.prefix { $0 != "}" } }
    try #require(blocks.count == 2)
    var colours: [String: Double] = [:]
    for declaration in blocks[scheme].split(separator: ";") {
      let pair = declaration.split(separator: ":").map { $0.trimmingCharacters(in: .whitespacesAndNewlines) }
      guard pair.count == 2, let colour = Int(pair[1].dropFirst(), radix: 16) else { continue }
      colours[String(pair[0].dropFirst(2))] = luminance(colour)
    }
    let pairs =
      ["ink", "quiet", "good", "warn", "bad", "link"].flatMap { [($0, "page"), ($0, "card")] }
      + ["good", "warn", "bad"].flatMap { [($0, "\($0)-ground"), ("ink", "\($0)-ground"), ("quiet", "\($0)-ground")] }
    for (text, ground) in pairs {
      let (first, second) = (try #require(colours[text]), try #require(colours[ground]))
      let ratio = (max(first, second) + 0.05) / (min(first, second) + 0.05)
      #expect(ratio >= 4.5, "\(text) on \(ground) is \(ratio)")
    }
  }

  private func luminance(_ colour: Int) -> Double {
    let parts = [16, 8, 0].map { shift in
      let part = Double(colour >> shift & 0xFF) / 255
      return part <= 0.04045 ? part / 12.92 : pow((part + 0.055) / 1.055, 2.4)
    }
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]
  }
}
