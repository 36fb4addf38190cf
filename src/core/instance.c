#include "core/instance.h"

static const char *const job_texts[] = {
	[PG_JOB_NONE] = "nothing",
	[PG_JOB_INITDB] = "bootstrap",
	[PG_JOB_POST_BOOTSTRAP] = "post_bootstrap",
	[PG_JOB_CLONE] = "reinitialize",
	[PG_JOB_START_STANDBY] = "start",
	[PG_JOB_START_PRIMARY] = "start",
	[PG_JOB_PROMOTE] = "promote",
	[PG_JOB_STOP] = "stop",
	[PG_JOB_FOLLOW] = "changing primary_conninfo",
	[PG_JOB_ASIDE] = "moving the data directory aside",
	[PG_JOB_INSPECT] = "looking at the data directory",
	[PG_JOB_REWIND] = "running pg_rewind",
	[PG_JOB_WIPE] = "reinitialize",
	[PG_JOB_RESTORE] = "bootstrap",
};
static_assert(ARRAY_SIZE(job_texts) == PG_JOB_COUNT, "every job has a text");

const char *pg_job_text(enum pg_job job)
{
	assert(job < PG_JOB_COUNT);
	return job_texts[job];
}

uint64_t instance_lsn(const struct instance *instance)
{
	if (instance->tree == PG_TREE_DOWN || !instant_is_set(instance->probed))
		return instance->control_lsn;
	if (!instance->in_recovery)
		return instance->write_lsn;
	return instance->receive_lsn > instance->replay_lsn ? instance->receive_lsn : instance->replay_lsn;
}
