/* Facts are bits, rules are an ordered table, the first match wins. At most 20 facts a table, so that a test can walk
 * every combination. */
#ifndef HOWDAH_CORE_TABLE_H
#define HOWDAH_CORE_TABLE_H

#include "base/base.h"

/* What can be done about it. Each has exactly one effector in agent/. */
enum action {
	ACT_NONE,
	/* fencing */
	ACT_FENCE,     /* kill everything now */
	ACT_STOP_FAST, /* stop before the deadline comes */
	/* the lock */
	ACT_ACQUIRE,
	ACT_RENEW,
	ACT_RELEASE,
	ACT_CAP_DEADLINE, /* rest T on the lower ttl before writing it */
	ACT_FORGET_LEASE, /* the record is not ours any more: drop the token */
	ACT_REFRESH,      /* one consistent read between winning and promoting */
	ACT_ASK_PEERS,
	ACT_ASK_FAILSAFE, /* may we go on without the store? */
	/* PostgreSQL */
	ACT_STOP,
	ACT_TERM_GO,
	ACT_CANCEL_JOB,
	ACT_PROMOTE,
	ACT_START_PRIMARY,
	ACT_START_STANDBY,
	ACT_FOLLOW,
	ACT_POST_BOOTSTRAP,
	ACT_MOVE_ASIDE,
	ACT_CLONE,
	ACT_CLONE_ALONE, /* by methods that need no leader */
	ACT_REWIND,
	ACT_WIPE,
	/* the cluster */
	ACT_INITIALIZE_BEGIN,
	ACT_INITIALIZE_CANCEL,
	ACT_INITIALIZE_FINISH,
	ACT_INITDB,
	ACT_RESTORE, /* a new cluster by a method of people's */
	ACT_BOOTSTRAP_DONE,
	/* duties */
	ACT_SET_DEADLINE,
	ACT_PUBLISH,         /* own pod: labels and status */
	ACT_WRITE_ROUTE,     /* the leader's EndpointSlices */
	ACT_TAKE_LABELS_OFF, /* the leader's label on other pods */
	ACT_CLEAR_MOVE,      /* a switchover or failover is done, or cannot be */
	ACT_NOTE_TTL,        /* say in the cluster's state how long a lease may be */
	ACT_WRITE_HISTORY,
	ACT_SYNC_SLOTS,
	ACT_MARK_TIMELINE, /* note on the volume with which lease the timeline began that is streamed */
	ACT_CHECKPOINT,
	/* the roll-out */
	ACT_LOOK_AT_ROLLOUT,
	ACT_CHANGE_POD,
	ACT_SET_REVISION,
	ACT_EVICT,
	ACT_HAND_OVER, /* ask for a switchover, as a person would */
	ACT_COUNT
};
const char *action_name(enum action action);

enum { RULE_ACTIONS_MAX = 2 };
#define FACTS_MAX 20

struct rule {
	const char *id; /* for logs, records and tests */
	uint32_t need, deny;
	enum action actions[RULE_ACTIONS_MAX];
	const char *why; /* for people */
};

struct table {
	const char *name;
	const char *const *facts; /* names, for `explain` */
	int fact_count;
	const struct rule *rules;
	int rule_count;
	bool (*possible)(uint32_t facts); /* combinations that can occur: the others need no row */
};

/* Index of the first rule that matches. Every possible combination has one; an impossible one without a row is our
 * mistake. */
int table_match(const struct table *table, uint32_t facts);

#endif
