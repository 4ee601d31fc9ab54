# `make run` serves the API on this machine, and `make test` runs the tests. Both require only Python 3.11 or newer.

PYTHON ?= python3 python3.11 python3.12 python3.13 python3.14
STAGE := dev
# The runtime and the architecture of the functions in AWS, x86_64 or arm64. They do not depend on the Python in $(VENV).
RUNTIME := python3.13
ARCHITECTURE := x86_64
PACKAGE := build/package

VENV := .venv
BIN := $(VENV)/bin
# Marker files: RUN_READY shows that the packages for `make run` are installed, READY that all packages are.
RUN_READY := $(VENV)/.ready-run
READY := $(VENV)/.ready
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
# One process more than there are processors, because some tests wait for servers that they start. The empty variable
# lets pytest keep the compiled tests for the next run, even if the environment turns that off.
PYTEST = PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -n $(shell $(BIN)/python -c 'import os; print(min(4, (os.cpu_count() or 1) + 1))') --dist worksteal

.PHONY: help setup run test coverage nightly check bench bench-scale bench-peers package lint-template deploy destroy \
    test-package test-deploy test-engines test-large-files test-browser test-lowest-sdk constraints

help:
	@echo 'make run              serve the API on this machine, with an embedded engine instead of AWS'
	@echo 'make test             run the tests'
	@echo 'make coverage         run the tests and report branch coverage, which takes twice as long'
	@echo 'make nightly          run completely what make test runs in part: all faults, pairs of operations and sizes'
	@echo 'make check            check format, lint rules, types and the CloudFormation template'
	@echo 'make bench            measure requests and deletions, and write docs/reference/cost.md'
	@echo 'make bench-scale      measure lists of growing size on DynamoDB Local, and write docs/reference/cost.md'
	@echo 'make bench-peers      measure the requests per second of the local server, of Kinto and of PocketBase'
	@echo 'make package          write the CloudFormation template and the zip file to build/package'
	@echo 'make lint-template    make package, and check the template with cfn-lint and checkov'
	@echo 'make deploy           create or update the stage STAGE in AWS'
	@echo 'make destroy          remove the stage STAGE from AWS'
	@echo 'make test-deploy      deploy the package to an emulator of AWS, and test it there'
	@echo 'make test-large-files store a file of 1 GB on the local server and on the emulator, and measure the memory'
	@echo 'make test-engines     run tests on DynamoDB Local, and tests of files on the S3 server versitygw'
	@echo 'make test-browser     test in Chromium that web pages cannot use the AWS endpoint of the local server'
	@echo 'make test-lowest-sdk  test the code that calls AWS with the lowest supported version of botocore'
	@echo 'make setup            create $(VENV) with all packages; every target except help and run does this first'
	@echo 'make constraints      update constraints.txt after a change of the dependencies in pyproject.toml'

setup: $(READY)

$(RUN_READY): pyproject.toml requirements.txt constraints.txt
	@for python in $(PYTHON); do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found=$$python && break; \
	done; \
	if [ -z "$$found" ]; then \
	    echo 'make setup: no Python 3.11 or newer found as: $(PYTHON). Install one, or run make with PYTHON=/path/to/python' >&2; exit 1; \
	elif ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "make setup: $$found cannot create virtual environments; on Debian and Ubuntu install python3-venv" >&2; exit 1; \
	fi; \
	echo "Installing the packages of the server into $(VENV), with $$($$found --version)"; \
	$$found -m venv $(VENV)
	@# The pip of Python 3.11 does not support dependency groups, so the pinned pip is installed first.
	@$(INSTALL) pip
	@$(INSTALL) --group run
	@touch $@

$(READY): $(RUN_READY)
	@echo 'Installing the packages for tests, checks and deployments into $(VENV)'
	@$(INSTALL) --group dev
	@touch $@

define WRITE_CONSTRAINTS
import json, sys
print("# The version of each package that the groups `run` and `dev` of pyproject.toml need, directly or indirectly.")
print("# `make constraints` writes this file.")
found = [package["metadata"] for package in json.load(sys.stdin)["install"]]
for each in sorted(found, key=lambda each: each["name"].lower()):
    print(f"{each['name']}=={each['version']}")
endef
export WRITE_CONSTRAINTS

# pip resolves the group without the current constraints, and installs nothing.
constraints: $(READY)
	@mkdir -p build
	$(BIN)/python -m pip install --quiet --dry-run --ignore-installed --report build/resolved.json --group dev
	@$(BIN)/python -c "$$WRITE_CONSTRAINTS" < build/resolved.json > build/constraints.txt
	mv build/constraints.txt constraints.txt

run: $(RUN_READY)
	@$(BIN)/python -m chalicelib.local

test: setup
	$(PYTEST)

coverage: setup
	$(PYTEST) --cov --cov-report term

nightly: setup
	HYPOTHESIS_PROFILE=nightly $(PYTEST) tests/stats tests/faults tests/deliveries tests/uploads tests/mirroring \
	    tests/http/test_openapi_fuzz.py tests/deletion/test_buckets.py tests/docs/test_cost_page.py tests/bench/test_scale.py \
	    tests/listing/test_hundred_thousand_rows.py tests/objects/test_races.py tests/objects/test_reading_in_order.py \
	    tests/outbound/test_framing.py tests/local/server/test_uploads.py

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	@$(MAKE) --no-print-directory lint-template

