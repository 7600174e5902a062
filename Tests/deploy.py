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
groups = [group for name in ("alerts", "slo")
          for group in yaml.safe_load(Path(f"Deploy/prometheus/{name}.yml").read_text())["groups"]]
every_rule = [rule for group in groups for rule in group["rules"]]
rules = [rule for rule in every_rule if "alert" in rule]
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

catalogue = Path("Sources/Operations/Metrics/WorkerMetricCatalogue.swift").read_text()
known = set(re.findall(r'"((?:cancel_worker|process)_[a-z_]+)"', catalogue))
recorded_names = {rule["record"] for rule in every_rule if "record" in rule}
for text in expressions + [rule["expr"] for rule in every_rule]:
    for name in re.findall(r"\bcancel_worker:[a-z0-9_:]+\b", text):
        if name not in recorded_names:
            faults.append(f"no rule records {name}")
    for name in re.findall(r"\b(?:cancel_worker|process)_[a-z_]+\b", text):
        if name not in known and re.sub(r"_(bucket|sum|count)$", "", name) not in known:
            faults.append(f"no metric is called {name}")



def has_heading(page: Path, anchor: str) -> bool:
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


for rule in rules:
    address, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    if address != "{{ $externalLabels.cancel_worker_runbooks }}":
        faults.append(f"the runbook of {rule['alert']} is at a fixed address: {address}")
    if not has_heading(Path("Deploy/runbooks.md"), anchor):
        faults.append(f"the runbook of {rule['alert']} is missing: Deploy/runbooks.md#{anchor}")
resource = yaml.safe_load(
    Path("Deploy/kubernetes/components/prometheus-operator/prometheusrule.yaml").read_text())
if resource["spec"] != {"groups": groups}:
    faults.append("the PrometheusRule is not what alerts.yml and slo.yml say: run Deploy/prometheus/rule-resource.sh")
monitor = yaml.safe_load(
    Path("Deploy/kubernetes/components/prometheus-operator/podmonitor.yaml").read_text())["spec"]
container = yaml.safe_load(Path("Deploy/kubernetes/base/statefulset.yaml").read_text())[
    "spec"]["template"]["spec"]["containers"][0]
for endpoint in monitor["podMetricsEndpoints"]:
    if endpoint["port"] not in {port["name"] for port in container["ports"]}:
        faults.append(f"the PodMonitor scrapes {endpoint['port']}, which is no port of the pods")
pages = [Path("README.md"), Path("Sources/README.md"), *Path("Deploy").rglob("*.md")]
# The page on the code names files by a part of their path.
sources = [path.as_posix() for folder in ("Sources", "Tests") for path in Path(folder).rglob("*.swift")]
for name in re.findall(r"`([\w./+-]+\.swift)`", Path("Sources/README.md").read_text()):
    if not Path(name).exists() and not any(("/" + source).endswith("/" + name) for source in sources):
        faults.append(f"Sources/README.md names {name}, which is missing")
for page in pages:
    # Files of this package that are named without a link.
    for name in re.findall(r"`((?:Deploy|Tests|Sources)/[\w./-]+)", page.read_text()):
        if not Path(name).exists():
            faults.append(f"{page} names {name}, which is missing")
for page in pages:
    for link, anchor in re.findall(r"\]\((?!\w+:)([^)#]*)#?([^)]*)\)", page.read_text()):
        target = page.parent / link if link else page
        if not target.exists() or anchor and not has_heading(target, anchor):
            faults.append(f"{page} links to {link}#{anchor}, which is missing")


def keys(node, prefix=""):
    for name, value in node.items():
        key = f"{prefix}.{name}" if prefix else name
        if isinstance(value, dict) and key != "kafka.properties":
            yield from keys(value, key)
        else:
            yield key


# The example with every key has every key that is read, those in comments among them.
folder = Path("Sources/Operations/Configuration")
loading = "".join(path.read_text() for path in sorted(folder.glob("WorkerConfiguration+*.swift")))
read = set(re.findall(r'values\.(?:read|text)\(\s*"([A-Za-z.]+)"', loading)) | {"kafka.properties"}
full = re.sub(r"^(  )# (\w+: \S+ #)", r"\1\2", Path("Deploy/config/full.yaml").read_text(), flags=re.MULTILINE)
for key in sorted(read ^ set(keys(yaml.safe_load(full)))):
    faults.append(f"{key} is {'missing in' if key in read else 'no key, but stands in'} Deploy/config/full.yaml")

# The README's table of keys, where `.b` behind `a.a` / is a.b.
named = set()
for row in re.findall(r"^\| (`[a-z]\w+\.[^|]*) \|.*\|$", Path("README.md").read_text(), re.MULTILINE):
    section = ""
    for name in re.findall(r"`([\w.*]+)`", row):
        section = section if name.startswith(".") else name.split(".")[0]
        named.add((section + name if name.startswith(".") else name).removesuffix(".*"))
for key in sorted(read ^ named):
    faults.append(f"{key} is {'missing in the README' if key in read else 'no key, but stands in the README'}")

# Keys that the pages speak of.
sections = {key.split(".")[0] for key in read}
for page in pages:
    for name in re.findall(r"`([a-z]\w*\.[a-z]\w*)`", page.read_text()):
        if name.split(".")[0] in sections and name not in read and not name.endswith((".md", ".yaml", ".sh")):
            faults.append(f"{page} speaks of {name}, which is no key")

# What to watch first: requests that wait for something else than quota, and answers that are not published.
for name in ["cancel_worker_unexplained_wait_seconds", "cancel_worker_unpublished_result_age_seconds"]:
    if not any(name in rule["expr"] and rule["labels"]["severity"] == "critical" for rule in rules):
        faults.append(f"no critical alert watches {name}")

print("\n".join(faults) or f"{len(expressions)} expressions, {len(rules)} rules")
sys.exit(1 if faults else 0)
