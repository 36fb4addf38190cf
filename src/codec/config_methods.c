/* People's own ways to make a data directory: bootstrap.method and postgresql.create_replica_methods. Their sections may have any keys:
 * these become arguments. */
#include "config_private.h"
#include "tags.h"

#include <string.h>

static const char initdb[] = "initdb", basebackup[] = "basebackup";

static const char *bootstrap_method(const struct json *local)
{
	const char *name = json_get_text(json_get(local, "bootstrap"), "method");
	return name == NULL || name[0] == '\0' ? initdb : name;
}

bool methods_restore(const struct json *local)
{
	return strcmp(bootstrap_method(local), initdb) != 0;
}

const struct json *methods_of_replicas(const struct json *postgresql)
{
	const struct json *list = json_get(postgresql, "create_replica_methods");
	if (list == NULL)
		list = json_get(postgresql, "create_replica_method"); /* the former name */
	return json_is_array(list) && json_count(list) > 0 ? list : NULL;
}

bool methods_need_no_leader(const struct json *postgresql)
{
	const struct json *list = methods_of_replicas(postgresql);
	for (const struct json *item = json_first(list); item != NULL; item = json_next(item)) {
		const char *name = json_text(item);
		if (name != NULL && strcmp(name, basebackup) != 0 &&
		    value_is_true(json_get(json_get(postgresql, name), "no_leader")))
			return true;
	}
	return false;
}

static void check_bootstrap(const struct json *local, const struct sink *sink)
{
	const char *name = bootstrap_method(local);
	const struct json *section = json_get(json_get(local, "bootstrap"), name);
	const struct json *recovery = json_get(section, "recovery_conf");
	char key[KEY_SIZE];
	struct strbuf b;
	if (!methods_restore(local))
		return;
	strbuf_init(&b, key, sizeof(key));
	strbuf_addf(&b, "bootstrap.%.60s.command", name);
	if (json_get_text(section, "command") == NULL)
		sink->add(sink->arg, key, "must be a command: bootstrap.method names it", "no default");
	strbuf_init(&b, key, sizeof(key));
	strbuf_addf(&b, "bootstrap.%.60s.recovery_conf", name);
	if (recovery != NULL && !json_is_object(recovery))
		sink->add(sink->arg, key, "must be a mapping of settings of the recovery", "no default");
}

static void check_replicas(const struct json *postgresql, const struct sink *sink)
{
	const struct json *list = methods_of_replicas(postgresql);
	for (const struct json *item = json_first(list); item != NULL; item = json_next(item)) {
		char key[KEY_SIZE];
		struct strbuf b;
		const char *name = json_text(item) != NULL ? json_text(item) : basebackup;
		const struct json *section = json_get(postgresql, name);
		strbuf_init(&b, key, sizeof(key));
		strbuf_addf(&b, "postgresql.%.60s", name);
		if (strcmp(name, basebackup) != 0 && section != NULL && !json_is_object(section))
			sink->add(sink->arg, key, "must be a mapping: create_replica_methods names it", NULL);
	}
}

void methods_check(const struct json *local, const struct json *postgresql, const struct sink *sink)
{
	check_bootstrap(local, sink);
	check_replicas(postgresql, sink);
}
