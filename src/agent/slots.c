/* Which members have a replication slot here: those that are there, and those that went away a moment ago and may come back, for as
 * long as member_slots_ttl says (contract 5.13). Every member remembers that by itself. One that its StatefulSet does not want any more
 * has none. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"

#include <string.h>

static struct known_member *find(struct known_members *known, const char *name)
{
	for (int i = 0; i < known->count; i++)
		if (strcmp(known->list[i].name, name) == 0)
			return &known->list[i];
	return NULL;
}

static void forget(struct known_members *known, struct known_member *member)
{
	*member = known->list[--known->count];
}

static struct known_member *oldest(struct known_members *known)
{
	struct known_member *found = &known->list[0];
	for (int i = 1; i < known->count; i++)
		if (known->list[i].seen.boot_us < found->seen.boot_us)
			found = &known->list[i];
	return found;
}

/* Where there is no room left, whoever has been away for longest makes some. */
static void see(struct known_members *known, const char *name, struct instant now)
{
	struct known_member *member = find(known, name);
	if (member == NULL)
		member = known->count < KNOWN_MEMBERS_MAX ? &known->list[known->count++] : oldest(known);
	text_copy(member->name, sizeof(member->name), name);
	member->seen = now;
}

/* `shop-3` of the StatefulSet `shop` with three replicas. */
static bool is_scaled_away(const struct wanted_set *set, const char *name)
{
	int64_t ordinal;
	size_t len = strlen(set->name);
	if (!set->known || len == 0 || strncmp(name, set->name, len) != 0 || name[len] != '-')
		return false;
	return text_to_i64(name + len + 1, &ordinal) && ordinal >= set->first + set->replicas;
}

static bool is_kept(const struct agent *agent, const struct known_member *member, struct instant now)
{
	const struct cluster *cluster = dcs_view(agent->dcs);
	if (cluster_member(cluster, member->name) != NULL)
		return true;
	return !is_scaled_away(&cluster->set, member->name) &&
	       elapsed_most_ms(member->seen, now) < agent->config.settings.member_slots_ttl_ms;
}

static void look_at_members(struct agent *agent, struct instant now)
{
	struct known_members *known = &agent->known;
	const struct cluster *cluster = dcs_view(agent->dcs);
	for (int i = 0; i < cluster->member_count; i++) {
		const struct member *m = &cluster->members[i];
		struct known_member *before = find(known, m->name);
		if (strcmp(m->name, agent->self.name) != 0 && !m->nostream)
			see(known, m->name, now);
		else if (before != NULL)
			forget(known, before);
	}
	for (int i = known->count - 1; i >= 0; i--) {
		if (is_kept(agent, &known->list[i], now))
			continue;
		log_info("the slot of %s is not kept any longer", known->list[i].name);
		forget(known, &known->list[i]);
	}
}

/* By name, a line each: whether something changed is seen by comparing texts. */
static void print_names(const struct known_members *known, struct strbuf *to)
{
	char slot[NAME_SIZE];
	const char *last = "";
	for (int n = 0; n < known->count; n++) {
		const char *next = NULL;
		for (int i = 0; i < known->count; i++) {
			const char *name = known->list[i].name;
			if (strcmp(name, last) > 0 && (next == NULL || strcmp(name, next) < 0))
				next = name;
		}
		if (next == NULL)
			return;
		slot_name_from_member(next, slot, sizeof(slot));
		strbuf_addf(to, "%s\n", slot);
		last = next;
	}
}

/* A primary's slots hold WAL back, a standby's do not: they are made anew when it changes. */
void agent_sense_slots(struct agent *agent, struct instant now)
{
	struct strbuf b;
	const struct instance *instance = postgres_instance(agent->pg);
	bool primary = instance->tree == PG_TREE_PRIMARY;
	if (primary != agent->slots_of_primary || instance->tree == PG_TREE_DOWN)
		agent->slots[0] = '\0';
	agent->slots_of_primary = primary;
	if (dcs_view(agent->dcs)->loaded)
		look_at_members(agent, now);
	strbuf_init(&b, agent->slots_wanted, sizeof(agent->slots_wanted));
	print_names(&agent->known, &b);
	agent->self.slots_due = agent->config.settings.use_slots && strcmp(agent->slots_wanted, agent->slots) != 0;
}

void agent_sync_slots(struct agent *agent)
{
	char slots[KNOWN_MEMBERS_MAX][NAME_SIZE];
	int count = 0;
	text_copy(agent->slots, sizeof(agent->slots), agent->slots_wanted);
	for (const char *p = agent->slots; *p != '\0' && count < KNOWN_MEMBERS_MAX; p += strcspn(p, "\n") + 1) {
		size_t len = strcspn(p, "\n");
		memcpy(slots[count], p, len);
		slots[count++][len] = '\0';
	}
	postgres_sync_slots(agent->pg, (const char(*)[NAME_SIZE])slots, count);
}
