#!/bin/sh
# Holds the schemas of Deploy/schemas against the golden events, with a validator of its own in .build/schemas.
# Arguments, if any, are files with one event per line (JSON Lines) named *request*, *result* or *progress*.
set -eu
root=$(cd "$(dirname "$0")/.." && pwd)
venv=$root/.build/schemas
[ -x "$venv/bin/python" ] || python3 -m venv "$venv"
"$venv/bin/python" -c 'import jsonschema, yaml, rfc3339_validator' 2>/dev/null \
  || "$venv/bin/pip" install --quiet 'jsonschema[format]' PyYAML
exec "$venv/bin/python" - "$root" "$@" <<'PYTHON'
import decimal, json, pathlib, sys
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

root = pathlib.Path(sys.argv[1])
golden = root / "Tests/CancelContractTests/Golden"
schemas = {p.name.split(".")[0]: json.loads(p.read_text()) for p in (root / "Deploy/schemas").glob("*.schema.json")}
assert set(schemas) == {"request", "result", "progress", "campaign", "confirmation", "hold"}, f"schemas found: {sorted(schemas)}"
for schema in schemas.values():
    Draft202012Validator.check_schema(schema)
registry = Registry().with_resources((s["$id"], Resource.from_contents(s)) for s in schemas.values())
validators = {
    name: Draft202012Validator(s, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
    for name, s in schemas.items()
}
failures = 0


def number(text):
    """The exact value of a number with a fraction or an exponent; no float, which would round it to an integer."""
    value = decimal.Decimal(text)
    return int(value) if value.adjusted() < 30 and value == value.to_integral_value() else value


def parse(text):
    return json.loads(text, parse_float=number)


def check(label, kind, event, valid=True):
    global failures
    faults = list(validators[kind].iter_errors(event))
    if bool(faults) == valid:
        failures += 1
        said = "; ".join(f"{'/'.join(map(str, f.absolute_path))}: {f.message}" for f in faults) or "accepted"
        print(f"{label}: {said}")


counts = {"valid": 0, "refused": 0, "lines": 0, "references": 0}
for path in sorted(golden.glob("*.value.json")):
    event = parse(path.read_text())
    kind = path.name.split("-")[0]
    if kind == "event":
        kind, event = "request", event["data"]
    check(path.name, kind, event)
    counts["valid"] += 1
for path in sorted((golden / "accepted").glob("*.json")):
    check(path.name, path.name.split("-")[0], parse(path.read_text()))
    counts["valid"] += 1
for path in sorted((golden / "refused").glob("*.json")):
    check(path.name, path.name.split("-")[0], parse(path.read_text()), valid=False)
    counts["refused"] += 1
for name in sys.argv[2:]:
    path = pathlib.Path(name)
    kind = next(k for k in validators if k in path.name)
    for place, line in enumerate(path.read_text().splitlines(), 1):
        check(f"{name}:{place}", kind, parse(line))
        counts["lines"] += 1

# Every reference of the AsyncAPI document must lead somewhere.
document_path = root / "Deploy/asyncapi.yaml"
document = yaml.safe_load(document_path.read_text())


def references(node):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield value
            else:
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


for reference in references(document):
    counts["references"] += 1
    target, _, pointer = reference.partition("#")
    if target:
        found = (document_path.parent / target).is_file()
    else:
        node = document
        for part in pointer.strip("/").split("/"):
            node = node.get(part) if isinstance(node, dict) else None
        found = node is not None
    if not found:
        failures += 1
        print(f"asyncapi.yaml: {reference} leads nowhere")

assert counts["valid"] >= 10 and counts["refused"] >= 10 and counts["references"] >= 10, counts
print("schemas: " + " ".join(f"{k}={v}" for k, v in counts.items()) + f" failures={failures}")
sys.exit(1 if failures else 0)
PYTHON
