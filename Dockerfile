# Two small images: `docker build --target sidecar .` and `docker build --target operator .`
# Both run as any non-root user with a read-only root and no capabilities.
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
# The programs and the shared libraries that the base image lacks, laid out as they are to stand.
RUN set -eu; mkdir -p /out/sidecar/usr/bin /out/operator/usr/bin; \
    install -s -m 755 build/release/bin/sidestep build/release/bin/sidestep-launch build/release/bin/kubectl-sidestep /out/sidecar/usr/bin/; \
    install -s -m 755 build/release/bin/sidestep-operator /out/operator/usr/bin/; \
    mv /out/sidecar/usr/bin/kubectl-sidestep /out/operator/usr/bin/; \
    for image in sidecar operator; do \
      { ldd /out/$image/usr/bin/* 2>/dev/null | awk '$2 == "=>" {print $3}'; \
        test $image != sidecar || /out/sidecar/usr/bin/sidestep --libraries; } | sort -u | while read -r library; do \
        install -D -m 755 "$(readlink -f "$library")" "/out/$image/usr/lib/sidestep/$(basename "$library")"; \
      done; \
      for own in libc.so.6 libm.so.6 libgcc_s.so.1 libstdc++.so.6; do rm -f /out/$image/usr/lib/sidestep/$own; done; \
      mkdir -p /out/$image/etc/ld.so.conf.d; echo /usr/lib/sidestep >/out/$image/etc/ld.so.conf.d/sidestep.conf; \
    done; \
    mkdir -p /out/operator/etc/ssl; cp -rL /etc/ssl/certs /out/operator/etc/ssl/

FROM docker.io/library/debian:trixie-slim AS sidecar
LABEL org.opencontainers.image.title="sidestep" \
      org.opencontainers.image.description="Sidecar proxy that replaces the process behind a port without losing a request" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/sidecar /
RUN ldconfig
USER 65532:65532
ENTRYPOINT ["sidestep"]
CMD ["proxy"]

FROM docker.io/library/debian:trixie-slim AS operator
LABEL org.opencontainers.image.title="sidestep-operator" \
      org.opencontainers.image.description="Operator that decides when, on which pods and how far processes are replaced" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /out/operator /
RUN ldconfig
USER 65532:65532
ENTRYPOINT ["sidestep-operator"]
