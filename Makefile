# `make run` serves the API on this machine, `make test` tests it; both need Python 3.11 or newer, and nothing else.

PYTHON ?= python3 python3.11 python3.12 python3.13 python3.14
STAGE ?= dev

VENV := .venv
BIN := $(VENV)/bin
# The first exists once what `make run` needs is installed, the second once everything is.
RUN_READY := $(VENV)/.ready-run
READY := $(VENV)/.ready
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

.PHONY: help setup run test coverage nightly check bench package lint-template deploy destroy test-deploy test-engines \
    test-browser test-lowest-sdk constraints

help:
	@echo 'make run       serve the API on this machine, with an engine of its own'
	@echo 'make test      run the tests'
	@echo 'make coverage  run them, twice as long, and report which branches they take'
	@echo 'make nightly   invent thousands of histories of statistics, where make test invents hundreds; it takes some minutes'
	@echo 'make check     format, lint and types'
	@echo 'make bench     what each call costs, as ratios, and what deleting costs'
	@echo 'make package   write the CloudFormation template and the zip to build/package'
	@echo 'make lint-template  package, and check the template with cfn-lint'
	@echo 'make deploy    create or upgrade the stage STAGE in AWS'
	@echo 'make destroy   remove the stage STAGE from AWS'
	@echo 'make test-deploy  deploy the package on an emulator of AWS, and test it there'
	@echo 'make test-engines  run the tests that know an engine on DynamoDB Local'
	@echo 'make test-browser  test in Chromium that web pages cannot use the AWS endpoint of the local server'
	@echo 'make test-lowest-sdk  test the code that calls AWS with the lowest version of botocore that it supports'
	@echo 'make setup     make $(VENV); every other target but run does it first'
	@echo 'make constraints  update constraints.txt after a change of the dependencies in pyproject.toml'

setup: $(READY)

$(RUN_READY): pyproject.toml requirements.txt constraints.txt
	@for python in $(PYTHON); do \
	    $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && found=$$python && break; \
	done; \
	if [ -z "$$found" ]; then \
	    echo 'make setup: no Python 3.11 or newer found as: $(PYTHON). Install one, or say make PYTHON=/path/to/it' >&2; exit 1; \
	elif ! $$found -c 'import ensurepip, venv' 2>/dev/null; then \
	    echo "make setup: $$found cannot make virtual environments; on Debian and Ubuntu install python3-venv" >&2; exit 1; \
	fi; \
	echo "Installing what the server needs into $(VENV), with $$($$found --version)"; \
	$$found -m venv $(VENV)
	@# The pip of Python 3.11 does not know dependency groups, so the pinned one comes first.
	@$(INSTALL) pip
	@$(INSTALL) --group run
	@touch $@

$(READY): $(RUN_READY)
	@echo 'Installing what tests, checks and deployments need into $(VENV)'
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

# pip resolves the group without the present constraints, and installs nothing.
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
	HYPOTHESIS_PROFILE=nightly $(PYTEST) tests/stats

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

# SIZES="--objects 20000 --buckets 50" has it delete less, and be done sooner.
bench: setup
	$(BIN)/python -m bench $(SIZES)

# Chalice asks for a region only to learn what the services' principals are called there.
package: setup
	rm -rf build/package .chalice/deployments
	$(BIN)/python -m deployment.merge_template build/merge-template.json
	AWS_DEFAULT_REGION=$${AWS_DEFAULT_REGION:-us-east-1} BUCKETS_ENGINE= \
	    $(BIN)/chalice package --stage $(STAGE) --merge-template build/merge-template.json build/package
	$(BIN)/python .chalice/lambda_package.py build/package

lint-template: package
	$(BIN)/cfn-lint build/package/sam.json

# PARAMETERS="AlarmEmail=… LogRetention=90" sets some of the template's; those not named stay as they are.
deploy: package
	$(BIN)/python -m deployment deploy --stage $(STAGE) $(PARAMETERS)

# DELETE_DATA=yes removes tables and files, too.
destroy: setup
	$(BIN)/python -m deployment destroy --stage $(STAGE) $(if $(filter yes,$(DELETE_DATA)),--delete-data)

test-engines: setup
	$(BIN)/python -m tests.engines

test-browser: setup
	$(BIN)/python -m tests.browser

MINISTACK := .local/ministack

test-deploy: package $(MINISTACK)/.ready
	$(BIN)/python -m pytest -rs tests/deployed

# Whether an emulator that cannot be installed is a failure is for the tests to say.
$(MINISTACK)/.ready: tests/deployed/requirements.txt $(READY)
	@$(BIN)/python -m venv $(MINISTACK) && $(MINISTACK)/bin/pip install --quiet --requirement $< && touch $@ \
	    || echo 'make test-deploy: ministack cannot be installed' >&2

LOWEST_SDK := build/lowest-sdk

# In PYTHONPATH, these packages precede those of $(VENV). A Lambda runtime that has this botocore does not know the
# service `signin` yet. Warnings of an old botocore about a new Python are not errors.
test-lowest-sdk: $(LOWEST_SDK)/.ready
	@PYTHONPATH=$(LOWEST_SDK) $(BIN)/python -c "$$CHECK_LOWEST_SDK"
	PYTHONPATH=$(LOWEST_SDK) $(PYTEST) -W default -k 'not signin' tests/aws/test_clients.py tests/aws/dynamodb/test_table_reads.py \
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
