#!/usr/bin/env bash
# Writes the alert rules again as a resource of the Prometheus operator. Run it after alerts.yml has changed.
set -euo pipefail
cd "$(dirname "$0")/../.."
{
  cat <<'HEAD'
# Made by Deploy/prometheus/rule-resource.sh from Deploy/prometheus/alerts.yml: change that file instead.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: cancel-worker
spec:
HEAD
  sed 's/^./  &/' Deploy/prometheus/alerts.yml
} >Deploy/kubernetes/components/prometheus-operator/prometheusrule.yaml
