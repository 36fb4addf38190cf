/* Whose replication slots a primary keeps: the members' that are there, and for member_slots_ttl those of members that are
 * away (contract 5.13), because they want the WAL when they come back. A member that was scaled away does not come back. */
#ifndef HOWDAH_CORE_SLOTS_H
#define HOWDAH_CORE_SLOTS_H

#include "core/cluster.h"

struct kept_slot {
	char name[NAME_SIZE];
	struct instant seen; /* when its member was last there */
	bool over;           /* nobody waits for it any more: it is only remembered until the server has dropped it */
};

struct kept_slots {
	int count;
	struct kept_slot list[MEMBERS_MAX];
};

/* Its member is there, or as good as there: what a former leader has kept. When there is no room, the one that is over, else
 * the one that was away for longest goes. */
void kept_slots_see(struct kept_slots *kept, const char *slot, struct instant now);
void kept_slots_remove(struct kept_slots *kept, const char *slot);
/* Sees to who is there and says who is over. `self` is our own name, which has no slot here. */
void kept_slots_turn(struct kept_slots *kept, const struct cluster *cluster, const char *self, int64_t ttl_ms,
		     struct instant now);

#endif
