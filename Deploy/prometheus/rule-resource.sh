#!/usr/bin/env bash
# Writes the rules again as a resource of the Prometheus operator, for Kustomize and for the Helm chart. Run it after
# alerts.yml or slo.yml has changed.
set -euo pipefail
cd "$(dirname "$0")/../.."
rules() {
  cat Deploy/prometheus/alerts.yml
  sed '1,/^groups:$/d' Deploy/prometheus/slo.yml
}
{
  cat <<'HEAD'
# Made by Deploy/prometheus/rule-resource.sh from alerts.yml and slo.yml beside it: change those instead.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: cancel-worker
spec:
HEAD
  rules | sed 's/^./  &/'
} >Deploy/kubernetes/components/prometheus-operator/prometheusrule.yaml
{
  echo '# Made by Deploy/prometheus/rule-resource.sh from alerts.yml and slo.yml in its folder: change those instead.'
  rules
} >Deploy/helm/cancel-worker/files/rules.yml
