# make quickstart   from a fresh clone to answers
# make test         all tests
# make test-compat  published clients and servers of every generation against ours; fetches them once, 1.5 GB
# make test-heavy   embedding functions whose libraries are too large for every run (torch, ...); installs them first, 7 GB
# make fuzz         a fuzzer over the server's OpenAPI document
# make torture      kills, faults and losses of power for MINUTES=5; nothing acknowledged may be lost (see docs/durability.md)
# make check        style, types, layers, generated code
# make format       put the code in order
# make bench        benchmarks (see benchmarks/README.md); with PEERS=1 beside the published packages
# make bench-1m     the same with a million records: hours

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CLIENTS := $(CURDIR)/tests/compat/.clients
SERVERS := $(CURDIR)/tests/compat/.servers

.PHONY: quickstart test test-compat test-heavy fuzz torture check format bench bench-1m clean

quickstart: $(VENV)/.installed
	$(BIN)/python examples/quickstart.py
	@echo
	$(BIN)/python examples/quickstart.py "How does a generator give back its values?"

test: $(VENV)/.developing
	$(BIN)/python -m pytest -q

test-compat: $(VENV)/.developing
	$(BIN)/python scripts/fetch_published_clients.py $(CLIENTS)
	$(BIN)/python scripts/fetch_published_servers.py $(SERVERS)
	CHROMA_COMPAT_CLIENTS=$(CLIENTS) CHROMA_COMPAT_SERVERS=$(SERVERS) $(BIN)/python -m pytest -q tests/compat

test-heavy: $(VENV)/.developing
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,heavy]'
	$(BIN)/python -m pytest -q -m heavy tests/unit/embed

fuzz: $(VENV)/.developing
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	$(BIN)/python scripts/fuzz_server.py

torture: $(VENV)/.developing
	$(BIN)/python -m torture --minutes $(or $(MINUTES),5)

check: $(VENV)/.developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/python scripts/generate_sync.py --check

format: $(VENV)/.developing
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .
	$(BIN)/python scripts/generate_sync.py

bench: $(VENV)/.benchmarking
	$(BIN)/python benchmarks/run.py --corpus --records 10000 100000 $(if $(PEERS),--peers)
	$(BIN)/python benchmarks/plots.py
	$(BIN)/python benchmarks/query_anatomy.py

bench-1m: $(VENV)/.benchmarking
	$(BIN)/python benchmarks/run.py --records 1000000 --rounds 1 --seconds 10 $(if $(PEERS),--peers)
	$(BIN)/python benchmarks/plots.py

clean:
	rm -rf $(VENV) quickstart-data

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit("Python 3.10 or newer is needed: make PYTHON=python3.11") if sys.version_info < (3, 10) else None'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable .
	@touch $@

$(VENV)/.developing: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@ $(VENV)/.installed

$(VENV)/.benchmarking: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@ $(VENV)/.installed
