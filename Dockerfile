# syntax=docker/dockerfile:1

# The programs, with the Swift runtime inside them.
FROM swift:6.3-bookworm AS build
WORKDIR /src
COPY Makefile ./
COPY scripts scripts
RUN make libraries
COPY Package.swift ./
COPY config config
COPY migrations migrations
COPY Sources Sources
COPY Tests Tests
COPY bench bench
COPY examples examples
RUN make release

# The C libraries they stand on, and nothing else.
FROM debian:bookworm-slim
ARG VERSION=dev
LABEL org.opencontainers.image.title="trellis-gateway" \
      org.opencontainers.image.description="One API for image-to-3D, many providers behind it" \
      org.opencontainers.image.version="${VERSION}"
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates libcurl4 libpng16-16 libsqlite3-0 libssl3 libstdc++6 libturbojpeg0 libwebp7 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin trellis \
    && install --directory --owner trellis --group trellis --mode 700 /data
COPY --from=build /src/.build/dist/trellis-gateway /usr/local/bin/trellis-gateway
USER 10001
WORKDIR /data
VOLUME /data
ENV TRELLIS_DATA_DIR=/data \
    TRELLIS_LISTEN=0.0.0.0:8080
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=10s --retries=3 CMD ["trellis-gateway", "health"]
ENTRYPOINT ["trellis-gateway"]
CMD ["serve"]
