/* decide(): what this member does now, from what it knows now. No clock, no I/O, no allocation; the same inputs give
 * the same plan.
 *
 * A turn walks the tables in order: guard (may we go on being writable?), lock, database (or bootstrap while there is
 * no data), duties. */
#ifndef HOWDAH_CORE_DECIDE_H
#define HOWDAH_CORE_DECIDE_H

#include "core/cluster.h"
#include "core/instance.h"
#include "core/settings.h"
#include "core/table.h"

/* What the agent remembers between turns. Everything else is sensed anew. */
struct self {
	char pod_uid[UID_SIZE]; /* of our pod; "": we were not told */
	struct instant started; /* of this agent: what it heard before, nobody remembers */
	char name[NAME_SIZE];
	struct lease_sight sight;
	struct lease_hold hold;
	struct lease_sends sends;
	bool lock_writing;           /* a lock write is on its way */
	struct instant lock_written; /* when the last one was started */
	bool lock_failed;            /* it had no answer, or was refused */
	struct instant won_at;       /* when the present token was first credited */
	bool settled;                /* it is known whether a lease of an earlier agent of this pod goes on */
	struct instant released;     /* when a release of this lease was first sent; unset: none was */
	struct instant
		denied;      /* when one was first refused: the API does not know us any more, or gives us no rights */
	bool holder_gone;    /* the pod of the lock's holder was deleted; it may be asked still */
	uint64_t holder_lsn; /* where it ended, if it gave the lock back by mouth */
	struct instant ended_at; /* the lock is ours: since when nothing of ours can commit any more; unset: it can */
	struct instant last_up;  /* when PostgreSQL was last seen up as the primary */
	struct instant created;  /* when we made the leader object of a cluster that had had one; unset: we did not */
	bool confirmed;          /* a consistent read was answered since then */
	bool refreshing;
	struct instant read_at;            /* when the last consistent read was asked for */
	struct instant looked;             /* the same, of the last one that was answered */
	bool store_writing;                /* a write of initialize, config or history is on its way */
	bool publishing;                   /* a write of our pod is on its way */
	bool publish_due;                  /* our pod does not say what it should */
	bool slots_due;                    /* the server's member slots are not known to be right */
	bool foreign_label;                /* another pod carries the leader's label */
	uint32_t checkpointed;             /* the timeline for which a checkpoint was asked after promotion */
	bool replaced;                     /* the pod of our name is another one: we were deleted by force */
	bool failsafe_asking;              /* a round is under way ... */
	struct instant failsafe_round;     /* ... or was last begun then */
	struct instant failsafe_pinged;    /* when a primary's question was last agreed to ... */
	int64_t failsafe_hold_ms;          /* ... for so long ... */
	struct lease_token failsafe_lease; /* ... under the lease that we knew it by; leader "": another's, or none */
	bool failsafe_counted; /* the holder seen last does not go on without the store, or not without our word */
	bool initialize_is_ours;
	struct instant claimed;          /* since when; by this agent's own sight */
	struct instant initializer_gone; /* since when; unset: it is not */
	struct instant followed;         /* when it was last told whom to follow */
	struct instant move_seen;     /* since when the present wish to move the lead is known; unset: there is none */
	struct restart_order restart; /* asked of this member, and not done yet */
	bool restart_pending;         /* the server says that some settings wait for one */
	bool reinitialize;            /* asked to throw its data away and clone anew */
	struct instant aside_until;   /* no race before this */
	struct instant ask_not_before;
	bool asking;
	uint64_t wal_lsn;         /* a standby's position as it was last seen ... */
	struct instant wal_moved; /* ... and when it last grew while it streamed */
	int peer_count;
	struct peer_answer peers[MEMBERS_MAX];
	bool rollout_open;                  /* a look or a step of the roll-out is on its way */
	struct instant rollout_looked;      /* when the last look was begun */
	struct instant rollout_rests_until; /* no step before this: the last one was refused, or has yet to show */
	char resizing[UID_SIZE];            /* the pod whose resources are being changed; "": none's are ... */
	struct instant resizing_since;      /* ... and since when that is known */
	bool route_open;                    /* a look at the route, or a write of it, is on its way */
	struct lease_token route_token;     /* of the lease for which the last one was begun */
	struct instant route_again;         /* not before this, under that lease */
	struct instant led;                 /* when we last led, or this agent began */
	bool labelled;                      /* our pod carries the leader's label ... */
	struct instant routed;              /* ... and did so when it was last seen */
	struct instant handed_over;         /* when the lock was released to a named heir; unset: it was not */
	char beginning[96]; /* lease token with which the leader's history says that our armed timeline began; "": it
			       does not say */
};

