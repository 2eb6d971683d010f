# An image of ProjectLoom: the pages are built in it, and it runs as a user without rights, on one port.
#
#   docker build --secret id=env,src=.env -t projectloom .
#
# The pages are built for the settings that they show (docs/operating/containers.md), so give it the .env that it will run
# with. It is mounted for that one step and stays in no layer.

FROM python:3.11-slim-bookworm AS build
WORKDIR /app
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates unzip \
    && rm -rf /var/lib/apt/lists/*
COPY requirements.txt requirements-uv.txt ./
COPY scripts ./scripts
# Everything is pinned and hashed. uv itself is not needed afterwards.
RUN bash -c '. scripts/environment.sh && ensure_environment requirements requirements.txt' \
    && .venv/bin/python -m pip uninstall -q -y uv
COPY alembic.ini bunfig.toml rxconfig.py ./
COPY reflex.lock ./reflex.lock
COPY assets ./assets
COPY alembic ./alembic
COPY projectloom ./projectloom
ENV LOOM_DATA_DIR=/data
RUN --mount=type=secret,id=env,target=/app/.env,required=false \
    .venv/bin/python -m projectloom.launch --build-only \
    && rm -rf .web/node_modules /root/.cache \
    && python -m compileall -q projectloom

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 loom \
    && useradd --uid 10001 --gid loom --no-create-home --home-dir /app --shell /usr/sbin/nologin loom \
    && install -d -o loom -g loom /data /app
WORKDIR /app
COPY --from=build --chown=loom:loom /app /app
USER loom
# 0.0.0.0 is the container's own network: what is published decides who reaches it.
ENV HOST=0.0.0.0 \
    PORT=3000 \
    LOOM_DATA_DIR=/data \
    PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s --retries=3 \
    CMD ["/app/.venv/bin/python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['PORT']}/healthz\", timeout=2)"]
# Docker's own signal reaches the server itself, which ends or charges what it is at work on.
STOPSIGNAL SIGTERM
CMD ["/app/.venv/bin/python", "-m", "projectloom.launch"]
