PYTHON ?= python3
PYTEST_ARGS ?=

export JAX_PLATFORMS ?= cpu
export TF_CPP_MIN_LOG_LEVEL ?= 2

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PINS := requirements/test.txt
VENV := .venv/pyvenv.cfg
DEMO := .venv/.demo-installed
DEV := .venv/.dev-installed
BENCH := .venv/.bench-installed

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test test-jax test-tensorflow test-torch lint bench clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z].*:.*## / {printf "%-38s%s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo
	@echo "PYTHON=$(PYTHON) makes .venv; PYTEST_ARGS='-k simplex' goes to pytest."

demo: $(DEMO) ## Run the demo on JAX
	KERAS_BACKEND=jax $(BIN)/python examples/demo.py

# With -k, a backend that fails does not keep the next one from being tested.
test: $(DEV) ## Run the tests on every backend
	@$(MAKE) --no-print-directory -k -j1 test-jax test-tensorflow test-torch

test-jax test-tensorflow test-torch: test-%: $(DEV) ## Run the tests on one backend
	KERAS_BACKEND=$* $(BIN)/python -m pytest -n 2 --dist worksteal $(PYTEST_ARGS)

lint: $(DEV) ## Check format, rules and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright

bench: $(BENCH) ## Run the benchmarks
	$(BIN)/python benchmarks/run.py

clean: ## Remove caches and build products, keep .venv
	rm -rf build dist .hypothesis .pytest_cache .ruff_cache
	find . -path ./.venv -prune -o -type d -name __pycache__ -exec rm -rf {} +

$(VENV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "Python 3.11 or newer is needed, try: make PYTHON=python3.11")'
	$(PYTHON) -m venv .venv
	$(PIP) install --quiet --upgrade pip

$(DEMO): pyproject.toml $(PINS) | $(VENV)
	$(PIP) install --quiet -c $(PINS) -e '.[jax,demo]'
	@touch $@

# torch goes first and by its exact pin, so that a CPU wheel offered to pip (PIP_EXTRA_INDEX_URL,
# PIP_FIND_LINKS) wins over a newer build that brings gigabytes of CUDA libraries.
$(DEV): pyproject.toml $(PINS) | $(VENV)
	$(PIP) install --quiet "$$(grep '^torch==' $(PINS))"
	$(PIP) install --quiet -c $(PINS) -e '.[jax,tensorflow,dev]'
	@touch $@

# After torch, so that geotorch and geoopt find it and bring no other build.
$(BENCH): $(DEV)
	$(PIP) install --quiet -c $(PINS) -e '.[bench]'
	@touch $@