# SIZES="--objects 20000 --buckets 50" makes the run shorter: it measures the deletion of less data.
bench: setup
	$(BIN)/python -m bench $(SIZES)

# SIZES="--buckets 100,1000 --objects 1000" measures only these sizes, and does not change the page.
bench-scale: setup
	$(BIN)/python -m bench.scale $(SIZES)

# SIZES="--records 10000 --clients 8 --rounds 3 --seconds 3" changes the sizes. pip installs Kinto, and Go builds
# PocketBase, both in .local/peers. A server that cannot be installed is skipped, and the reason is printed.
bench-peers: setup
	$(BIN)/python -m bench.servers $(SIZES)

# Chalice needs a region only to determine the names of service principals.
package: setup
	rm -rf $(PACKAGE) .chalice/deployments
	AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} BUCKETS_ENGINE= $(BIN)/python -m deployment.packaging \
	    --stage $(STAGE) --runtime $(RUNTIME) --architecture $(ARCHITECTURE) $(PACKAGE)
	$(BIN)/python .chalice/lambda_package.py $(PACKAGE)

CHECKOV := .local/checkov

lint-template: package $(CHECKOV)/.ready
	$(BIN)/cfn-lint $(PACKAGE)/sam.json
	$(BIN)/python -m deployment.findings $(CHECKOV)/bin/checkov $(PACKAGE)/sam.json

$(CHECKOV)/.ready: deployment/findings/requirements.txt $(READY)
	@echo 'Installing checkov into $(CHECKOV)'
	@$(BIN)/python -m venv $(CHECKOV) && $(CHECKOV)/bin/pip install --quiet --disable-pip-version-check --requirement $< && touch $@

# PARAMETERS="AlarmEmail=… LogRetention=90" sets parameters of the template, and TAGS="team=films" tags of the stack and
# its resources. Other parameters and tags keep their values.
deploy: package
	$(BIN)/python -m deployment deploy --stage $(STAGE) --package $(PACKAGE) $(foreach tag,$(TAGS),--tag $(tag)) $(PARAMETERS)

# DELETE_DATA=yes also removes tables and files.
destroy: setup
	$(BIN)/python -m deployment destroy --stage $(STAGE) $(if $(filter yes,$(DELETE_DATA)),--delete-data)

test-engines: setup
	$(BIN)/python -m tests.engines

test-browser: setup
	$(BIN)/python -m tests.browser

MINISTACK := .local/ministack

# The emulator runs the functions with the Python in $(VENV), so they are packaged for its version.
test-package: setup
	@$(MAKE) --no-print-directory package PACKAGE=build/test-package ARCHITECTURE=x86_64 \
	    RUNTIME=$$($(BIN)/python -c 'import sys; print("python%s.%s" % sys.version_info[:2])')

test-deploy: test-package $(MINISTACK)/.ready
	$(BIN)/python -m pytest -rs tests/deployed

# It needs several GB of memory, most of it for the emulator, and 3 GB on the disk.
test-large-files: test-package $(MINISTACK)/.ready
	TEST_LARGE_FILES=yes $(BIN)/python -m pytest -rs tests/local/server/test_one_gigabyte.py \
	    tests/deployed/test_one_gigabyte.py

# If the emulator cannot be installed, this recipe succeeds, and the tests are skipped, or fail in CI.
$(MINISTACK)/.ready: tests/deployed/requirements.txt $(READY)
	@$(BIN)/python -m venv $(MINISTACK) && $(MINISTACK)/bin/pip install --quiet --requirement $< && touch $@ \
	    || echo 'make test-deploy: ministack cannot be installed' >&2

LOWEST_SDK := build/lowest-sdk

# Packages in PYTHONPATH take precedence over those in $(VENV). This version of botocore does not have the service
# `signin`. `-W default`: warnings of the old botocore about a newer Python are not errors.
test-lowest-sdk: $(LOWEST_SDK)/.ready
	@PYTHONPATH=$(LOWEST_SDK) $(BIN)/python -c "$$CHECK_LOWEST_SDK"
	PYTHONPATH=$(LOWEST_SDK) $(PYTEST) -W default -k 'not signin' tests/aws/test_clients.py tests/aws/test_signing.py \
	    tests/aws/test_endpoint.py tests/aws/dynamodb/test_table_reads.py \
	    tests/aws/dynamodb/test_table_writes.py tests/aws/test_retry.py tests/health tests/tasks/test_api.py \
	    tests/blobs/test_store.py tests/objects/test_create.py tests/objects/test_lists.py

$(LOWEST_SDK)/.ready: $(READY)
	@rm -rf $(LOWEST_SDK)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(LOWEST_SDK) --group lowest-sdk
	@touch $@

define CHECK_LOWEST_SDK
import boto3, botocore, sys, tomllib
wanted = tomllib.load(open("pyproject.toml", "rb"))["dependency-groups"]["lowest-sdk"]
found = [f"{module.__name__}=={module.__version__}" for module in (boto3, botocore)]
print("Testing with", *found)
sys.exit(found != wanted)
endef
export CHECK_LOWEST_SDK
