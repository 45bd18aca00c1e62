{{/* A CronJob's controller adds eleven characters for each Job, and a name may have 63. */}}
{{- define "mxpc-backup.name" -}}
{{- $name := .Release.Name -}}
{{- if not (contains "mxpc" $name) }}{{ $name = printf "%s-mxpc-backup" $name }}{{ end -}}
{{- $name | trunc 52 | trimSuffix "-" | trimSuffix "." -}}
{{- end }}

{{- define "mxpc-backup.selector" -}}
app.kubernetes.io/name: mxpc-backup
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{- define "mxpc-backup.labels" -}}
{{ include "mxpc-backup.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "mxpc-backup.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "mxpc-backup.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{- define "mxpc-backup.claim" -}}
{{ .Values.persistence.existingClaim | default (include "mxpc-backup.name" .) }}
{{- end }}

{{- define "mxpc-backup.image" -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end -}}
{{- end }}

{{/* What the Kubernetes API is asked for: nothing, when the credentials are mounted. */}}
{{- define "mxpc-backup.asksKubernetes" -}}
{{- if not .Values.credentials.existingSecret }}yes{{ end -}}
{{- end }}

{{- define "mxpc-backup.arguments" -}}
{{- if .Values.credentials.existingSecret }}
- --credentials-dir=/credentials
{{- else }}
- --namespace={{ .Release.Namespace }}
- --environment={{ .Values.environment }}
{{- end }}
{{- with .Values.databaseSecret }}
- --database-secret={{ . }}
{{- end }}
{{- with .Values.storageSecret }}
- --storage-secret={{ . }}
{{- end }}
{{- with .Values.only }}
- --only={{ . }}
{{- end }}
{{- with .Values.extraArguments }}
{{ toYaml . }}
{{- end }}
{{- end }}
