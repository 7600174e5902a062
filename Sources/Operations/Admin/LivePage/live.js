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
  return made;
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

const stateWords = {
  starting: "Starting", restoring: "Reading the ledger", running: "Not ready", stopping: "Stopping",
  unassigned: "No partitions", failed: "Failed",
};
const plural = (number, one, many) => count(number) + " " + (number === 1 ? one : many);
const keyName = key => (key.accounts.join(", ") || "unnamed") + (key.moreAccounts ? " and " + key.moreAccounts + " more" : "");
const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const clockAfter = seconds => clock.format(new Date(Date.now() + seconds * 1000));

// What an operator has to know, the worst first.
function reasonsOf(status) {
  const reasons = [];
  if (status.brokerUnreachableForSeconds != null)
    reasons.push("No broker answers, for " + span(status.brokerUnreachableForSeconds) + " now. Requests wait; results are not published.");
  for (const reason of status.notReady)
    if (reason.code !== "broker-unreachable" || status.brokerUnreachableForSeconds == null) reasons.push(reason.detail[0].toUpperCase() + reason.detail.slice(1) + ".");
  if (status.backlog === "lastKnown")
    reasons.push("The figures of open requests are of " + clockAfter(-status.backlogAgeSeconds) + ", before the partitions were lost.");
  if (status.backlog === "unknown") reasons.push("What is open is not known before the ledger is read.");
  if (status.apiOutForSeconds != null)
    reasons.push("The API fails: calls are held back and probed, for " + span(status.apiOutForSeconds) + " now.");
  for (const hold of status.holds) reasons.push(holdReason(hold));
  const heldOrders = status.heldOrders.routine + status.heldOrders.killSwitch;
  if (heldOrders > 0) reasons.push(plural(heldOrders, "order waits", "orders wait") + " because of it"
    + (status.heldOrders.killSwitch > 0 ? ", " + plural(status.heldOrders.killSwitch, "kill-switch", "kill-switches") + " among them" : "") + ".");
  const refused = status.keys.filter(key => key.breaker !== "closed");
  if (refused.length > 0)
    reasons.push("The API refuses the credential of " + refused.slice(0, 3).map(key => keyName(key) + " (" + key.environment + ", key " + key.key + ")").join("; ")
      + (status.refusedKeys > 3 ? "; and " + plural(status.refusedKeys - 3, "more key", "more keys") : "") + ".");
  const failing = failingKeys(status);
  if (failing.length > 0)
    reasons.push("Calls of " + failing.slice(0, 3).map(key => keyName(key) + " (" + key.environment + ")").join("; ")
      + (failing.length > 3 ? " and " + plural(failing.length - 3, "more key", "more keys") : "")
      + " fail: they are held back and probed, for " + span(Math.max(...failing.map(key => key.outForSeconds))) + " now.");
  if (status.blockedKeys.killSwitch > 0)
    reasons.push(plural(status.waitingOrders.killSwitch, "kill-switch order waits", "kill-switch orders wait") + " for the quota of "
      + plural(status.blockedKeys.killSwitch, "key", "keys") + ending(status) + ".");
  if (status.blockedKeys.routine > 0) reasons.push(routineReason(status));
  const unexplained = Math.max(...Object.values(status.unexplainedWaitSeconds || { none: 0 }));
  if (unexplained > 30 && status.apiOutForSeconds == null && refused.length === 0)
    reasons.push("A request has waited " + span(unexplained) + " for something else than quota.");
  return reasons;
}

// Keys whose calls fail, where the API as a whole is not known to.
const failingKeys = status => status.apiOutForSeconds != null ? []
  : status.keys.filter(key => key.breaker === "closed" && key.outForSeconds != null);

const holdReason = hold => (hold.extent === "all" ? "All cancels of " : "Routine cancels of ") + (hold.account || "every account")
  + " are held, for " + span(hold.forSeconds) + " now" + (hold.actor ? " by " + hold.actor : "")
  + (hold.reason ? ": " + hold.reason : "") + ". Deadlines run.";

const ending = status => status.killSwitchesSentInSeconds == null ? ""
  : "; the last call is expected in " + span(status.killSwitchesSentInSeconds) + ", at " + clockAfter(status.killSwitchesSentInSeconds);

