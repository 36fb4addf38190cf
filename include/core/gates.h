/* The two gates (safety.md): nothing else decides that PostgreSQL may become writable, or that the lock may be given
 * back. Effectors ask again right before they act. */
#ifndef HOWDAH_CORE_GATES_H
#define HOWDAH_CORE_GATES_H

#include "core/decide.h"

enum write_fact {
	FACT_W_ATTACHED,  /* the supervisor answers */
	FACT_W_VOLUME,    /* the volume is ours alone */
	FACT_W_SOUND,     /* the data directory is whole and belongs to this cluster (or is our own bootstrap's) */
	FACT_W_MINE,      /* the record carries our token */
	FACT_W_ANSWERED,  /* a send of ours, by this agent, was found in the object */
	FACT_W_CONFIRMED, /* one consistent read since the lock was won, and it still said so */
	FACT_W_ARMED,     /* the supervisor holds T of this very lease, at least 1 s ahead */
	FACT_W_LEAVING,   /* the container is asked to end */
	FACT_W_COUNT
};
extern const struct table may_become_writable_table; /* the row "open" is the only one that opens */
uint32_t write_facts(const struct situation *s);
bool may_become_writable(const struct situation *s);
const char *may_become_writable_why(const struct situation *s);

enum proof_fact {
	FACT_P_ATTACHED,
	FACT_P_VOLUME,       /* the flock on the volume is held by our supervisor */
	FACT_P_NOTHING_LEFT, /* it says that no process of PostgreSQL is left */
	FACT_P_WRITABLE,     /* it says that something may be writable */
	FACT_P_STARTING,     /* a start or promotion was asked for and is not answered yet */
	FACT_P_NEVER,        /* a standby is all that has run since the lock was won: nothing of ours could commit */
	FACT_P_SHUT_DOWN, /* what was told to stop has written its shutdown: only walsenders and the archiver go on */
	FACT_P_COUNT
};
extern const struct table may_release_table; /* rows "dead" and "standby" prove it */
uint32_t proof_facts(const struct situation *s);
bool may_release(const struct situation *s);
const char *may_release_why(const struct situation *s);

#endif
