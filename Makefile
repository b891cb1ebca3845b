# Verbs over the CMake presets. `make help` lists them.
SHELL := /bin/bash
PRESET ?= release
JOBS ?= $(shell nproc)
PYTHON := /usr/bin/python3
# Clones in other folders share what ccache has compiled.
export CCACHE_BASEDIR ?= $(CURDIR)
export CCACHE_NOHASHDIR ?= 1

.DEFAULT_GOAL := help
.PHONY: install-yaml help deps build test test-unit test-integration demo bench lint fmt image fuzz soak conformance clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sort | sed -E 's/^([a-z0-9-]+):[^#]*## /\1\t/' | expand -t 20

deps: ## install what building and testing need (Debian packages; asks for root)
	@tests/tools/deps.sh build test

build: ## build the programs into build/bin (PRESET=release)
	@tests/tools/deps.sh build test
	@cmake --preset $(PRESET) >build-$(PRESET).log 2>&1 || { cat build-$(PRESET).log; exit 1; }; rm -f build-$(PRESET).log
	@cmake --build --preset $(PRESET) -j $(JOBS)
	@mkdir -p build/bin
	@for p in sidestep sidestep-launch sidestep-operator kubectl-sidestep; do \
	  if [ -e build/$(PRESET)/bin/$$p ]; then cmp -s build/$(PRESET)/bin/$$p build/bin/$$p || install -m 755 build/$(PRESET)/bin/$$p build/bin/$$p; fi; done

test: ## install what is missing, build, and run every test (on two cores about an hour cold, 35 min warm)
	@$(PYTHON) tests/run.py all

test-unit: ## rules of the repository and unit tests (2 min)
	@$(PYTHON) tests/run.py rules unit

test-integration: ## real processes on loopback, and a real kube-apiserver (8 min)
	@$(PYTHON) tests/run.py integration kube

demo: ## a running app under load, reloaded ten times without losing a request
	@tests/tools/demo.sh

bench: build ## the figures of the README, beside HAProxy and nginx (20 min)
	@tests/tools/deps.sh bench
	@$(PYTHON) bench/run.py

lint: ## clang-tidy and the repository's rules
	@tests/tools/deps.sh build test lint
	@cmake --preset dev >/dev/null
	@git ls-files '*.cc' | grep -vE '^(tests|bench)/' | xargs -P $(JOBS) -n 4 clang-tidy -p build/dev --quiet
	@$(PYTHON) tests/run.py rules

fmt: ## format the C++ and Go sources in place
	@git ls-files '*.cc' '*.h' | xargs clang-format -i
	@gofmt -w $$(git ls-files '*.go')

install-yaml: ## build/install.yaml: everything of manifests/base in one file, for kubectl apply --server-side -f
	@mkdir -p build && $(or $(KUBECTL),kubectl) kustomize manifests/base > build/install.yaml

image: ## both container images, by docker, podman or buildah
	@if docker info >/dev/null 2>&1; then for t in sidecar operator; do docker build --target $$t -t sidestep.dev/$$t:latest . || exit 1; done; \
	elif podman info >/dev/null 2>&1; then for t in sidecar operator; do podman build --target $$t -t sidestep.dev/$$t:latest . || exit 1; done; \
	else tests/tools/deps.sh image && tests/image/build.sh; fi

fuzz: ## run each fuzzer for SECONDS (default 20)
	@tests/tools/deps.sh build test
	@tests/fuzz/run.sh $(or $(SECONDS_EACH),$(SECONDS),20)

soak: ## every fault case with its full number of repeats; writes docs/faults.md (two hours)
	@$(PYTHON) tests/run.py soak

conformance: build ## smuggling and desync beside HAProxy and nginx; writes docs/conformance.md (1 min)
	@tests/tools/deps.sh bench
	@SIDESTEP_BIN=build/bin $(PYTHON) tests/conformance/table.py docs/conformance.md

clean: ## remove build/
	@rm -rf build

include tests/e2e/cluster.mk
