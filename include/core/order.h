/* What people ask for: through the REST API, the command line or the store. Values only; checked at the door, carried
 * out by the agent, decided on in core. */
#ifndef HOWDAH_CORE_ORDER_H
#define HOWDAH_CORE_ORDER_H

#include "core/limits.h"

#include "base/base.h"

/* The failover object (contract 1.6): a switchover names the leader, a failover does not. */
struct move {
	bool asked;                   /* it names a leader or a candidate */
	char leader[NAME_SIZE];       /* "": a failover */
	char candidate[NAME_SIZE];    /* "": any that is fit */
	char scheduled_at[TIME_SIZE]; /* as it was given, ISO 8601 with offset; "": now */
	int64_t at_us;                /* scheduled_at as wall time; 0: now; -1: cannot be read */
};

/* A restart of one member (contract 3.11). */
struct restart_order {
	bool asked, began;
	char schedule[TIME_SIZE];    /* as it was given; "": now */
	int64_t at_us;               /* wall time; 0: now */
	char role[16];               /* "primary", "replica", "standby_leader", "": any */
	int below_version;           /* only if the running server is older: 150004; 0: any */
	bool only_pending;           /* only if a restart is pending */
	int64_t timeout_ms;          /* 0: primary_start_timeout */
	int64_t postmaster_start_us; /* the server that it was asked of: another one cancels it */
};

/* POST /failsafe of the primary (contract 3.13). */
struct failsafe_ping {
	char name[NAME_SIZE], api_url[URL_SIZE], conn_url[URL_SIZE];
	int64_t hold_ms;          /* for how long it counts on us; 0: it does not say (Patroni) */
	char asked_uid[UID_SIZE]; /* the pod that it means to ask; "": it does not say */
};

enum order_kind {
	ORDER_NONE,
	ORDER_CONFIG, /* write a whole dynamic configuration */
	ORDER_RELOAD,
	ORDER_RESTART,
	ORDER_RESTART_CANCEL,
	ORDER_MOVE, /* switchover or failover */
	ORDER_MOVE_CANCEL,
	ORDER_REINITIALIZE,
	ORDER_FAILSAFE,
	ORDER_KIND_COUNT
};

/* Why a switchover or failover cannot be (contract 3.10 step 6, 5.11); in the order in which they are looked at. */
enum move_obstacle {
	MOVE_POSSIBLE,
	MOVE_LEADER_DIFFERS,    /* the named leader does not lead */
	MOVE_NO_SUCH_CANDIDATE, /* no such member */
	MOVE_NO_MEMBERS,        /* nobody but the leader */
	MOVE_ASK,               /* the others have to be asked first */
	MOVE_NOBODY_FIT,        /* no candidate answers, may lead and is near enough */
};

#endif