function routineReason(status) {
  const blocked = status.keys.filter(key => key.routineBlocked);
  const waits = blocked.map(key => key.nextRoutineSeconds).filter(seconds => seconds != null);
  const kept = blocked.filter(key => key.keptForKillSwitch > 0 && key.freeCalls > 0);
  return plural(status.waitingOrders.routine, "routine order waits", "routine orders wait") + " for the quota of " + plural(status.blockedKeys.routine, "key", "keys")
    + (kept.length > 0 ? "; " + kept[0].keptForKillSwitch + " calls are kept for kill-switches" : "")
    + (waits.length > 0 ? "; next routine call in " + span(Math.min(...waits)) : "") + ".";
}

function judge(status) {
  const reasons = reasonsOf(status);
  const unexplained = status.unexplainedWaitSeconds || { routine: 0, killSwitch: 0 };
  const open = status.pending ? status.pending.routine + status.pending.killSwitch : null;
  let level = "good", words = "Cancels are getting through";
  if (status.brokerUnreachableForSeconds != null) { level = "bad"; words = "No broker can be reached"; }
  else if (!status.ready) { level = "bad"; words = stateWords[status.state] || status.state; }
  else if (status.apiOutForSeconds != null) { level = "bad"; words = "The API is out"; }
  else if (status.refusedKeys > 0) { level = "bad"; words = "Some accounts can't cancel"; }
  else if (failingKeys(status).length > 0) { level = "bad"; words = "Calls of some accounts fail"; }
  else if (status.holds.some(hold => hold.extent === "all")) { level = "bad"; words = "An operator holds cancels, kill-switches too"; }
  else if (unexplained.killSwitch > 10 || unexplained.routine > 30) { level = "bad"; words = "Cancels are not getting through"; }
  else if (status.blockedKeys.killSwitch > 0) { level = "warn"; words = "Kill-switches wait for quota"; }
  else if (status.holds.length > 0) { level = "warn"; words = "An operator holds routine cancels"; }
  else if (status.blockedKeys.routine > 0) { level = "warn"; words = "Routine cancels wait for quota"; }
  else if (status.state === "stopping") { level = "warn"; words = "Stopping"; }
  else if (open === 0) { words = "Ready, nothing waits"; }
  return { level, words, reasons };
}

let announced = "", announcedAt = -1e9;
function announce(text) {
  const now = performance.now();
  if (text === announced || now - announcedAt < 5000) return;
  announced = text; announcedAt = now;
  put("announcement", text);
}

const marks = { good: "✓ ", warn: "! ", bad: "✕ ", unknown: "" };
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
  announce(words + ". " + reasons.map(reason => reason.replace(/, for .* now\./, ".").replace(/; (next|the last).*$/, ".")).join(" "));
}

function showKeys(status) {
  const wanted = byId("search").value.trim().toLowerCase();
  const shown = status.keys.filter(key => !wanted
    || key.key.toLowerCase().includes(wanted) || key.accounts.some(name => name.toLowerCase().includes(wanted)));
  const rows = shown.map(key => {
    const row = document.createElement("tr");
    const name = cell(row, keyName(key), "th");
    name.scope = "row";
    const where = small(name, "", "sub");
    small(where, key.environment === "real" ? "REAL" : key.environment, key.environment === "real" ? "mark bad" : "");
    where.append(" · " + key.key);
    const quota = cell(row, null);
    if (key.limit == null) quota.textContent = "no limit";
    else {
      const meter = document.createElement("meter");
      meter.max = key.limit; meter.value = key.freeCalls; meter.low = key.limit / 4; meter.optimum = key.limit;
      meter.setAttribute("aria-hidden", "true");
      quota.append(key.freeCalls + " of " + key.limit, meter);
      if (key.keptForKillSwitch > 0 && key.freeCalls > 0 && key.routineBlocked)
        small(quota, "kept for kill-switches: " + Math.min(key.freeCalls, key.keptForKillSwitch), "sub");
    }
    if (key.blockedSeconds != null) small(quota, "API says wait " + span(key.blockedSeconds), "sub");
    const urgent = cell(row, count(key.waitingKillSwitch), "td", "number");
    if (key.killSwitchBlocked && key.nextKillSwitchSeconds > 0) small(urgent, "next in " + span(key.nextKillSwitchSeconds), "sub");
    if (key.killSwitchBlocked && key.killSwitchesSentInSeconds != null) small(urgent, "all sent in " + span(key.killSwitchesSentInSeconds), "sub");
    const routine = cell(row, count(key.waitingRoutine), "td", "number");
    if (key.routineBlocked && key.nextRoutineSeconds > 0) small(routine, "next in " + span(key.nextRoutineSeconds), "sub");
    if (key.held) small(routine, count(key.held) + " held", "sub");
    if (key.inFlight) small(routine, key.inFlight + " in flight", "sub");
    const breaker = cell(row, null);
    if (key.breaker === "closed" && key.outForSeconds == null) small(breaker, "✓ works", "mark good");
    else if (key.breaker === "closed") {
      small(breaker, "! calls fail", "mark warn");
      small(breaker, "for " + span(key.outForSeconds), "sub");
    } else {
      small(breaker, key.breaker === "open" ? "✕ refused" : "! probing", "mark " + (key.breaker === "open" ? "bad" : "warn"));
      if (key.refusedForSeconds != null) small(breaker, "for " + span(key.refusedForSeconds), "sub");
    }
    return row;
  });
  if (rows.length === 0) {
    const row = document.createElement("tr");
    cell(row, wanted ? "No account or key that is listed matches." : "No account is configured.").colSpan = 5;
    rows.push(row);
  }
  byId("keys").replaceChildren(...rows);
  byId("more-keys").hidden = rows.length <= 6;
  const hidden = status.keyCount - status.keys.length;
  put("keys-caption", "Quota, waiting orders and credential of each user key; those that need attention come first"
    + (hidden > 0 ? "; " + plural(hidden, "more key is", "more keys are") + " not listed here: see /status" : ""));
}

