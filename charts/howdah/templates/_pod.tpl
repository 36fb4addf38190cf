{{/* One user for both containers: PostgreSQL's directory is closed to any other. Without a uid the platform chooses one. */}}
{{- define "howdah.podSecurity" -}}
{{- $own := dict "runAsNonRoot" true "fsGroupChangePolicy" "OnRootMismatch" "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- with .Values.postgres.uid -}}
{{- $group := int64 (default . $.Values.postgres.gid) -}}
{{- $own = merge $own (dict "runAsUser" (int64 .) "runAsGroup" $group "fsGroup" $group) -}}
{{- end -}}
{{- toYaml (mustMergeOverwrite $own (deepCopy .Values.podSecurityContext)) -}}
{{- end -}}

{{/* (list additions read-only-root) */}}
{{- define "howdah.containerSecurity" -}}
{{- $own := dict "allowPrivilegeEscalation" false "capabilities" (dict "drop" (list "ALL")) -}}
{{- if index . 1 -}}{{- $own = set $own "readOnlyRootFilesystem" true -}}{{- end -}}
{{- toYaml (mustMergeOverwrite $own (deepCopy (index . 0))) -}}
{{- end -}}

{{- define "howdah.probe" -}}
httpGet:
  path: {{ index . 1 }}
  port: rest
  scheme: {{ ternary "HTTPS" "HTTP" (ne (index . 0).Values.tls.existingSecret "") }}
{{- end -}}

{{/* What both containers see at the same path. */}}
{{- define "howdah.sharedMounts" -}}
- name: run
  mountPath: /run/howdah
- name: data
  mountPath: {{ .Values.persistence.mountPath }}
{{- if .Values.persistence.wal.enabled }}
- name: wal
  mountPath: {{ .Values.persistence.wal.mountPath }}
{{- end }}
{{- if .Values.tls.existingSecret }}
- name: tls
  mountPath: /etc/howdah-tls
  readOnly: true
{{- end }}
{{- end -}}

{{/* A native sidecar: it starts before PostgreSQL's container, ends after it, and can be replaced alone. */}}
{{- define "howdah.sidecar" -}}
name: howdah
image: {{ include "howdah.image" (list .Values.image .Chart.AppVersion) | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
restartPolicy: Always
env:
  - name: POD_NAME
    valueFrom: {fieldRef: {fieldPath: metadata.name}}
  - name: POD_NAMESPACE
    valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
  - name: POD_UID
    valueFrom: {fieldRef: {fieldPath: metadata.uid}}
  - name: POD_IP
    valueFrom: {fieldRef: {fieldPath: status.podIP}}
  - name: HOWDAH_CONFIG
    value: /etc/howdah
  {{- with .Values.sidecarExtraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: rest
    containerPort: 8008
# it answers as soon as the supervisor lies where PostgreSQL's container expects it
startupProbe:
  {{- include "howdah.probe" (list . "/liveness") | nindent 2 }}
  periodSeconds: 1
  failureThreshold: 60
livenessProbe:
  {{- include "howdah.probe" (list . "/liveness") | nindent 2 }}
  periodSeconds: 10
  timeoutSeconds: 5
readinessProbe:
  {{- include "howdah.probe" (list . "/readiness") | nindent 2 }}
  periodSeconds: 5
  timeoutSeconds: 3
{{- with .Values.sidecarResources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "howdah.containerSecurity" (list .Values.howdah.securityContext true) | nindent 2 }}
volumeMounts:
  {{- include "howdah.sharedMounts" . | nindent 2 }}
  - name: config
    mountPath: /etc/howdah
    readOnly: true
  - name: service-account
    mountPath: /var/run/secrets/kubernetes.io/serviceaccount
    readOnly: true
  {{- with .Values.sidecarExtraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{- define "howdah.postgres" -}}
name: postgres
image: {{ include "howdah.image" (list .Values.postgres.image "latest") | quote }}
imagePullPolicy: {{ .Values.postgres.image.pullPolicy }}
command: [/run/howdah/bin/howdah-supervisor]
env:
  # for psql in this container
  - name: PGHOST
    value: /run/howdah/pg
  - name: PGUSER
    value: {{ .Values.auth.superuser | quote }}
  {{- with .Values.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
ports:
  - name: postgresql
    containerPort: 5432
{{- with .Values.resources }}
resources:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "howdah.containerSecurity" (list .Values.postgres.securityContext false) | nindent 2 }}
volumeMounts:
  {{- include "howdah.sharedMounts" . | nindent 2 }}
  - name: shm
    mountPath: /dev/shm
  {{- if .Values.postgres.passwd }}
  - name: run
    mountPath: /etc/passwd
    subPath: passwd
    readOnly: true
  {{- end }}
  {{- with .Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* (list key path) */}}
{{- define "howdah.secretItem" -}}
{key: {{ index . 0 | quote }}, path: {{ index . 1 }}}
{{- end -}}

{{- define "howdah.volumes" -}}
{{- $keys := .Values.auth.secretKeys -}}
- name: run
  emptyDir:
    medium: Memory
- name: shm
  emptyDir:
    medium: Memory
    {{- with .Values.postgres.shmSize }}
    sizeLimit: {{ . }}
    {{- end }}
# the configuration: YAML, and for each secret a file whose name is the setting's
- name: config
  projected:
    defaultMode: 0440
    sources:
      - configMap:
          name: {{ include "howdah.fullname" . }}-agent
      - secret:
          name: {{ include "howdah.secret" . | quote }}
          items:
            - {{ include "howdah.secretItem" (list $keys.superuser "postgresql.authentication.superuser.password") }}
            - {{ include "howdah.secretItem" (list $keys.replication "postgresql.authentication.replication.password") }}
            {{- if .Values.auth.username }}
            - {{ include "howdah.secretItem" (list $keys.application "howdah.application_password") }}
            {{- end }}
            {{- if .Values.auth.restApi }}
            - {{ include "howdah.secretItem" (list $keys.restApi "restapi.authentication.password") }}
            {{- end }}
      {{- if .Values.initSQL }}
      - secret:
          name: {{ include "howdah.fullname" . }}-init
          items:
            - {{ include "howdah.secretItem" (list "init.sql" "howdah.init_sql") }}
      {{- end }}
- name: service-account
  projected:
    defaultMode: 0440
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3607
      - configMap:
          name: kube-root-ca.crt
          items: [{key: ca.crt, path: ca.crt}]
      - downwardAPI:
          items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]
{{- if .Values.tls.existingSecret }}
- name: tls
  secret:
    secretName: {{ .Values.tls.existingSecret | quote }}
    defaultMode: 0440
{{- end }}
{{- if not .Values.persistence.enabled }}
- name: data
  emptyDir: {}
{{- end }}
{{- end -}}

{{/* (list $ name persistence) */}}
{{- define "howdah.claim" -}}
{{- $top := index . 0 -}}
{{- $volume := index . 2 -}}
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: {{ index . 1 }}
  labels:
    {{- include "howdah.clusterLabels" $top | nindent 4 }}
  {{- with $top.Values.persistence.annotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  accessModes:
    {{- toYaml $top.Values.persistence.accessModes | nindent 4 }}
  {{- with $volume.storageClass }}
  storageClassName: {{ . | quote }}
  {{- end }}
  resources:
    requests:
      storage: {{ $volume.size }}
{{- end -}}
