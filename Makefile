# Every target makes the virtual environment it needs. `make` alone lists them.

# The first Python on the path that is new enough; `make test PYTHON=python3.13` picks another.
PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest

.PHONY: help demo render package test bench soak lint format constraints clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: $(BIN)/ready ## see it work: a new project, a request, a socket, a task, and their log lines
	$(BIN)/python -m scripts.demo $(ARGS)

render: $(BIN)/ready ## render the package with all options into a scratch folder, to read it
	$(BIN)/python -m scripts.render

package: $(BIN)/ready ## the package's own tests; `make package TEST=test_labels` runs those with that in their name, in seconds
	$(BIN)/python -m scripts.package "$(TEST)" $(ARGS)

test: $(BIN)/ready lint ## everything CI runs; `make test ARGS=tests/test_questions.py` runs less
	scripts/redis
	$(PYTEST) --numprocesses=auto --dist=worksteal $(ARGS)

bench: $(BIN)/ready ## the cost per request, line, message and task, beside the peers; `make bench PART=requests` measures less
	$(BIN)/python -m benchmarks $(PART) $(ARGS)

soak: $(BIN)/ready ## attacks, for longer: a minute of load on each server, 5,000 inputs for each property
	SOAK_SECONDS=60 timeout 1800 $(PYTEST) --numprocesses=auto --dist=worksteal tests -k hostile $(ARGS)

lint: $(BIN)/ready ## formatting, lint and types of this repository's own code
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy

format: $(BIN)/ready ## format, and fix what can be fixed
	$(BIN)/ruff check --quiet --fix .
	$(BIN)/ruff format --quiet .

constraints: $(BIN)/ready ## compile requirements/*.in anew
	for name in dev bench; do $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 \
		--no-emit-index-url --no-annotate --custom-compile-command "make constraints" \
		requirements/$$name.in --output-file requirements/$$name.txt || exit 1; done

clean: ## remove environments, caches and the demo
	rm -rf .venv* .cache .demo .hypothesis .mypy_cache .pytest_cache .ruff_cache

$(BIN)/ready: requirements/dev.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and not on the path." >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements/dev.txt uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --requirement requirements/dev.txt
	@touch $@