let lastStatus = null;
byId("search").addEventListener("input", () => { if (lastStatus) showKeys(lastStatus); });

function showConnections(status) {
  const environments = status.environments;
  const chip = byId("environment");
  chip.hidden = environments.length === 0;
  const isReal = environments.includes("real");
  const words = isReal ? (environments.length > 1 ? "REAL MONEY and demo" : "REAL MONEY") : "Demo";
  put("environment", words);
  chip.className = "chip " + (isReal ? "real" : "demo");
  const title = (isReal ? "REAL · " : "demo · ") + status.instance + " · cancel-worker";
  if (document.title !== title) document.title = title;
  if (!status.connections) return;
  put("api", status.connections.api);
  put("brokers", status.connections.brokers);
  put("group", status.connections.group);
}

// Sweeps first, with what is left of each; then the switches, the next to fire first.
function showSweeps(status) {
  const items = status.sweeps.map(sweep => {
    const item = document.createElement("li");
    const answered = sweep.listed - sweep.waiting;
    const who = sweep.accounts.length > 3 ? count(sweep.accounts.length) + " accounts" : sweep.accounts.join(", ");
    small(item, (sweep.firedBySwitch ? "Fired by its switch: " : "Sweep ") + sweep.cancelId + " of " + who, "name");
    const bar = document.createElement("progress");
    bar.max = Math.max(sweep.listed, 1);
    bar.value = answered;
    bar.setAttribute("aria-label", "Answered orders of the sweep " + sweep.cancelId);
    item.append(bar);
    const isHeld = status.holds.some(hold => hold.extent === "all" && (!hold.account || sweep.accounts.includes(hold.account)));
    const end = isHeld ? "held by an operator" : sweep.waiting === 0 ? "waiting for an empty list"
      : sweep.endsInSeconds == null ? "no end in sight" : "last call at about " + clockAfter(sweep.endsInSeconds);
    small(item, count(answered) + " of " + count(sweep.listed) + " orders answered, " + count(sweep.accepted) + " accepted; " + end
      + (sweep.unlistedAccounts > 0 ? "; " + plural(sweep.unlistedAccounts, "account", "accounts") + " can't be listed" : ""), "sub");
    return item;
  });
  for (const armed of status.switches) {
    const item = document.createElement("li");
    const who = armed.accounts.length > 3 ? count(armed.accounts.length) + " accounts" : armed.accounts.join(", ");
    small(item, "Switch " + armed.cancelId + " of " + who, "name");
    small(item, "sweeps in " + span(armed.firesInSeconds) + " unless it is renewed", "sub");
    items.push(item);
  }
  byId("sweeps-section").hidden = items.length === 0;
  byId("sweeps").replaceChildren(...items);
}

