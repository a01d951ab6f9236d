{{- define "site.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" }}
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
{{ include "site.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "site.selector" -}}
app.kubernetes.io/name: {{ include "site.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* "true" if the values name Terrakube's own API image, which is a different program. */}}
{{- define "site.isTerrakubeImage" -}}
{{- if regexMatch "(^|/)azbuilder/api-server$" .Values.api.image }}true{{ end -}}
{{- end }}

{{- define "site.image" -}}
{{- if include "site.isTerrakubeImage" . -}}
terrakube-site:{{ .Chart.AppVersion }}
{{- else -}}
{{ .Values.api.image }}:{{ default .Chart.AppVersion .Values.api.version }}
{{- end -}}
{{- end }}

{{- define "site.executorImage" -}}
{{ .Values.executor.image }}:{{ default .Chart.AppVersion .Values.executor.version }}
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

{{/* ---- addresses ------------------------------------------------------------------------------------------------- */}}

{{- define "site.serviceUrl" -}}
http://{{ include "site.fullname" . }}.{{ .Release.Namespace }}.svc:{{ .Values.service.port }}
{{- end }}

{{- define "site.internalUrl" -}}
{{ default (include "site.serviceUrl" .) .Values.internalUrl }}
{{- end }}

{{/* The ingress from both sets of keys: host, path, pathType, className, tlsSecretName, annotations; or empty. */}}
{{- define "site.ingress" -}}
{{- $ours := .Values.ingress -}}
{{- $theirs := $ours.api | default dict -}}
{{- if $ours.enabled -}}
{{ dict "host" (required "ingress.host is empty" $ours.host) "path" "/" "pathType" "Prefix" "className" $ours.className
   "tlsSecretName" $ours.tlsSecretName "tls" (ne $ours.tlsSecretName "") "annotations" $ours.annotations | toJson }}
{{- else if $theirs.enabled -}}
{{ dict "host" (required "ingress.api.domain is empty" $theirs.domain) "path" (default "/" $theirs.path)
   "pathType" (default "Prefix" $theirs.pathType) "className" (default "" $theirs.ingressClassName)
   "tlsSecretName" (default "" $theirs.tlsSecretName) "tls" (default false $ours.useTls)
   "annotations" (default dict $theirs.annotations) | toJson }}
{{- end -}}
{{- end }}

{{- define "site.publicUrl" -}}
{{- $ingress := include "site.ingress" . | fromJson -}}
{{- if .Values.publicUrl -}}
{{ .Values.publicUrl }}
{{- else if $ingress.host -}}
{{ if $ingress.tls }}https{{ else }}http{{ end }}://{{ $ingress.host }}
{{- else -}}
{{ include "site.serviceUrl" . }}
{{- end -}}
{{- end }}

{{/* Host names of the web process: its own and those of the two addresses. */}}
{{- define "site.hosts" -}}
{{- $public := (urlParse (include "site.publicUrl" .)).hostname -}}
{{- $internal := (urlParse (include "site.internalUrl" .)).hostname -}}
{{- $name := include "site.fullname" . -}}
{{ list "localhost" "127.0.0.1" $name (printf "%s.%s" $name .Release.Namespace) (printf "%s.%s.svc" $name .Release.Namespace) $public $internal | uniq | join "," }}
{{- end }}

{{/* ---- database and Redis ---------------------------------------------------------------------------------------- */}}

{{/* The PostgreSQL address from Terrakube's properties, or empty. */}}
{{- define "site.databaseUrl" -}}
{{- $p := .Values.api.properties -}}
{{- if and $p.databaseHostname (not .Values.database.existingSecret) (not .Values.trial.enabled) -}}
{{- $port := $p.databasePort | default "" | toString -}}
{{- /* The default of Terrakube's chart, for another kind of database. */ -}}
{{- if eq $port "3306" }}{{ $port = "" }}{{ end -}}
{{- $mode := $p.databaseSslMode | default "" -}}
postgresql://{{ required "api.properties.databaseUser is empty" $p.databaseUser | urlquery }}{{ with $p.databasePassword }}:{{ urlquery . | replace "+" "%20" }}{{ end }}@{{ $p.databaseHostname }}{{ with $port }}:{{ . }}{{ end }}/{{ required "api.properties.databaseName is empty" $p.databaseName | urlquery }}{{ with $mode }}?sslmode={{ . }}{{ end }}
{{- end -}}
{{- end }}

{{/* {name, key} of the Secret with the database's address, as JSON. */}}
{{- define "site.databaseSecret" -}}
{{- if .Values.database.existingSecret -}}
{{ dict "name" .Values.database.existingSecret "key" .Values.database.key | toJson }}
{{- else if include "site.databaseUrl" . -}}
{{ dict "name" (printf "%s-connections" (include "site.fullname" .)) "key" "TERRAKUBE_DATABASE_URL" | toJson }}
{{- else -}}
{{- fail "database.existingSecret is empty: name a Secret with the PostgreSQL address, or set api.properties.databaseHostname, or trial.enabled" -}}
{{- end -}}
{{- end }}

{{/* Redis from both sets of keys, as JSON; hostname is empty without Redis. */}}
{{- define "site.redis" -}}
{{- $p := .Values.api.properties -}}
{{- $r := .Values.redis -}}
{{- if $r.hostname -}}
{{ dict "hostname" $r.hostname "port" $r.port "username" $r.username "ssl" $r.ssl "secret" $r.existingSecret "key" $r.key | toJson }}
{{- else if $p.redisHostname -}}
{{- $secret := "" -}}
{{- if $p.redisPassword }}{{ $secret = printf "%s-connections" (include "site.fullname" .) }}{{ end -}}
{{ dict "hostname" $p.redisHostname "port" (default 6379 $p.redisPort) "username" (default "" $p.redisUsername) "ssl" (eq (toString $p.redisSsl) "true") "secret" $secret "key" "TerrakubeRedisPassword" | toJson }}
{{- else -}}
{}
{{- end -}}
{{- end }}

{{/* ---- environment ----------------------------------------------------------------------------------------------- */}}

{{- define "site.ephemeralSecrets" -}}
{{- if kindIs "string" .Values.api.ephemeralExecution.secretName -}}
{{ .Values.api.ephemeralExecution.secretName }}
{{- else -}}
{{ join "," .Values.api.ephemeralExecution.secretName }}
{{- end -}}
{{- end }}

{{/* The chart's own environment, a JSON list of entries. */}}
{{- define "site.ownEnvironment" -}}
{{- $all := list
  (dict "name" "TerrakubeApiUrl" "value" (include "site.publicUrl" .))
  (dict "name" "AzBuilderApiUrl" "value" (include "site.internalUrl" .))
  (dict "name" "ExecutorLocalApiUrl" "value" (ternary (printf "http://127.0.0.1:%v" (int .Values.api.port)) (include "site.internalUrl" .) .Values.trial.enabled))
  (dict "name" "TERRAKUBE_ALLOWED_HOSTS" "value" (include "site.hosts" .))
  (dict "name" "TERRAKUBE_ADMIN_GROUP" "value" .Values.security.adminGroup)
-}}
{{- with .Values.security.dexIssuerUri }}{{ $all = append $all (dict "name" "DexIssuerUri" "value" .) }}{{ end -}}
{{- with .Values.security.dexClientId }}{{ $all = append $all (dict "name" "DexClientId" "value" .) }}{{ end -}}
{{- with .Values.api.terraformReleasesUrl }}{{ $all = append $all (dict "name" "CustomTerraformReleasesUrl" "value" .) }}{{ end -}}
{{- $e := .Values.api.ephemeralExecution -}}
{{- /* Without a Role on Jobs, steps can only run in the worker's pod; with one they never do, because its keys are there. */ -}}
{{- if not (or $e.enabled .Values.api.rbac.create) }}{{ $all = append $all (dict "name" "ExecutorLocal" "value" "yes") }}{{ end -}}
{{- /* The trial's volume is in the namespace of the steps, where a variable could name its claim. */ -}}
{{- if .Values.trial.enabled }}{{ $all = append $all (dict "name" "ExecutorEphemeralClaims" "value" "terrakube-plugin-pvc") }}{{ end -}}
{{- if $e.enabled -}}
{{- $all = concat $all (list
  (dict "name" "ExecutorEphemeralNamespace" "value" .Release.Namespace)
  (dict "name" "ExecutorEphemeralImage" "value" (include "site.executorImage" .))
  (dict "name" "ExecutorEphemeralSecret" "value" (include "site.ephemeralSecrets" .))) -}}
{{- with $e.configMapName }}{{ $all = append $all (dict "name" "ExecutorEphemeralConfigMap" "value" .) }}{{ end -}}
{{- with $e.podAnnotations }}{{ $all = append $all (dict "name" "ExecutorEphemeralPodAnnotations" "value" (toJson .)) }}{{ end -}}
{{- with $e.activeDeadlineSeconds }}{{ $all = append $all (dict "name" "ExecutorEphemeralDeadlineSeconds" "value" (int . | toString)) }}{{ end -}}
{{- with $e.ttlSecondsAfterFinished }}{{ $all = append $all (dict "name" "ExecutorEphemeralTtlSeconds" "value" (int . | toString)) }}{{ end -}}
{{- /* The pod gets 30 seconds more than terraform, to deliver state, log and result. */ -}}
{{- with $e.terminationGracePeriodSeconds -}}
{{- $grace := max 1 (sub (int .) 30) | toString -}}
{{- $all = concat $all (list (dict "name" "ExecutorEphemeralGraceSeconds" "value" $grace) (dict "name" "ExecutorEphemeralApplyGraceSeconds" "value" $grace)) -}}
{{- end -}}
{{- end -}}
{{- if not .Values.trial.enabled -}}
{{- $all = append $all (dict "name" "TERRAKUBE_DATABASE_URL" "valueFrom" (dict "secretKeyRef" (include "site.databaseSecret" . | fromJson))) -}}
{{- end -}}
{{- $r := include "site.redis" . | fromJson -}}
{{- if $r.hostname -}}
{{- $all = append $all (dict "name" "TerrakubeRedisHostname" "value" $r.hostname) -}}
{{- $all = append $all (dict "name" "TerrakubeRedisPort" "value" (int $r.port | toString)) -}}
{{- with $r.username }}{{ $all = append $all (dict "name" "TerrakubeRedisUsername" "value" .) }}{{ end -}}
{{- if $r.ssl }}{{ $all = append $all (dict "name" "TerrakubeRedisSSL" "value" "true") }}{{ end -}}
{{- with $r.secret }}{{ $all = append $all (dict "name" "TerrakubeRedisPassword" "valueFrom" (dict "secretKeyRef" (dict "name" . "key" $r.key))) }}{{ end -}}
{{- end -}}
{{ toJson $all }}
{{- end }}

{{/* The chart's entries without those in api.env, then api.env: a name may occur only once. */}}
{{- define "site.environment" -}}
{{- $said := list -}}
{{- range .Values.api.env }}{{ $said = append $said .name }}{{ end -}}
{{- range include "site.ownEnvironment" . | fromJsonArray }}
{{- if not (has .name $said) }}
- {{ toJson . }}
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

{{/* ---- pods ------------------------------------------------------------------------------------------------------ */}}

{{/* Labels and annotations of a component's pods: (list . "web"). */}}
{{- define "site.podMetadata" -}}
{{- $root := index . 0 -}}
labels: {{ include "site.labels" $root | nindent 2 }}
  app.kubernetes.io/component: {{ index . 1 }}
  {{- with $root.Values.api.podLabels }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
annotations:
  # Roll the pods when the chart's Secret of addresses changes.
  checksum/connections: {{ printf "%s%s" (include "site.databaseUrl" $root) ($root.Values.api.properties.redisPassword | default "") | sha256sum | trunc 16 | quote }}
  {{- with $root.Values.api.podAnnotations }}
  {{- toYaml . | nindent 2 }}
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

{{/* Prefer different nodes for the replicas: (list . "web"). */}}
{{- define "site.spread" -}}
{{- $root := index . 0 -}}
topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels: {{ include "site.selector" $root | nindent 8 }}
        app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "site.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{/* /data is the work folder of executors on this machine; it may be lost. */}}
{{- define "site.volumes" -}}
- {name: tmp, emptyDir: {}}
- {name: data, emptyDir: {}}
{{- with .Values.api.volumes }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "site.volumeMounts" -}}
- {name: tmp, mountPath: /tmp}
- {name: data, mountPath: /data}
{{- with .Values.api.volumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "site.httpProbes" -}}
{{- $get := dict "httpGet" (dict "path" "/actuator/health/liveness" "port" "http" "httpHeaders" (list (dict "name" "Host" "value" "localhost"))) -}}
startupProbe: {{ toJson (merge (dict "periodSeconds" 1 "failureThreshold" 120 "timeoutSeconds" 3) $get) }}
livenessProbe: {{ toJson (merge (dict "periodSeconds" 10 "failureThreshold" 6 "timeoutSeconds" 5) $get) }}
# Does not check worker and watcher: executors must reach this pod while those are down.
readinessProbe: {{ toJson (merge (dict "periodSeconds" 5 "timeoutSeconds" 5) $get) }}
{{- end }}
