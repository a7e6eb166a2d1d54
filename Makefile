# make serve | test | check | docs | train-reader | train-retriever | calibrate | quality | bench | help.  Everything lives in .venv; the second time is quick.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8000
LIBRARY ?= library
# Training and development data, as training/README.md describes it, and where runs are kept.
DATA ?= data
RUNS ?= runs
# Another Python to train with, such as one whose torch has CUDA; it needs what the extra `train` names.
TRAIN_PYTHON ?= $(BIN)/python
# Where pip finds torch without CUDA on Linux; a machine that cannot reach it takes what its own index has.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu
PIP := $(BIN)/python -m pip --disable-pip-version-check
STAMP := $(VENV)/installed
CHROMIUM := $(shell command -v chromium || command -v chromium-browser)

# make test: processes that run tests side by side.
WORKERS ?= 2
# make torture: how many faults and kills, and for how long a service is used.
TORTURE_FAULTS ?= 5000
TORTURE_KILLS ?= 500
SOAK_MINUTES ?= 30

.PHONY: help install serve test torture audit image-check image-lock check docs browser node clean data train-reader train-retriever calibrate quality bench

help:
	@echo "make serve   install, fill the library with samples/ if it is empty, serve on http://127.0.0.1:$(PORT)"
	@echo "make test    install, run the whole test suite in WORKERS=$(WORKERS) processes"
	@echo "make torture inject TORTURE_FAULTS=$(TORTURE_FAULTS) faults below the storage, kill TORTURE_KILLS=$(TORTURE_KILLS) times,"
	@echo "             use a service for SOAK_MINUTES=$(SOAK_MINUTES); print the figures"
	@echo "make check   lint and types;  make audit   known faults of the packages that are installed"
	@echo "make image-check   build the image's steps without a container engine, measure it, ask it a question"
	@echo "make image-lock    write deploy/*.lock anew from pyproject.toml and constraints.txt"
	@echo "make docs    write docs/cli.md, docs/scopes.md, docs/settings.md and docs/openapi.json anew"
	@echo "make train-retriever, make train-reader   train from the base encoder, then put the weights where they ship"
	@echo "make calibrate   fit confidence for the shipped models;  make quality   measure them, write docs/quality.md"
	@echo "make bench       measure speed, beside others, and write docs/benchmarks.md"
	@echo "                 DATA= is the folder of training/README.md, RUNS= keeps what a stopped run goes on from"
	@echo "PORT= and LIBRARY= change where make serve listens and keeps its articles."

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@echo "== creating $(VENV) with $(PYTHON)"
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 2; }
	@"$(PYTHON)" -c 'import ensurepip' 2>/dev/null || if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends python3-venv; \
		else echo "python3-venv is missing: sudo apt-get install python3-venv"; exit 2; fi
	@test -x $(BIN)/python || "$(PYTHON)" -m venv $(VENV)
	@echo "== installing (torch without CUDA first)"
	@$(PIP) install -q --upgrade "pip>=25" "setuptools>=77"
	@$(BIN)/python -c 'import importlib.metadata as m, sys; sys.exit(m.version("torch").split("+")[0] != "2.13.0")' 2>/dev/null || \
		$(PIP) install -q --retries 0 --timeout 20 --no-deps --index-url $(TORCH_INDEX) torch==2.13.0 2>/dev/null || \
		$(PIP) install -q -c constraints.txt torch
	@$(PIP) install -q -c constraints.txt --no-build-isolation -e '.[dev]'
	@if $(PIP) list 2>/dev/null | grep -iE '^(nvidia-|cuda)'; then \
		echo "a CUDA package was installed: rm -r $(VENV), then make install TORCH_INDEX=<an index with CPU builds of torch>"; exit 2; fi
	@touch $(STAMP)

serve: install
	@if [ ! -f "$(LIBRARY)/library.json" ]; then \
		echo "== filling $(LIBRARY) with samples/"; \
		$(BIN)/citespan add --library "$(LIBRARY)" samples/articles && cp samples/examples.json "$(LIBRARY)/examples.json"; fi
	@echo "== serving on http://127.0.0.1:$(PORT) (Ctrl-C stops)"
	@exec $(BIN)/citespan serve --library "$(LIBRARY)" --port $(PORT)

test: install browser node
	@echo "== running the tests"
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

torture: install
	nice -n 10 $(BIN)/python -m tests.torture --faults $(TORTURE_FAULTS) --kills $(TORTURE_KILLS) --minutes $(SOAK_MINUTES)

