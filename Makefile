# The few commands of the project. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help environment test test-configurations test-faults test-go-tfe test-terminal test-terminal-in-pods lint format demo demo-kubernetes bench soak simulate lock executor-image site-image image-sizes

IMAGE ?= terrakube-executor:latest
SITE_IMAGE ?= terrakube-site:latest
# Labels of the images.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
LABELS = --build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null) \
  --build-arg SOURCE=$(shell git config --get remote.origin.url 2>/dev/null | sed 's,//[^/@]*@,//,')
# Certificates of a proxy between the build and the package index, if any; they do not stay in the image.
CA_BUNDLE ?=
ifneq ($(CA_BUNDLE),)
TRUST = --secret id=ca-bundle,src=$(CA_BUNDLE) --build-arg PIP_CERT=/run/secrets/ca-bundle
endif
# Further options for the image builder, such as --platform or --network.
BUILD_FLAGS ?=
# The first image builder found; BUILDER=… picks one.
BUILDER ?= $(firstword $(foreach builder,buildah podman docker,$(if $(shell command -v $(builder)),$(builder))) docker)

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-21s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

environment: ## create .venv with Python 3.12 or newer and the packages for tests and lint
	@scripts/environment dev

test: ## run all tests; those for PostgreSQL, Redis, browser and cluster where available; PART=embedded or production: half
	@scripts/test $(PART)

test-faults: ## test every fault of docs/faults.md, on a cluster with PostgreSQL and Redis (about half an hour)
	@scripts/test -m faults

test-configurations: ## run every configuration of tests/configurations at a terminal and through the site, in pods and on this machine
	@scripts/test -m configurations

test-terminal: ## type the commands of terraform and tofu at a terminal, with each block, with steps on this machine
	@scripts/test tests/tfe/live -m "not faults"

test-terminal-in-pods: ## the same with all steps in pods, on a cluster with PostgreSQL and Redis
	@TEST_TERMINAL_PLACE=pods scripts/test tests/tfe/live -m "not faults"

test-go-tfe: ## run go-tfe's own tests of tests/tfe/gotfe/list.txt against a site over https (Go; fetches one module)
	@.venv/bin/python -m tests.tfe.gotfe

lint: ## check format, ruff, templates, scripts and styles, mypy, import contracts, migrations, Django's checks
	@scripts/lint

format: environment ## format the code and redraw docs/layers.svg
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix-only
	@.venv/bin/djangofmt templates workspaces/templates
	@.venv/bin/deno fmt executors/static workspaces/static
	@.venv/bin/python scripts/draw_layers.py

demo: ## plan, approve and apply a job on this machine, then serve the panel; DEMO_ONCE=1 exits after the job
	@scripts/demo

demo-kubernetes: ## run the demo on the cluster of the current kubeconfig
	@scripts/demo --kubernetes

bench: environment ## run the benchmarks, as ratios to a bare create on the same API server
	@bench/run

soak: environment ## run JOBS (500) jobs, WARM_PODS (6; 0: none) waiting, while processes and pods are killed for SECONDS (900); then check_invariants
	@bench/run soak --jobs $(or $(JOBS),500) --seconds $(or $(SECONDS),900) --warm-pods $(or $(WARM_PODS),6)

simulate: environment ## simulate HISTORIES (10000) of steps in which everything goes wrong, from seed FIRST (0), in PROCESSES (one a core)
	@.venv/bin/python -m tests.simulation --histories $(or $(HISTORIES),10000) --first $(or $(FIRST),0) --processes $(or $(PROCESSES),$(shell nproc))

lock: ## compile pyproject.toml into the hashed requirements
	@scripts/lock

executor-image: ## build the executor image as IMAGE (terrakube-executor:latest) with buildah, podman or docker
	@if [ -x deploy/executor/preload.sh ]; then deploy/executor/preload.sh; fi
	@$(BUILDER) build $(LABELS) $(BUILD_FLAGS) -t $(IMAGE) -f deploy/executor/Dockerfile .

site-image: ## build the image of web, worker and watcher as SITE_IMAGE (terrakube-site:latest)
	@$(BUILDER) build $(LABELS) $(TRUST) $(BUILD_FLAGS) -t $(SITE_IMAGE) -f deploy/site/Dockerfile .

image-sizes: ## print the size of both images
	@deploy/image-sizes $(SITE_IMAGE) $(IMAGE)
