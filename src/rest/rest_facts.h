/* What the answers have in common, taken from the view once a request. */
#ifndef HOWDAH_SRC_REST_REST_FACTS_H
#define HOWDAH_SRC_REST_REST_FACTS_H

#include "rest/rest.h"

#define REST_CONTRACT_VERSION "4.1.4" /* peers parse it and change their behaviour */

struct rest_facts {
	bool has_cluster; /* the store was heard within a ttl */
	bool unlocked;    /* as far as we know nobody holds the lock */
	bool standby_cluster;
	bool sql; /* the server answers, and what it said belongs to a server that runs */
	bool running;
	bool paused;
	bool failsafe_enabled; /* failsafe_mode of the dynamic configuration */
	bool primary;          /* by the supervisor and the server, never by a role that was remembered */
	bool leads;            /* holds the lock, T is ahead and PostgreSQL is up as the role asks */
	const char *state;
	enum member_role role;
	const char *replication_state; /* "": not a standby, or unknown */
	uint64_t leader_lsn;           /* 0: unknown */
	uint64_t location, received, replayed;
	uint32_t timeline; /* 0: unknown */
};

struct rest_facts rest_facts(const struct rest_view *view);

#endif
