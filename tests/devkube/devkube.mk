# The Kubernetes API server for tests. Included by the Makefile; needs BUILD, CC, CFLAGS_ALL, libhowdah.a.
DEVKUBE_OBJ := $(patsubst %.c,$(BUILD)/devkube-obj/%.o,$(sort $(wildcard tests/devkube/*.c tests/kubemodel/*.c)))

$(BUILD)/devkube-obj/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS_ALL) -iquote tests $(PKG_CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/devkube: $(DEVKUBE_OBJ) $(BUILD)/libhowdah.a
	$(Q)$(CC) $(LDFLAGS_ALL) -o $@ $^ $(LIBS)
