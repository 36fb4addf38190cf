/* The configuration read again: on SIGHUP, when people ask, and when mounted files have changed. What needs a new agent stays as
 * it is, and says so. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "dcs/kubernetes.h"
#include "io/file.h"

#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 5000 };

void agent_apply_times(struct agent *agent)
{
	const struct settings *set = &agent->config.settings;
	if (set->paused && !agent->was_paused)
		agent->self.confirmed = false; /* nothing is switched off before the store has been read again */
	agent->was_paused = set->paused;
	kubernetes_set_times(agent->dcs, set->ttl_ms / 1000, set->retry_timeout_ms, set->loop_wait_ms);
	postgres_reload(agent->pg);
	agent_wake(agent);
}

/* Rows whose value only a new agent takes up are put back as they were. */
static void keep_what_is_fixed(struct config *fresh, const struct config *old)
{
	for (int i = 0; i < settings_count; i++) {
		const struct setting *row = &settings_table[i];
		if (row->effect != EFFECT_AGENT_RESTART || row->size == 0)
			continue;
		char *to = (char *)fresh + row->at;
		const char *from = (const char *)old + row->at;
		if (memcmp(to, from, row->size) == 0)
			continue;
		log_warning("%s has changed: it takes effect when the agent is started again", row->key);
		memcpy(to, from, row->size);
	}
}

static bool reload(struct agent *agent, struct err *err)
{
	struct config fresh;
	const char *path = agent->config_path[0] != '\0' ? agent->config_path : NULL;
	const char *dynamic = dcs_config_text(agent->dcs);
	AUTO(text) char *fallback = dynamic[0] == '\0' ? config_dynamic_text(&agent->config) : NULL;
	if (!config_load(&fresh, path, agent->environment, err))
		return false;
	if (!config_apply_dynamic(&fresh, fallback != NULL ? fallback : dynamic, err)) {
		config_clear(&fresh);
		return false;
	}
	keep_what_is_fixed(&fresh, &agent->config);
	for (int i = 0; i < fresh.note_count; i++)
		log_warning("%s", fresh.notes[i].text);
	config_clear(&agent->config);
	agent->config = fresh;
	log_set_level((enum log_level)agent->config.log_level);
	return true;
}

static void reload_tls(struct agent *agent)
{
	struct err err;
	if (agent->config.rest_certfile[0] == '\0')
		return;
	if (http_server_reload_tls(agent->rest, &err))
		log_info("REST: the certificate was read again");
	else
		log_error("REST: the certificate could not be read again, the old one stays: %s", err.text);
}

/* All or nothing: what cannot be read leaves everything as it is. */
static void on_reload(void *arg)
{
	struct agent *agent = arg;
	struct err err;
	if (!reload(agent, &err)) {
		log_error("the configuration is not read again, the present one stays: %s", err.text);
		return;
	}
	log_info("the configuration was read again");
	reload_tls(agent);
	agent->said_is_old = true;
	agent->volumes.looked = (struct instant){ 0, 0 };
	agent_apply_times(agent);
	struct situation s = agent_situation(agent);
	if (leads_now(&s) && s.instance->tree == PG_TREE_PRIMARY)
		postgres_sync_passwords(agent->pg);
	postgres_callback(agent->pg, "on_reload", member_role_text(role_to_publish(&s)));
}

void agent_reload_soon(struct agent *agent)
{
	loop_timer_set(agent->reload_timer, 0);
}

/* ---- mounted files ---- */

static uint64_t mix(uint64_t stamp, const char *path)
{
	return path[0] != '\0' ? stamp * 31 + file_stamp(path) : stamp;
}

/* A mounted Secret or ConfigMap is swapped as a whole, by its `..data` link. */
static uint64_t stamp_config(const struct agent *agent)
{
	char path[URL_SIZE + 16];
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/..data", agent->config_path);
	return mix(mix(7, agent->config_path), path);
}

static const char *const postgres_tls_files[] = { "ssl_cert_file", "ssl_key_file", "ssl_ca_file", "ssl_crl_file" };

/* Of the REST API and of PostgreSQL, which reads its own again only when it is told to. */
static uint64_t stamp_tls(const struct agent *agent)
{
	const struct config *c = &agent->config;
	const struct json *parameters = json_get(c->postgresql, "parameters");
	uint64_t stamp = mix(mix(mix(7, c->rest_certfile), c->rest_keyfile), c->rest_cafile);
	for (size_t i = 0; i < ARRAY_SIZE(postgres_tls_files); i++) {
		const char *path = json_get_text(parameters, postgres_tls_files[i]);
		stamp = mix(stamp, path != NULL ? path : "");
	}
	return stamp;
}

static void take_up_certificates(struct agent *agent)
{
	reload_tls(agent);
	postgres_reload(agent->pg);
}

static void on_look(void *arg)
{
	struct agent *agent = arg;
	uint64_t config = agent->config_path[0] != '\0' ? stamp_config(agent) : 0, tls = stamp_tls(agent);
	/* each for itself: a configuration that cannot be read must not keep a renewed certificate out */
	if (config != agent->config_stamp)
		agent_reload_soon(agent);
	if (tls != agent->tls_stamp)
		take_up_certificates(agent);
	agent->config_stamp = config;
	agent->tls_stamp = tls;
	loop_timer_set(agent->look_timer, LOOK_MS);
}

void agent_start_reload(struct agent *agent)
{
	agent->reload_timer = loop_timer_create(agent->loop, on_reload, agent);
	agent->look_timer = loop_timer_create(agent->loop, on_look, agent);
	agent->config_stamp = agent->config_path[0] != '\0' ? stamp_config(agent) : 0;
	agent->tls_stamp = stamp_tls(agent);
	if (agent->watches_files)
		loop_timer_set(agent->look_timer, LOOK_MS);
}

void agent_stop_reload(struct agent *agent)
{
	loop_timer_destroy(agent->reload_timer);
	loop_timer_destroy(agent->look_timer);
}
