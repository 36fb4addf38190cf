/* Which parameters wait for a restart, and why (contract 2.5.1): the server's own flag, and what the standby start guard changed. */
#include "postgres/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_reason(struct json *to, const char *name, const char *old, const char *new)
{
	struct json *reason = json_new_object();
	json_set_text(reason, "old_value", old);
	json_set_text(reason, "new_value", new);
	json_set(to, name, reason);
}

/* Those that the role chooses: a primary whose recovery let nobody in needs no restart for it. */
static bool is_of_role(const char *name)
{
	return guc_is_recovery(name) || text_equal(name, "hot_standby");
}

static void add_flagged(struct postgres *pg, const char *text, struct json *to)
{
	struct err err;
	AUTO(json) struct json *flagged = json_parse(text, strlen(text), &err);
	if (json_count(flagged) == 0)
		return;
	struct gucs *wanted = malloc(sizeof(*wanted));
	if (wanted == NULL)
		abort();
	conf_gucs(pg, pg->role, false, wanted);
	for (const struct json *item = json_first(flagged); item != NULL; item = json_next(item)) {
		const char *new = gucs_get(wanted, json_key(item));
		if (json_is_text(item) && !is_of_role(json_key(item)))
			add_reason(to, json_key(item), json_text(item), new == NULL ? "?" : new);
	}
	gucs_clear(wanted);
	free(wanted);
}

static void add_guarded(const struct postgres *pg, struct json *to)
{
	char text[sizeof(pg->pending_guard) + 4];
	struct err err;
	snprintf(text, sizeof(text), "{%s}", pg->pending_guard);
	AUTO(json) struct json *guarded = json_parse(text, strlen(text), &err);
	for (const struct json *item = json_first(guarded); item != NULL; item = json_next(item))
		if (json_get(to, json_key(item)) == NULL)
			json_set(to, json_key(item), json_copy(item));
}

void pending_restart_take(struct postgres *pg, const char *flagged)
{
	struct postgres_details *details = &pg->details;
	struct strbuf b;
	AUTO(json) struct json *all = json_new_object();
	if (flagged[0] != '\0')
		add_flagged(pg, flagged, all);
	add_guarded(pg, all);
	details->pending_restart = json_count(all) > 0;
	strbuf_init(&b, details->pending_restart_reason, sizeof(details->pending_restart_reason));
	if (details->pending_restart)
		json_print(all, JSON_COMPACT, &b);
	if (!strbuf_ok(&b))
		details->pending_restart_reason[0] = '\0';
}
