# The application without its database; docker-compose.yml adds PostGIS.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONSAFEPATH=1 PYTHONPATH=/opt/cotmoc COTMOC_CONTAINER=1
WORKDIR /opt/cotmoc

COPY requirements.lock ./
RUN python -m pip install --no-cache-dir --disable-pip-version-check --require-hashes --only-binary :all: \
    -r requirements.lock

COPY gis gis
COPY layers layers
COPY maps maps
COPY api api
COPY data data
RUN python -m maps.assets \
    && useradd --system --uid 10001 --no-create-home cotmoc \
    && install -d -o cotmoc -g cotmoc -m 0700 /var/lib/cotmoc

USER cotmoc
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=120s --retries=6 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["python", "-m", "api"]
CMD ["up", "--data-dir", "/var/lib/cotmoc"]
