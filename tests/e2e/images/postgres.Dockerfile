# An image of PostgreSQL as people have it: Debian's packages, user 999, nothing of howdah inside.
ARG BASE=debian:bookworm-slim
FROM ${BASE}
ARG MAJOR=15
RUN groupadd --system --gid 999 postgres && \
	useradd --system --uid 999 --gid postgres --home-dir /var/lib/postgresql --shell /bin/bash postgres && \
	mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf && \
	apt-get update && \
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql-${MAJOR} && \
	rm -rf /var/lib/apt/lists/* && \
	install -d -o postgres -g postgres -m 1777 /var/lib/postgresql/data
ENV PGDATA=/var/lib/postgresql/data LANG=C.UTF-8 PATH=/usr/lib/postgresql/${MAJOR}/bin:/usr/local/bin:/usr/bin:/bin
VOLUME /var/lib/postgresql/data
USER postgres
CMD ["postgres"]
