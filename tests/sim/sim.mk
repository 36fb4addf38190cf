# The simulator and its mutants. Included by the Makefile; needs BUILD, CC, CFLAGS_ALL.
SIM_OWN := $(sort $(wildcard tests/sim/*.c tests/kubemodel/*.c))
SIM_LIB := $(sort $(foreach l,base codec core dcs dcs/kubernetes rest agent,$(wildcard src/$(l)/*.c))) src/supervisor/machine.c
SIM_LIB := $(filter-out src/agent/main.c,$(SIM_LIB))
SIM_LIBS := -lyaml -lcjson -lm
sim_objects = $(patsubst %.c,$(1)/%.o,$(SIM_OWN) $(SIM_LIB))
SIM_CFLAGS = $(CFLAGS_ALL) -Itests/sim -iquote tests

$(BUILD)/sim-obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(SIM_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/mutant-obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(SIM_CFLAGS) -DHOWDAH_MUTANTS -MMD -MP -c -o $@ $<

$(BUILD)/sim: $(call sim_objects,$(BUILD)/sim-obj)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SIM_LIBS)

$(BUILD)/sim-mutants: $(call sim_objects,$(BUILD)/mutant-obj)
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(SIM_LIBS)

SIM_SEEDS ?= 200
sim: $(BUILD)/sim
	@$(BUILD)/sim --seeds $(SIM_SEEDS) --hours 1

mutants: $(BUILD)/sim-mutants
	@$(PYTHON) tests/sim/mutants.py $(BUILD)/sim-mutants

.PHONY: sim mutants