function showStatus(status) {
  document.body.classList.remove("stale");
  put("instance", status.instance);
  put("version", status.version);
  put("uptime", span(status.uptimeSeconds));
  const { level, words, reasons } = judge(status);
  banner(level, words, reasons);
  lastStatus = status;
  showConnections(status);
  showSweeps(status);
  const isKnown = status.pending != null;
  put("oldest", !isKnown ? "unknown" : status.oldestUnansweredSeconds == null ? "none" : span(status.oldestUnansweredSeconds));
  byId("oldest-tile").className = level !== "good" && status.oldestUnansweredSeconds > 60 ? "warn" : "";
  byId("urgent-tile").className = isKnown && status.pending.killSwitch > 0 ? "warn" : "";
  put("urgent", isKnown ? count(status.pending.killSwitch) : "unknown");
  put("routine", isKnown ? count(status.pending.routine) : "unknown");
  byId("routine-tile").className = status.blockedKeys.routine > 0 ? "warn" : "";
  const isLate = status.backlog === "lastKnown" ? "as of " + clockAfter(-status.backlogAgeSeconds) : "";
  const end = isLate || (status.killSwitchesSentInSeconds == null || !status.blockedKeys.killSwitch ? "" : "all sent by " + clockAfter(status.killSwitchesSentInSeconds));
  byId("urgent-end").hidden = !end;
  put("urgent-end", end);
  const waits = status.keys.filter(key => key.routineBlocked && key.nextRoutineSeconds != null).map(key => key.nextRoutineSeconds);
  const next = isLate || (waits.length > 0 ? "next call in " + span(Math.min(...waits)) : "");
  byId("routine-next").hidden = !next;
  put("routine-next", next);
  put("flight", count(status.callsInFlight));
  const lags = Object.values(status.lag);
  put("lag", lags.length ? count(lags.reduce((sum, lag) => sum + lag, 0)) : "–");
  rates(status.totals);
  const outcomes = Object.entries(status.totals.outcomes).filter(pair => pair[1] > 0).sort((a, b) => b[1] - a[1]);
  put("outcomes", "Since the start: " + count(status.totals.results) + " results"
    + (outcomes.length ? " (" + outcomes.map(pair => count(pair[1]) + " " + pair[0]).join(", ") + ")" : "")
    + ", " + count(status.totals.duplicates) + " of them duplicates.");
  put("partitions", status.partitions.length ? status.partitions.join(", ") : "none");
  put("orders", (isKnown ? count(status.openOrders) : "an unknown number of") + " orders open, " + count(status.rememberedOrders) + " remembered");
  if (!isPaused) showKeys(status);
}

const outcomeMarks = { accepted: ["✓", "good"], rejected: ["✕", "bad"], expired: ["!", "warn"], failed: ["✕", "bad"], invalid: ["?", "warn"], acknowledged: ["✓", "good"] };
const zone = Intl.DateTimeFormat("en-GB", { timeZoneName: "short" }).formatToParts(new Date()).find(part => part.type === "timeZoneName");
const zoneName = Intl.DateTimeFormat().resolvedOptions().timeZone;
put("zone", zone ? zone.value + (zoneName && zoneName !== zone.value ? " (" + zoneName + ")" : "") : "local time");
let isEmpty = true;
function showResults(news) {
  if (isPaused) return;
  const body = byId("results");
  const rows = news.lines.map(line => {
    const row = document.createElement("tr");
    row.className = "fresh";
    cell(row, clock.format(new Date(line.at)));
    const order = cell(row, line.order || (line.outcome === "invalid" ? "unreadable" : "sweep"));
    if (line.account) small(order, line.account, "sub narrow");
    const outcome = cell(row, null);
    const [sign, level] = outcomeMarks[line.outcome] || ["", ""];
    small(outcome, sign + " " + line.outcome, "mark " + level);
    const notes = [];
    if (line.httpStatus && line.outcome !== "accepted") notes.push("status " + line.httpStatus);
    if (line.deduplicated) notes.push("duplicate");
    if (notes.length) small(outcome, notes.join(", "), "sub");
    if (line.reason && line.outcome !== "accepted") small(outcome, line.reason, "sub");
    cell(row, line.account || "–", "td", "wide");
    cell(row, count(line.attempts), "td", "wide number");
    cell(row, span(line.totalSeconds), "td", "number");
    return row;
  });
  if (news.more > 0) {
    const row = document.createElement("tr");
    cell(row, "and " + count(news.more) + " more", "td", "quiet").colSpan = 6;
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
