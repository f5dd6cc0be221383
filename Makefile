# fink_voevent: `make demo` and `make test` do everything on a fresh machine.

VENV ?= .venv
VENV313 ?= .venv-3.13
VENV_OLDEST ?= .venv-oldest
VENV_SITE ?= .venv-site
PYTHON ?= $(shell for p in python3.11 python3.12 python3.10 python3.13 python3; do \
	$$p -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' \
	2>/dev/null && { echo $$p; break; }; done)
PYTHON313 ?= $(shell for p in python3.13 \
	$$(ls -d $$(pyenv root 2>/dev/null)/versions/3.13*/bin/python3.13 2>/dev/null); do \
	$$p -c '' 2>/dev/null && { echo $$p; break; }; done)
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
# Two workers; tests that share a Spark session stay on one of them.
PARALLEL := -n 2 --dist loadgroup --no-loadscope-reorder
# A part of the suite that takes minutes: what depends most on versions.
SMOKE := tests/alerts tests/config tests/filters tests/notices tests/sky tests/tables \
	tests/udf tests/store/test_filesystem.py tests/listen/test_vtp.py \
	tests/match/test_any_alerts.py tests/pipeline/test_pipeline.py

.PHONY: help machine venv lint test test-fast test-cluster test-nightly test-oldest \
	demo demo-3.13 smoke-3.13 coverage docs site dist datatest bench fuzz chaos clean

help: ## list the targets
	@grep -E '^[a-z0-9.-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/ -/'

machine: ## name all that this machine lacks, in one line for apt
	@missing=""; \
	[ -n "$(PYTHON)" ] && $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		missing="$$missing python3 python3-venv"; \
	command -v java >/dev/null || [ -x "$$JAVA_HOME/bin/java" ] || \
		missing="$$missing openjdk-17-jre-headless"; \
	for tool in $(TOOLS); do \
		command -v $${tool%%:*} >/dev/null || missing="$$missing $${tool##*:}"; done; \
	[ -z "$$missing" ] || { echo "missing on this machine:"; \
		echo "  apt-get install$$missing"; exit 1; }

# The tests need Maven, which fetches Kafka, and git: "command:package" of each.
test test-fast test-cluster test-nightly test-oldest coverage bench chaos smoke-3.13: \
	TOOLS = mvn:maven git:git
test-nightly: TOOLS += chromium:chromium
test-cluster test-nightly: TOOLS += go:golang  # builds an S3 gateway and Helm, once
lint: TOOLS = git:git

$(VENV)/.made: setup.py | machine
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[test,hats]'
	@touch $@

$(VENV313)/.made: setup.py | machine
	@[ -n "$(PYTHON313)" ] || { echo "Python 3.13 is missing: install it, or set" \
	"PYTHON313=/path/to/python3.13"; exit 1; }
	$(PYTHON313) -m venv $(VENV313)
	$(VENV313)/bin/python -m pip install --quiet --upgrade pip
	$(VENV313)/bin/python -m pip install --quiet --editable '.[test]'
	@touch $@

$(VENV_OLDEST)/.made: setup.py .ci/oldest.txt | machine
	$(PYTHON) -m venv $(VENV_OLDEST)
	$(VENV_OLDEST)/bin/python -m pip install --quiet --upgrade pip
	$(VENV_OLDEST)/bin/python -m pip install --quiet --constraint .ci/oldest.txt \
		--editable '.[test]'
	@touch $@

$(VENV_SITE)/.made: setup.py | machine
	$(PYTHON) -m venv $(VENV_SITE)
	$(VENV_SITE)/bin/python -m pip install --quiet --editable '.[site]'
	@touch $@

venv: machine $(VENV)/.made ## make .venv with the package and what its tests need

demo: venv ## from VOEvents on the wire to coincidences on topics, on this machine
	$(BIN)/python demo

demo-3.13: machine $(VENV313)/.made ## the demo on Python 3.13, which Fink runs
	$(VENV313)/bin/python demo

test: venv ## all tests that every change must pass
	$(PYTEST) $(PARALLEL)

test-fast: venv ## tests that start no program and take seconds
	$(PYTEST) $(PARALLEL) -m 'not (slow or nightly or cluster)'

test-cluster: venv ## tests on Spark clusters, HDFS and S3
	$(PYTEST) -m cluster

test-nightly: venv ## every test, with the long repeats: 200 kills, 100,000 documents
	FUZZ=100000 CHAOS=200 $(PYTEST) -m '' --log-cli-level=INFO

smoke-3.13: machine $(VENV313)/.made ## a part of the tests on Python 3.13
	$(VENV313)/bin/python -m pytest $(PARALLEL) $(SMOKE)

test-oldest: machine $(VENV_OLDEST)/.made ## a part of the tests on the oldest versions
	$(VENV_OLDEST)/bin/python -m pytest $(PARALLEL) $(SMOKE)

coverage: venv ## line and branch coverage of `make test`, programs included
	rm -f build/coverage/.coverage*
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --sort=cover

lint: venv ## ruff, mypy, the import contracts, the words of the glossary
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python .ci/check_words.py

docs: venv ## docs/tables.md and docs/settings.md from the code
	$(BIN)/python docs/make_docs.py

site: machine $(VENV_SITE)/.made ## the documentation as a site, into build/site
	$(VENV_SITE)/bin/mkdocs build --strict

dist: venv ## wheel and sdist, into dist
	$(BIN)/python -m build --outdir dist

datatest: venv ## the data of tests and demo
	$(BIN)/python datatest/make_datatest.py

bench: venv ## benchmarks, into build/bench (ARCHIVE_ROWS=... of an archive to search)
	$(BIN)/python -m pip install --quiet --editable '.[bench]'
	$(BIN)/python benchmarks/ingest.py
	$(BIN)/python benchmarks/hostile.py
	$(BIN)/python benchmarks/current.py
	$(BIN)/python benchmarks/match.py
	$(BIN)/python benchmarks/years.py
	$(BIN)/python benchmarks/archive.py
	$(BIN)/python benchmarks/look.py
	$(BIN)/python benchmarks/latency.py
	$(BIN)/python benchmarks/power.py

fuzz: venv ## 100,000 damaged or invented documents of each kind (N=...)
	FUZZ=$(or $(N),100000) $(PYTEST) tests/notices/test_fuzz.py tests/ingest/test_fuzz.py

chaos: venv ## the stages killed 200 times at random moments (N=..., SEED=...)
	CHAOS=$(or $(N),200) CHAOS_SEED=$(or $(SEED),1) $(PYTEST) -m '' \
	--log-cli-level=INFO tests/pipeline/test_chaos.py tests/publish/test_service.py

clean: ## remove all that was made
	rm -rf $(VENV) $(VENV313) $(VENV_OLDEST) $(VENV_SITE) build dist
