# heatveil in a container: Debian, one program, one library, no shell needed, no network, nothing writable but what is mounted.
#
#   docker build --tag heatveil .
#   docker run --rm --network none --read-only --cap-drop ALL --security-opt no-new-privileges --user "$(id -u):$(id -g)" \
#     --volume "$PWD/flight:/in:ro" --volume "$PWD/out:/out" heatveil run /in --out /out/tonight
#
# Building needs the network (Debian, crates.io, PyPI, npm; what comes from the last three is checked by hash). Running needs none. Pin both base images by
# digest where you build for others: docker build --build-arg RUST=rust@sha256:... --build-arg DEBIAN=debian@sha256:...
ARG RUST=rust:1.95-slim-bookworm
ARG DEBIAN=debian:bookworm-slim

FROM ${RUST} AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libgdal-dev gdal-bin pkg-config python3 python3-pip nodejs npm make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /heatveil
COPY . .
ARG SOURCE_DATE_EPOCH=0
ENV SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}
RUN make dist

FROM ${DEBIAN}
RUN apt-get update \
 && apt-get install --yes --no-install-recommends libgdal32 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /heatveil/dist/ /opt/heatveil/
# No account of the system: a number that owns nothing in the image. The user given to `docker run` must be able to write to what is mounted at /out.
USER 65532:65532
ENV HOME=/nonexistent ORT_DISABLE_TELEMETRY=1
ENTRYPOINT ["/opt/heatveil/heatveil"]
CMD ["--help"]
