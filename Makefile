# howdah. `make` builds, `make test` is all that CI runs, `make demo` shows the main job; `make help` lists the rest.
SHELL := /bin/bash
BUILD ?= build
CC ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
PREFIX ?= /usr/local
PYTHON ?= /usr/bin/python3
VERSION := 0.1.0
Q ?= @
JOBS ?= $(shell nproc)

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wvla -Wpointer-arith -Wwrite-strings -Wundef
HARDEN ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2
OPT ?= -O2 -g
CFLAGS_ALL = -std=gnu17 -D_GNU_SOURCE -DHOWDAH_VERSION='"$(VERSION)"' $(OPT) $(WARN) $(HARDEN) -fPIE -Iinclude -iquote src $(CFLAGS) $(EXTRA)
LDFLAGS_ALL = -pie -Wl,-z,relro,-z,now $(LDFLAGS) $(EXTRA)
PKG_CFLAGS := $(shell pkg-config --cflags libpq libcjson yaml-0.1 libcurl libuv libwebsockets 2>/dev/null)
LIBS := -luv -lwebsockets -lcurl -lssl -lcrypto -lpq -lyaml -lcjson -lm

sources = $(sort $(wildcard $(foreach l,$(1),src/$(l)/*.c src/$(l)/*/*.c)))
objects = $(patsubst src/%.c,$(BUILD)/obj/%.o,$(1))
MAINS := src/agent/main.c src/cli/main.c src/supervisor/main.c
AGENT_SRC := $(call sources,base core codec io dcs platform postgres rest agent)
CTL_SRC := $(call sources,base core codec io dcs cli)
SUPERVISOR_SRC := $(call sources,supervisor)
LIB_SRC := $(filter-out $(MAINS),$(call sources,base core codec io dcs platform postgres rest agent cli supervisor))
UNIT := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/unit/test_*.c)))
RULES := $(patsubst tests/%.c,$(BUILD)/tests/%,$(sort $(wildcard tests/rules/test_*.c)))
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,%,$(sort $(wildcard tests/fuzz/fuzz_*.c)))
FUZZ_S ?= 20

all: $(BUILD)/howdah $(BUILD)/howdah-supervisor $(BUILD)/howdahctl

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/howdah: $(call objects,$(AGENT_SRC))
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

$(BUILD)/howdahctl: $(call objects,$(CTL_SRC))
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)

# libc only, static: it runs in any image
$(BUILD)/howdah-supervisor: $(call objects,$(SUPERVISOR_SRC))
	$(Q)$(CC) -static $(filter-out -pie,$(LDFLAGS_ALL)) -o $@ $^

# everything but the programs' main(), for the tests
$(BUILD)/libhowdah.a: $(call objects,$(LIB_SRC))
	@rm -f $@
	$(Q)ar rcs $@ $^

$(BUILD)/tests/%: tests/%.c $(BUILD)/libhowdah.a
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -iquote tests $(PKG_CFLAGS) -MMD -MP $(LDFLAGS_ALL) -o $@ $< $(BUILD)/libhowdah.a $(LIBS) -lcmocka

include tests/sim/sim.mk
include tests/devkube/devkube.mk

# ---- tests, in the order in which CI runs them ----

unit: $(UNIT) ## unit tests
	@for t in $(UNIT); do $$t || failed="$$failed $$t"; done; [ -z "$$failed" ] || { echo "failed:$$failed"; exit 1; }

rules: $(RULES) ## every combination of facts through every table
	@for t in $(RULES); do $$t || exit 1; done

lint: $(call objects,$(call sources,core supervisor)) ## layers, symbols, banned functions, sizes, format, spelling
	@$(PYTEST) tests/lint
	@$(PYTHON) tests/lint/lint.py --build $(BUILD)

