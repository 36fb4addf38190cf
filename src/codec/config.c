/* The configuration in force: derived from the local tree and the dynamic one, by the table of settings. */
#include "config_private.h"
#include "tags.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char placeholder_name[] =
	"__patroni_strict_sync_replica_placeholder__"; /* means nobody, in synchronous_standby_names */

/* ---- notes ---- */

/* instead "": the problem says it all; NULL: ignored. Tools look for the texts about tags as they are: no key before them. */
static void add_note(void *arg, const char *key, const char *problem, const char *instead)
{
	struct config *config = arg;
	struct strbuf b;
	if (config->note_count == CONFIG_NOTES_MAX)
		return;
	struct config_note *note = &config->notes[config->note_count++];
	strbuf_init(&b, note->text, sizeof(note->text));
	if (instead != NULL && instead[0] == '\0')
		strbuf_add(&b, problem);
	else
		strbuf_addf(&b, "%s: %s; %s%s", key, problem, instead == NULL ? "ignored" : instead,
			    instead == NULL ? "" : " is used");
}

/* ---- values ---- */

static void store(const struct setting *row, const struct checked *value, struct config *config)
{
	char *at = (char *)config + row->at;
	switch (row->type) {
	case SETTING_TEXT:
	case SETTING_SECRET:
		text_copy(at, row->size, value->text); /* it fits: checked */
		break;
	case SETTING_BOOL:
		assert(row->size == sizeof(bool));
		memcpy(at, &value->truth, sizeof(bool));
		break;
	case SETTING_INT:
	case SETTING_ENUM:
		assert(row->size == sizeof(int));
		memcpy(at, &(int){ (int)value->number }, sizeof(int));
		break;
	case SETTING_SECONDS:
	case SETTING_BYTES:
		assert(row->size == sizeof(int64_t));
		memcpy(at, &value->number, sizeof(int64_t));
		break;
	case SETTING_ADDRESS:
		assert(row->size == sizeof(struct config_address));
		memcpy(at, &value->address, sizeof(struct config_address));
		break;
	default:
		assert(!"a setting of this type is read by a function");
	}
}

static void apply_fallback(const struct setting *row, struct config *config)
{
	struct checked checked;
	char problem[PROBLEM_SIZE];
	struct strbuf b;
	struct err err;
	if (row->fallback == NULL)
		return;
	AUTO(json) struct json *value = json_new_text(row->fallback);
	strbuf_init(&b, problem, sizeof(problem));
	enum check result = setting_check(row, value, &checked, &b);
	assert(result == CHECK_OK);
	if (row->take != NULL) {
		bool ok = row->take(config, value, &err);
		assert(ok);
	} else if (row->size > 0) {
		store(row, &checked, config);
	}
}

static const struct json *find_value(const struct setting *row, const struct config *config)
{
	static const char section[] = "postgresql.";
	switch (row->scope) {
	case SETTING_LOCAL:
		return json_path(config->local, row->key);
	case SETTING_DYNAMIC:
		return tree_dynamic(config->dynamic, row->key);
	default: /* both: all of them in one section, where the sources are united already */
		assert(strncmp(row->key, section, sizeof(section) - 1) == 0);
		return json_path(config->postgresql, row->key + sizeof(section) - 1);
	}
}

/* Whether a bad value stops the start: a default in the place of an address, a path, a label would be somebody else's;
 * in the place of an allowlist or of whether members alone may, it would be everybody. */
static bool is_fatal(const struct setting *row)
{
	if (row->scope != SETTING_LOCAL)
		return false;
	if (strncmp(row->key, "restapi.allowlist", strlen("restapi.allowlist")) == 0)
		return true;
	return row->size > 0 ? row->type == SETTING_TEXT || row->type == SETTING_SECRET || row->type == SETTING_ADDRESS
			     : row->take != NULL && row->type == SETTING_MAP;
}

static void nearest_text(const struct setting *row, const struct checked *checked, char *text, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, text, size);
	strbuf_addf(&b, "%lld", (long long)(row->type == SETTING_SECONDS ? checked->number / 1000 : checked->number));
}

/* bad: the text of err is the problem with the key before it */
static bool use_value(const struct setting *row, const struct json *value, struct config *config,
		      const struct sink *sink, struct err *err)
{
	struct checked checked;
	char problem[PROBLEM_SIZE], nearest[24];
	struct strbuf b;
	strbuf_init(&b, problem, sizeof(problem));
	enum check result = setting_check(row, value, &checked, &b);
	if (result == CHECK_RANGE) {
		nearest_text(row, &checked, nearest, sizeof(nearest));
		sink->add(sink->arg, row->key, problem, nearest);
	}
	if (result != CHECK_BAD && row->take != NULL && !row->take(config, value, err)) {
		result = CHECK_BAD;
		strbuf_add(&b, err->text);
	}
	if (result == CHECK_BAD && is_fatal(row))
		return err_set(err, ERR_INPUT, "%s: %s", row->key, problem);
	if (result == CHECK_BAD)
		sink->add(sink->arg, row->key, problem, row->fallback);
	else if (row->size > 0)
		store(row, &checked, config);
	return true;
}

