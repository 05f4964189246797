{{- define "dbaas.selector" -}}
app.kubernetes.io/name: kubedb-dbaas
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "dbaas.labels" -}}
{{ include "dbaas.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "dbaas.metadata" -}}
namespace: {{ .Release.Namespace }}
labels: {{- include "dbaas.labels" . | nindent 2 }}
{{- end }}

{{- define "dbaas.autoscales" -}}
{{- if and (eq .Values.store.type "mongodb") .Values.autoscaling.enabled }}true{{ end }}
{{- end }}