struct situation {
	const struct cluster *cluster;
	const struct self *self;
	const struct instance *instance;
	const struct settings *settings;
	struct instant now;
	struct wall wall; /* for what people schedule */
};

enum table_id {
	TABLE_GUARD,
	TABLE_LOCK,
	TABLE_RACE,
	TABLE_DATABASE,
	TABLE_START,
	TABLE_BOOTSTRAP,
	TABLE_ROLLOUT,
	TABLE_COUNT
};
extern const struct table *const tables[TABLE_COUNT];

enum { PLAN_ACTIONS_MAX = 16 };

struct verdict {
	uint32_t facts;
	int8_t rule; /* -1: the table was not asked */
};

struct plan {
	int count;
	enum action actions[PLAN_ACTIONS_MAX];
	struct verdict verdicts[TABLE_COUNT];
	char upstream[NAME_SIZE]; /* whom FOLLOW, START_STANDBY and CLONE mean; "": nobody */
	char next[NAME_SIZE];     /* whose pod CHANGE_POD, SET_REVISION and EVICT mean */
	int64_t wake_ms;          /* look again after this long, even if nothing happens */
};

struct plan decide(const struct situation *s);

/* The parts, for tests and for explain. */
uint32_t guard_facts(const struct situation *s);
uint32_t lock_facts(const struct situation *s);
uint32_t race_facts(const struct situation *s);
uint32_t database_facts(const struct situation *s);
uint32_t start_facts(const struct situation *s);
uint32_t bootstrap_facts(const struct situation *s);

/* A switchover or failover that people ask for, as the lock's holder sees it. */
enum move_step {
	MOVE_NONE,   /* none is asked for, or it is not ours to carry out */
	MOVE_LATER,  /* it is scheduled */
	MOVE_DROP,   /* it cannot be: the wish is cleared */
	MOVE_ASKING, /* the others are asked */
	MOVE_GO      /* somebody fit is there: we stop, and give the lock over */
};
enum move_step move_decide(const struct situation *s);
/* Why the lock's holder clears the wish. */
enum move_end {
	MOVE_END_NOT, /* it stands */
	MOVE_END_DONE,
	MOVE_END_ANOTHER_LEADS,
	MOVE_END_PAUSED,
	MOVE_END_NO_TIME,
	MOVE_END_LATE,
	MOVE_END_NOBODY_FIT,
	MOVE_END_NO_HEIR,
	MOVE_END_COUNT
};
enum move_end move_end_decide(const struct situation *s);
const char *move_end_text(enum move_end end); /* "" for those that are no failure */
/* Whether a move that was asked for at `since` could be carried out now, before it is accepted; MOVE_ASK: the others' answers are from
 * before that. */
enum move_obstacle move_check(const struct situation *s, const struct move *move, struct instant since);
/* Who gets the lock from us with the write that releases it: has everything that we have; "": nobody yet. */
const char *heir_decide(const struct situation *s);

/* Failsafe mode: for how long the members are asked to stand back; whether we may agree to a primary's question; whether we have. */
int64_t failsafe_hold_ms(const struct situation *s);
bool failsafe_may_accept(const struct situation *s, const struct failsafe_ping *ping);
bool failsafe_is_active(const struct situation *s);
bool failsafe_needs_us(const struct situation *s); /* the lock names us, or nobody */
/* Whoever was agreed to has released that very lease since: nothing of it can commit any more, and it asks nobody. */
bool failsafe_is_over(const struct situation *s);
bool failsafe_is_free(const struct situation *s); /* on, and no primary can count on an answer of this pod */

/* Whether the supervisor is to act on nothing by itself. */
bool unguarded_is_wanted(const struct situation *s);

/* Why a running PostgreSQL is to be stopped. */
enum end {
	END_NO,
	END_LEAVING,      /* the container is asked to end */
	END_HAND_OVER,    /* somebody else is to lead */
	END_REINITIALIZE, /* its data is to be thrown away */
	END_RESTART,
	END_STARVED, /* its replay waits for larger settings */
	END_COUNT
};
enum end end_decide(const struct situation *s);
const char *end_text(enum end reason);

bool reinitialize_is_over(const struct situation *s); /* the wish for a new clone is forgotten */

enum restart_step {
	RESTART_NONE,
	RESTART_WAIT, /* it is scheduled, or the server does not answer yet */
	RESTART_DROP, /* its conditions do not hold, or the server is another one */
	RESTART_GO,
	RESTART_DONE
};
enum restart_step restart_decide(const struct situation *s);
const char *restart_drop_text(const struct situation *s); /* why, when that is RESTART_DROP */

