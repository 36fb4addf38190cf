/* The first byte chooses: a dynamic configuration on top of a sound local one, or a local one (as a variable, so that no file is needed). */
#include "codec/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the rest of the agent relies on, whatever was configured. */
static void check_settings(const struct config *config)
{
	const struct settings *s = &config->settings;
	int64_t room = s->ttl_ms - lease_margin_ms(s->ttl_ms) - (config->laboratory ? 1000 : 2000);
	if (s->loop_wait_ms < 1000 || s->retry_timeout_ms < 1000 || s->loop_wait_ms + s->retry_timeout_ms > room)
		abort();
	if (s->maximum_lag_on_failover_bytes < 0 || s->primary_start_timeout_ms < 0 || s->max_timelines_history < 0)
		abort();
	if (s->nofailover != (s->failover_priority <= 0) || config->note_count > CONFIG_NOTES_MAX)
		abort();
	if (!json_is_object(config->postgresql) || !json_is_object(config->local) || !json_is_object(config->dynamic))
		abort();
}

static void try_dynamic(const char *text)
{
	static const char *const environ_[] = { "PATRONI_SCOPE=s", "PATRONI_NAME=m", NULL };
	static struct config config;
	struct err err;
	if (!config_load(&config, NULL, environ_, &err))
		abort();
	if (config_apply_dynamic(&config, text, &err) && !config_apply_dynamic(&config, "{}", &err))
		abort();
	(void)config_apply_dynamic(&config, text, &err);
	check_settings(&config);
	config_clear(&config);
}

static void ignore_line(void *arg, const char *line)
{
	*(size_t *)arg += strlen(line);
}

static void try_local(const char *text)
{
	static struct config config;
	struct err err;
	size_t total = 0;
	AUTO(text) char *variable = NULL;
	if (asprintf(&variable, "PATRONI_CONFIGURATION=%s", text) < 0)
		abort();
	const char *const environ_[] = { variable, "POD_IP=fd00::1", "POD_NAME=m", NULL };
	if (config_load(&config, NULL, environ_, &err)) {
		check_settings(&config);
		AUTO(text) char *dynamic = config_bootstrap_dynamic(&config);
		if (!config_apply_dynamic(&config, dynamic, &err))
			abort();
		check_settings(&config);
		config_clear(&config);
	}
	(void)config_validate(NULL, environ_, ignore_line, &total);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	AUTO(text) char *text = strndup((const char *)data + 1, size - 1);
	if (text == NULL)
		abort();
	if (data[0] == 'd')
		try_dynamic(text);
	else
		try_local(text);
	return 0;
}
