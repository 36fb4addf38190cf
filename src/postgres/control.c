/* pg_control by its offsets. 13 to 17 share them; 18 has one more byte before the nonce, which moves the checksum. */
#include "postgres/control.h"

#include <string.h>

enum {
	AT_SYSTEM_IDENTIFIER = 0,
	AT_VERSION = 8,
	AT_STATE = 16,
	AT_CHECKPOINT = 32,
	AT_CHECKPOINT_TIMELINE = 48,
	AT_MINIMUM_RECOVERY = 136,
	AT_MINIMUM_RECOVERY_TIMELINE = 144,
	AT_WAL_LOG_HINTS = 176,
	AT_MAX_CONNECTIONS = 180,
	AT_MAX_WORKER_PROCESSES = 184,
	AT_MAX_WAL_SENDERS = 188,
	AT_MAX_PREPARED_TRANSACTIONS = 192,
	AT_MAX_LOCKS_PER_TRANSACTION = 196,
	AT_CHECKSUM_VERSION = 252,
};

static const struct layout {
	uint32_t version; /* PG_CONTROL_VERSION */
	size_t crc_at;
} layouts[] = {
	{ 1300, 288 }, /* PostgreSQL 13 to 16 */
	{ 1700, 288 },
	{ 1800, 292 },
};

/* Castagnoli, reflected: what PostgreSQL calls CRC-32C. A few hundred bytes: no table is needed. */
uint32_t crc32c(const void *bytes, size_t len)
{
	uint32_t crc = 0xFFFFFFFFu;
	for (const uint8_t *at = bytes, *end = at + len; at < end; at++) {
		crc ^= *at;
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78u : 0);
	}
	return ~crc;
}

static uint32_t u32_at(const char *bytes, size_t at)
{
	uint32_t value;
	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

static uint64_t u64_at(const char *bytes, size_t at)
{
	uint64_t value;
	memcpy(&value, bytes + at, sizeof(value));
	return value;
}

static const struct layout *find_layout(uint32_t version)
{
	for (size_t i = 0; i < ARRAY_SIZE(layouts); i++)
		if (layouts[i].version == version)
			return &layouts[i];
	return NULL;
}

/* In the order of PostgreSQL's enum DBState. */
static const enum control_state states[] = {
	CONTROL_STARTING_UP,       CONTROL_SHUT_DOWN,           CONTROL_SHUT_DOWN_IN_RECOVERY, CONTROL_SHUTTING_DOWN,
	CONTROL_IN_CRASH_RECOVERY, CONTROL_IN_ARCHIVE_RECOVERY, CONTROL_IN_PRODUCTION,
};

bool control_parse(struct control *control, const void *bytes, size_t len, struct err *err)
{
	if (len < CONTROL_BYTES_MIN)
		return err_set(err, ERR_OTHER, "pg_control is too short");
	const struct layout *layout = find_layout(u32_at(bytes, AT_VERSION));
	if (layout == NULL)
		return err_set(err, ERR_OTHER, "pg_control is of version %u, which is not one of PostgreSQL 13 to 18",
			       u32_at(bytes, AT_VERSION));
	if (crc32c(bytes, layout->crc_at) != u32_at(bytes, layout->crc_at))
		return err_set(err, ERR_OTHER, "pg_control has a wrong checksum");
	uint32_t state = u32_at(bytes, AT_STATE);
	*control = (struct control){
		.system_identifier = u64_at(bytes, AT_SYSTEM_IDENTIFIER),
		.state = state < ARRAY_SIZE(states) ? states[state] : CONTROL_UNKNOWN,
		.checkpoint_lsn = u64_at(bytes, AT_CHECKPOINT),
		.checkpoint_timeline = u32_at(bytes, AT_CHECKPOINT_TIMELINE),
		.minimum_recovery_lsn = u64_at(bytes, AT_MINIMUM_RECOVERY),
		.minimum_recovery_timeline = u32_at(bytes, AT_MINIMUM_RECOVERY_TIMELINE),
		.max_connections = (int)u32_at(bytes, AT_MAX_CONNECTIONS),
		.max_worker_processes = (int)u32_at(bytes, AT_MAX_WORKER_PROCESSES),
		.max_wal_senders = (int)u32_at(bytes, AT_MAX_WAL_SENDERS),
		.max_prepared_transactions = (int)u32_at(bytes, AT_MAX_PREPARED_TRANSACTIONS),
		.max_locks_per_transaction = (int)u32_at(bytes, AT_MAX_LOCKS_PER_TRANSACTION),
		.wal_log_hints = ((const char *)bytes)[AT_WAL_LOG_HINTS] != 0,
		.data_checksums = u32_at(bytes, AT_CHECKSUM_VERSION) != 0,
	};
	return true;
}