enum give_up {
	GIVE_UP_NO,
	GIVE_UP_LEAVING,       /* the container is asked to end */
	GIVE_UP_MOVED,         /* somebody else is to lead */
	GIVE_UP_PAUSED,        /* paused, and PostgreSQL does not run as a primary */
	GIVE_UP_CRASHED,       /* primary_start_timeout is 0 and somebody else can take over */
	GIVE_UP_START_TIMEOUT, /* it did not come up in primary_start_timeout and somebody else can */
	GIVE_UP_NOT_WRITABLE,  /* holds the lock and did not become writable within its bound */
	GIVE_UP_NO_DATA,       /* nothing here that could be led with */
	GIVE_UP_FOREIGN,       /* the cluster turned out to be another one */
	GIVE_UP_DIVERGED,      /* the fresh read shows that this data is not the cluster's */
	GIVE_UP_BARRED,        /* nofailover, and not a primary */
	GIVE_UP_BEGUN,         /* a release was sent and has not landed: whoever heard of it may count on it */
	GIVE_UP_COUNT
};
enum give_up give_up_decide(const struct situation *s);
const char *give_up_text(enum give_up reason);
int64_t give_up_aside_ms(const struct situation *s, enum give_up reason); /* no race of ours for so long after it */

/* The ttl of the next lock write: no longer than the store has been told, so that whoever finds the lock missing knows how long
 * its holder may count on it; and the ttl that an unknown holder may have. */
int64_t lease_ttl_to_write_ms(const struct situation *s);
int64_t lease_ttl_unknown_s(const struct cluster *cluster, const struct settings *settings);

/* The record of ours that we have given back, for whoever sees it in the store still: our pod may be gone there, and with it our right
 * to write. Said when no later agent of ours can go on with it, either. text: LEASE_TEXT_SIZE; "": none. */
void lease_given_back(const struct situation *s, char *text);

/* Whether the lease that an earlier agent of this pod left with the supervisor goes on; then `token` is its. */
bool lease_goes_on(const struct situation *s, struct lease_token *token);

enum rejoin {
	REJOIN_FOLLOW,   /* nothing of ours is missing there, or PostgreSQL will check itself */
	REJOIN_WAIT,     /* cannot be told before the leader has said where its timeline began */
	REJOIN_REWIND,   /* ours has what the leader's history does not, and pg_rewind would find where they part */
	REJOIN_DIVERGED, /* ... and it would not: a number means two timelines */
};
enum rejoin rejoin_decide(const struct situation *s);

/* "8 <lease token>": the beginning of the last leader's timeline of which our data is surely no part; "": it is, or may be. Two timelines
 * may have one number, so numbers do not say that nobody has the leader's. text: LACKS_SIZE. */
void rejoin_lacks(const struct situation *s, char *text);

/* Timelines: no two promotions of a cluster take one number (safety.md S4b). The winner claims a number above all that anybody
 * has been seen with, in the write that takes the lock, and promotes to exactly that. */
uint32_t timeline_to_claim(const struct situation *s);
bool timeline_is_claimed(const struct situation *s); /* our claim stands in the lock and is still above what we know */

/* Whom this member would follow: the lock's holder if it is another one and is known; NULL otherwise. */
const struct member *leader_to_follow(const struct situation *s);

bool is_foreign(const struct situation *s); /* the data directory and the store name different systems */
/* Somebody else answers and could lead now. */
bool failover_is_possible(const struct situation *s);
bool lock_is_mine(const struct situation *s); /* we have a token and the record carries it */

/* What our pod should say (contract 1.8.1, 1.9). */
enum member_state state_to_publish(const struct situation *s);
enum member_role role_to_publish(const struct situation *s);
/* The route may lead to us: from the moment the lock is confirmed on, before promotion ends (safety.md S18). Nobody is sent to a
 * bootstrap. */
bool is_the_route(const struct situation *s);
/* Whether our pod is to carry the leader's label, and that by which the replicas' Service finds it. They follow the route, in the order
 * that lets kube-proxy follow soonest. */
bool wants_leader_label(const struct situation *s);
bool wants_replica_label(const struct situation *s);
bool serves_as_replica(const struct situation *s); /* the role label says replica */
/* How often our pod says our position when nothing else has changed. */
int64_t position_period_ms(const struct situation *s);
bool leads_now(
	const struct situation *s); /* the lock is ours and T is ahead: what GET /primary and the label rest on */

#endif
