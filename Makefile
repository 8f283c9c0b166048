# Everything below does its own set-up. `make help` lists the targets.

PYTHON ?= python3
ARGS   ?=

VENV := .venv
PY   := $(VENV)/bin/python
PIP  := $(PY) -m pip --disable-pip-version-check install --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

## Running

.PHONY: serve
serve: $(VENV)/.runtime ## Start a server: http://127.0.0.1:8080 (ARGS="--port 9000" goes to `tilecast serve`)
	@$(PY) -m scripts.viewer_build
	@exec $(VENV)/bin/tilecast serve $(ARGS)

.PHONY: install
install: $(VENV)/.dev ## Make .venv with all that development takes
	@$(PY) -m scripts.viewer_build

## Checking

.PHONY: test
test: $(VENV)/.dev programs ## The whole gate, as CI runs it (ARGS="-- -k name" goes to pytest)
	@$(PY) -m scripts.gate $(ARGS)

.PHONY: lint
lint: $(VENV)/.dev ## Python: format and lint
	@$(PY) -m scripts.gate format lint

# Single stages of the gate, by their names in scripts/gate.py.
STAGES := types contracts generated locks viewer-lint viewer-types viewer-test viewer-build \
          package unit faults bench-quick browser

.PHONY: $(STAGES)
types: ## Python: strict types
contracts: ## Imports between the layers
generated: ## Generated files against the message table
locks: ## locks/ against pyproject.toml
viewer-lint: ## The viewer: format and lint
viewer-types: ## The viewer: strict types
viewer-test: ## The viewer: its own tests
viewer-build: ## Build the viewer if its sources changed
package: ## What a wheel and a source distribution hold
unit: ## Unit, property, contract, simulation and end-to-end tests (ARGS="-k name" goes to pytest)
faults: ## Short runs of all faults (ARGS likewise)
bench-quick: ## The benchmark at small sizes, held to what can be counted
browser: programs ## The browser's tests (ARGS likewise)
$(STAGES): $(VENV)/.dev
	@$(PY) -m scripts.gate $@ -- $(ARGS)

.PHONY: test-long
test-long: $(VENV)/.fuzz ## The long fault tests, hours; goes on where it was stopped (ARGS="kill" runs a row)
	@$(PY) -m tests.faults $(ARGS)

## Measuring

.PHONY: bench
bench: $(VENV)/.dev ## The benchmark, 25 minutes, into docs/benchmarks (ARGS="hot-screen" runs a row)
	@$(PY) -m benchmarks $(ARGS)

.PHONY: speed
speed: $(VENV)/.dev programs ## The viewer's frames at 10,000 pixels a second, held to their targets; on a quiet machine
	@SPEED=1 $(PY) -m pytest -n0 -s -q tests/browser/test_speed.py $(ARGS)

## Changing

.PHONY: pictures
pictures: $(VENV)/.dev programs ## Make README's pictures and the viewer's icons anew
	@$(PY) -m scripts.viewer_icons && $(PY) -m scripts.viewer_picture && $(PY) -m scripts.viewer_film

.PHONY: format
format: $(VENV)/.dev ## Format the Python and mend what lint can mend
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format .

.PHONY: generate
generate: $(VENV)/.dev ## Write the files that come from the message table
	@$(PY) -m protocol.generate

.PHONY: lock
lock: $(VENV)/.dev ## Resolve the dependencies afresh into locks/
	@$(PY) -m scripts.lock

.PHONY: clean
clean: ## Remove all that was built and installed
	rm -rf $(VENV) dist artifacts server/static viewer/node_modules benchmarks/peers/node_modules
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

## Set-up

# Stamps: a second start installs nothing.
$(VENV)/.runtime: locks/runtime.txt locks/build.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tilecast needs Python 3.11 or newer: make PYTHON=/path/to/python3.11 ...")'
	@echo "Setting up $(VENV) ..."
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PY) -m ensurepip >/dev/null
	@$(PIP) --require-hashes -r locks/runtime.txt -r locks/build.txt
	@TILECAST_SKIP_VIEWER=1 $(PIP) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime locks/dev.txt
	@echo "Setting up $(VENV) for development ..."
	@$(PIP) --require-hashes -r locks/dev.txt
	@touch $@

$(VENV)/.fuzz: $(VENV)/.dev locks/fuzz.txt
	@echo "Setting up $(VENV) for the long tests ..."
	@$(PIP) --require-hashes -r locks/fuzz.txt
	@touch $@

.PHONY: programs
programs:
	@scripts/install_programs.sh
