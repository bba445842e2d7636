# Every command sets up what it needs by itself: Python 3.11 or newer, a Rust toolchain and make are enough.
# A second call finds the stamps and starts at once.

PYTHON ?= python3
PORT ?= 8000
PYTEST_ARGS ?=

VENV := $(CURDIR)/.venv
BIN := $(VENV)/bin
DEMO := $(VENV)/.demo
DEV := $(VENV)/.dev
BENCH := $(VENV)/.bench
WHEEL := $(VENV)/.wheel
BUILT := $(VENV)/.built

RUST_FILES := $(shell find rust -type f \( -name '*.rs' -o -name '*.toml' -o -name '*.lua' \) 2>/dev/null)

# One interpreter for every cargo call, so that maturin and cargo agree on what is already built.
export PYO3_PYTHON := $(BIN)/python
export VIRTUAL_ENV := $(VENV)
export PIP_DISABLE_PIP_VERSION_CHECK := 1
unexport CONDA_PREFIX PYTHONPATH PYTHONHOME

.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo test check format bench mutation campaign wheel clean

help: ## What there is to run
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(DEMO) $(BUILT) ## Build, and serve the demo on 127.0.0.1:8000 (PORT= moves it) until Ctrl-C
	@exec $(BIN)/python -m examples.demo --port $(PORT)

test: $(DEV) $(BUILT) ## Every test: Rust, then Python (PYTEST_ARGS= narrows the latter)
	@sh tests/support/install_mariadb.sh
	@sh tests/support/install_chromium.sh
	ASYNCENDPOINTS_TEST_REDIS_SERVER="$$($(BIN)/python -m tests.support.redis_server)" cargo test --locked --workspace
	$(BIN)/python -m pytest $(PYTEST_ARGS)

check: $(DEV) $(BUILT) ## Formatting, lints, strict types, layers, file sizes, rules
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(BIN)/python -m checks
	$(BIN)/python -m benches.report --check

format: $(DEV) ## Format and fix what tools can fix
	cargo fmt --all
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(BENCH) $(BUILT) ## Measure, beside peers in the same run; into benches/results and the README
	$(BIN)/python -m benches
	$(BIN)/python -m benches.peers.run --family redis
	$(BIN)/python -m benches.peers.run --family sql
	$(BIN)/python -m benches.report

mutation: $(DEV) $(BUILT) ## Remove one fence condition after the other: the suite must notice each
	$(BIN)/python -m tests.mutation

campaign: $(DEV) $(BUILT) ## The long version of the fault tests and random walks: two hours or so
	FAULTS=campaign STATEFUL=deep $(BIN)/python -m pytest tests/faults tests/stateful $(PYTEST_ARGS)

wheel: $(WHEEL) ## Build the abi3 manylinux wheel, install it into a fresh environment and run a job with it
	rm -rf dist
	PATH="$(BIN):$$PATH" maturin build --release --locked --zig --compatibility manylinux2014 --out dist
	$(BIN)/python -m checks.wheel dist

clean: ## Remove environments, builds and caches
	rm -rf .venv target dist demo.db* .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find python -name '*.so' -delete

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || \
		{ echo "Python 3.11 or newer is needed; name one with PYTHON=, as in: make demo PYTHON=python3.12" >&2; exit 1; }
	@command -v cargo >/dev/null || { echo "A Rust toolchain is needed, with cargo on the PATH" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# pip 25.1 is the first that installs dependency groups.
define install
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --upgrade --upgrade-strategy only-if-needed --group $(1)
	@touch $@
endef

$(DEMO): pyproject.toml | $(BIN)/python
	$(call install,demo)

$(DEV): pyproject.toml | $(BIN)/python
	$(call install,dev)
	$(BIN)/python -m pip install --quiet --no-deps --group datasets

$(BENCH): pyproject.toml | $(BIN)/python
	$(call install,bench)

$(WHEEL): pyproject.toml | $(BIN)/python
	$(call install,wheel)

$(BUILT): Cargo.toml Cargo.lock pyproject.toml $(RUST_FILES) | $(BIN)/python
	$(BIN)/python -m pip install --quiet 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group build
	PIP_QUIET=1 $(BIN)/maturin develop --release --locked --quiet --group build
	@touch $@
