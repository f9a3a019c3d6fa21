# Everything a person does with this checkout. Needs Python 3.11 or newer, make and a package index; nothing else.
#
# The environment is .venv in the checkout. It is made on first use and again only when pyproject.toml or
# constraints.txt change; when the kernels change, only they are compiled again. `make demo` installs the package with
# its server; tests and checks add PostgreSQL's driver and the dev group.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# The first interpreter that is new enough and can make environments; override with `make PYTHON=/path/to/python …`.
PYTHON ?= $(shell for p in python3.11 python3.12 python3.13 python3.14 python3 python; do \
	"$$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { echo "$$p"; break; }; \
	done)
BIN := .venv/bin
PINNED := -c constraints.txt --build-constraint constraints.txt
KERNELS := hatch_build.py $(wildcard src/watchpost/kernels/*.c src/watchpost/kernels/*.h)
# The kernels want a C compiler. Where none works, the environment is given one from the package index. -I because pip
# hides the environment's packages from what a build starts.
ifneq ($(WATCHPOST_KERNELS),none)
ifeq ($(origin CC),default)
ifeq ($(shell for each in cc gcc clang; do printf '\043include <stdlib.h>\n' | "$$each" -x c -c -o /dev/null - 2>/dev/null \
	&& { echo "$$each"; break; }; done),)
COMPILER := --group compiler
export CC := "$(CURDIR)/.venv/bin/python" -I -m ziglang cc
export ZIG_GLOBAL_CACHE_DIR ?= $(CURDIR)/.venv/zig
endif
endif
endif
# One BLAS thread: the suite runs one process per core already.
export OMP_NUM_THREADS ?= 1
export OPENBLAS_NUM_THREADS ?= 1
# Servers and runs are started by the hundred. Where bytecode may not be kept, each compiles the whole package first.
unexport PYTHONDONTWRITEBYTECODE

DATA ?=
OUT ?= demo
# One more than the processors of a small machine: a good part of the acceptance tests waits for clocks, not for them.
JOBS ?= 3
ARGS ?=

.PHONY: help demo test check format bench pins wheel clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: .venv/installed ## a model goes wrong while it is watched; or check your own table: make demo DATA=file [OUT=folder]
	@$(BIN)/watchpost demo $(if $(DATA),--data "$(DATA)") -o "$(OUT)"

test: .venv/developed ## the whole test suite; make test ARGS='-k quantile' for a part
	$(BIN)/pytest -n $(JOBS) $(ARGS)

check: .venv/developed ## linter, formatter, type check, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

format: .venv/developed ## let the linter and formatter repair what they can
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

bench: .venv/developed ## measure against the limit and the peers; make bench ARGS=--quick for a tenth of the size
	$(BIN)/python -m benchmarks $(ARGS)

wheel: .venv/installed ## build the wheel into dist/
	$(BIN)/pip wheel -qq --no-deps --build-constraint constraints.txt --wheel-dir dist .

pins: .venv/installed ## resolve constraints.txt anew from pyproject.toml
	$(BIN)/pip install --quiet uv
	@{ sed -n '/^#/p' constraints.txt; $(BIN)/uv pip compile pyproject.toml --group dev --group compiler --extra server --extra postgres --universal --python-version 3.11 \
		--fork-strategy fewest --upgrade --quiet --no-header --no-annotate --no-emit-package watchpost; } > .venv/constraints.txt
	@mv .venv/constraints.txt constraints.txt

clean: ## remove the environment and everything made
	rm -rf .venv dist build demo benchmarks/data .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	rm -f src/watchpost/kernels/_kernels.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/installed: pyproject.toml constraints.txt $(KERNELS)
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer with venv found. Install one, or say make PYTHON=/path/to/python." >&2; exit 2; }
	@test -x $(BIN)/python || { echo "Making .venv with $(PYTHON)"; $(PYTHON) -m venv .venv; }
	@$(BIN)/python -m pip install -qq --disable-pip-version-check -c constraints.txt pip
	$(if $(COMPILER),$(BIN)/python -m pip install -qq -c constraints.txt $(COMPILER))
	$(BIN)/python -m pip install -qq $(PINNED) $(if $(filter-out $(KERNELS),$?),-e '.[server]',--no-deps -e .)
	@touch $@

.venv/developed: pyproject.toml constraints.txt | .venv/installed
	$(BIN)/python -m pip install -qq $(PINNED) -e '.[server,postgres]' --group dev
	@touch $@
