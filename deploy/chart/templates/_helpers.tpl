{{- define "site.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "site.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "site.name" .) .Release.Name -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name (include "site.name" .) | trunc 50 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "site.labels" -}}
app.kubernetes.io/name: {{ include "site.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "site.selector" -}}
app.kubernetes.io/name: {{ include "site.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "site.image" -}}
{{ .Values.api.image }}:{{ default .Chart.AppVersion .Values.api.version }}
{{- end }}

{{- define "site.executorImage" -}}
{{ .Values.executor.image }}:{{ default .Chart.AppVersion .Values.executor.version }}
{{- end }}

{{- define "site.ephemeral" -}}
{{- if .Values.api.ephemeralExecution.enabled }}true{{ end -}}
{{- end }}

{{- define "site.rbac" -}}
{{- if or .Values.api.rbac.create .Values.api.ephemeralExecution.enabled -}}
{{- if not .Values.api.serviceAccountName -}}
{{- fail "api.serviceAccountName is empty: it is needed with api.rbac.create and api.ephemeralExecution.enabled" -}}
{{- end -}}
true
{{- end -}}
{{- end }}

{{- define "site.keysSecret" -}}
{{ default (printf "%s-keys" (include "site.fullname" .)) .Values.security.existingSecret }}
{{- end }}

{{- define "site.serviceUrl" -}}
http://{{ include "site.fullname" . }}.{{ .Release.Namespace }}.svc:{{ .Values.service.port }}
{{- end }}

{{- define "site.publicUrl" -}}
{{- if .Values.publicUrl -}}
{{ .Values.publicUrl }}
{{- else if .Values.ingress.enabled -}}
{{ if .Values.ingress.tlsSecretName }}https{{ else }}http{{ end }}://{{ required "ingress.host is empty" .Values.ingress.host }}
{{- else -}}
{{ include "site.serviceUrl" . }}
{{- end -}}
{{- end }}

{{- define "site.ephemeralSecrets" -}}
{{- if kindIs "string" .Values.api.ephemeralExecution.secretName -}}
{{ .Values.api.ephemeralExecution.secretName }}
{{- else -}}
{{ join "," .Values.api.ephemeralExecution.secretName }}
{{- end -}}
{{- end }}

{{/* Hosts that the web process answers for: its own names and that of the public address. */}}
{{- define "site.hosts" -}}
{{- $public := (urlParse (include "site.publicUrl" .)).hostname -}}
{{- $internal := (urlParse (default (include "site.serviceUrl" .) .Values.internalUrl)).hostname -}}
{{ list "localhost" "127.0.0.1" (include "site.fullname" .) (printf "%s.%s" (include "site.fullname" .) .Release.Namespace) $public $internal | uniq | join "," }}
{{- end }}

{{- define "site.environment" -}}
- {name: TerrakubeApiUrl, value: {{ include "site.publicUrl" . | quote }}}
- {name: AzBuilderApiUrl, value: {{ default (include "site.serviceUrl" .) .Values.internalUrl | quote }}}
- {name: TERRAKUBE_ALLOWED_HOSTS, value: {{ include "site.hosts" . | quote }}}
- {name: TERRAKUBE_ADMIN_GROUP, value: {{ .Values.security.adminGroup | quote }}}
{{- if include "site.ephemeral" . }}
- {name: ExecutorEphemeralNamespace, value: {{ .Release.Namespace | quote }}}
- {name: ExecutorEphemeralImage, value: {{ include "site.executorImage" . | quote }}}
- {name: ExecutorEphemeralSecret, value: {{ include "site.ephemeralSecrets" . | quote }}}
{{- end }}
{{- if not .Values.trial.enabled }}
- name: TERRAKUBE_DATABASE_URL
  valueFrom:
    secretKeyRef:
      name: {{ required "database.existingSecret is empty: a Secret with the PostgreSQL address (or set trial.enabled)" .Values.database.existingSecret }}
      key: {{ .Values.database.key }}
{{- end }}
{{- with .Values.redis }}
{{- if .hostname }}
- {name: TerrakubeRedisHostname, value: {{ .hostname | quote }}}
- {name: TerrakubeRedisPort, value: {{ .port | quote }}}
{{- if .username }}
- {name: TerrakubeRedisUsername, value: {{ .username | quote }}}
{{- end }}
{{- if .ssl }}
- {name: TerrakubeRedisSSL, value: "true"}
{{- end }}
{{- if .existingSecret }}
- name: TerrakubeRedisPassword
  valueFrom:
    secretKeyRef: {name: {{ .existingSecret }}, key: {{ .key }}}
{{- end }}
{{- end }}
{{- end }}
{{- with .Values.api.env }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "site.envFrom" -}}
- secretRef: {name: {{ include "site.keysSecret" . }}}
{{- range .Values.api.existingSecrets }}
- secretRef: {name: {{ . }}}
{{- end }}
{{- end }}

{{- define "site.podSpec" -}}
{{- with .Values.api.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
automountServiceAccountToken: {{ .Values.api.automountServiceAccountToken }}
{{- with .Values.api.imagePullSecrets }}
imagePullSecrets: {{ toYaml . | nindent 2 }}
{{- end }}
{{- if .Values.api.hostNetwork }}
hostNetwork: true
{{- end }}
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 1000
  runAsGroup: 1000
  fsGroup: 1000
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.api.nodeSelector }}
nodeSelector: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.api.tolerations }}
tolerations: {{ toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.api.affinity }}
affinity: {{ toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "site.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "site.httpProbes" -}}
startupProbe:
  httpGet: {path: /actuator/health/liveness, port: http, httpHeaders: [{name: Host, value: localhost}]}
  periodSeconds: 2
  failureThreshold: 60
livenessProbe:
  httpGet: {path: /actuator/health/liveness, port: http, httpHeaders: [{name: Host, value: localhost}]}
  periodSeconds: 10
  failureThreshold: 6
readinessProbe:
  httpGet: {path: /actuator/health/liveness, port: http, httpHeaders: [{name: Host, value: localhost}]}
  periodSeconds: 5
{{- end }}
