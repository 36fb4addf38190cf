/* Slots of members that are there, away, or gone for good. */
#include "core/slots.h"

#include "base/strbuf.h"

#include <string.h>

static struct kept_slot *find(struct kept_slots *kept, const char *slot)
{
	for (int i = 0; i < kept->count; i++)
		if (strcmp(kept->list[i].name, slot) == 0)
			return &kept->list[i];
	return NULL;
}

static int longest_away(const struct kept_slots *kept)
{
	int found = 0;
	for (int i = 1; i < kept->count; i++) {
		const struct kept_slot *a = &kept->list[i], *b = &kept->list[found];
		if (a->over != b->over ? a->over : elapsed_most_ms(a->seen, b->seen) > 0)
			found = i;
	}
	return found;
}

static void remove_at(struct kept_slots *kept, int at)
{
	kept->count--;
	memmove(&kept->list[at], &kept->list[at + 1], (size_t)(kept->count - at) * sizeof(kept->list[0]));
}

void kept_slots_see(struct kept_slots *kept, const char *slot, struct instant now)
{
	struct kept_slot *found = find(kept, slot);
	if (found == NULL) {
		if (kept->count == MEMBERS_MAX)
			remove_at(kept, longest_away(kept));
		found = &kept->list[kept->count++];
		text_copy(found->name, sizeof(found->name), slot);
	}
	found->seen = now;
	found->over = false;
}

void kept_slots_remove(struct kept_slots *kept, const char *slot)
{
	const struct kept_slot *found = find(kept, slot);
	if (found != NULL)
		remove_at(kept, (int)(found - kept->list));
}

/* The number behind the set's name, -1 when it is no pod of the set. */
static int ordinal(const struct wanted_set *set, const char *slot)
{
	char prefix[NAME_SIZE];
	int number = 0;
	slot_name_from_member(set->name, prefix, sizeof(prefix));
	size_t len = strlen(prefix);
	if (strncmp(slot, prefix, len) != 0 || slot[len] != '_' || slot[len + 1] == '\0')
		return -1;
	for (const char *p = slot + len + 1; *p != '\0'; p++) {
		if (*p < '0' || *p > '9' || number > 100000)
			return -1;
		number = number * 10 + (*p - '0');
	}
	return number;
}

/* As the set was looked at after the member had gone, it does not want so many. */
static bool is_scaled_away(const struct kept_slot *slot, const struct wanted_set *set)
{
	return set->known && ordinal(set, slot->name) >= set->first + set->replicas &&
	       elapsed_least_ms(slot->seen, set->looked) > 0;
}

void kept_slots_turn(struct kept_slots *kept, const struct cluster *cluster, const char *self, int64_t ttl_ms,
		     struct instant now)
{
	char slot[NAME_SIZE];
	for (int i = 0; i < kept->count; i++) {
		struct kept_slot *k = &kept->list[i];
		k->over = elapsed_least_ms(k->seen, now) >= ttl_ms || is_scaled_away(k, &cluster->set);
	}
	for (int i = 0; i < cluster->member_count; i++) {
		const struct member *m = &cluster->members[i];
		slot_name_from_member(m->name, slot, sizeof(slot));
		struct kept_slot *k = find(kept, slot);
		if (strcmp(m->name, self) != 0 && !m->nostream)
			kept_slots_see(kept, slot, now);
		else if (k != NULL)
			k->over = true;
	}
}
