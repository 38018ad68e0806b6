# A clone, Python 3.11 or newer and make are all that is needed: every target sets itself up first.
#   make demo ARGS="--port 8001"    hands options on to `stock-assets demo`
#   make test ARGS="tests/quant"    hands options on to pytest
#   make skill DATA=bars.parquet    judges the forecasts on files of your own

UV_VERSION := 0.13.9
PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,\
  $(if $(shell $(name) -c 'import sys; print(sys.version_info >= (3, 11) or "")' 2>/dev/null),$(name))))
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# Left behind by a set-up that was cut short, whose half-written packages look installed.
UNFINISHED := .venv-unfinished
ARGS ?=
DATA ?=

.DEFAULT_GOAL := help
.PHONY: help demo skill test lint bundle bench clean

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1 \2/p' Makefile | awk '{ printf "  make %-7s", $$2; $$1 = $$2 = ""; print $$0 }'

demo: bundle ## Fill the graph with real bars, publish a release and serve it live; Ctrl-C ends everything
	@$(BIN)/stock-assets demo $(ARGS)

skill: $(READY) ## Judge the forecasts out of sample, on the sample or on DATA=path, beside baselines and targets
	@$(BIN)/stock-assets skill $(if $(DATA),--data "$(DATA)") $(ARGS)

test: lint bundle ## Linters, types, import contracts, then the tests (.ci/run adds the slow ones)
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

lint: $(READY) ## ruff, mypy and import-linter
	@$(BIN)/ruff check --quiet .
	@$(BIN)/ruff format --quiet --check .
	@$(BIN)/mypy --no-error-summary
	@report=$$($(BIN)/lint-imports) || { echo "$$report"; exit 1; }

bundle: $(READY) ## The dashboard out of its TypeScript sources, if they have changed
	@$(BIN)/python hatch_build.py

bench: bundle ## What benchmarks/ claims about speed, measured on this machine
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script $(ARGS) || exit 1; done

clean: ## Remove what set-up, tests and demo have made (the environment, caches and .stock-assets)
	@rm -rf $(VENV) $(UNFINISHED) serving/dashboard/dist serving/dashboard/node_modules .stock-assets .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis dist
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "set-up: expected Python 3.11 or newer, got $$(python3 --version 2>&1 || echo none); install one or name it: make PYTHON=/path/to/python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("set-up: expected Python 3.11 or newer, got " + sys.version.split()[0] + "; name another: make PYTHON=/path/to/python3.12")'
	@test ! -e $(UNFINISHED) || rm -rf $(VENV)
	@$(BIN)/python -c 'import sys, pip; assert sys.version_info >= (3, 11)' 2>/dev/null || { echo "set-up: a virtual environment in $(VENV)"; $(PYTHON) -m venv --clear $(VENV); }
	@touch $(UNFINISHED)
	@echo "set-up: the locked packages (about a minute the first time)"
	@$(BIN)/python -m pip install -qq --disable-pip-version-check "uv==$(UV_VERSION)"
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --compile-bytecode --require-hashes -r requirements.lock
	@VIRTUAL_ENV=$(CURDIR)/$(VENV) $(BIN)/uv pip install --quiet --no-deps --no-build-isolation -e .
	@rm -f $(UNFINISHED)
	@touch $@
