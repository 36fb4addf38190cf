{{/* postgres.parameters in YAML: those that every member must have alike, which only the cluster's dynamic configuration
may say, or the others. (list $ true|false) */}}
{{- define "howdah.parameters" -}}
{{- $alike := list "max_connections" "max_locks_per_transaction" "max_worker_processes" "max_prepared_transactions" "wal_level" "max_wal_senders" "max_replication_slots" "wal_keep_segments" "wal_keep_size" "track_commit_timestamp" "wal_log_hints" -}}
{{- $wanted := dict -}}
{{- range $name, $value := (index . 0).Values.postgres.parameters -}}
{{- if eq (has $name $alike) (index $ 1) -}}
{{- $_ := set $wanted $name $value -}}
{{- end -}}
{{- end -}}
{{- with $wanted }}{{ toYaml . }}{{ end -}}
{{- end -}}

{{- define "howdah.pgHba" -}}
{{- $host := ternary "hostssl" "host" (and (ne .Values.tls.existingSecret "") .Values.tls.required) -}}
{{- with .Values.postgres.pgHba }}
{{ toYaml . }}
{{- end }}
# the socket's directory belongs to PostgreSQL's user alone
- local all all trust
- {{ $host }} replication {{ .Values.auth.replication | quote }} all scram-sha-256
{{- if .Values.postgres.allowPasswordLogin }}
- {{ $host }} all all all scram-sha-256
{{- else }}
- {{ $host }} all {{ .Values.auth.superuser | quote }} all scram-sha-256
{{- end }}
{{- end -}}

{{- define "howdah.sslmode" -}}
{{- if .Values.tls.existingSecret }}
{{- if .Values.tls.ca }}
sslmode: verify-ca
sslrootcert: /etc/howdah-tls/ca.crt
{{- else }}
sslmode: require
{{- end }}
{{- end }}
{{- end -}}

{{/* The agents' configuration; passwords are files of their own beside it. */}}
{{- define "howdah.config" -}}
{{- $fullname := include "howdah.fullname" . -}}
scope: {{ $fullname | quote }}
restapi:
  listen: "*:8008"
  {{- if .Values.tls.existingSecret }}
  certfile: /etc/howdah-tls/tls.crt
  keyfile: /etc/howdah-tls/tls.key
  {{- end }}
  {{- if .Values.auth.restApi }}
  authentication:
    username: howdah
  {{- end }}
{{- if .Values.tls.existingSecret }}
# members are asked by their addresses, which are in no certificate
ctl:
  insecure: true
{{- end }}
kubernetes:
  labels:
    {{- include "howdah.clusterLabels" . | nindent 4 }}
  use_endpoints: {{ eq .Values.mode "endpoints" }}
  {{- if ne (include "howdah.route" .) "label" }}
  ports:
    - name: postgresql
      port: 5432
  {{- end }}
  {{- if .Values.rbac.bypassApiService }}
  bypass_api_service: true
  {{- end }}
bootstrap:
  dcs:
    ttl: {{ .Values.howdah.ttl }}
    loop_wait: {{ .Values.howdah.loopWait }}
    retry_timeout: {{ .Values.howdah.retryTimeout }}
    failsafe_mode: {{ .Values.howdah.failsafe }}
    synchronous_mode: {{ .Values.howdah.synchronousMode | quote }}
    postgresql:
      use_pg_rewind: true
      {{- with include "howdah.parameters" (list $ true) }}
      parameters:
        {{- . | nindent 8 }}
      {{- end }}
  initdb:
    {{- $waldir := list (dict "waldir" (printf "%s/pg_wal" .Values.persistence.wal.mountPath)) }}
    {{- toYaml (concat (default list .Values.postgres.initdb) (ternary $waldir list .Values.persistence.wal.enabled)) | nindent 4 }}
postgresql:
  listen: "*:5432"
  data_dir: {{ .Values.postgres.dataDir }}
  {{- with .Values.postgres.binDir }}
  bin_dir: {{ . }}
  {{- end }}
  {{- if .Values.persistence.wal.enabled }}
  basebackup:
    - waldir: {{ .Values.persistence.wal.mountPath }}/pg_wal
  {{- end }}
  authentication:
    superuser:
      username: {{ .Values.auth.superuser | quote }}
      {{- include "howdah.sslmode" . | nindent 6 }}
    replication:
      username: {{ .Values.auth.replication | quote }}
      {{- include "howdah.sslmode" . | nindent 6 }}
  pg_hba:
    {{- include "howdah.pgHba" . | nindent 4 }}
  parameters:
    {{- if .Values.tls.existingSecret }}
    ssl: "on"
    ssl_cert_file: /etc/howdah-tls/tls.crt
    ssl_key_file: /etc/howdah-tls/tls.key
    {{- if .Values.tls.ca }}
    ssl_ca_file: /etc/howdah-tls/ca.crt
    {{- end }}
    {{- end }}
    password_encryption: scram-sha-256
    {{- with include "howdah.parameters" (list $ false) }}
    {{- . | nindent 4 }}
    {{- end }}
{{- $slice := eq (include "howdah.route" .) "slice" }}
{{- if or $slice .Values.auth.username .Values.persistence.expandTo }}
howdah:
  {{- if $slice }}
  route: slice
  {{- end }}
  {{- with .Values.auth.username }}
  application_username: {{ . | quote }}
  application_database: {{ include "howdah.database" $ | quote }}
  {{- end }}
  {{- with .Values.persistence.expandTo }}
  expand_claims:
    data: {{ . }}
  {{- end }}
{{- end }}
{{- end -}}
