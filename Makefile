# Everything a person or CI does with this project. `make` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BUILD := .build
SWIFT := swift
PACKAGES := clang libsqlite3-dev libcurl4-openssl-dev libssl-dev libpng-dev libturbojpeg0-dev libwebp-dev pkg-config
TOOLS := python3 python3-venv curl
# What tests hold the gateway against, beside what pip brings.
WITNESSES := nginx-light nodejs openssl wrk slowhttptest strace
VENV := .venv
PYTHON := $(VENV)/bin/python
SOURCES := Sources Tests Package.swift config migrations $(wildcard bench examples)
VERSION := $(shell sed -n 's/.*static let version = "\(.*\)"/\1/p' Sources/Gateway/Gateway.swift)
RESULTS := $(BUILD)/results
# Programs that only benchmarks run.
BENCHES := bench-http-server bench-http-pace bench-http-client bench-store

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z%-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: run
run: build ## Build and start the gateway; the first time it prints a key and three lines to paste
	@exec $(BUILD)/debug/trellis-gateway serve --log-format text

.PHONY: test
test: deps witnesses venv ## Everything CI runs: lint, build, walls, unit tests, black-box tests
	@scripts/test

# How long fuzz-http looks, in seconds.
SECONDS := 30
.PHONY: fuzz-http
fuzz-http: deps ## Fuzz the HTTP parser under AddressSanitizer (SECONDS=600 for longer)
	@Tests/fuzz/http.sh $(SECONDS)

.PHONY: tsan
tsan: deps ## The server's tests under ThreadSanitizer
	@Tests/sanitize-threads.sh

.PHONY: check
check: lint build-tests ## The quick loop: format lint, build, unit tests
	@scripts/unit-tests

.PHONY: build
build: deps ## Debug build of both programs
	@scripts/build --product trellis-gateway
	@scripts/build --product provider-simulator

.PHONY: build-tests
build-tests: deps ## Debug build with the tests
	@scripts/build --build-tests

.PHONY: lint
lint: ## Format lint
	@$(SWIFT) format lint --strict --recursive --parallel $(SOURCES)

.PHONY: format
format: ## Format all Swift files in place
	@$(SWIFT) format --in-place --recursive --parallel $(SOURCES)

.PHONY: walls
walls: build-tests ## Plant a forbidden import in a copy and see the build refuse it
	@scripts/walls

.PHONY: release
release: libraries ## Optimized programs with the Swift runtime inside, in .build/dist
	@scripts/build -c release --static-swift-stdlib --product trellis-gateway
	@scripts/build -c release --static-swift-stdlib --product provider-simulator
	@mkdir -p $(BUILD)/dist
	@for program in trellis-gateway provider-simulator; do \
	    strip -o $(BUILD)/dist/$$program $(BUILD)/release/$$program; \
	done
	@ls -l $(BUILD)/dist

.PHONY: image
image: ## Container image trellis-gateway:VERSION
	docker build --tag trellis-gateway:$(VERSION) --build-arg VERSION=$(VERSION) .

.PHONY: bench
bench: release-bench venv witnesses ## All benchmarks, each against a peer, into bench/RESULTS.md
	@$(PYTHON) scripts/bench

.PHONY: soak
soak: release venv ## Mixed load with faults, kills and reloads for MINUTES, into bench/RESULTS.md
	@TRELLIS_BIN_DIR=$(abspath $(BUILD)/dist) $(PYTHON) scripts/bench soak -- --minutes $(or $(MINUTES),30)

# bench-start, bench-http, bench-store, bench-submit, bench-streams, bench-client, bench-work, bench-webhooks, bench-thumbnail
bench-%: release-bench venv witnesses ## One of them: the name of a file in bench/
	@$(PYTHON) bench/$*.py $(ARGS)

# A file named http.py would stand in the way of Python's own package.
.PHONY: bench-http
bench-http: release-bench venv witnesses
	@$(PYTHON) bench/http-vs-nginx.py $(ARGS)

.PHONY: chaos
chaos: build venv ## SIGKILL at ROUNDS random moments (200) by SEED, and the books afterwards
	@$(PYTHON) Tests/blackbox/chaos.py --rounds $(or $(ROUNDS),200) $(if $(SEED),--seed $(SEED))

.PHONY: release-bench
release-bench: release
	@for program in $(BENCHES); do scripts/build -c release --product $$program; done

.PHONY: libraries
libraries:
	@scripts/install $(PACKAGES)

.PHONY: deps
deps: libraries ## Install the Debian packages that are missing (asks for sudo when needed)
	@scripts/install $(TOOLS)

.PHONY: witnesses
witnesses:
	@scripts/install $(WITNESSES)

.PHONY: venv
venv: deps $(VENV)/.done ## Python tools for the black-box tests, in .venv

$(VENV)/.done: Tests/blackbox/requirements.txt
	@python3 -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	@touch $@

.PHONY: clean
clean: ## Remove what was built; data/ stays
	@rm -rf $(BUILD) $(VENV)
