/* Shared by the kinds of faults and the phases that they come in. */
#ifndef HOWDAH_TESTS_SIM_FAULT_H
#define HOWDAH_TESTS_SIM_FAULT_H

#include "sim.h"

enum { ACTIVE_MAX = 6 };

enum fault {
	FAULT_AGENT_KILL,
	FAULT_AGENT_FREEZE,
	FAULT_AGENT_REPLACED,
	FAULT_POSTMASTER_KILL,
	FAULT_POSTMASTER_ORPHAN,
	FAULT_CONTAINER_KILL,
	FAULT_CONTAINER_FREEZE,
	FAULT_SERVER_FREEZE,
	FAULT_SUPERVISOR_STALL,
	FAULT_MEMBER_FREEZE,
	FAULT_CONTAINER_STUCK,
	FAULT_HOST_DEATH,
	FAULT_VM_PAUSE,
	FAULT_WALL_STEP,
	FAULT_CLOCK_RATE,
	FAULT_CUT_API,
	FAULT_CUT_MEMBERS,
	FAULT_CUT_PAIR,
	FAULT_CUT_BOTH,
	FAULT_API_OUTAGE,
	FAULT_API_SLOW,
	FAULT_API_RESTART,
	FAULT_API_COMPACT,
	FAULT_API_LAG,
	FAULT_LOSS,
	FAULT_STORM_403,
	FAULT_STORM_401,
	FAULT_STORM_429,
	FAULT_LEADER_DELETED,
	FAULT_LEADER_RELABELLED,
	FAULT_LEADER_TOUCHED,
	FAULT_RESTORE,
	FAULT_POD_DELETE,
	FAULT_TWIN,
	FAULT_TWIN_SAME_VOLUME,
	FAULT_TTL_CHANGE,
	FAULT_PAUSE,
	FAULT_SWITCHOVER,
	FAULT_FAILOVER,
	FAULT_SIDECAR_IMAGE,
	FAULT_SIDECAR_IMAGE_SLOW,
	FAULT_RESOURCES,
	FAULT_TEMPLATE,
	FAULT_UNSCHEDULABLE,
	FAULT_BUDGET,
	FAULT_RIGHTS,
	FAULT_FORCED,
	FAULT_ISOLATED,
	FAULT_COUNT
};

/* One that goes on for a while. */
struct active {
	enum fault kind; /* FAULT_COUNT: a free place */
	struct process *processes[3];
	struct pod *pod, *other;
	struct machine *machine;
	long before; /* a counter, to see whether it did anything */
	struct event *end;
};

struct faults {
	struct active active[ACTIVE_MAX];
	struct event *next;
	bool mild, stormy; /* the phase */
	int64_t times[3];  /* ttl, loop_wait, retry_timeout in the dynamic configuration */
	bool paused;
	int64_t phase_ends, last_over, healed_at;
	bool hard_since_calm; /* something happened that may move the lock */
};

struct fault_kind {
	const char *name;
	int weight;
	/* a mild one: must move nothing while it is no longer than this; 0: it is none */
	int64_t mild_ms;
	int64_t min_ms, max_ms;                          /* how long; 0: a moment */
	bool (*begin)(struct active *a, int64_t for_us); /* false: nothing to do it to */
	void (*end)(struct active *a);
};

extern const struct fault_kind fault_kinds_table[FAULT_COUNT];
void fault_set_config(void);       /* the dynamic configuration as it is meant to be */
const char *fault_lock_kind(void); /* of the leader object, and its name */
const char *fault_lock_name(void);

#endif
