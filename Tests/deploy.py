"""Holds the dashboard and the alert rules against each other, the code's list of metrics, and the runbooks."""

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import yaml

faults = []
dashboard = json.loads(Path("Deploy/grafana/dashboards/cancel-worker.json").read_text())
rules = [rule for group in yaml.safe_load(Path("Deploy/prometheus/alerts.yml").read_text())["groups"]
         for rule in group["rules"]]
panels = dashboard["panels"]
expressions = [target["expr"] for panel in panels for target in panel.get("targets", [])]

identifiers = [panel["id"] for panel in panels]
if len(identifiers) != len(set(identifiers)):
    faults.append("two panels of the dashboard have the same id")
cells = [(x, y) for panel in panels for grid in [panel["gridPos"]]
         for x in range(grid["x"], grid["x"] + grid["w"]) for y in range(grid["y"], grid["y"] + grid["h"])]
if len(cells) != len(set(cells)):
    faults.append("two panels of the dashboard overlap")

# Grafana's variables are put in as Grafana would, and each expression is read as a recording rule.
queries = [expression.replace("$__rate_interval", "1m").replace("$job", "job").replace("$instance", ".*")
           for expression in expressions]
if shutil.which("promtool"):
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        recorded = [{"record": f"panel:{index}", "expr": query} for index, query in enumerate(queries)]
        yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}, file)
        file.flush()
        run = subprocess.run(["promtool", "check", "rules", file.name], capture_output=True, text=True)
        if run.returncode:
            faults.append(run.stdout + run.stderr)

catalogue = Path("Sources/CancelService/Metrics/WorkerMetricCatalogue.swift").read_text()
known = set(re.findall(r'"((?:cancel_worker|process)_[a-z_]+)"', catalogue))
for text in expressions + [rule["expr"] for rule in rules]:
    for name in re.findall(r"\b(?:cancel_worker|process)_[a-z_]+\b", text):
        if name not in known and re.sub(r"_(bucket|sum|count)$", "", name) not in known:
            faults.append(f"no metric is called {name}")

for rule in rules:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^#+ (.*)$", Path(page).read_text(), re.MULTILINE)
    if anchor not in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}:
        faults.append(f"the runbook of {rule['alert']} is missing: {page}#{anchor}")

# Links between the pages lead somewhere.
for page in Path("Deploy").rglob("*.md"):
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
        if not (page.parent / link).exists():
            faults.append(f"{page} links to {link}, which is missing")

print("\n".join(faults) or f"{len(expressions)} expressions, {len(rules)} rules")
sys.exit(1 if faults else 0)
