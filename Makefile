# Everything that can be done with the tree, from a fresh clone on.
#
# `make demo` and `make test` do all the set-up that they need, inside the tree: Python packages
# go into .venv, Node packages beside the program that uses them, everything else into target.
# Each step leaves a stamp beside what it made, and is done again only when what it was made from
# has changed.

SHELL := /bin/bash
# cargo's own place is not on the PATH of a shell that was open when Rust was installed.
export PATH := $(PATH):$(HOME)/.cargo/bin

PYTHON ?= python3
# For how long `make fuzz` runs each target.
FUZZ_SECONDS ?= 60
TARGET := $(or $(CARGO_TARGET_DIR),target)
BIN := $(TARGET)/debug/maitred
VENV := .venv
NODE_CLIENT := examples/status-client/node

REQUIREMENTS := $(shell find tests examples -name node_modules -prune -o \
	\( -name requirements.txt -o -name constraints.txt \) -print)
SDK_SOURCES := Cargo.toml Cargo.lock $(shell find proto core/sdk sdk-python \
	\( -name __pycache__ -o -name tests \) -prune -o \
	\( -name '*.rs' -o -name '*.toml' -o -name '*.py' -o -name '*.pyi' -o -name 'py.typed' \) -print)

.DEFAULT_GOAL := help
.PHONY: help system build venv node demo demo-stop test test-slow sim mutants fuzz bench \
	fmt lint clean

help:
	@echo 'make demo        builds all, starts the Flask and the Django example, leaves them running'
	@echo 'make demo-stop   stops them'
	@echo 'make test        every test of every part'
	@echo 'make test-slow   the end-to-end tests that move gigabytes'
	@echo 'make sim         seeded worlds against the engine: SECONDS=180 SEED=random'
	@echo 'make mutants     hours: what the tests of the engine notice (needs cargo-mutants)'
	@echo 'make fmt lint    formats, then lints'
	@echo 'make fuzz        random bytes for all parsers, FUZZ_SECONDS=60 for each (needs g++)'
	@echo 'make bench       the comparison with other servers, on a quiet machine'
	@echo 'make venv        only the Python side: .venv with the SDK in it'
	@echo 'make clean       removes what the others made'

# --- set-up ---------------------------------------------------------------------------------

# What Debian has to provide. A stamp alone would not notice that a package was removed, and
# looking takes a tenth of a second.
system:
	@PYTHON='$(PYTHON)' bash .ci/system

build: system
	cargo build --package maitred

$(VENV)/bin/python: | system
	$(PYTHON) -m venv $(VENV)

$(VENV)/.packages: $(REQUIREMENTS) | $(VENV)/bin/python
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r tests/requirements.txt
	@touch $@

# The wheel is built in the profile of everything else, so that there is one build and not two.
$(VENV)/.sdk: $(VENV)/.packages $(SDK_SOURCES)
	@rm -rf $(VENV)/.wheel
	VIRTUAL_ENV=$(abspath $(VENV)) $(VENV)/bin/maturin build --profile dev \
		--auditwheel skip --manifest-path sdk-python/Cargo.toml --out $(VENV)/.wheel
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-index --force-reinstall $(VENV)/.wheel/*.whl
	@touch $@

venv: $(VENV)/.sdk

$(NODE_CLIENT)/node_modules/.stamp: $(NODE_CLIENT)/package-lock.json
	@bash .ci/system node
	npm ci --prefix $(NODE_CLIENT) --ignore-scripts --no-audit --no-fund --silent
	@touch $@

node: $(NODE_CLIENT)/node_modules/.stamp

# --- the demo -------------------------------------------------------------------------------

demo: build venv
	@MAITRED='$(BIN)' bash examples/demo.sh start

demo-stop:
	@MAITRED='$(BIN)' bash examples/demo.sh stop

# --- tests ----------------------------------------------------------------------------------

test: build venv node
	@MAITRED_BIN='$(abspath $(BIN))' PYO3_PYTHON='$(abspath $(VENV)/bin/python)' bash .ci/test

test-slow: build venv
	MAITRED_BIN='$(abspath $(BIN))' $(VENV)/bin/pytest tests/e2e --slow -m slow -rs

# The simulator, for as long as it is told: make sim SECONDS=600 SEED=42
# (SECONDS is bash's own clock, so it is taken from make's command line only.)
SIM_SECONDS := $(if $(filter command,$(origin SECONDS)),$(SECONDS),180)
sim: system
	cargo run --quiet --package maitred-sim -- run --covered \
		--seconds $(SIM_SECONDS) $(if $(SEED),--seed $(SEED))

# Not a part of `make test`: it builds the engine a thousand times. MUTANTS='--shard 1/20' runs a
# part of it, MUTANTS='--file core/engine/src/oob.rs' one file.
mutants: system
	CARGO_PROFILE_DEV_DEBUG=0 CARGO_PROFILE_DEV_OPT_LEVEL=0 \
		INSTA_UPDATE=no PROPTEST_MAX_SHRINK_ITERS=0 \
		cargo mutants --package maitred-engine --timeout 60 --output $(TARGET) $(MUTANTS)

# Not a part of `make test`: it finds more the longer it runs, and builds everything once more.
fuzz: system
	FUZZ_SECONDS=$(FUZZ_SECONDS) PYTHON='$(PYTHON)' tests/fuzz/run

bench: system
	$(PYTHON) bench/hello/run.py
	$(PYTHON) bench/memory/run.py
	bench/syscalls/run.sh
	$(PYTHON) bench/deferred/run.py
	$(PYTHON) bench/deferred/run.py --scenario long
	$(PYTHON) bench/deferred/run.py --scenario oob
	$(PYTHON) bench/oob_gc/run.py

fmt:
	cargo fmt --all

lint: venv
	PYO3_PYTHON='$(abspath $(VENV)/bin/python)' \
		cargo clippy --workspace --all-targets -- --deny warnings
	cargo test --quiet --package maitred-tidy

clean: demo-stop
	rm -rf target $(VENV) .work .demo $(NODE_CLIENT)/node_modules bench/out
	find . -name __pycache__ -o -name .pytest_cache | xargs -r rm -rf
