/* What concerns more than one setting. */
#include "config_private.h"
#include "tags.h"

#include <string.h>
#include <strings.h>

static const char own[] = "howdah.";

/* Most often it is a misspelt one: show those that there are. */
static void add_unknown(const char *key, const struct sink *sink)
{
	char problem[PROBLEM_SIZE];
	struct strbuf b;
	const char *separator = "";
	strbuf_init(&b, problem, sizeof(problem));
	strbuf_add(&b, "no such setting: there are ");
	for (int i = 0; i < settings_count; i++) {
		if (strncmp(settings_table[i].key, own, sizeof(own) - 1) != 0)
			continue;
		strbuf_addf(&b, "%s%s", separator, settings_table[i].key + sizeof(own) - 1);
		separator = ", ";
	}
	sink->add(sink->arg, key, problem, NULL);
}

void own_keys_check(const struct json *local, const struct sink *sink)
{
	const struct json *section = json_get(local, "howdah");
	if (!json_is_object(section))
		return;
	for (const struct json *item = json_first(section); item != NULL; item = json_next(item)) {
		char key[KEY_SIZE];
		struct strbuf b;
		strbuf_init(&b, key, sizeof(key));
		strbuf_addf(&b, "%s%.100s", own, json_key(item));
		if (setting_find(key) == NULL)
			add_unknown(key, sink);
	}
}

static void check_pair(const struct json *tags, const char *flag, const char *number, const struct sink *sink)
{
	char problem[PROBLEM_SIZE], key[KEY_SIZE];
	struct strbuf b;
	if (!tags_conflict(tags, flag, number))
		return;
	const char *value = tag_is_true(tags, flag) ? "True" : "False";
	strbuf_init(&b, key, sizeof(key));
	strbuf_addf(&b, "tags.%s", flag);
	strbuf_init(&b, problem, sizeof(problem));
	strbuf_addf(&b, "Conflicting configuration between %s: %s and %s: %d. Defaulting to %s: %s", flag, value,
		    number, tag_int(tags, number, 1), flag, value);
	sink->add(sink->arg, key, problem, "");
}

void tags_check(const struct json *local, const struct sink *sink)
{
	const struct json *tags = json_get(local, "tags");
	check_pair(tags, "nofailover", "failover_priority", sink);
	check_pair(tags, "nosync", "sync_priority", sink);
}

void route_check(const struct json *local, const struct sink *sink)
{
	const char *route = json_text(json_path(local, "howdah.route"));
	if (route == NULL || strcasecmp(route, "slice") != 0 ||
	    !value_is_true(json_path(local, "kubernetes.use_endpoints")))
		return;
	sink->add(sink->arg, "howdah.route",
		  "\"slice\" is for ConfigMaps: with kubernetes.use_endpoints the leader object is the route already",
		  NULL);
}
