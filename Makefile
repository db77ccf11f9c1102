# Everything a newcomer or a contributor types. `make` alone prints the list.
#
# VENV     where the virtual environment goes            (default .venv)
# PYTHON   the interpreter that makes it, 3.11 or later  (default: the first suitable one on PATH)
# EVOLVE   options of the main job                       (make evolve EVOLVE="--dataset mnist --generations 50")

VENV ?= .venv
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python3.14 python; do \
  $$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
EVOLVE ?= --dataset digits --generations 12 --budget 3m
RUN ?= runs/make-$(shell date +%Y%m%d-%H%M%S)
TESTS ?= tests

BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

# Compiled modules are kept, whatever the shell says: the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup evolve test lint format types docs browser cluster bench oldest clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamps keep a second `make` from installing again until the packaging files change.
$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "gi needs Python 3.11 or later with venv: none found on PATH. Pass one: make PYTHON=/path/to/python3"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing gi and what it runs on into $(VENV) ..."
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing gi, what it runs on and the development tools into $(VENV) ..."
	$(PIP_INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.installed

setup: $(VENV)/.installed-dev ## make .venv with gi and the development tools

evolve: $(VENV)/.installed ## evolve networks on the bundled digits (3 minutes), export the best, run it
	$(BIN)/gi evolve $(EVOLVE) --out $(RUN)
	$(BIN)/gi export $(RUN) --best error --weights --force -o best/model.py
	$(BIN)/python best/model.py

test: lint types ## lint, type-check and run every test
	$(BIN)/python -m pytest -n auto --dist worksteal $(TESTS)

oldest: | $(BIN)/python ## run gi once on the oldest versions that pyproject.toml allows, in build/oldest
	rm -rf build/oldest
	$(BIN)/python -m venv build/oldest
	build/oldest/bin/python -m pip install --quiet --disable-pip-version-check --prefer-binary -c constraints-oldest.txt .
	GI_OFFLINE=1 build/oldest/bin/gi evolve --dataset digits --generations 1 --images 1280 --out build/oldest/run
	build/oldest/bin/gi front build/oldest/run
	build/oldest/bin/gi export build/oldest/run --all build/oldest/zoo --onnx --pt2

lint: $(VENV)/.installed-dev ## check style and formatting
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-dev ## check the types
	$(BIN)/mypy --strict gi/

format: $(VENV)/.installed-dev ## format the code and mend what can be mended
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.installed ## write what is generated below docs/: options, tidying, diagram, pictures
	$(BIN)/python docs/generate_cli.py
	$(BIN)/python docs/generate_tidying.py
	$(BIN)/python docs/generate_flow.py
	$(PIP_INSTALL) -e '.[report,browser]'
	$(BIN)/python docs/generate_pictures.py

browser: $(VENV)/.installed-dev ## click on the page of gi report (needs Debian's chromium)
	$(PIP_INSTALL) -e '.[dev,browser]'
	$(BIN)/python -m pytest tests/report/test_page_in_browser.py

cluster: $(VENV)/.installed-dev ## train on two nodes of a Ray cluster on this machine
	$(PIP_INSTALL) -e '.[dev,ray]'
	$(BIN)/python -m pytest tests/train/cluster

bench: $(VENV)/.installed-dev ## run the experiments again and write their tables (hours)
	$(PIP_INSTALL) -e '.[dev,bench]'
	for script in $$(grep -l __main__ experiments/*/*.py); do $(BIN)/python $$script || exit 1; done

clean: ## remove caches, builds and best/ (keeps .venv and runs/)
	rm -rf best build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find . -name __pycache__ -type d -not -path './.venv/*' -prune -exec rm -rf {} +
