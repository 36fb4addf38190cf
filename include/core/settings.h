/* The settings that decisions depend on, as values. Where they come from and their bounds: codec/config.h. Times in
 * milliseconds, sizes in bytes. */
#ifndef HOWDAH_CORE_SETTINGS_H
#define HOWDAH_CORE_SETTINGS_H

#include "base/base.h"

/* How the primary's Service finds the leader. */
enum routing {
	ROUTE_LABEL,     /* by its pod's label */
	ROUTE_SLICE,     /* by EndpointSlices that the leader writes */
	ROUTE_ENDPOINTS, /* the leader object is the Service's Endpoints */
	ROUTE_COUNT
};

struct settings {
	int64_t ttl_ms, loop_wait_ms, retry_timeout_ms;
	int64_t maximum_lag_on_failover_bytes;
	int64_t primary_start_timeout_ms, primary_stop_timeout_ms;
	int64_t member_slots_ttl_ms;
	int64_t primary_race_backoff_ms; /* 0: off */
	int max_timelines_history;
	int failover_priority; /* of this member; <= 0: never leads */
	enum routing route;
	bool check_timeline;
	bool nofailover; /* of this member */
	bool use_slots;
	bool can_bootstrap;           /* the local configuration has a bootstrap section */
	bool restores;                /* bootstrap.method: a new cluster is not made by initdb */
	bool clones_alone;            /* some method of postgresql.create_replica_methods needs no leader */
	bool failsafe;                /* failsafe_mode */
	bool paused;                  /* seen in the configuration */
	bool clone_when_rewind_fails; /* postgresql.remove_data_directory_on_rewind_failure */
	bool clone_when_diverged;     /* postgresql.remove_data_directory_on_diverged_timelines */
};

/* safety.md 3: the margin between the holder's deadline and the end of its record, a function of the record's ttl. */
static inline int64_t lease_margin_ms(int64_t ttl_ms)
{
	return 1000 + ttl_ms / 10;
}

#endif
