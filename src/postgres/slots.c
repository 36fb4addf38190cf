/* Physical slots (contract 5.13): the members' and the permanent ones exist, unknown ones that nobody uses go.
 *
 * A standby has the members' slots too, so that they can stream from it the moment it is promoted; but without a position: there they would keep WAL that nobody fetches. */
#include "postgres/private.h"

#include "base/log.h"

#include <string.h>

enum { NAMES_BYTES = 8192, SLOTS_TIMEOUT_MS = 10000 };

static const char create_sql[] =
	"SELECT pg_create_physical_replication_slot(n, NOT pg_is_in_recovery()) FROM unnest($1::text[]) n"
	" WHERE n NOT IN (SELECT slot_name FROM pg_replication_slots)";
static const char drop_sql[] = "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
			       " WHERE slot_type = 'physical' AND NOT temporary AND NOT active"
			       " AND slot_name <> ALL ($1::text[])";

static const char let_go_sql[] =
	"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"
	" WHERE pg_is_in_recovery() AND slot_type = 'physical' AND NOT temporary AND NOT active"
	" AND restart_lsn IS NOT NULL AND slot_name = ANY ($1::text[])";

static void add_name(struct strbuf *to, const char *name)
{
	if (to->len > 1)
		strbuf_add_char(to, ',');
	strbuf_add_char(to, '"');
	for (; *name != '\0'; name++) {
		if (*name == '"' || *name == '\\')
			strbuf_add_char(to, '\\');
		strbuf_add_char(to, *name);
	}
	strbuf_add_char(to, '"');
}

static const struct json *permanent_slots(const struct config *config)
{
	static const char *const keys[] = { "permanent_replication_slots", "permanent_slots", "slots" };
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_get(config->dynamic, keys[i]) != NULL)
			return json_get(config->dynamic, keys[i]);
	return NULL;
}

static bool is_physical_here(const struct json *slot)
{
	const char *type = json_get_text(slot, "type"), *where = json_get_text(slot, "cluster_type");
	if (!json_is_object(slot))
		return true; /* a bare name */
	return (type == NULL || text_equal(type, "physical")) && (where == NULL || text_equal(where, "primary"));
}

static void add_wanted(const struct postgres *pg, struct strbuf *to)
{
	char own[NAME_SIZE];
	slot_name_from_member(pg->config->name, own, sizeof(own));
	for (int i = 0; i < pg->slots.count; i++)
		add_name(to, pg->slots.names[i]);
	const struct json *permanent = permanent_slots(pg->config);
	for (const struct json *slot = json_first(permanent); slot != NULL; slot = json_next(slot))
		if (json_is_object(permanent) && is_physical_here(slot) && !text_equal(json_key(slot), own))
			add_name(to, json_key(slot));
}

/* false: a rule covers every physical slot. A rule that names a database or a plug-in means logical ones. */
static bool add_ignored(const struct config *config, struct strbuf *to)
{
	for (const struct json *rule = json_first(json_get(config->dynamic, "ignore_slots")); rule != NULL;
	     rule = json_next(rule)) {
		const char *name = json_get_text(rule, "name"), *type = json_get_text(rule, "type");
		if (json_get(rule, "database") != NULL || json_get(rule, "plugin") != NULL)
			continue;
		if (type != NULL && !text_equal(type, "physical"))
			continue;
		if (name == NULL)
			return false;
		add_name(to, name);
	}
	return true;
}

static void on_dropped(struct postgres *pg, bool ok, const char *error)
{
	pg->slots.running = false;
	if (!ok)
		log_warning("slots: not dropped: %s", error);
	probe_now(pg);
}

static void on_created(struct postgres *pg, bool ok, const char *error)
{
	char names[NAMES_BYTES];
	struct strbuf b;
	strbuf_init(&b, names, sizeof(names));
	strbuf_add_char(&b, '{');
	add_wanted(pg, &b);
	bool some = add_ignored(pg->config, &b) && !pg->config->settings.paused;
	strbuf_add_char(&b, '}');
	if (!ok)
		log_warning("slots: not created: %s", error);
	pg->slots.running =
		ok && some && strbuf_ok(&b) &&
		work_query(&pg->work, drop_sql, (const char *const[]){ names, NULL }, SLOTS_TIMEOUT_MS, on_dropped);
}

static bool create(struct postgres *pg)
{
	char names[NAMES_BYTES];
	struct strbuf b;
	strbuf_init(&b, names, sizeof(names));
	strbuf_add_char(&b, '{');
	add_wanted(pg, &b);
	strbuf_add_char(&b, '}');
	return strbuf_ok(&b) &&
	       work_query(&pg->work, create_sql, (const char *const[]){ names, NULL }, SLOTS_TIMEOUT_MS, on_created);
}

static void on_let_go(struct postgres *pg, bool ok, const char *error)
{
	if (!ok)
		log_warning("slots: not let go: %s", error);
	pg->slots.running = create(pg);
}

/* What this server held back for members while it was the primary. */
static bool let_go(struct postgres *pg)
{
	char names[NAMES_BYTES];
	struct strbuf b;
	strbuf_init(&b, names, sizeof(names));
	strbuf_add_char(&b, '{');
	for (int i = 0; i < pg->slots.count; i++)
		add_name(&b, pg->slots.names[i]);
	strbuf_add_char(&b, '}');
	return strbuf_ok(&b) &&
	       work_query(&pg->work, let_go_sql, (const char *const[]){ names, NULL }, SLOTS_TIMEOUT_MS, on_let_go);
}

void slots_turn(struct postgres *pg)
{
	struct slots *slots = &pg->slots;
	if (!slots->wanted || slots->running || pg->work.done != NULL || !pg->instance.answers)
		return;
	slots->wanted = false;
	slots->running = pg->instance.in_recovery ? let_go(pg) : create(pg);
}
