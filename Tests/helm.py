"""Holds the Helm chart against Helm's own linter, against the rules of Deploy/prometheus, and against what Kustomize makes
of Deploy/kubernetes/base. The first argument is a folder for what the chart makes: it is looked at with the schemas of
Kubernetes afterwards."""

import copy
import subprocess
import sys
from pathlib import Path

import yaml
from helm_python.chart import Chart, lint
from helm_python.errors import HelmError

folder = Path("Deploy/helm/cancel-worker")
faults = []

for message in lint(folder, strict=True, namespace="cancel-worker")["messages"]:
    # An icon is for catalogues of charts.
    if message["severity"] > 1:
        faults.append(f"lint: {message['path']}: {message['error']}")

chart = Chart.load(folder)
program = Path("Sources/CancelService/Worker/WorkerSetup.swift").read_text()
for field in ("version", "appVersion"):
    if f'"{chart.metadata()[field] if callable(chart.metadata) else chart.metadata[field]}"' not in program:
        faults.append(f"the chart's {field} is not the program's version")


def rendered(values=None, name="cancel-worker"):
    objects = {}
    for path, text in chart.render(values, name=name, namespace="cancel-worker").items():
        if path.endswith(".txt"):
            continue
        for item in yaml.safe_load_all(text):
            if item:
                objects[item["kind"], item["metadata"]["name"]] = item
    return objects


def comparable(items):
    """The objects without what the two tools do each in their own way: labels of the release, names that carry a hash, and
    the annotation that stands for one."""
    result = {}
    for item in items:
        item = copy.deepcopy(item)
        name = item["metadata"]["name"]
        if item["kind"] == "ConfigMap":
            name = "-".join(name.split("-")[:3])
            item["data"] = {key: yaml.safe_load(text) for key, text in item["data"].items()}
        item["metadata"] = {"name": name}

        def clean(node):
            if isinstance(node, dict):
                node.pop("app.kubernetes.io/instance", None)
                node.pop("checksum/config", None)
                if node.get("imagePullPolicy") == "IfNotPresent":
                    del node["imagePullPolicy"]
                if str(node.get("image", "")).split(":")[0] == "cancel-worker":
                    node["image"] = "cancel-worker"
                if "configMap" in node:
                    node["configMap"]["name"] = "-".join(node["configMap"]["name"].split("-")[:3])
                for child in node.values():
                    clean(child)
            elif isinstance(node, list):
                for child in node:
                    clean(child)

        clean(item)
        result[item["kind"], name] = item
    return result


base = yaml.safe_load_all(subprocess.run(
    ["kubectl", "kustomize", "Deploy/kubernetes/base"], check=True, capture_output=True, text=True).stdout)
wanted, made = comparable(base), comparable(rendered().values())
for key in sorted(wanted.keys() | made.keys()):
    if wanted.get(key) != made.get(key):
        faults.append(f"{key}: Kustomize makes\n  {wanted.get(key)}\nand the chart\n  {made.get(key)}")

# Another name and every option.
full = {
    "image": {"repository": "registry.example.com/cancel-worker", "digest": "sha256:" + "0" * 64,
              "pullSecrets": [{"name": "registry"}]},
    "env": [{"name": "OTEL_SERVICE_NAME", "value": "cancels"}], "spreadOverNodes": "DoNotSchedule",
    "nodeSelector": {"zone": "a"}, "tolerations": [{"operator": "Exists"}], "priorityClassName": "high",
    "networkPolicy": {"extraEgress": [{"ports": [{"port": 4318}]}]},
    "prometheusOperator": {"enabled": True, "labels": {"release": "prometheus"}},
}
every = rendered(full, name="desk")
pods = every["StatefulSet", "desk"]["spec"]["template"]
if "prometheus.io/scrape" in pods["metadata"]["annotations"]:
    faults.append("with the Prometheus operator each worker is scraped twice")
rules = [yaml.safe_load(Path(f"Deploy/prometheus/{name}.yml").read_text())["groups"] for name in ("alerts", "slo")]
if every["PrometheusRule", "desk"]["spec"] != {"groups": rules[0] + rules[1]}:
    faults.append("the chart's rules are not those of Deploy/prometheus: run Deploy/prometheus/rule-resource.sh")
if every["PodMonitor", "desk"]["spec"].get("jobLabel") != "app.kubernetes.io/name":
    faults.append("the rules' job would not be the pods'")
if not every["PodMonitor", "desk"]["metadata"]["labels"].get("release"):
    faults.append("the operator's labels are missing")
if any(kind == "PodDisruptionBudget" for kind, _ in rendered({"podDisruptionBudget": {"enabled": False}})):
    faults.append("the PodDisruptionBudget can't be switched off")
out = Path(sys.argv[1])
for name, objects in (("defaults", rendered()), ("every-option", every)):
    kept = [item for (kind, _), item in objects.items() if kind not in ("PodMonitor", "PrometheusRule")]
    (out / f"{name}.yaml").write_text(yaml.safe_dump_all(kept))

# Values that can't be right are refused.
for wrong in ({"replicas": -1}, {"image": {"repository": ""}}, {"keysSecret": ""}, {"repicas": 3}):
    try:
        chart.validate_schema(wrong)
    except HelmError:
        continue
    faults.append(f"the schema of the values takes {wrong}")

print("\n".join(faults) or f"{len(made)} objects as Kustomize makes them")
sys.exit(1 if faults else 0)
