// Text goes into the page as text only, so nothing that a sender wrote can become markup.
"use strict";
const byId = id => document.getElementById(id);
const put = (id, text) => { const at = byId(id); if (at.textContent !== text) at.textContent = text; };
const whole = new Intl.NumberFormat("en");
const count = number => whole.format(number);

function span(seconds) {
  if (seconds < 0.0995) return Math.round(seconds * 1000) + " ms";
  if (seconds < 9.95) return seconds.toFixed(1) + " s";
  if (seconds < 60) return Math.round(seconds) + " s";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return minutes + " min " + Math.round(seconds % 60) + " s";
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return hours + " h " + minutes % 60 + " min";
  return Math.floor(hours / 24) + " d " + hours % 24 + " h";
}

function cell(row, text, name, className) {
  const made = document.createElement(name || "td");
  if (className) made.className = className;
  if (text !== null) made.textContent = text;
  row.append(made);
  return made;
}

function small(parent, text, className) {
  const made = document.createElement("span");
  made.className = className;
  made.textContent = text;
  parent.append(made);
}

let isPaused = false;

// Rates, over the last ten seconds.
const history = [];
function rates(totals) {
  const now = performance.now() / 1000;
  const last = history[history.length - 1];
  if (last && totals.results < last.totals.results) history.length = 0;
  history.push({ at: now, totals });
  while (history.length > 2 && now - history[0].at > 10) history.shift();
  const first = history[0];
  const seconds = now - first.at;
  const rate = name => {
    if (seconds < 0.5) return "–";
    const value = (totals[name] - first.totals[name]) / seconds;
    return value >= 10 || value === 0 ? count(Math.round(value)) : value.toFixed(1);
  };
  put("request-rate", rate("received"));
  put("call-rate", rate("calls"));
  put("result-rate", rate("results"));
}

function judge(status) {
  const waiting = status.pending.routine + status.pending.killSwitch;
  const reasons = status.notReady.map(reason => reason.detail);
  if (status.apiOutForSeconds != null)
    reasons.push("The API fails: calls are held back, for " + span(status.apiOutForSeconds) + " now.");
  if (status.refusedKeys > 0)
    reasons.push(status.refusedKeys + " of " + status.keyCount + " user keys: the API refuses the credential.");
  let level = "good", words = "Cancels are getting through";
  if (!status.ready) { level = "bad"; words = "Not ready (" + status.state + ")"; }
  else if (status.apiOutForSeconds != null) { level = "bad"; words = "The API is out"; }
  else if (status.refusedKeys > 0) { level = "bad"; words = "Some accounts can't cancel"; }
  else if (status.pending.killSwitch > 0 && status.oldestUnansweredSeconds > 10) { level = "warn"; words = "Kill-switches are waiting"; }
  else if (status.oldestUnansweredSeconds > 60) { level = "warn"; words = "Requests wait long"; }
  else if (status.state === "stopping") { level = "warn"; words = "Stopping"; }
  else if (waiting === 0) { words = "Ready, nothing waits"; }
  if (level === "warn" && status.exhaustedKeys > 0)
    reasons.push(status.exhaustedKeys + " of " + status.keyCount + " user keys have no call left in their window.");
  return { level, words, reasons };
}

let announced = "", announcedAt = -1e9;
function announce(text) {
  const now = performance.now();
  if (text === announced || now - announcedAt < 5000) return;
  announced = text; announcedAt = now;
  put("announcement", text);
}

const marks = { good: "✓ ", warn: "! ", bad: "✕ ", unknown: "… " };
function banner(level, words, reasons) {
  byId("banner").className = "banner " + level;
  put("headline", marks[level] + words);
  const list = byId("reasons");
  const joined = reasons.join("\n");
  if (list.dataset.shown !== joined) {
    list.dataset.shown = joined;
    list.replaceChildren(...reasons.map(reason => Object.assign(document.createElement("li"), { textContent: reason })));
    list.hidden = reasons.length === 0;
  }
  announce(words + ". " + reasons.map(reason => reason.replace(/, for .* now\./, ".")).join(" "));
}

function showKeys(status) {
  const rows = status.keys.map(key => {
    const row = document.createElement("tr");
    const name = cell(row, key.accounts.join(", ") || key.key, "th");
    name.scope = "row";
    small(name, key.environment + " · " + key.key + (key.moreAccounts ? " · and " + key.moreAccounts + " more" : ""), "sub");
    const quota = cell(row, null);
    if (key.limit == null) quota.textContent = "no limit";
    else {
      const meter = document.createElement("meter");
      meter.max = key.limit; meter.value = key.freeCalls; meter.low = key.limit / 4; meter.optimum = key.limit;
      meter.setAttribute("aria-hidden", "true");
      quota.append(key.freeCalls + " of " + key.limit, meter);
    }
    if (key.blockedSeconds != null) small(quota, "API says wait " + span(key.blockedSeconds), "sub");
    else if (key.nextFreeCallSeconds > 0) small(quota, "next in " + span(key.nextFreeCallSeconds), "sub");
    const waiting = cell(row, count(key.waiting), "td", "number");
    if (key.inFlight) small(waiting, key.inFlight + " in flight", "sub");
    const breaker = cell(row, null);
    if (key.breaker === "closed") small(breaker, "✓ works", "mark good");
    else {
      small(breaker, key.breaker === "open" ? "✕ refused" : "! probing", "mark " + (key.breaker === "open" ? "bad" : "warn"));
      if (key.refusedForSeconds != null) small(breaker, "for " + span(key.refusedForSeconds), "sub");
    }
    return row;
  });
  if (rows.length === 0) {
    const row = document.createElement("tr");
    cell(row, "No account is configured.").colSpan = 4;
    rows.push(row);
  }
  byId("keys").replaceChildren(...rows);
  byId("more-keys").hidden = rows.length <= 6;
  const hidden = status.keyCount - status.keys.length;
  put("keys-caption", "Quota and breaker of each user key, those that need a look first" + (hidden > 0 ? "; " + count(hidden) + " more are not shown" : ""));
}

