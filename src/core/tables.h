/* The tables of decide(), one file each. */
#ifndef HOWDAH_CORE_TABLES_H
#define HOWDAH_CORE_TABLES_H

#include "core/decide.h"

extern const struct table guard_table, lock_table, race_table, database_table, start_table, bootstrap_table,
	rollout_table;

/* Whether this member may take part in a race, apart from what its peers say; and whether it would win it. */
bool race_is_candidate(const struct situation *s);
bool race_is_won(const struct situation *s);

/* The duties: what is put right whenever it is wrong, independent of each other. Adds to the plan. */
void duties_add(const struct situation *s, struct plan *plan);
void plan_add(struct plan *plan, enum action action);

#endif
