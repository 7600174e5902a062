#!/usr/bin/env bash
# Writes a bill of materials (SPDX 2.3, JSON) of the build in this folder to standard output: every Swift package at the
# version and revision that was resolved, and the system's librdkafka and zlib. Build first, or run `swift package resolve`.
#
#   Deploy/sbom.sh > cancel-worker.spdx.json
set -euo pipefail
cd "$(dirname "$0")/.."
[ -f Package.resolved ] || { echo "sbom: there is no Package.resolved; run swift package resolve" >&2; exit 66; }
version=$(sed -n 's/.*static let current = "\(.*\)"/\1/p' Sources/CancelService/Worker/WorkerSetup.swift)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
rdkafka=$(pkg-config --modversion rdkafka) zlib=$(pkg-config --modversion zlib)
exec python3 - "$version" "$revision" "$rdkafka" "$zlib" <<'PYTHON'
import datetime, hashlib, json, os, re, sys

version, revision, rdkafka, zlib = sys.argv[1:]
pins = json.load(open("Package.resolved"))["pins"]


def package(identifier, name, number, location, purl):
    return {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", identifier), "name": name, "versionInfo": number,
        "downloadLocation": location, "filesAnalyzed": False, "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION", "copyrightText": "NOASSERTION",
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}],
    }


root = package("cancel-worker", "cancel-worker", version, "NOASSERTION", f"pkg:generic/cancel-worker@{version}")
root["licenseDeclared"] = root["licenseConcluded"] = "Apache-2.0"
root["sourceInfo"] = f"built from revision {revision}"
parts = []
for pin in pins:
    state, location = pin["state"], pin["location"]
    number = state.get("version", state["revision"])
    place = re.sub(r"^https://|\.git$", "", location)
    parts.append(package(
        f"swift-{pin['identity']}", pin["identity"], number, f"git+{location}@{state['revision']}",
        f"pkg:swift/{place}@{number}"))
for name, number in (("librdkafka", rdkafka), ("zlib", zlib)):
    parts.append(package(f"system-{name}", name, number, "NOASSERTION", f"pkg:generic/{name}@{number}"))

# The same build has the same name; SOURCE_DATE_EPOCH makes the whole document the same.
digest = hashlib.sha256(json.dumps([version, revision, parts]).encode()).hexdigest()[:32]
epoch = os.environ.get("SOURCE_DATE_EPOCH")
moment = datetime.datetime.fromtimestamp(int(epoch), datetime.timezone.utc) if epoch else datetime.datetime.now(
    datetime.timezone.utc)
json.dump({
    "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT", "name": f"cancel-worker-{version}",
    "documentNamespace": f"urn:cancel-worker:sbom:{digest}",
    "creationInfo": {
        "created": moment.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": [f"Tool: cancel-worker-sbom-{version}"]},
    "packages": [root] + parts,
    "relationships": [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": root["SPDXID"]}
    ] + [
        {"spdxElementId": root["SPDXID"], "relationshipType": "DEPENDS_ON", "relatedSpdxElement": part["SPDXID"]}
        for part in parts
    ],
}, sys.stdout, indent=2)
print()
PYTHON
