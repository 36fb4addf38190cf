/* Trees of settings: setting by path, and which source wins (contract 2.1). */
#include "config_private.h"
#include "tags.h"

#include <string.h>
#include <strings.h>

static struct json *enter(struct json *object, const char *key)
{
	const struct json *there = json_get(object, key);
	if (!json_is_object(there)) {
		json_set(object, key, json_new_object());
		there = json_get(object, key);
	}
	return (struct json *)there; /* ours: the root was given to be changed */
}

void tree_set(struct json *root, const char *dotted, struct json *value)
{
	char key[KEY_SIZE];
	for (const char *dot; (dot = strchr(dotted, '.')) != NULL; dotted = dot + 1) {
		struct strbuf part;
		strbuf_init(&part, key, sizeof(key));
		strbuf_add_bytes(&part, dotted, (size_t)(dot - dotted));
		root = enter(root, key);
	}
	json_set(root, dotted, value);
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names != NULL; names++)
		if (strcasecmp(name, *names) == 0)
			return true;
	return false;
}

/* Not taken from the dynamic configuration: they differ from member to member. */
static const char *const local_only[] = { "connect_address", "proxy_address", "listen",         "config_dir",
					  "data_dir",        "pgpass",        "authentication", NULL };

/* Not taken from the local one: every member must have the same. */
static const char *const dynamic_only[] = { "use_slots", NULL };

/* The parameters of contract 2.5, which also come from the dynamic configuration alone. */
static const char *const controlled[] = { "wal_level",
					  "hot_standby",
					  "max_connections",
					  "max_wal_senders",
					  "wal_keep_segments",
					  "wal_keep_size",
					  "max_prepared_transactions",
					  "max_locks_per_transaction",
					  "track_commit_timestamp",
					  "max_replication_slots",
					  "max_worker_processes",
					  "wal_log_hints",
					  "listen_addresses",
					  "port",
					  "cluster_name",
					  NULL };

bool tree_is_controlled(const char *parameter)
{
	return is_one_of(parameter, controlled);
}

static void merge_parameters(struct json *into, const struct json *local)
{
	for (const struct json *item = json_first(local); item != NULL; item = json_next(item))
		if (!tree_is_controlled(json_key(item)))
			json_set(into, json_key(item), json_copy(item));
}

struct json *tree_postgresql(const struct json *local, const struct json *dynamic)
{
	static const char parameters[] = "parameters";
	struct json *result = json_new_object();
	const struct json *section = json_get(dynamic, "postgresql");
	for (const struct json *item = json_is_object(section) ? json_first(section) : NULL; item != NULL;
	     item = json_next(item))
		if (!is_one_of(json_key(item), local_only))
			json_set(result, json_key(item), json_copy(item));
	section = json_get(local, "postgresql");
	for (const struct json *item = json_is_object(section) ? json_first(section) : NULL; item != NULL;
	     item = json_next(item)) {
		if (strcmp(json_key(item), parameters) == 0 && json_is_object(item))
			merge_parameters(enter(result, parameters), item);
		else if (!is_one_of(json_key(item), dynamic_only))
			json_set(result, json_key(item), json_copy(item));
	}
	return result;
}

/* Published only when they say something; the number beside the boolean makes "false" a statement. */
static const struct {
	const char *tag, *number;
} quiet_tags[] = {
	{ "clonefrom", NULL },     { "nofailover", "failover_priority" },
	{ "noloadbalance", NULL }, { "nosync", "sync_priority" },
	{ "nostream", NULL },
};

struct json *tree_tags(const struct json *local)
{
	const struct json *given = json_get(local, "tags");
	if (!json_is_object(given) || json_count(given) == 0)
		return NULL;
	struct json *tags = json_copy(given);
	for (size_t i = 0; i < ARRAY_SIZE(quiet_tags); i++)
		if (!tag_is_true(tags, quiet_tags[i].tag) &&
		    (quiet_tags[i].number == NULL || json_get(tags, quiet_tags[i].number) == NULL))
			json_remove(tags, quiet_tags[i].tag);
	if (json_count(tags) > 0)
		return tags;
	json_free(tags);
	return NULL;
}

static const struct {
	const char *key, *former;
} former_names[] = {
	{ "primary_start_timeout", "master_start_timeout" },
	{ "primary_stop_timeout", "master_stop_timeout" },
};

const struct json *tree_dynamic(const struct json *dynamic, const char *key)
{
	const struct json *value = json_path(dynamic, key);
	for (size_t i = 0; value == NULL && i < ARRAY_SIZE(former_names); i++)
		if (strcmp(former_names[i].key, key) == 0)
			return json_get(dynamic, former_names[i].former);
	return value;
}
