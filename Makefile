# `make help` lists the targets. Everything that is made is in build/ and in the environments .venv*; a target installs
# only when pyproject.toml or its pins have changed since.

PYTHON ?= python3
WORKERS ?= 2

export PIP_DISABLE_PIP_VERSION_CHECK := 1

MAIN := .venv
OPTIMUM := .venv-optimum
TFLITE_RUNTIME := .venv-tflite-runtime

INTEROP := build/interop
SOURCES := $(shell find edgebert -name '*.py' -o -name '*.toml')

# $(call install,ENVIRONMENT,CONSTRAINTS,WHAT): pip learned to read dependency groups in 25.1, so it comes first.
define install
	test -x $(1)/bin/python || $(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --upgrade -c $(2) pip
	$(1)/bin/python -m pip install --quiet -c $(2) $(3)
	touch $@
endef

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help demo test lint docs bench test-main test-optimum test-tflite-runtime clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' Makefile

demo: $(MAIN)/demo.stamp ## a real fine-tuned DistilBERT becomes a verified int8 bundle in build/demo
	$(MAIN)/bin/edgebert demo --out build/demo

test: lint test-optimum test-tflite-runtime test-main ## every check and every test; what CI runs

lint: $(MAIN)/dev.stamp ## style, types, layers
	$(MAIN)/bin/ruff check .
	$(MAIN)/bin/ruff format --check .
	$(MAIN)/bin/mypy
	$(MAIN)/bin/lint-imports

docs: $(MAIN)/dev.stamp ## the documentation as a site with search, in build/site; a dead link or anchor fails it
	NO_MKDOCS_2_WARNING=1 $(MAIN)/bin/mkdocs build
	@echo 'read it with: $(MAIN)/bin/python -m http.server --directory build/site'

bench: $(MAIN)/dev.stamp $(OPTIMUM)/test.stamp ## measure this machine, peers side by side (needs an idle machine)
	$(MAIN)/bin/python -m benchmarks

test-main: $(MAIN)/dev.stamp ## the tests alone
	$(MAIN)/bin/python -m pytest -n $(WORKERS) --dist loadfile

test-optimum: $(OPTIMUM)/test.stamp $(INTEROP)/expected.json ## does Optimum open a bundle?
	$(OPTIMUM)/bin/python -m pytest tests/interop/optimum

ifeq ($(shell $(PYTHON) -c 'import sys; print(sys.version_info < (3, 12))'),True)
test-tflite-runtime: $(TFLITE_RUNTIME)/test.stamp $(INTEROP)/expected.json ## does the old interpreter run int8-legacy?
	$(TFLITE_RUNTIME)/bin/python -m pytest tests/interop/tflite_runtime
else
test-tflite-runtime:
	@echo 'tflite-runtime has no build for this Python: set PYTHON=python3.11 to test with it'
endif

clean: ## remove everything that was made here, the environments too
	rm -rf build dist .venv $(OPTIMUM) $(TFLITE_RUNTIME) .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache

$(MAIN)/demo.stamp: pyproject.toml constraints.txt
	$(call install,$(MAIN),constraints.txt,-e '.[demo]')

$(MAIN)/dev.stamp: pyproject.toml constraints.txt
	$(call install,$(MAIN),constraints.txt,-e '.[demo]' --group dev)
	touch $(MAIN)/demo.stamp

$(OPTIMUM)/test.stamp: pyproject.toml constraints-optimum.txt
	$(call install,$(OPTIMUM),constraints-optimum.txt,-e '.[optimum]' --group test)

$(TFLITE_RUNTIME)/test.stamp: pyproject.toml constraints-tflite-runtime.txt
	$(call install,$(TFLITE_RUNTIME),constraints-tflite-runtime.txt,-e '.[tflite-runtime]' --group test)

$(INTEROP)/expected.json: $(MAIN)/dev.stamp $(SOURCES) tests/interop/make_bundle.py tests/interop/task_bundles.py tests/support/fakes.py
	$(MAIN)/bin/python -m tests.interop.make_bundle $(INTEROP)
