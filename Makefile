# What people type. It keeps to what GNU make 3.81 knows, which is what macOS has.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --no-input
# The first Python that is new enough; `make PYTHON=python3.13 run` names another one.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && exit; \
	done; echo python3)
PYTEST_ARGS ?=
SEED ?= 0
MUTANTS ?=
LOCK_ARGS ?=
COMPILE = uv pip compile --quiet --universal --generate-hashes --no-header $(LOCK_ARGS)

.PHONY: help run demo-kafka kafka kafka-jars test crash mutants crash-long lint bench bench-kafka bench-learning schemas docs lock clean

help:
	@echo 'make run      install into $(VENV) and run the demo (Ctrl-C ends it)'
	@echo 'make demo-kafka  the same on a local Kafka (Java 17 and Maven; Ctrl-C ends all of it)'
	@echo 'make kafka    start a local Kafka (Java 17 and Maven; Ctrl-C stops it)'
	@echo 'make test     lint, check types and layers, and run all tests that this machine can run'
	@echo 'make crash    workers on Kafka killed, halted and cut off; each event counts once (SEED=n replays)'
	@echo 'make mutants  break the rules one by one: the crash tests must catch each'
	@echo 'make crash-long  a million events, three brokers, about an hour; writes crash-long.md'
	@echo 'make lint     the checks alone: ruff, mypy, import-linter'
	@echo 'make bench    the benchmarks'
	@echo 'make bench-kafka  those on Kafka, beside other clients and frameworks (about an hour; ROWS="hop …" some)'
	@echo 'make bench-learning  those of the models, on public data (ROWS="synthetic …" some)'
	@echo 'make schemas  write schemas/*.avsc from the domain'
	@echo 'make docs     write infra/docs and the picture in the README from topology.yaml and the code'
	@echo 'make lock     write both locks from pyproject.toml (needs uv; LOCK_ARGS=--upgrade takes newer versions)'
	@echo 'make clean    remove $(VENV), caches and built files'

run: $(VENV)/.installed
	@$(BIN)/tocsin run --demo

demo-kafka: $(VENV)/.installed
	@$(BIN)/tocsin kafka demo

kafka: $(VENV)/.installed
	@$(BIN)/tocsin kafka start

# So that the first test does not wait for the network, and CI knows whether there will be a Kafka.
kafka-jars: $(VENV)/.installed
	@$(BIN)/tocsin kafka fetch

test: lint
	$(BIN)/python -m pytest $(PYTEST_ARGS)

crash: $(VENV)/.installed-tests
	@$(BIN)/python -m tests.crash.kafka crash --seed $(SEED)

mutants: $(VENV)/.installed-tests
	@$(BIN)/python -m tests.crash.kafka mutants $(MUTANTS)

crash-long: $(VENV)/.installed-tests
	@$(BIN)/python -m tests.crash.kafka long --seed $(SEED) --report crash-long.md

lint: $(VENV)/.installed-tests
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.installed-tests
	@$(BIN)/python -m tests.bench

bench-learning: $(VENV)/.installed-tests
	@$(BIN)/python -m tests.bench.learning $(ROWS)

bench-kafka: $(VENV)/.installed-tests $(VENV)/peers/.installed
	@$(BIN)/python -m tests.bench.kafka $(ROWS)

schemas: $(VENV)/.installed
	$(BIN)/python -m pipeline.codec.schemas

docs: $(VENV)/.installed
	$(BIN)/python -m pipeline.topology.publish
	$(BIN)/python -m pipeline.observe.metrics

# A stamp is older than its lock only when the lock has changed: otherwise nothing is installed.
$(VENV)/.installed: requirements.lock pyproject.toml | $(BIN)/python
	@echo 'Installing the packages of requirements.lock into $(VENV): once, about half a minute'
	$(PIP) install --require-hashes -r requirements.lock
	$(PIP) install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.installed-tests: tests/requirements.lock $(VENV)/.installed
	@echo 'Installing what the tests need besides, from tests/requirements.lock'
	$(PIP) install --require-hashes -r requirements.lock -r tests/requirements.lock
	@touch $@

# Quix Streams pins an older confluent-kafka than the tests use, so it lives apart.
$(VENV)/peers/.installed: tests/bench/requirements.lock | $(BIN)/python
	@echo 'Installing the peers of the benchmarks into $(VENV)/peers'
	@$(BIN)/python -m venv --clear $(VENV)/peers
	$(VENV)/peers/bin/python -m pip --disable-pip-version-check --no-input install \
		--require-hashes -r tests/bench/requirements.lock
	@touch $@

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo 'Tocsin needs Python 3.11 or newer, and "$(PYTHON)" is none: install one, or name it:' >&2; \
		echo '    make PYTHON=/path/to/python3.12 run' >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
		echo '"$(PYTHON)" has no venv module. On Debian and Ubuntu: apt-get install python3-venv' >&2; exit 1; }
	@echo 'Making $(VENV) with $(PYTHON)'
	@$(PYTHON) -m venv --clear $(VENV)

# The second lock holds only what the first does not: packages that the first one pins for every
# platform are left out, and its versions are constraints.
lock:
	@command -v uv >/dev/null || { echo 'make lock needs uv: pip install uv' >&2; exit 1; }
	$(COMPILE) --group build pyproject.toml --output-file requirements.lock
	$(COMPILE) --group test --constraint requirements.lock \
		$$(sed -n 's/^\([A-Za-z0-9._-]*\)==[^ ;]* \\$$/--no-emit-package \1/p' requirements.lock) \
		--output-file tests/requirements.lock
	$(COMPILE) --python-version 3.11 tests/bench/requirements.in --output-file tests/bench/requirements.lock
	@sed -e '/^# The following packages were excluded/,$$d' -e '/^$$/d' tests/requirements.lock \
		> tests/requirements.lock.new && mv tests/requirements.lock.new tests/requirements.lock

clean:
	rm -rf $(VENV) build dist .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
