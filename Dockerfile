# The page and the service, on the CPU, without root. docker-compose.yml runs it read-only.
#   docker build -t prnet . && docker run --rm -p 127.0.0.1:8000:8000 -e PRNET_TOKEN=... prnet
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --wheel-dir /wheels ".[serve]"

FROM python:3.12-slim
COPY --from=build /wheels /wheels
# The wheels of the stage before are all there is.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir --no-index --find-links /wheels "prnet[serve]" \
    && rm -r /wheels \
    && useradd --system --uid 10001 --no-create-home prnet
USER 10001
WORKDIR /tmp
ENV PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/api/health', timeout=4)"]
ENTRYPOINT ["prnet", "serve", "--host", "0.0.0.0", "--port", "8000", "--allow-remote", "--no-open"]
