{{- define "cancel-worker.labels" -}}
app.kubernetes.io/name: cancel-worker
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}
