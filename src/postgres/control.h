/* global/pg_control of PostgreSQL 13 to 18, read directly. Source of the layout: src/include/catalog/pg_control.h. */
#ifndef HOWDAH_POSTGRES_CONTROL_H
#define HOWDAH_POSTGRES_CONTROL_H

#include "base/err.h"
#include "core/instance.h"

struct control {
	uint64_t system_identifier;
	enum control_state state;
	uint64_t checkpoint_lsn, minimum_recovery_lsn;
	uint32_t checkpoint_timeline, minimum_recovery_timeline;
	int max_connections, max_worker_processes, max_wal_senders, max_prepared_transactions,
		max_locks_per_transaction;
	bool wal_log_hints, data_checksums;
};

enum { CONTROL_FILE_SIZE = 8192, CONTROL_BYTES_MIN = 296 };

/* Unknown versions and wrong checksums are errors. */
MUST_CHECK bool control_parse(struct control *control, const void *bytes, size_t len, struct err *err);
uint32_t crc32c(const void *bytes, size_t len);

#endif
