# fink_voevent: `make demo` and `make test` do everything on a fresh machine.

VENV ?= .venv
VENV34 ?= .venv-spark34
PYTHON ?= $(shell for p in python3.11 python3.12 python3.10 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 13))' \
	2>/dev/null && { echo $$p; break; }; done)
BIN := $(VENV)/bin

.PHONY: help venv python demo test test-fast test-spark34 lint docs datatest bench fuzz chaos clean java maven

help: ## list the targets
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

java:
	@command -v java >/dev/null || [ -x "$$JAVA_HOME/bin/java" ] || { \
	echo "Java is missing and Spark needs it: apt-get install openjdk-17-jre-headless"; \
	exit 1; }

maven:
	@command -v mvn >/dev/null || { \
	echo "Maven is missing and the tests need it, for Kafka: apt-get install maven"; \
	exit 1; }

python:
	@[ -n "$(PYTHON)" ] || { echo "Python 3.10, 3.11 or 3.12 is needed:" \
	"apt-get install python3 python3-venv"; exit 1; }

$(VENV)/.made: setup.py | python
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(VENV34)/.made: setup.py | python
	$(PYTHON) -m venv $(VENV34)
	$(VENV34)/bin/python -m pip install --quiet --upgrade pip
	$(VENV34)/bin/python -m pip install --quiet --editable '.[test]' 'pyspark==3.4.*'
	@touch $@

venv: $(VENV)/.made ## make .venv with the package and what its tests need

demo: venv java ## from VOEvents on the wire to coincidences on topics, on this machine
	$(BIN)/python demo

test: venv java maven ## all tests
	$(BIN)/python -m pytest

test-fast: venv java maven ## tests that take less than a minute in all
	$(BIN)/python -m pytest -m 'not slow'

test-spark34: $(VENV34)/.made java ## the pipeline on Spark 3.4, which Fink runs
	$(VENV34)/bin/python -m pytest tests/test_pipeline.py

lint: venv ## ruff and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: venv ## docs/tables.md and docs/settings.md from the code
	$(BIN)/python docs/make_docs.py

datatest: venv ## the data of tests and demo
	$(BIN)/python datatest/make_datatest.py

bench: venv java maven ## benchmarks, into build/bench
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/match.py
	$(BIN)/python benchmarks/years.py
	$(BIN)/python benchmarks/latency.py

fuzz: venv ## 100,000 mutated documents (N=...)
	FUZZ=$(or $(N),100000) $(BIN)/python -m pytest tests/test_fuzz.py

chaos: venv java ## the stages killed 200 times at random moments (N=..., SEED=...)
	CHAOS=$(or $(N),200) CHAOS_SEED=$(or $(SEED),1) $(BIN)/python -m pytest \
	--log-cli-level=INFO tests/test_chaos.py tests/test_publish.py

clean: ## remove what was made
	rm -rf $(VENV) $(VENV34) build