/* Whoever turns on what is not there must hear of it; what equals the default may be anything. */
static void note_idle(const struct setting *row, const struct json *value, const struct sink *sink)
{
	char problem[PROBLEM_SIZE];
	struct strbuf b;
	AUTO(text) char *text = json_print_text(value, JSON_COMPACT);
	if (!row->idle || !value_is_true(value) || (row->fallback != NULL && text_equal(text, row->fallback)))
		return;
	strbuf_init(&b, problem, sizeof(problem));
	strbuf_addf(&b, "%s: accepted, but this version does not act on it", row->key);
	sink->add(sink->arg, row->key, problem, "");
}

/* On failure *failed is the row. */
static bool read_table(struct config *config, const struct sink *sink, const struct setting **failed, struct err *err)
{
	for (int i = 0; i < settings_count; i++) {
		const struct setting *row = &settings_table[i];
		const struct json *value = find_value(row, config);
		apply_fallback(row, config);
		if (value == NULL || json_is_null(value))
			continue;
		note_idle(row, value, sink);
		if (use_value(row, value, config, sink, err))
			continue;
		*failed = row;
		return false;
	}
	return true;
}

static void free_derived(struct config *config)
{
	json_free(config->postgresql);
	json_free(config->tags);
	config->postgresql = config->tags = NULL;
}

/* Everything that follows from config->local and config->dynamic. */
static bool derive(struct config *config, const struct setting **failed, struct err *err)
{
	const struct sink sink = { add_note, config };
	config->postgresql = tree_postgresql(config->local, config->dynamic);
	config->tags = tree_tags(config->local);
	if (!read_table(config, &sink, failed, err)) {
		free_derived(config);
		return false;
	}
	config->has_kubernetes = json_is_object(json_get(config->local, "kubernetes"));
	config->settings.can_bootstrap = json_is_object(json_get(config->local, "bootstrap"));
	tags_failover(json_get(config->local, "tags"), &config->settings.nofailover,
		      &config->settings.failover_priority);
	config->settings.restores = methods_restore(config->local);
	config->settings.clones_alone = methods_need_no_leader(config->postgresql);
	methods_check(config->local, config->postgresql, &sink);
	timeouts_fit(&config->settings, config->laboratory, &sink);
	defaults_from_settings(config);
	tags_check(config->local, &sink);
	own_keys_check(config->local, &sink);
	route_check(config->local, &sink);
	return true;
}

static bool load(struct config *config, struct sources *sources, const char *const environ_[], struct err *err)
{
	const struct setting *failed = NULL;
	char where[2 * URL_SIZE];
	struct strbuf b;
	defaults_move_former_roles(sources->local);
	defaults_from_pod(sources->local, environ_);
	config->local = sources->local;
	config->dynamic = json_new_object();
	sources->local = NULL;
	if (!derive(config, &failed, err)) {
		strbuf_init(&b, where, sizeof(where));
		sources_where(sources, failed->key, &b);
		return err_set(err, ERR_INPUT, "%s%s", where, err->text);
	}
	if (strcasecmp(config->name, placeholder_name) == 0)
		return err_set(err, ERR_INPUT, "name: \"%s\" cannot be the name of a member", config->name);
	return true;
}

bool config_load(struct config *config, const char *path, const char *const environ_[], struct err *err)
{
	struct sources sources;
	*config = (struct config){ 0 };
	const struct sink sink = { add_note, config };
	bool ok = sources_read(&sources, path, environ_, &sink, err) && load(config, &sources, environ_, err);
	sources_free(&sources);
	if (!ok)
		config_clear(config);
	return ok;
}

static bool derive_beside(struct config *next, struct err *err)
{
	const struct setting *failed = NULL;
	return derive(next, &failed, err);
}

bool config_apply_dynamic(struct config *config, const char *json_text_, struct err *err)
{
	AUTO(json) struct json *dynamic = json_parse(json_text_, strlen(json_text_), err);
	if (dynamic == NULL)
		return err_wrap(err, "dynamic configuration");
	if (!json_is_object(dynamic))
		return err_set(err, ERR_INPUT, "the dynamic configuration is not a mapping");
	struct config *next = calloc(1, sizeof(*next));
	if (next == NULL)
		abort();
	next->local = config->local;
	next->dynamic = dynamic;
	bool ok = derive_beside(next, err);
	if (ok) {
		free_derived(config);
		dynamic = config->dynamic; /* dies with this function */
		*config = *next;
	}
	free(next);
	return ok;
}

char *config_bootstrap_dynamic(const struct config *config)
{
	const struct json *dynamic = json_path(config->local, "bootstrap.dcs");
	AUTO(json) struct json *nothing = json_new_object();
	return json_print_text(json_is_object(dynamic) ? dynamic : nothing, JSON_COMPACT);
}

char *config_dynamic_text(const struct config *config)
{
	return json_print_text(config->dynamic, JSON_COMPACT);
}

void config_clear(struct config *config)
{
	free_derived(config);
	json_free(config->local);
	json_free(config->dynamic);
	config->local = config->dynamic = NULL;
}
