# Citespan as an image: no compiler, no development tools, an own user, a root that can be read-only.
# What takes how much room, and what MODELS=any adds: deploy/README.md.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
SHELL ["/bin/sh", "-eu", "-c"]
# shipped: the models that come with Citespan, which OpenVINO runs.  any: also torch and transformers, for all others.
ARG MODELS=shipped
# torch without CUDA: its own index has it, not PyPI, so that it is pinned by version and not by hash.
ARG TORCH_VERSION=2.13.0
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /source
COPY deploy/requirements.lock deploy/requirements-models.lock deploy/requirements-build.lock deploy/
# What is installed has its hash in a lock file, and is a wheel: nothing is compiled, no setup.py is run.
RUN python3 -m venv /opt/build; \
    python3 -m venv --without-pip /opt/citespan; \
    /opt/build/bin/pip install --require-hashes --only-binary :all: -r deploy/requirements-build.lock; \
    if [ "$MODELS" = any ]; then locked=deploy/requirements-models.lock; else locked=deploy/requirements.lock; fi; \
    /opt/build/bin/pip --python /opt/citespan/bin/python install \
        --require-hashes --only-binary :all: --no-deps -r "$locked"; \
    if [ "$MODELS" = any ]; then \
        /opt/build/bin/pip --python /opt/citespan/bin/python install \
            --index-url "$TORCH_INDEX" --only-binary :all: --no-deps "torch==$TORCH_VERSION"; fi
COPY pyproject.toml README.md LICENSE ./
COPY index index
COPY qa qa
COPY api api
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /tmp/wheels .; \
    /opt/build/bin/pip --python /opt/citespan/bin/python install --no-deps --no-index /tmp/wheels/citespan-*.whl
# Headers, the tests of libraries and their build tools: nothing that a running service opens.
WORKDIR /opt/citespan/lib
RUN find . -type d \( -path '*/site-packages/*/tests' -o -path '*/torch/test' -o -path '*/torch/bin' -o -path '*/torch/include' \
        -o -path '*/openvino/include' -o -path '*/openvino/cmake' -o -path '*/openvino/tools' \) -prune -exec rm -rf {} +; \
    find . -name '*.a' -delete; \
    /opt/citespan/bin/python -c 'import api.cli.main, index, qa, openvino, faiss'

FROM python:${PYTHON} AS service
LABEL org.opencontainers.image.title="Citespan" \
      org.opencontainers.image.description="Ask a collection of articles; get verbatim answers with their proof" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.source="https://github.com/citespan/citespan"
RUN useradd --system --uid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin citespan \
    && install -d -o citespan -g citespan -m 0700 /library
COPY --from=build /opt/citespan /opt/citespan
ENV PATH=/opt/citespan/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    CITESPAN_LIBRARY=/library
USER 10001:10001
WORKDIR /
VOLUME /library
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=6s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/healthz', timeout=5)"]
ENTRYPOINT ["citespan"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8000"]
