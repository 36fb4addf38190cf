/* More of the server than decisions need: for the REST API, metrics and the store's slots. Filled by
 * postgres/postgres.h. */
#ifndef HOWDAH_CORE_DETAILS_H
#define HOWDAH_CORE_DETAILS_H

#include "core/limits.h"

#include "base/base.h"

struct postgres_replica {
	char usename[NAME_SIZE], application_name[NAME_SIZE], client_addr[NAME_SIZE], state[24], sync_state[24];
	int sync_priority;
	uint64_t flushed_lsn, replayed_lsn; /* 0: unknown */
};

struct postgres_details {
	char postmaster_start_time[48]; /* as contract 3.5 prints it; "": unknown */
	char replayed_timestamp[48];    /* "": null */
	bool replay_paused;
	char replication_state[24]; /* "": not a standby, or unknown */
	uint64_t latest_end_lsn;
	int replica_count;
	struct postgres_replica replicas[MEMBERS_MAX];
	char slots[1024]; /* contract 1.3 `slots`: compact JSON, our own name's slot included; "": none */
	bool pending_restart;
	char pending_restart_reason[1024]; /* JSON object; "": none */
	char trouble[512];                 /* why the data directory cannot be used; "": it can */
	char collations
		[512]; /* of a primary: what was built with other versions of collations; "": nothing, or unknown */
};

#endif
