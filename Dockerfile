# Builds both executables from a clean checkout.
#
#   docker build -t co-link-gateway .
#   docker build -t co-link-node --target node .

FROM oven/bun:1.4.5 AS build
WORKDIR /src
# Dependencies first: they change less often than the sources.
COPY package.json bun.lockb bunfig.toml ./
RUN bun install --frozen-lockfile
COPY . .
RUN bun run build

FROM debian:bookworm-slim AS base
RUN useradd --system --uid 10001 --create-home colink \
  && install -d -o colink -g colink -m 700 /data
USER colink
WORKDIR /data

# Reads /data/config.yaml: docker run -v "$PWD/config.yaml:/data/config.yaml:ro" co-link-node
FROM base AS node
COPY --from=build /src/bin/client /usr/local/bin/client
ENTRYPOINT ["/usr/local/bin/client"]

FROM base AS gateway
COPY --from=build /src/bin/server /usr/local/bin/server
ENV COLINK_DATA_DIR=/data
VOLUME /data
EXPOSE 8080
# The password hash is native code, unpacked into the temporary folder at the start: with
# `read_only: true`, or where /tmp is mounted noexec, give it `--tmpfs /tmp:exec`.
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/${PORT:-8080} && printf 'GET /livez HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]
ENTRYPOINT ["/usr/local/bin/server"]
