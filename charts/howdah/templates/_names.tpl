{{- define "howdah.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{/* The cluster's name: pods, their label of the revision and the objects of the agents must fit into 63 characters with it.
A sub-chart's alias is always part of it, since the release's name is that of all of them. */}}
{{- define "howdah.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- $said := and (eq .Chart.Name "howdah") (contains $name .Release.Name) -}}
{{- $full := ternary .Release.Name (printf "%s-%s" .Release.Name $name) $said -}}
{{- if gt (len $full) 40 -}}
{{- $full = printf "%s-%s" (trunc 31 $full) (sha256sum $full | trunc 8) -}}
{{- end -}}
{{- $full -}}
{{- end -}}
{{- end -}}

{{/* Part of the agents' selector, with cluster-name, which only pods and the agents' own objects carry. */}}
{{- define "howdah.clusterLabels" -}}
app.kubernetes.io/name: {{ include "howdah.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "howdah.selector" -}}
{{ include "howdah.clusterLabels" . }}
cluster-name: {{ include "howdah.fullname" . | quote }}
{{- end -}}

{{- define "howdah.ownLabels" -}}
{{ include "howdah.clusterLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* (list $ labels): what is said of one object goes before what is said of all, and both before the chart's own. */}}
{{- define "howdah.labels" -}}
{{- $top := index . 0 -}}
{{- toYaml (merge (dict) (index . 1) $top.Values.commonLabels (fromYaml (include "howdah.ownLabels" $top))) -}}
{{- end -}}

{{/* name, labels and annotations of an object: (list $ "suffix" annotations), or with labels of its own at the end */}}
{{- define "howdah.metadata" -}}
{{- $top := index . 0 -}}
{{- $labels := ternary (last .) dict (eq (len .) 4) -}}
name: {{ printf "%s%s" (include "howdah.fullname" $top) (index . 1) | quote }}
namespace: {{ $top.Release.Namespace | quote }}
labels:
  {{- include "howdah.labels" (list $top $labels) | nindent 2 }}
{{- with merge (dict) (index . 2) $top.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "howdah.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "howdah.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "howdah.secret" -}}
{{- default (include "howdah.fullname" .) .Values.auth.existingSecret -}}
{{- end -}}

{{/* (list image fallback-tag) */}}
{{- define "howdah.image" -}}
{{- $image := index . 0 -}}
{{- if $image.digest -}}
{{- printf "%s@%s" $image.repository $image.digest -}}
{{- else -}}
{{- printf "%s:%s" $image.repository (default (index . 1) $image.tag) -}}
{{- end -}}
{{- end -}}

{{/* How the primary's Service finds the leader: label, slice or endpoints. */}}
{{- define "howdah.route" -}}
{{- if eq .Values.mode "configmaps" -}}
{{- .Values.route -}}
{{- else if eq .Values.route "slice" -}}
{{- fail "route: slice goes with mode: configmaps; in mode endpoints the Endpoints object is the route already" -}}
{{- else -}}
endpoints
{{- end -}}
{{- end -}}

{{- define "howdah.database" -}}
{{- default .Values.auth.username .Values.auth.database -}}
{{- end -}}