function showStatus(status) {
  document.body.classList.remove("stale");
  put("instance", status.instance);
  put("version", status.version);
  put("uptime", span(status.uptimeSeconds));
  const { level, words, reasons } = judge(status);
  banner(level, words, reasons);
  put("oldest", status.oldestUnansweredSeconds == null ? "none" : span(status.oldestUnansweredSeconds));
  byId("oldest-tile").className = status.oldestUnansweredSeconds > 60 ? "warn" : "";
  byId("urgent-tile").className = status.pending.killSwitch > 0 ? "warn" : "";
  put("urgent", count(status.pending.killSwitch));
  put("routine", count(status.pending.routine));
  put("flight", count(status.callsInFlight));
  const lags = Object.values(status.lag);
  put("lag", lags.length ? count(lags.reduce((sum, lag) => sum + lag, 0)) : "–");
  rates(status.totals);
  const outcomes = Object.entries(status.totals.outcomes).filter(pair => pair[1] > 0).sort((a, b) => b[1] - a[1]);
  put("outcomes", "Since the start: " + count(status.totals.results) + " results"
    + (outcomes.length ? " (" + outcomes.map(pair => count(pair[1]) + " " + pair[0]).join(", ") + ")" : "")
    + ", " + count(status.totals.duplicates) + " of them duplicates.");
  put("partitions", status.partitions.length ? status.partitions.join(", ") : "none");
  put("orders", count(status.openOrders) + " orders open, " + count(status.rememberedOrders) + " remembered");
  if (!isPaused) showKeys(status);
}

const outcomeMarks = { accepted: ["✓", "good"], rejected: ["✕", "bad"], expired: ["!", "warn"], failed: ["✕", "bad"], invalid: ["?", "warn"] };
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
let isEmpty = true;
function showResults(news) {
  if (isPaused) return;
  const body = byId("results");
  const rows = news.lines.map(line => {
    const row = document.createElement("tr");
    row.className = "fresh";
    cell(row, clock.format(new Date(line.at)));
    const order = cell(row, line.order || "unreadable");
    if (line.account) small(order, line.account, "sub narrow");
    const outcome = cell(row, null);
    const [sign, level] = outcomeMarks[line.outcome] || ["", ""];
    small(outcome, sign + " " + line.outcome, "mark " + level);
    const notes = [];
    if (line.httpStatus && line.outcome !== "accepted") notes.push("status " + line.httpStatus);
    if (line.deduplicated) notes.push("duplicate");
    if (notes.length) small(outcome, notes.join(", "), "sub");
    cell(row, line.account || "–", "td", "wide");
    cell(row, count(line.attempts), "td", "wide number");
    cell(row, span(line.totalSeconds), "td", "number");
    return row;
  });
  if (news.more > 0) {
    const row = document.createElement("tr");
    cell(row, "… and " + count(news.more) + " more", "td", "quiet").colSpan = 6;
    rows.unshift(row);
  }
  if (isEmpty) { body.replaceChildren(); isEmpty = false; }
  body.prepend(...rows.reverse());
  while (body.rows.length > 25) body.lastElementChild.remove();
}

byId("pause").addEventListener("click", event => {
  isPaused = !isPaused;
  event.target.setAttribute("aria-pressed", String(isPaused));
  event.target.textContent = isPaused ? "Resume lists" : "Pause lists";
});

// A phone shows the first few keys until asked for the rest.
byId("more-keys").addEventListener("click", event => {
  const isAll = byId("keys").classList.toggle("all");
  event.target.setAttribute("aria-expanded", String(isAll));
  event.target.textContent = isAll ? "Show fewer" : "Show all";
});

let lastAt = null;
function lost() {
  document.body.classList.add("stale");
  banner("bad", lastAt ? "Connection to the worker lost; the figures are of " + clock.format(lastAt) : "The worker can't be reached", []);
}

let source = null;
function connect() {
  source = new EventSource("events");
  source.addEventListener("status", event => { lastAt = new Date(); showStatus(JSON.parse(event.data)); });
  source.addEventListener("results", event => showResults(JSON.parse(event.data)));
  source.onerror = () => {
    lost();
    // A refused stream is not tried again by the browser itself.
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 5000);
  };
}
// A stream that says nothing is as good as lost.
setInterval(() => { if (lastAt && new Date() - lastAt > 6000) lost(); }, 1000);
connect();