# the same tests under the sanitizers, with clang: a second compiler that must not warn
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
sanitize: ## clang build, unit tests, rules and simulation under ASan and UBSan
	$(MAKE) BUILD=$(BUILD)/clang CC=clang all
	$(MAKE) BUILD=$(BUILD)/sanitize CC=clang OPT="-O1 -g" HARDEN= EXTRA="$(SANITIZE)" unit rules
	$(MAKE) BUILD=$(BUILD)/sanitize CC=clang OPT="-O1 -g" HARDEN= EXTRA="$(SANITIZE)" SIM_SEEDS=10 sim

# the parsers at the door, each with its corpus
fuzz: ## FUZZ_S seconds of libFuzzer for every parser
	$(MAKE) BUILD=$(BUILD)/fuzz CC=clang OPT="-O1 -g" HARDEN= EXTRA="-fsanitize=fuzzer-no-link,address,undefined" $(BUILD)/fuzz/libhowdah.a
	@$(MAKE) -s -k -j$(JOBS) BUILD=$(BUILD)/fuzz $(addprefix fuzz-,$(FUZZ))

fuzz-%: ; @clang $(subst $(HARDEN),,$(CFLAGS_ALL)) -Wno-missing-prototypes $(PKG_CFLAGS) -fsanitize=fuzzer,address,undefined -o $(BUILD)/fuzz_$* tests/fuzz/fuzz_$*.c \
	$(BUILD)/libhowdah.a $(LIBS) && mkdir -p $(BUILD)/corpus/$* && \
	$(BUILD)/fuzz_$* -max_total_time=$(FUZZ_S) -print_final_stats=0 -verbosity=0 -timeout=5 -rss_limit_mb=1024 -artifact_prefix=$(BUILD)/ \
	$(BUILD)/corpus/$* $(wildcard tests/fuzz/corpus/fuzz_$*) >$(BUILD)/fuzz_$*.log 2>&1 && echo "fuzz $*: $(FUZZ_S) s, nothing found" || { tail -30 $(BUILD)/fuzz_$*.log; exit 1; }

PYTEST := $(PYTHON) -m pytest -q -p no:cacheprovider
devkube: $(BUILD)/devkube ## a small API server, compared with a real one, and its faults
	BUILD=$(BUILD) $(PYTEST) tests/devkube

kube: ## the test bed itself: a real API server, network namespaces
	$(PYTEST) tests/kube

system: all $(SYSTEM_EXTRA) ## supervisor and PostgreSQL driver on real PostgreSQL
	BUILD=$(BUILD) $(PYTEST) -rs tests/system --ignore tests/system/stories

stories: all $(BUILD)/devkube ## real PostgreSQL, real API server, a client that judges
	BUILD=$(BUILD) $(PYTEST) -n $(JOBS) tests/system/stories

chart: all ## the Helm chart: rendered, refused, installed, agents under its Role
	BUILD=$(BUILD) $(PYTEST) -n $(JOBS) tests/chart

chart-files: all ## what is made from the chart's values and the settings
	@$(PYTHON) charts/generate.py $(BUILD)/howdah --helm $$(tests/chart/helm.sh)

# where root or packages are missing they say so and are skipped
E2E := $(PYTEST) -rs -rP --durations=0 --durations-min=1
e2e-smoke: ## a real kubelet: install, delete the leader, change the sidecar, scale, uninstall; 6 minutes
	@tests/tools/install.sh e2e || true
	@BUILD=$(BUILD) $(E2E) tests/e2e/test_image.py tests/e2e/test_smoke.py

e2e: ## everything on real nodes (PICK="-k rollout")
	@tests/tools/install.sh e2e || true
	@BUILD=$(BUILD) $(E2E) tests/e2e $(PICK)

e2e-numbers: ## what faults cost clients on real nodes, as a table (ROUNDS=3 PICK="-k switchover"; WRITE=--write keeps it)
	@tests/tools/install.sh e2e || true
	@mkdir -p $(BUILD) && rm -rf $(BUILD)/e2e-numbers.jsonl $(BUILD)/e2e-logs
	@BUILD=$(BUILD) ROUNDS=$(or $(ROUNDS),3) $(E2E) tests/e2e/test_numbers.py tests/e2e/test_image.py::test_it_is_small $(PICK)
	@$(PYTHON) tests/e2e/figures.py $(BUILD)/e2e-numbers.jsonl $(WRITE)

