#!/usr/bin/env bash
# Writes the rules again as a resource of the Prometheus operator. Run it after alerts.yml or slo.yml has changed.
set -euo pipefail
cd "$(dirname "$0")/../.."
{
  cat <<'HEAD'
# Made by Deploy/prometheus/rule-resource.sh from alerts.yml and slo.yml beside it: change those instead.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: cancel-worker
spec:
HEAD
  sed 's/^./  &/' Deploy/prometheus/alerts.yml
  sed -e '1,/^groups:$/d' -e 's/^./  &/' Deploy/prometheus/slo.yml
} >Deploy/kubernetes/components/prometheus-operator/prometheusrule.yaml
