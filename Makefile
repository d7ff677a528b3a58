# `make test` and `make demo` need Python >= 3.11, make and git; everything else they fetch
# into .venv themselves.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c

VENV := .venv
BIN := $(VENV)/bin
ONCE ?=
FIND_PYTHON := for p in $${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do \
	if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then echo $$p; exit 0; fi; \
	done; echo "Python 3.11 or newer was not found; name one: make PYTHON=/path/to/python" >&2; exit 1

# Tests that start servers, kill them or drive a browser: after the fast ones, two at a time.
SLOW := tests/system tests/documents/recipes

# The core is every module of the package's own folder; the command's front door is run as a
# process, where coverage does not follow.
CORE := --include='fprom_middleware/*.py' --omit='fprom_middleware/cli/main.py,fprom_middleware/sandbox/*'

.PHONY: help setup demo test lint types fast slow faults bench clean

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

demo: $(VENV)/.demo ## a shop and a local FirstPromoter to click through (ONCE=1: visit, sign up, check, exit)
	@exec $(BIN)/python examples/demo.py $(if $(ONCE),--once)

test: lint types fast slow ## lint, types and all tests

lint: $(VENV)/.test ## ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.test ## mypy, strict
	$(BIN)/mypy

fast: $(VENV)/.test ## tests without servers of others, with branch coverage
	$(BIN)/pytest -n 2 --dist loadfile --cov --cov-report=term-missing:skip-covered $(addprefix --ignore=,$(SLOW))
	$(BIN)/coverage report --skip-covered --fail-under=100 $(CORE)

slow: $(VENV)/.test ## tests with real servers, brokers and kills, two at a time
	$(BIN)/pytest -n 2 --dist loadfile $(SLOW)

faults: $(VENV)/.test ## the fault suite in its long form: kills, deploys, outages
	FPROM_FAULTS=long $(BIN)/pytest --timeout 1800 -s tests/system/faults

bench: $(VENV)/.test ## cost per request beside the peers
	$(BIN)/python benchmarks/attach.py
	$(BIN)/python benchmarks/footprint.py
	$(BIN)/python benchmarks/keep.py
	$(BIN)/python benchmarks/outbox.py

clean: ## remove what the above made
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis
