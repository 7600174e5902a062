import Foundation
import Testing

@testable import Operations

@Suite struct LivePageTests {
  @Test func itNeedsNothingFromAnywhere() {
    let html = LivePage().html
    #expect(!html.contains("http:") && !html.contains("https:") && !html.contains("@import") && !html.contains("url("))
    #expect(!html.contains("innerHTML") && !html.contains("eval("))
  }

  @Test func itsPolicyAllowsItsOwnScriptAndStyleAlone() {
    let page = LivePage()
    let policy = page.contentSecurityPolicy
    let nonce = policy.split(separator: "script-src 'nonce-").last?.split(separator: "'").first ?? ""
    #expect(nonce.count >= 20)
    #expect(page.html.contains("<script nonce=\"\(nonce)\">"))
    #expect(page.html.contains("<style nonce=\"\(nonce)\">"))
    #expect(page.html.split(separator: "<script").count == 2)
    #expect(policy.hasPrefix("default-src 'none'; "))
    #expect(!policy.contains("unsafe"))
    #expect(!LivePage.content.contains("style=") && !LivePage.content.contains(" onclick"))
    #expect(LivePage().contentSecurityPolicy != policy)
  }

  @Test func itSpeaksToScreenReaders() {
    #expect(LivePage.content.contains(#"role="status" aria-live="polite""#))
    #expect(LivePage.content.split(separator: "<table>").count == LivePage.content.split(separator: "<caption").count)
    #expect(LivePage.content.contains("<main>") && LivePage.content.contains("<h1>"))
    #expect(LivePage().html.contains("<html lang=\"en\">"))
  }

  /// WCAG 2 AA: text against its ground by 4.5 to 1 at least, in both schemes.
  @Test(arguments: [0, 1])
  func contrast(scheme: Int) throws {
    let blocks = LivePage.style.components(separatedBy: ":root {").dropFirst().map { $0.prefix { $0 != "}" } }
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
