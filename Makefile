# Short commands for people and CI; every target says in one line what it does.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# lab files that run side by side; each has fleets of its own, shared by the tests of the file
LAB_JOBS ?= 2

.PHONY: help demo demo-down setup setup-lab test test-unit test-lab test-full lint format bench clean

help:  ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -m deploy.setup python
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $(STAMP)

setup: $(STAMP)  ## the virtual environment, from the lock file

setup-lab: setup  ## Debian packages the lab and the service tests need; says which and why
	@$(PYTHON) -m deploy.setup lab

demo: setup  ## a real fleet, a clean-up campaign and a staged engine upgrade on it
	@$(BIN)/python -m deploy.demo up

demo-down:  ## remove every trace of the demo
	@$(PYTHON) -m deploy.demo down

test: setup-lab lint  ## everything: unit, services and the lab's real hosts
	$(BIN)/pytest -m "not lab and not full" -n 3
	$(BIN)/pytest -m "lab and not full" -n $(LAB_JOBS) --dist loadfile

test-unit: setup  ## seconds, no root
	$(BIN)/pytest -m "not lab and not services and not full" -n 2

test-lab: setup-lab  ## only the scenarios on real hosts
	$(BIN)/pytest -m "lab and not full" -n $(LAB_JOBS) --dist loadfile

test-full: setup-lab  ## the heavy matrices too
	$(BIN)/pytest -n $(LAB_JOBS) --dist loadfile

lint: setup  ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## ruff's formatter and safe fixes
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup-lab  ## the figures of docs/figures.md, as medians and ratios of one run
	$(BIN)/python -m bench

clean:  ## virtual environment and caches
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist *.egg-info
