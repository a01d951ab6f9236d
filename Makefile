# The few commands of the project. `make` alone lists them.

.DEFAULT_GOAL := help
.PHONY: help environment test test-faults lint format demo demo-kubernetes bench soak lock executor-image site-image image-sizes

IMAGE ?= terrakube-executor:latest
SITE_IMAGE ?= terrakube-site:latest
# What the images say of themselves.
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
LABELS = --build-arg VERSION=$(VERSION) --build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null) \
  --build-arg SOURCE=$(shell git config --get remote.origin.url 2>/dev/null | sed 's,//[^/@]*@,//,')
# The certificates of a proxy between the build and the package index, where there is one; none of it stays in the image.
CA_BUNDLE ?=
ifneq ($(CA_BUNDLE),)
TRUST = --secret id=ca-bundle,src=$(CA_BUNDLE) --build-arg PIP_CERT=/run/secrets/ca-bundle
endif
# What else the builder shall be told, such as --platform or --network.
BUILD_FLAGS ?=
# Whichever builder of images is at hand; BUILDER=… picks one.
BUILDER ?= $(firstword $(foreach builder,buildah podman docker,$(if $(shell command -v $(builder)),$(builder))) docker)

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

environment: ## .venv from Python 3.12 or newer, with all that tests and lint need
	@scripts/environment dev

test: ## all tests; PostgreSQL, Redis, browser and cluster tests where these are at hand
	@scripts/test

test-faults: ## every fault of docs/faults.md, on a cluster with PostgreSQL and Redis (about half an hour)
	@scripts/test -m faults

lint: ## format, ruff, mypy, import contracts, migrations, Django's checks
	@scripts/lint

format: environment ## write the format that lint asks for
	@.venv/bin/ruff format
	@.venv/bin/ruff check --fix-only

demo: ## a job planned, approved and applied on this machine, then the panel; DEMO_ONCE=1 ends after the job
	@scripts/demo

demo-kubernetes: ## the same on the cluster of the current kubeconfig
	@scripts/demo --kubernetes

bench: environment ## the measures, as ratios to a bare create on the same API server
	@bench/run

soak: environment ## JOBS (500) jobs while processes and pods are killed for SECONDS (900); then check_invariants
	@bench/run soak --jobs $(or $(JOBS),500) --seconds $(or $(SECONDS),900)

lock: ## compile pyproject.toml into the hashed requirements
	@scripts/lock

executor-image: ## build the executor's image as IMAGE (terrakube-executor:latest) with buildah, podman or docker
	@if [ -x deploy/executor/preload.sh ]; then deploy/executor/preload.sh; fi
	@$(BUILDER) build $(LABELS) $(BUILD_FLAGS) -t $(IMAGE) -f deploy/executor/Dockerfile .

site-image: ## build the image of web, worker and watcher as SITE_IMAGE (terrakube-site:latest)
	@$(BUILDER) build $(LABELS) $(TRUST) $(BUILD_FLAGS) -t $(SITE_IMAGE) -f deploy/site/Dockerfile .

image-sizes: ## how large both images are
	@deploy/image-sizes $(SITE_IMAGE) $(IMAGE)
