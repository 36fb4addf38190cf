/* Member slots: what the server should have, when it is told, and what the next leader is told. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "codec/json.h"

#include <string.h>

static void add_line(struct strbuf *b, const char *slot)
{
	strbuf_addf(b, "%s\n", slot);
}

/* A line each: a primary's are those that it keeps, a standby's those of the members that are there. */
static void write_names(const struct agent *agent, struct strbuf *to)
{
	char slot[NAME_SIZE];
	const struct cluster *cluster = dcs_view(agent->dcs);
	for (int i = 0; agent->slots_of_primary && i < agent->kept_slots.count; i++)
		if (!agent->kept_slots.list[i].over)
			add_line(to, agent->kept_slots.list[i].name);
	for (int i = 0; !agent->slots_of_primary && i < cluster->member_count; i++) {
		const struct member *m = &cluster->members[i];
		if (strcmp(m->name, agent->self.name) == 0 || m->nostream)
			continue;
		slot_name_from_member(m->name, slot, sizeof(slot));
		add_line(to, slot);
	}
}

/* What the leader before us, or we before a restart, kept for members that are away: their time begins anew. */
static void adopt(struct agent *agent, struct instant now)
{
	char own[NAME_SIZE];
	struct err err;
	const char *text = dcs_view(agent->dcs)->slots;
	slot_name_from_member(agent->self.name, own, sizeof(own));
	agent->kept_slots.count = 0;
	AUTO(json) struct json *slots = text[0] == '\0' ? NULL : json_parse(text, strlen(text), &err);
	for (const struct json *slot = json_first(slots); slot != NULL; slot = json_next(slot))
		if (json_key(slot) != NULL && strlen(json_key(slot)) < NAME_SIZE && strcmp(json_key(slot), own) != 0)
			kept_slots_see(&agent->kept_slots, json_key(slot), now);
}

static bool server_has(const struct agent *agent, const char *slot)
{
	char key[NAME_SIZE + 8];
	struct strbuf b;
	strbuf_init(&b, key, sizeof(key));
	strbuf_addf(&b, "\"%s\":", slot);
	return strstr(postgres_details(agent->pg)->slots, key) != NULL;
}

/* True: one of those that are over is still there, in use for example. */
static bool forget_dropped(struct agent *agent)
{
	bool left = false;
	for (int i = agent->kept_slots.count - 1; i >= 0; i--) {
		const struct kept_slot *k = &agent->kept_slots.list[i];
		if (k->over && server_has(agent, k->name))
			left = true;
		else if (k->over) {
			log_info("the slot %s is not kept any more: its member does not come back", k->name);
			kept_slots_remove(&agent->kept_slots, k->name);
		}
	}
	return left;
}

/* A primary's slots hold WAL back, a standby's do not: they are made anew when it changes. */
void agent_sense_slots(struct agent *agent, struct instant now)
{
	char names[SLOTS_TEXT_SIZE];
	struct strbuf b;
	bool left = false, primary = postgres_instance(agent->pg)->tree == PG_TREE_PRIMARY;
	if (primary != agent->slots_of_primary || postgres_instance(agent->pg)->tree == PG_TREE_DOWN)
		agent->slots[0] = '\0';
	if (primary && !agent->slots_of_primary)
		adopt(agent, now);
	agent->slots_of_primary = primary;
	if (primary) {
		kept_slots_turn(&agent->kept_slots, dcs_view(agent->dcs), agent->self.name,
				agent->config.settings.member_slots_ttl_ms, now);
		left = forget_dropped(agent);
	}
	strbuf_init(&b, names, sizeof(names));
	write_names(agent, &b);
	bool rested = elapsed_most_ms(agent->slots_synced, now) >= agent->config.settings.loop_wait_ms;
	agent->self.slots_due =
		agent->config.settings.use_slots && (strcmp(names, agent->slots) != 0 || (left && rested));
}

void agent_sync_slots(struct agent *agent)
{
	char slots[MEMBERS_MAX][NAME_SIZE];
	int count = 0;
	struct strbuf b;
	strbuf_init(&b, agent->slots, sizeof(agent->slots));
	write_names(agent, &b);
	agent->slots_synced = loop_now(agent->loop);
	for (const char *p = agent->slots; *p != '\0' && count < MEMBERS_MAX; p += strcspn(p, "\n") + 1) {
		size_t len = strcspn(p, "\n");
		memcpy(slots[count], p, len);
		slots[count++][len] = '\0';
	}
	postgres_sync_slots(agent->pg, (const char(*)[NAME_SIZE])slots, count);
}

/* Contract 1.3 `retain_slots`. */
void agent_retained_slots(const struct agent *agent, struct strbuf *to)
{
	const char *before = "[";
	for (int i = 0; i < agent->kept_slots.count; i++) {
		if (agent->kept_slots.list[i].over)
			continue;
		strbuf_addf(to, "%s\"%s\"", before, agent->kept_slots.list[i].name);
		before = ", ";
	}
	if (before[0] == ',')
		strbuf_add_char(to, ']');
}
