# Every target does its own set-up: no virtual environment needs to be activated.
VENV ?= .venv
PYTHON ?=
export VENV PYTHON

BIN := $(VENV)/bin
SOURCES := lit_models datamodules ablations tests
# One thread a process: the tests run side by side.
PYTEST := OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --maxprocesses 8 \
	--dist loadfile

.DEFAULT_GOAL := help
.PHONY: help quickstart test lint format lock clean setup

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

quickstart: setup ## train every step of a small ResNet -> ConvNeXt and compare them (minutes)
	@$(BIN)/ablate run convnext_nano
	@$(BIN)/ablate report convnext_nano

test: lint ## set up, check style and types, run all tests
	$(PYTEST)

lint: setup ## check style (ruff) and types (mypy)
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

format: setup ## rewrite the sources in the project's style
	$(BIN)/python -m ruff check --fix-only .
	$(BIN)/python -m ruff format .

setup: ## make .venv and install into it (all other targets do this by themselves)
	@bash .ci/setup.sh

lock: setup ## renew requirements.lock with the newest versions that pyproject.toml allows
	$(BIN)/python -m uv pip compile --quiet --universal --python-version 3.11 --all-extras --upgrade \
		--no-annotate --custom-compile-command "make lock" \
		--output-file requirements.lock pyproject.toml

clean: ## remove .venv and caches; keeps runs/ and data/
	[ ! -d "$(VENV)/.setup" ] || rm -rf "$(VENV)"
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis *.egg-info
	find $(SOURCES) -name __pycache__ -prune -exec rm -rf {} +
