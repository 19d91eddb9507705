# `make demo` and `make test` set everything up by themselves, once, in .venv.
PYTHON ?= python3
BIN := .venv/bin

# torch's own CPU build where the index has one; elsewhere the version alone decides.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test bench docs lint clean

demo: .venv/ready
	$(BIN)/netopsy examine --out report
	@echo "All papers, in a browser: $(BIN)/netopsy serve"

test: .venv/ready-dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 10

bench: .venv/ready-dev
	$(BIN)/python -m benchmarks all

docs: .venv/ready-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

lint: .venv/ready-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

clean:
	rm -rf .venv site report

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("netopsy needs Python 3.11 or newer, this is %d.%d" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv

.venv/ready: pyproject.toml constraints.txt | .venv/bin/python
	@echo "Setting up .venv (once, a few minutes) ..."
	$(PIP) torch
	$(PIP) --editable '.[search,cluster,web]'
	@touch $@

.venv/ready-dev: .venv/ready
	$(PIP) --editable '.[dev]'
	@touch $@
