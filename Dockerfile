# Tilecast in a container: docker build -t tilecast . && docker run -p 8080:8080 -v tilecast:/data tilecast

FROM node:22-bookworm-slim AS viewer
WORKDIR /src/viewer
COPY viewer/package.json viewer/package-lock.json ./
RUN npm ci --include=dev --no-audit --no-fund
COPY viewer/ ./
RUN npm run build

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY locks/runtime.txt locks/build.txt locks/
RUN python -m venv /opt/tilecast \
    && /opt/tilecast/bin/pip install --no-cache-dir --require-hashes -r locks/runtime.txt \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --no-cache-dir --require-hashes -r locks/build.txt
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY protocol/ protocol/
COPY tiles/ tiles/
COPY server/ server/
COPY client/ client/
COPY --from=viewer /src/server/static/ server/static/
RUN TILECAST_SKIP_VIEWER=1 /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && /opt/tilecast/bin/pip install --no-cache-dir --no-deps dist/*.whl

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin tilecast \
    && install --directory --owner=tilecast --group=tilecast --mode=0700 /data
COPY --from=build /opt/tilecast /opt/tilecast
ENV PATH=/opt/tilecast/bin:$PATH \
    TILECAST_HOST=0.0.0.0 \
    TILECAST_PORT=8080 \
    TILECAST_DATA=/data
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8080
# Clients are told to come back, and what was drawn is written.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=2m --retries=3 \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['TILECAST_PORT'] + '/healthz', timeout=2)"]
ENTRYPOINT ["tilecast"]
CMD ["serve"]
