# The sidecar's image: howdah, howdah-supervisor, howdahctl, the libraries they need, CA certificates, and nothing else.
# No shell, no package manager; any uid; the root file system may be read-only.
ARG BASE=debian:bookworm-slim

FROM ${BASE} AS build
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
	ca-certificates gcc libc6-dev make pkg-config libcjson-dev libcurl4-openssl-dev libpq-dev libssl-dev libuv1-dev \
	libwebsockets-dev libwebsockets-evlib-uv libyaml-dev
WORKDIR /src
COPY Makefile LICENSE ./
COPY tests/sim/sim.mk tests/sim/
COPY tests/devkube/devkube.mk tests/devkube/
COPY include include
COPY src src
RUN make -s -j"$(nproc)" BUILD=/build all
COPY deploy/image deploy/image
ARG SOURCE_DATE_EPOCH=""
RUN deploy/image/collect.sh /build /image

FROM scratch
ARG VERSION=""
ARG REVISION=""
LABEL org.opencontainers.image.title="howdah" \
	org.opencontainers.image.description="Keeps PostgreSQL available on Kubernetes: the sidecar" \
	org.opencontainers.image.licenses="Apache-2.0" \
	org.opencontainers.image.version="${VERSION}" \
	org.opencontainers.image.revision="${REVISION}"
COPY --from=build /image/ /
ENV PATH=/usr/bin
USER 65532:65532
ENTRYPOINT ["/usr/bin/howdah"]
