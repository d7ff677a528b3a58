# `make test` and `make demo` need Python >= 3.11, make and git; everything else they fetch
# into .venv themselves.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV := .venv
BIN := $(VENV)/bin
ONCE ?=
CELL ?=
FIND_PYTHON := for p in $${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; exit 0; fi; \
	done; echo "Python 3.11 or newer was not found; name one: make PYTHON=/path/to/python" >&2; exit 1

# Tests with programs of others: servers, brokers, a browser. They come after the rest.
SYSTEM := tests/system tests/documents/recipes
PYTEST := $(BIN)/pytest -n 2 --dist loadfile

# The core is every module of the package's own folder; the command's front door is run as a
# process, where coverage does not follow.
CORE := --include='fprom_middleware/**/*.py' --omit='fprom_middleware/cli/main.py,fprom_middleware/sandbox/*'

.PHONY: help setup demo check fix test lint types unit system servers pythons wheel faults matrix bench pictures clean

help: ## show this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

$(BIN)/python:
	@python=$$($(FIND_PYTHON)); $$python -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip

# --group came with pip 25.1, hence the upgrade above.
$(VENV)/.demo: pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group demo
	@touch $@

$(VENV)/.test: pyproject.toml | $(BIN)/python
	@echo "Setting up $(VENV) for the tests ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable . --group test
	@touch $@ $(VENV)/.demo

setup: $(VENV)/.test ## install everything into .venv

demo: $(VENV)/.demo ## a shop and a local FirstPromoter to click through (ONCE=1: visit, sign up, buy, check, exit)
	@exec $(BIN)/python examples/demo.py $(if $(ONCE),--once)

check: lint types ## what to run after each change: lint, types and the fast tests, under 90 seconds
	$(PYTEST) -q -m "not slow" $(addprefix --ignore=,$(SYSTEM))

fix: $(VENV)/.test ## sort imports, mend what ruff can mend, format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: lint types unit system ## the whole but `make servers`: lint, types, all tests, the coverage gate

lint: $(VENV)/.test ## ruff, and the tower of imports
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pytest -q tests/architecture

types: $(VENV)/.test ## mypy, strict; mypy and pyright on how users call the package
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python

unit: $(VENV)/.test ## all tests without programs of others, with branch coverage
	$(PYTEST) --cov --cov-report=term-missing:skip-covered $(addprefix --ignore=,$(SYSTEM))
	$(BIN)/coverage report --skip-covered --fail-under=100 $(CORE)

system: $(VENV)/.test ## tests with brokers, a browser, kills, and the examples on their servers
	$(PYTEST) $(SYSTEM) --ignore=tests/system/servers

servers: $(VENV)/.test ## each framework on each of its servers, nginx in front; .ci/run has it too
	$(PYTEST) tests/system/servers

pythons: $(VENV)/.test ## the built wheel under the fast tests: each Python found, lowest packages, no framework (CELL=lowest: one)
	$(BIN)/python tests/distribution/cells.py $(CELL)

wheel: $(VENV)/.test ## wheel and sdist in build/dist: the same twice, with their tests on this Python, every type known
	$(BIN)/pytest -q tests/distribution
	$(BIN)/python tests/distribution/cells.py wheel

faults: $(VENV)/.test ## the fault suite in its long form: kills, deploys, outages
	FPROM_FAULTS=long $(BIN)/pytest --timeout 1800 -s tests/system/faults

# -p is loaded before pytest's own path is set.
matrix: export PYTHONPATH := .
matrix: $(VENV)/.test ## docs/matrix.md anew: ten sign-ups in every framework on its servers
	$(PYTEST) -q -p tests.system.servers.recording --results build/matrix.json \
		tests/system/servers/test_{wsgi,asgi}_stories.py
	$(BIN)/python -m tests.system.servers.matrix build/matrix.json

bench: $(VENV)/.test ## cost per request beside the peers
	$(BIN)/python benchmarks/attach.py
	$(BIN)/python benchmarks/footprint.py
	$(BIN)/python benchmarks/keep.py
	$(BIN)/python benchmarks/outbox.py
	$(BIN)/python benchmarks/sandbox.py

pictures: $(VENV)/.test ## the pictures in docs/pictures, anew (needs chromium)
	$(BIN)/python tests/system/browser/pictures.py

clean: ## remove what the above made
	rm -rf $(VENV) build .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
