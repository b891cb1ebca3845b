# Two images: `docker build --target sidecar .` and `docker build --target operator .`, or `make image` with docker, podman
# or buildah. They hold the programs and the libraries that these load, no shell and no package manager, and run as any
# non-root user with a read-only root and no capabilities.
FROM docker.io/library/debian:trixie-slim AS build
WORKDIR /src
COPY packages.txt ./
COPY tests/tools/deps.sh tests/tools/deps.sh
RUN tests/tools/deps.sh build
COPY CMakeLists.txt CMakePresets.json ./
COPY cmake cmake
COPY lib lib
COPY sidecar sidecar
COPY operator operator
RUN cmake --preset release -DSIDESTEP_TESTS=OFF && cmake --build --preset release
COPY manifests/image manifests/image
RUN set -eu; cd build/release/bin; \
    export VERSION="$(./sidestep --version | awk '{print $2}')"; \
    /src/manifests/image/root.sh /out/sidecar "$PWD/sidestep" "$PWD/sidestep-launch"; \
    /src/manifests/image/root.sh /out/operator "$PWD/sidestep-operator" "$PWD/kubectl-sidestep"; \
    for image in sidecar operator; do \
      mkdir -p /out/$image/etc/ssl/certs; cp -L /etc/ssl/certs/ca-certificates.crt /out/$image/etc/ssl/certs/; \
      mkdir -p /out/$image/usr/lib/ssl; ln -s /etc/ssl/certs/ca-certificates.crt /out/$image/usr/lib/ssl/cert.pem; \
    done; \
    mkdir -p /out/operator/usr/share; cp -rL /usr/share/zoneinfo /out/operator/usr/share/

FROM scratch AS sidecar
LABEL org.opencontainers.image.title="sidestep" \
      org.opencontainers.image.description="Sidecar proxy that replaces the process behind a port without losing a request" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/sidecar /
USER 65532:65532
ENTRYPOINT ["/usr/bin/sidestep"]
CMD ["proxy"]

FROM scratch AS operator
LABEL org.opencontainers.image.title="sidestep-operator" \
      org.opencontainers.image.description="Operator that decides when, on which pods and how far processes are replaced" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/operator /
USER 65532:65532
ENTRYPOINT ["/usr/bin/sidestep-operator"]
