# One target for each thing a developer does; plain `make` lists them.
#
#   PYTHON        the interpreter from which the virtual environment is made
#   VENV          where that environment is kept
#   REQUIREMENTS  what else to install, such as 'pytensor==3.0.*'; use it with
#                 a VENV of its own, since nothing is installed twice
#   JOBS          how many processes run the tests
#   SIZE          of the benchmarks: quick or full
#   ONLY          which of them: groups and cases, such as 'conv networks:mnist'
#   THEANO        an old interpreter that has Theano 1.0, to be compared with

PYTHON ?= python3
VENV ?= .venv
REQUIREMENTS ?=
JOBS ?= 2
SIZE ?= quick
ONLY ?=
THEANO ?=

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint check-code check-format check-types suite
.PHONY: test-backends check-bounds docs package bench clean

help:
	@echo 'make demo           train a small convolutional network on handwritten digits'
	@echo 'make test           lint, type checks, doctests and tests: what CI runs'
	@echo 'make lint           the first half of that: ruff and mypy'
	@echo 'make suite          the second half: pytest'
	@echo 'make test-backends  the suite, with PyTorch from wherever pip finds it'
	@echo 'make check-bounds   the kernels, with every index checked'
	@echo 'make docs           the documentation, in docs/_build/html'
	@echo 'make package        wheel and sdist in dist/, tried in an empty environment'
	@echo 'make bench          time everything against PyTorch, JAX and Theano; SIZE=full: all of it'
	@echo 'make clean          remove $(VENV) and everything that was built'

demo: $(VENV)/installed-demo
	$(BIN)/python -m lasagne examples/mnist.py cnn

test: lint suite

lint: check-code check-format check-types

check-code: $(VENV)/installed-test
	$(BIN)/ruff check

check-format: $(VENV)/installed-test
	$(BIN)/ruff format --check

check-types: $(VENV)/installed-test
	$(BIN)/mypy

suite: $(VENV)/tried-torch
	$(BIN)/pytest -n $(JOBS)

test-backends: $(VENV)/tried-torch
	$(PIP) install --editable '.[test,torch]' $(REQUIREMENTS)
	$(BIN)/pytest -n $(JOBS)

check-bounds: $(VENV)/installed-test
	.ci/check-bounds $(BIN)/python

docs: $(VENV)/installed-docs
	$(BIN)/sphinx-build -W --keep-going -b html docs docs/_build/html
	@echo 'Open docs/_build/html/index.html'

package: $(VENV)/installed-package
	rm -rf dist
	$(BIN)/python -m build --outdir dist
	.ci/try-package $(abspath $(BIN)/python) $(abspath dist)

bench: $(VENV)/installed-bench $(VENV)/tried-torch
	$(BIN)/python -m benchmarks --$(SIZE) $(foreach case,$(ONLY),--only $(case)) $(if $(THEANO),--theano $(THEANO))

clean:
	rm -rf $(VENV) build dist docs/_build .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Stamps: an environment is made once, and extras are installed anew only when
# pyproject.toml has changed.
$(VENV)/created:
	@command -v $(PYTHON) >/dev/null || { \
		echo "There is no '$(PYTHON)' here. Install Python 3.11 or newer, or name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Lasagne needs Python 3.11 or newer; $(PYTHON) is %d.%d. Name another: make PYTHON=python3.12" % sys.version_info[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: sudo apt install python3-venv"; exit 1; }
	@echo 'Making a virtual environment in $(VENV)'
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/installed-%: pyproject.toml $(VENV)/created
	@echo 'Installing lasagne[$*] into $(VENV) (the first time, this takes some minutes)'
	@$(PIP) install --editable '.[$*]' $(REQUIREMENTS)
	@touch $@

# The tests of the PyTorch back end run where torch is installed. On Linux the
# wheel from the index brings gigabytes of CUDA along, so `make test` takes one
# only from a folder of wheels that pip was told of (its find-links).
$(VENV)/tried-torch: $(VENV)/installed-test
	@if $(PIP) install --no-index --no-deps torch >/dev/null 2>&1; then \
		$(PIP) install --editable '.[test,torch]' $(REQUIREMENTS); \
	fi
	@touch $@