# Tools with many packages of their own, apart from what they look at.
TOOLS := .cache/tools
$(TOOLS)/bin/pip-audit:
	"$(PYTHON)" -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install -q "pip-audit>=2.9,<3" "uv>=0.9"

# Known faults of what the image and the tests install; wants a network.
AUDIT := $(TOOLS)/bin/pip-audit
audit: $(AUDIT)
	$(AUDIT) --strict --require-hashes --disable-pip --requirement deploy/requirements.lock --requirement deploy/requirements-build.lock
	$(AUDIT) --strict --require-hashes --disable-pip --requirement deploy/requirements-models.lock
	$(AUDIT) --strict --no-deps --disable-pip --requirement constraints.txt

# The image's steps in a folder, without a container engine; wants root and debootstrap.
image-check:
	$(PYTHON) deploy/check_image.py

image-lock: $(AUDIT)
	PATH="$(abspath $(TOOLS))/bin:$$PATH" $(TOOLS)/bin/python -m deploy.lock

check: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: install
	$(BIN)/python -m tests.house.generated

data: $(if $(filter $(BIN)/python,$(TRAIN_PYTHON)),install)
	@test -d "$(DATA)/train" -a -d "$(DATA)/eval" || { echo "$(DATA) has no train/ and eval/: give DATA=, see training/README.md"; exit 2; }

SEEDS := 1 2 3
READER := $(TRAIN_PYTHON) -m training.train_reader --data "$(DATA)/train" --dev "$(DATA)/eval"

train-reader: data
	for seed in $(SEEDS); do $(READER) --out "$(RUNS)/reader-$$seed" --seed $$seed || exit 1; done
	$(TRAIN_PYTHON) -m training.average $(SEEDS:%="$(RUNS)/reader-%") --out "$(RUNS)/reader-mean"
	$(READER) --out "$(RUNS)/reader-taught" --config training/reader-taught.toml --start "$(RUNS)/reader-mean/model" \
		--teachers $(SEEDS:%="$(RUNS)/reader-%/model")
	$(READER) --out "$(RUNS)/reader-last" --config training/reader-last.toml --start "$(RUNS)/reader-taught/model" \
		--teachers $(SEEDS:%="$(RUNS)/reader-%/model")
	$(TRAIN_PYTHON) -m training.average "$(RUNS)/reader-taught" "$(RUNS)/reader-last" --out "$(RUNS)/reader"
	$(TRAIN_PYTHON) -m training.export reader "$(RUNS)/reader" --name citespan-reader-4

train-retriever: data
	$(TRAIN_PYTHON) -m training.train_retriever --data "$(DATA)/train" --dev "$(DATA)/eval" --out "$(RUNS)/retriever"
	$(TRAIN_PYTHON) -m training.export encoder "$(RUNS)/retriever" --name citespan-retriever-1

calibrate: install data
	$(BIN)/python -m training.calibrate --data "$(DATA)/eval" --train "$(DATA)/train" --work "$(RUNS)/development"

quality: install data
	$(BIN)/python -m benchmarks.quality --data "$(DATA)/eval" --work "$(RUNS)/development"

# The peers want an environment of their own: what they need would decide what we may.
PEERS := $(RUNS)/peers
bench: install data
	test -x "$(PEERS)/bin/python" || "$(PYTHON)" -m venv "$(PEERS)"
	"$(PEERS)/bin/python" -m pip install -q -c constraints.txt torch
	"$(PEERS)/bin/python" -m pip install -q -c constraints.txt -r benchmarks/peers.txt -e .
	$(BIN)/python -m benchmarks.report --data "$(DATA)/eval" --work "$(RUNS)/development" --peers "$(abspath $(PEERS))/bin/python"

browser:
	@if [ -z "$(CHROMIUM)" ]; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "== installing Chromium for the page's tests"; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null; } \
			|| echo "Chromium could not be installed: the page's tests will be skipped"; \
		else echo "no Chromium here: the page's tests will be skipped (sudo apt-get install chromium)"; fi; fi

node:
	@if ! command -v npm >/dev/null; then \
		if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
			echo "== installing Node for the test of a TypeScript client"; \
			{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends nodejs npm >/dev/null; } \
			|| echo "Node could not be installed: the test of a TypeScript client will be skipped"; \
		else echo "no npm here: the test of a TypeScript client will be skipped (sudo apt-get install nodejs npm)"; fi; fi

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .cache *.egg-info build dist
