# PostgreSQL of a version that the distribution has not: what tests/tools/postgres.sh found (the context), in a place of its
# own; clients are the distribution's. User 999, nothing of howdah inside.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG BIN
RUN groupadd --system --gid 999 postgres && \
	useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql --create-home --shell /bin/bash postgres && \
	apt-get update && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql-client-15 && \
	rm -rf /var/lib/apt/lists/*
COPY . /opt/postgresql
ENV LANG=C.UTF-8 PATH=/opt/postgresql/${BIN}:/usr/lib/postgresql/15/bin:/usr/local/bin:/usr/bin:/bin
RUN postgres --version && psql --version && initdb --version && pg_basebackup --version
USER postgres
CMD ["postgres"]
