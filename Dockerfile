# The image of the platform: `docker build -t your-registry/kubedb-dbaas:latest .` (or podman, buildah).
# The first stage compiles on Debian 12; the image holds the program and its libraries alone.
ARG BASE=debian:12-slim
FROM ${BASE} AS build
WORKDIR /source
COPY . .
RUN ./dev build release --target dbaas && deploy/image_root.sh build/release/bin/dbaas /image \
    && chown 65532:65532 /image/var/lib/dbaas

FROM scratch
LABEL org.opencontainers.image.title="kubedb-dbaas" \
      org.opencontainers.image.description="A Database-as-a-Service control plane for KubeDB" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /image /
USER 65532:65532
WORKDIR /var/lib/dbaas
EXPOSE 8000
# For container engines; Kubernetes uses the probes of the pod.
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s CMD ["/usr/bin/dbaas", "health", "--live"]
ENTRYPOINT ["/usr/bin/dbaas"]
CMD ["serve"]
