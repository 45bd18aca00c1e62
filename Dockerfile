# syntax=docker/dockerfile:1
# The command with PostgreSQL's clients 14 to 18, for a user without rights and a root file system that is read-only.
# `make test-image` builds this very file on a bare Debian and runs the round trips inside the result.

# A release names the digest of the day instead: `--build-arg BASE=debian@sha256:…`.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS base
COPY image/base.sh /tmp/
RUN sh /tmp/base.sh && rm /tmp/base.sh

FROM base AS build
COPY . /source
# Where packages come from and whom to trust is pip's configuration; behind a proxy of your own:
# `--secret id=pip,src=$HOME/.config/pip/pip.conf`, with `cert = /run/secrets/ca.pem` in it and `--secret id=ca,src=…`.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca,target=/run/secrets/ca.pem \
    sh /source/image/build.sh

FROM base
COPY --from=build /opt/mxpc /opt/mxpc
COPY --from=build /usr/lib/postgresql /usr/lib/postgresql
ARG VERSION=0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="mxpc-backup-restore-cli" \
      org.opencontainers.image.description="Backup and restore of Mendix for Private Cloud environments" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# PATH for `docker run --entrypoint`, and for a shell in the pod.
ENV PATH=/opt/mxpc/bin:/usr/local/bin:/usr/bin:/bin LANG=C.UTF-8
WORKDIR /backup
# A number, so that Kubernetes can see that it is not root (`runAsNonRoot`).
USER 65532:65532
ENTRYPOINT ["/opt/mxpc/bin/mxpc-backup-restore-cli"]
CMD ["--help"]
