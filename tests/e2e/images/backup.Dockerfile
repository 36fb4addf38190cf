# PostgreSQL with pgBackRest beside it, as people who keep backups have it.
ARG BASE
FROM ${BASE}
USER root
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends pgbackrest && rm -rf /var/lib/apt/lists/*
USER postgres
