# The proxy alone, on the base that the application's images share. The context holds the program, taken from
# its wheel, whose hash requirements/envoy.txt names. Envoy Gateway starts `envoy` by name, as user 65532.
ARG BASE_IMAGE
FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="plinth-envoy" \
      org.opencontainers.image.vendor="Plinth" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/usr/local/bin:/usr/bin:/bin
COPY envoy /usr/local/bin/envoy
USER 65532:65532
ENTRYPOINT ["envoy"]
