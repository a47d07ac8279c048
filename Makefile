# What a developer runs. `make help` lists it; docs/TESTING.md says more about the tests.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
export LC_ALL := C.UTF-8

PREFIX ?= /usr/local
DESTDIR ?=
BUILD := build/release
BINARY := $(BUILD)/bin/millrace

# What ONLY, TARGET, RUNS, SECONDS, N, SEED, SEEDS, TRACE, KIND, SHORT, DEMO_FOR, DEMO_RATE, LISTEN, DATA, RESET, STREAM, JOBS, COVERAGE, QUICK, ARGS say reaches the scripts through the environment.
export ONLY TARGET RUNS DEMO_FOR DEMO_RATE LISTEN DATA RESET STREAM N SEED SEEDS TRACE KIND SHORT JOBS COVERAGE JUDGE_EVERY QUICK ARGS
# `SECONDS` counts up by itself in bash.
export FUZZ_SECONDS := $(SECONDS)

.PHONY: help setup build run demo test check bench fuzz crash faults sim sabotage fmt install clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install what is missing: Debian packages by apt, the engine's library by npm
	@tools/setup.sh all

build: ## build/release/bin/millrace, optimised
	@tools/build.sh release millrace
	@echo "==> built $(BINARY)"

run: build ## the server, with its data in ./millrace-data
	@exec $(BINARY) serve

demo: build ## a made-up product's two weeks and its live traffic; LISTEN=127.0.0.1:9000, DATA=folder, DEMO_FOR=60s, DEMO_RATE=500, RESET=1, STREAM=kafka
	@exec tools/demo.sh

test: ## everything that must hold: unit tests, tidy, whole program, crashes, clients
	@tools/test.sh

check: ## under a minute when nothing changed: format, tidy, clang-tidy on what changed, unit tests
	@tools/check.sh

bench: ## benchmarks beside their peers; ONLY=B4 picks one, QUICK=1 is a short form
	@tools/bench.sh

fuzz: ## fuzz targets; TARGET=name (help: all names and words), RUNS=n or SECONDS=s for each, COVERAGE=1 what they reach
	@tools/fuzz.sh

crash: build ## under load: KIND=server|engine (kill -9), power (cut), disk (full); N=rounds SEED=number
	@tools/crash.sh

faults: ## every fault of docs/reliability.md as long as it lasts, with figures; ONLY=F9 picks one, SHORT=1 takes seconds
	@tools/faults.sh

sim: ## the whole write path simulated from seeds; SEEDS=how many SEED=the first, TRACE=1 tells what happens
	@tools/sim.sh

sabotage: ## builds that are wrong on purpose, which the simulation must find out; KIND=power: power cuts must
	@tools/sabotage.sh

fmt: ## lay out the code
	@tools/setup.sh check
	@git ls-files -z -- '*.h' '*.cc' | xargs -0 clang-format-14 -i

install: build ## program, engine library, systemd unit, example configuration, documents; PREFIX= DESTDIR=
	@tools/install.sh "$(PREFIX)" "$(DESTDIR)"

clean: ## remove build/; the cache of make setup stays
	@rm -rf build
