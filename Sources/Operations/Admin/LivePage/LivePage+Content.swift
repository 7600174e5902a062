extension LivePage {
  static let content = """
    <header>
      <h1>cancel-worker</h1>
      <p class="quiet"><span id="instance">–</span> · version <span id="version">–</span> · up <span id="uptime">–</span></p>
    </header>
    <main>
      <section id="banner" class="banner unknown" aria-label="State">
        <p id="headline" class="headline">Connecting …</p>
        <ul id="reasons" class="reasons" hidden></ul>
        <p id="announcement" class="hidden" role="status" aria-live="polite"></p>
        <noscript><p>This page needs JavaScript. The same figures: <a href="/status">/status</a>.</p></noscript>
      </section>

      <section aria-labelledby="now">
        <h2 id="now">Now</h2>
        <dl class="tiles">
          <div id="oldest-tile"><dt>Oldest unanswered</dt><dd id="oldest">–</dd></div>
          <div id="urgent-tile"><dt>Waiting, kill-switch</dt><dd id="urgent">–</dd></div>
          <div><dt>Waiting, routine</dt><dd id="routine">–</dd></div>
          <div><dt>Calls in flight</dt><dd id="flight">–</dd></div>
          <div><dt>Requests a second</dt><dd id="request-rate">–</dd></div>
          <div><dt>Calls a second</dt><dd id="call-rate">–</dd></div>
          <div><dt>Results a second</dt><dd id="result-rate">–</dd></div>
          <div><dt>Not yet read (lag)</dt><dd id="lag">–</dd></div>
        </dl>
        <p class="quiet" id="outcomes"></p>
      </section>

      <section aria-labelledby="keys-title">
        <div class="row">
          <h2 id="keys-title">User keys</h2>
          <button type="button" id="more-keys" class="narrow" aria-expanded="false" aria-controls="keys" hidden>Show all</button>
        </div>
        <div class="scroll" tabindex="0" role="region" aria-labelledby="keys-title">
        <table>
          <caption id="keys-caption">Quota and breaker of each user key, those that need a look first</caption>
          <thead><tr>
            <th scope="col">Key</th>
            <th scope="col">Free calls</th>
            <th scope="col" class="number">Waiting</th>
            <th scope="col">Credential</th>
          </tr></thead>
          <tbody id="keys"><tr><td colspan="4">–</td></tr></tbody>
        </table>
        </div>
      </section>

      <section aria-labelledby="results-title">
        <div class="row">
          <h2 id="results-title">Latest results</h2>
          <button type="button" id="pause" aria-pressed="false">Pause lists</button>
        </div>
        <div class="scroll" tabindex="0" role="region" aria-labelledby="results-title">
        <table>
          <caption>Newest first; at most five a second are shown</caption>
          <thead><tr>
            <th scope="col">Time</th>
            <th scope="col">Order</th>
            <th scope="col">Outcome</th>
            <th scope="col" class="wide">Account</th>
            <th scope="col" class="wide number">Attempts</th>
            <th scope="col" class="number">Took</th>
          </tr></thead>
          <tbody id="results"><tr><td colspan="6">None yet.</td></tr></tbody>
        </table>
        </div>
      </section>
    </main>
    <footer class="quiet">
      <p>Partitions <span id="partitions">–</span> · <span id="orders">–</span></p>
      <p><a href="/status">/status</a> · <a href="/metrics">/metrics</a> · <a href="/readyz">/readyz</a> · read only</p>
    </footer>
    """
}
