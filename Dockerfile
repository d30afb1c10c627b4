# Builds both executables from a clean checkout.
#
#   docker build -t co-link-gateway --build-arg COMMIT="$(git describe --always --dirty --exclude='*')" .
#   docker build -t co-link-node --target node .
#
# To build from exactly the images that you have looked at, name them by their digests, which
# `docker buildx imagetools inspect NAME` shows: --build-arg BUN_IMAGE=oven/bun:1.4.5@sha256:…

ARG BUN_IMAGE=oven/bun:1.4.5
ARG DEBIAN_IMAGE=debian:trixie-slim

FROM ${BUN_IMAGE} AS build
WORKDIR /src
# Dependencies first: they change less often than the sources. None of the tools for development.
COPY package.json bun.lockb bunfig.toml ./
RUN bun install --frozen-lockfile --production
COPY . .
# The context has no repository that the version could be read from.
ARG COMMIT=
RUN COLINK_BUILD_COMMIT=${COMMIT} bun run build \
  && for name in client server; do bin/$name --licenses >bin/$name.licenses.txt; done

FROM ${DEBIAN_IMAGE} AS base
RUN useradd --system --uid 10001 --create-home colink \
  && install -d -o colink -g colink -m 700 /data
USER colink
WORKDIR /data

# Reads /data/config.yaml: docker run -v "$PWD/config.yaml:/data/config.yaml:ro" co-link-node
# /state holds the node's identity. Any user that --user names may write there.
FROM base AS node
USER root
RUN install -d -m 1777 /state
USER colink
ENV XDG_STATE_HOME=/state
COPY --from=build /src/bin/client /usr/local/bin/client
COPY --from=build /src/LICENSE /src/bin/client.licenses.txt /usr/share/doc/co-link/
ENTRYPOINT ["/usr/local/bin/client"]

FROM base AS gateway
COPY --from=build /src/bin/server /usr/local/bin/server
COPY --from=build /src/LICENSE /src/bin/server.licenses.txt /usr/share/doc/co-link/
ENV COLINK_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${PORT:-8080} && printf 'GET /livez HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["/usr/local/bin/server"]