tour: all ## docs/tour.md and docs/tour.cast: what a person types and sees, on real nodes
	@tests/tools/install.sh e2e || true
	@TOUR=docs BUILD=$(BUILD) $(E2E) tests/e2e/test_tour.py

install-tools: ; @tests/tools/install.sh

test: install-tools ## everything CI runs
	@$(MAKE) -s test-steps

test-steps:
	@$(PYTHON) tests/tools/run.py \
		"build=$(MAKE) -s -j$(JOBS) all" \
		"lint=$(MAKE) -s lint" \
		"unit=$(MAKE) -s -j$(JOBS) $(UNIT) && $(MAKE) -s unit" \
		"rules=$(MAKE) -s rules" \
		"simulation=$(MAKE) -s -j$(JOBS) sim" \
		"mutants=$(MAKE) -s -j$(JOBS) mutants" \
		"sanitizers=$(MAKE) -s -j$(JOBS) sanitize" \
		"fuzz=$(MAKE) -s -j$(JOBS) fuzz" \
		"devkube=$(MAKE) -s devkube" \
		"bed=$(MAKE) -s kube" \
		"system=$(MAKE) -s system" \
		"stories=$(MAKE) -s stories" \
		"chart=$(MAKE) -s chart" \
		"nodes=$(MAKE) -s e2e-smoke"

demo: ## three members, a killed leader, a frozen agent, in two minutes (KUBE=real KEEP=1)
	@tests/tools/install.sh demo
	@BUILD=$(BUILD) $(PYTHON) tests/demo/demo.py

bench: all ## howdah beside Patroni: what clients wait for, what members cost (BENCH="--quick --only switchover ...")
	@BUILD=$(BUILD) $(PYTHON) tests/bench/bench.py $(BENCH)

soak: all $(BUILD)/sim ## a long campaign of the simulator; 10,000 slow clients
	CLIENTS=10000 BUILD=$(BUILD) $(PYTEST) -rA tests/system/test_rest_crowd.py
	$(BUILD)/sim --seeds 3000 --hours 1

PATRONICTL ?= # of install: 1 lets scripts that call patronictl find howdahctl
install: all ## DESTDIR= PREFIX= PATRONICTL=1
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 0755 $(BUILD)/howdah $(BUILD)/howdah-supervisor $(BUILD)/howdahctl $(DESTDIR)$(PREFIX)/bin/
	ln -sf howdahctl $(DESTDIR)$(PREFIX)/bin/kubectl-howdah
	$(if $(filter 1 yes,$(PATRONICTL)),ln -sf howdahctl $(DESTDIR)$(PREFIX)/bin/patronictl)

install-plugin: $(BUILD)/howdahctl ## `kubectl howdah` for this person (PREFIX=, else ~/.local)
	install -D -m 0755 $(BUILD)/howdahctl $(if $(filter file,$(origin PREFIX)),$(HOME)/.local,$(PREFIX))/bin/kubectl-howdah

IMAGE ?= howdah:$(VERSION)
image: ## the sidecar's image, with buildah, podman or docker (IMAGE= IMAGE_TOOL= BUILD_FLAGS=)
	@VERSION=$(VERSION) deploy/image/build.sh image $(IMAGE)

sbom: image ## BUILD/howdah.spdx.json: what is in the image
	@mkdir -p $(BUILD)
	@deploy/image/build.sh sbom $(IMAGE) $(BUILD)/howdah.spdx.json && echo $(BUILD)/howdah.spdx.json

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

clean: ## remove the build
	rm -rf $(BUILD)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
.PHONY: all chart chart-files unit rules lint sanitize fuzz devkube kube system stories e2e-smoke e2e e2e-numbers tour test test-steps install-tools install install-plugin image sbom demo bench soak help clean
.SECONDARY:
