{{/* Copyright 2026 The fink-voevent developers. SPDX-License-Identifier: Apache-2.0 */}}

{{/* Kubernetes makes variables of the names of services: VOEVENT_... would be a setting. */}}
{{- define "voevent.name" -}}
{{- printf "fink-voevent-%s" .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "voevent.labels" -}}
app.kubernetes.io/name: fink-voevent
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
{{- end }}

{{- define "voevent.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- define "voevent.secret" -}}
{{ .Values.secrets.existingSecret | default (include "voevent.name" .) }}
{{- end }}

{{/* The settings, as environment variables. */}}
{{- define "voevent.environment" -}}
envFrom:
  - configMapRef:
      name: {{ include "voevent.name" . }}
  - secretRef:
      name: {{ include "voevent.secret" . }}
{{- end }}

{{/* A file of Hadoop's configuration in each container that reads the store. */}}
{{- define "voevent.hadoopMount" -}}
{{- if .Values.hadoopConfigMap }}
- name: hadoop
  mountPath: /etc/hadoop/conf
  readOnly: true
{{- end }}
{{- end }}

{{- define "voevent.hadoopVolume" -}}
{{- if .Values.hadoopConfigMap }}
- name: hadoop
  configMap:
    name: {{ .Values.hadoopConfigMap }}
{{- end }}
{{- end }}
