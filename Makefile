# Two commands matter: `make run` and `make test`. Everything lives in .venv, .tools and .eco; nothing is installed globally.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3; do command -v $$p && break; done)
BIN := .venv/bin
UV := .tools/bin/uv
UV_VERSION := 0.13.9
READY := .venv/.ready
HOME_DIR := $(if $(ECO_HOME),$(ECO_HOME),.eco)
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup run test lint bench dev pins torch clean

help: ## this list
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

$(UV):
	@$(PYTHON) -c 'import sys; ok = (3, 11) <= sys.version_info[:2] <= (3, 13); sys.exit(0 if ok else f"Eco needs CPython 3.11 to 3.13, this is {sys.version.split()[0]}: set PYTHON=/path/to/python3.11")'
	@$(PYTHON) -m pip install -qq --disable-pip-version-check --root-user-action=ignore --target .tools "uv==$(UV_VERSION)"

# Bytecode is compiled once here: importing dagster takes 1.2 s with it and 3.2 s without.
$(READY): requirements.txt pyproject.toml | $(UV)
	@started=$$(date +%s); \
	[ -x $(BIN)/python ] || $(UV) venv --quiet --python $(PYTHON) .venv; \
	$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python requirements.txt && \
	$(UV) pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python --editable . && \
	$(BIN)/python -c 'from resources.dbt import dbt_project; dbt_project()' && \
	touch $@ && echo "set-up: $$(( $$(date +%s) - started )) s, $$(du -sm .venv | cut -f1) MB in .venv"

setup: $(READY) ## make the environment, if it is missing or its pins changed

run: $(READY) ## raw data to audited report; ECO_DATA=folder for real data
	@$(BIN)/eco run

test: $(READY) ## all tests, a file a core
	@$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(READY) ## ruff and strict types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(READY) ## benchmarks: a table, and JSON in tests/benchmarks/results
	@$(BIN)/python -m tests.benchmarks

dev: $(READY) ## Dagster UI and daemon on 127.0.0.1:3000, MLflow UI on 127.0.0.1:5000
	@$(BIN)/eco dev

pins: $(UV) ## resolve pyproject.toml anew into requirements.txt, the one place of exact versions
	@$(UV) pip compile --quiet --universal --python-version 3.11 --only-binary :all: --extra dev --no-annotate --no-header --no-emit-index-url --upgrade pyproject.toml -o requirements.txt

torch: $(READY) ## the optional extra: the CPU build, never CUDA
	@$(UV) pip install --quiet --torch-backend cpu --python $(BIN)/python "torch==2.13.0"

clean: ## remove environment, tools and generated state
	rm -rf .venv .tools .eco dbt_project/target dbt_project/logs *.egg-info
