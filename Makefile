# `make demo` and `make test` are all a newcomer needs; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SERIES = $(shell $(PYTHON) -c 'import sys; print("py3%d" % sys.version_info[1])' 2>/dev/null)
CONSTRAINTS = constraints/$(SERIES).txt

.PHONY: help demo test test-slow lint bench clean prerequisites

help: ## this list
	@grep -E '^[a-z-]+:.*## ' Makefile | sed 's/:.*## /\t/'

prerequisites:
	@sh tools/prerequisites.sh "$(PYTHON)"

$(VENV)/.core: pyproject.toml $(wildcard constraints/*.txt) | prerequisites
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e .
	@touch $@

$(VENV)/.test: $(VENV)/.core
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e '.[test,databases,dask,excel]'
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c $(CONSTRAINTS) -e '.[test,databases,dask,excel,lint]'
	@touch $@

demo: $(VENV)/.core ## the main job on a log whose truth is known; ends with a recommendation and a report
	@$(BIN)/salessim demo --out demo-output

test: $(VENV)/.test ## all quick tests
	@$(BIN)/python -m pytest -n 2 -m "not slow"

test-slow: $(VENV)/.test ## the long ones: 20,000 models, the long oracles
	@$(BIN)/python -m pytest -n 2 -m slow

lint: $(VENV)/.lint ## style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

bench: $(VENV)/.core ## speed as ratios to a peer in the same run, and of large histories in seconds
	@$(BIN)/python experiments/bench.py
	@$(BIN)/python experiments/bench_import.py

clean: ## everything that was made here
	rm -rf $(VENV) demo-output build src/*.egg-info .pytest_cache .mypy_cache .ruff_cache
