# rtcpy: `make` or `make help` lists the targets. Needs make and python3 >= 3.11; everything else it fetches itself.
#
#   make test PYTHON=python3.13 VENV=.venv-3.13      another Python beside the first
#   make test ARGS="tests/sctp -x"                   anything pytest takes

PYTHON ?= python3
VENV   ?= .venv
ARGS   ?=

BIN := $(VENV)/bin
PY  := $(BIN)/python
PIP := $(PY) -m pip --disable-pip-version-check install --quiet

# An environment that is there keeps its Python: say so, rather than run another than was asked for.
ifeq ($(origin PYTHON),command line)
ifneq ($(wildcard $(PY)),)
VERSION_OF = $(shell $(1) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
ifneq ($(call VERSION_OF,$(PYTHON)),$(call VERSION_OF,$(PY)))
$(error $(VENV) has Python $(call VERSION_OF,$(PY)), and '$(PYTHON)' is $(or $(call VERSION_OF,$(PYTHON)),not installed). \
An environment of its own for it: make $(MAKECMDGOALS) PYTHON=$(PYTHON) VENV=.venv-$(notdir $(PYTHON)))
endif
endif
endif

# A double click on a lesson opens it as a notebook; JupyterLab takes a .py for program text otherwise.
LAB_SETTINGS = mkdir -p $(VENV)/share/jupyter/lab/settings && echo \
  '{"@jupyterlab/docmanager-extension:plugin": {"defaultViewers": {"python": "Jupytext Notebook"}}}' \
  >$(VENV)/share/jupyter/lab/settings/overrides.json

# What pip says is kept short: PIP_VERBOSE=1 has it all.
FAILED = { echo "== pip failed, see above. It needs a network (PyPI) this once; make goes on where it stopped."; exit 1; }

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format bench thorough notebooks docs lab clean

help: ## this list
	@echo "make <target>        (ARGS=\"…\" goes to the command behind it: make test ARGS=\"tests/sctp -x\")"
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  \1\t\2/' | expand -t 14

# --- environments: one stamp per set of packages, renewed when pyproject.toml changes ---------------------------

$(PY):
	@command -v $(PYTHON) >/dev/null 2>&1 || { \
	  echo "'$(PYTHON)' is not installed. rtcpy needs Python 3.11 or newer (Debian: apt install python3 python3-venv)."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "rtcpy needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) -V 2>&1)."; \
	  for other in python3.14 python3.13 python3.12 python3.11; do \
	    if command -v $$other >/dev/null 2>&1; then echo "There is a $$other here: make PYTHON=$$other $(MAKECMDGOALS)"; break; fi; \
	  done; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "'$(PYTHON)' comes without its venv module (Debian: apt install python3-venv)."; exit 1; }
	@echo "== making $(VENV) with $$($(PYTHON) -V 2>&1)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.has-cli: pyproject.toml | $(PY)
	@echo "== installing rtcpy and what its demo needs into $(VENV); the first time takes half a minute"
	@$(PIP) -e ".[cli]" || $(FAILED)
	@touch $@

$(VENV)/.has-dev: pyproject.toml | $(PY)
	@echo "== installing rtcpy and its development tools into $(VENV); the first time takes a minute or two"
	@$(PIP) -e ".[dev]" || $(FAILED)
	@touch $@ $(VENV)/.has-cli

$(VENV)/.has-notebooks: pyproject.toml | $(PY)
	@echo "== installing rtcpy and Jupyter into $(VENV); the first time takes some minutes"
	@$(PIP) -e ".[dev,notebooks]" || $(FAILED)
	@$(LAB_SETTINGS)
	@touch $@ $(VENV)/.has-dev $(VENV)/.has-cli

$(VENV)/.has-docs: pyproject.toml | $(PY)
	@echo "== installing rtcpy, Jupyter and Sphinx into $(VENV); the first time takes some minutes"
	@$(PIP) -e ".[dev,docs]" || $(FAILED)
	@$(LAB_SETTINGS)
	@touch $@ $(VENV)/.has-notebooks $(VENV)/.has-dev $(VENV)/.has-cli

# --- targets -----------------------------------------------------------------------------------------------------

setup: $(VENV)/.has-dev ## make .venv with everything that development needs

demo: $(VENV)/.has-cli ## two peers on loopback: every packet of a connection, explained as it happens
	@$(PY) -m rtcpy demo $(ARGS)

test: $(VENV)/.has-dev ## the test suite; what needs a missing program is skipped and named
	@test -n "$(ARGS)" || echo "== all of it takes some minutes; a part of it: make test ARGS=tests/sctp"
	$(PY) -m pytest $(ARGS)

lint: $(VENV)/.has-dev ## ruff and mypy --strict
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(VENV)/.has-dev ## let ruff lay the code out
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(VENV)/.has-dev ## speed as ratios to aiortc in the same run
	$(PY) -m benchmarks $(ARGS)

thorough: $(VENV)/.has-dev ## the suite at full length: every figure that is promised
	RTCPY_PROFILE=thorough $(PY) -m pytest $(ARGS)

notebooks: $(VENV)/.has-notebooks ## run every lesson of the course in Jupyter and say how it went
	@$(PY) notebooks/run.py $(ARGS)
	@echo "To read and change them: make lab"

docs: $(VENV)/.has-docs ## build the documentation: the course, the layers, the API, which section is where
	$(BIN)/sphinx-build -j 2 --fail-on-warning --keep-going -b html docs docs/_build/html $(ARGS)
	@echo "Open docs/_build/html/index.html"

lab: $(VENV)/.has-notebooks ## open the course in JupyterLab
	@echo "== JupyterLab opens in a browser. Without one here: make lab ARGS=--no-browser, and open the address it prints"
	$(BIN)/jupyter lab notebooks $(ARGS)

clean: ## remove the environments and everything that was generated
	rm -rf .venv .venv-* docs/_build docs/api docs/course docs/coverage.md build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
