/* The dynamic configuration beside the data (contract 2.1): what an agent begins with until the store has been read. It stands in
 * nobody's way: what cannot be read counts as not there, what cannot be written is tried again. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "io/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CACHE_MAX = 256 * 1024, CACHE_AGAIN_MS = 60000 };

static void cache_path(const struct config *config, char *path, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, path, size);
	strbuf_addf(&b, "%s/patroni.dynamic.json", config->data_dir);
}

/* What a bootstrap restored may have the file of an older cluster in it. */
static bool is_of_bootstrap(const struct config *config)
{
	char path[URL_SIZE + 32];
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s.howdah/bootstrap", config->data_dir);
	return file_exists(path);
}

static bool begin_with_cache(struct config *config)
{
	char path[URL_SIZE + 32];
	size_t len;
	struct err err;
	AUTO(text) char *text = malloc(CACHE_MAX);
	if (text == NULL)
		abort();
	cache_path(config, path, sizeof(path));
	if (!file_read(path, text, CACHE_MAX, &len, &err)) {
		if (err.kind != ERR_MISSING)
			log_warning("the dynamic configuration beside the data is not used: %s", err.text);
		return false;
	}
	if (config_apply_dynamic(config, text, &err)) {
		log_info("until the store has been read, the dynamic configuration is that of %s", path);
		return true;
	}
	log_warning("the dynamic configuration beside the data is not used: %s: %s", path, err.text);
	return false;
}

bool agent_begin_config(struct config *config, struct err *err)
{
	if (!is_of_bootstrap(config) && begin_with_cache(config))
		return true;
	AUTO(text) char *text = config_bootstrap_dynamic(config);
	return config_apply_dynamic(config, text, err) || err_wrap(err, "bootstrap.dcs");
}

/* As PostgreSQL's own files there. */
static mode_t file_mode(const char *data_dir)
{
	struct stat st;
	bool group = stat(data_dir, &st) == 0 && (st.st_mode & 07777) == 0750;
	return group ? 0640 : 0600;
}

static bool may_write(const struct agent *agent)
{
	const struct instance *i = postgres_instance(agent->pg);
	return i->volume_locked && i->data == DATA_OK && !i->bootstrap_attempt && i->job == PG_JOB_NONE;
}

void agent_keep_config(struct agent *agent)
{
	char path[URL_SIZE + 32];
	struct err err;
	struct instant now = loop_now(agent->loop);
	bool rests = instant_is_set(agent->cache_failed) && elapsed_most_ms(agent->cache_failed, now) < CACHE_AGAIN_MS;
	if (postgres_instance(agent->pg)->data != DATA_OK)
		agent->cache_is_right = false; /* whatever comes next is another directory */
	if (agent->cache_is_right || rests || dcs_config_text(agent->dcs)[0] == '\0' || !may_write(agent))
		return;
	AUTO(text) char *text = config_dynamic_text(&agent->config);
	cache_path(&agent->config, path, sizeof(path));
	agent->cache_is_right = file_replace(path, text, strlen(text), file_mode(agent->config.data_dir), &err);
	agent->cache_failed = agent->cache_is_right ? (struct instant){ 0, 0 } : now;
	if (!agent->cache_is_right)
		log_warning("the dynamic configuration is not kept beside the data: %s", err.text);
}
