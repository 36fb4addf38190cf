#include "core/table.h"

static const char *const names[] = {
	[ACT_NONE] = "none",
	[ACT_FENCE] = "fence",
	[ACT_STOP_FAST] = "stop before the deadline",
	[ACT_ACQUIRE] = "acquire the lock",
	[ACT_RENEW] = "renew the lock",
	[ACT_RELEASE] = "release the lock",
	[ACT_CAP_DEADLINE] = "lower the deadline",
	[ACT_FORGET_LEASE] = "forget the lease",
	[ACT_REFRESH] = "read the cluster again",
	[ACT_ASK_FAILSAFE] = "ask whether to go on without the store",
	[ACT_ASK_PEERS] = "ask the other members",
	[ACT_STOP] = "stop PostgreSQL",
	[ACT_TERM_GO] = "let the container end",
	[ACT_CANCEL_JOB] = "cancel the running job",
	[ACT_PROMOTE] = "promote",
	[ACT_START_PRIMARY] = "start PostgreSQL as primary",
	[ACT_START_STANDBY] = "start PostgreSQL as standby",
	[ACT_FOLLOW] = "follow",
	[ACT_POST_BOOTSTRAP] = "make roles",
	[ACT_MOVE_ASIDE] = "move the data directory aside",
	[ACT_CLONE] = "clone",
	[ACT_CLONE_ALONE] = "clone without a leader",
	[ACT_REWIND] = "rewind",
	[ACT_WIPE] = "remove the data directory",
	[ACT_CLEAR_MOVE] = "clear the wish to move",
	[ACT_INITIALIZE_BEGIN] = "claim the initialization",
	[ACT_INITIALIZE_CANCEL] = "give the initialization back",
	[ACT_INITIALIZE_FINISH] = "publish the system identifier",
	[ACT_INITDB] = "initdb",
	[ACT_RESTORE] = "restore",
	[ACT_BOOTSTRAP_DONE] = "end the bootstrap",
	[ACT_SET_DEADLINE] = "set the deadline",
	[ACT_PUBLISH] = "publish status and labels",
	[ACT_WRITE_ROUTE] = "make the route lead here",
	[ACT_TAKE_LABELS_OFF] = "take the leader's label off other pods",
	[ACT_NOTE_TTL] = "note the ttl",
	[ACT_WRITE_HISTORY] = "write the timeline history",
	[ACT_SYNC_SLOTS] = "make member slots",
	[ACT_MARK_TIMELINE] = "note where the timeline began",
	[ACT_CHECKPOINT] = "checkpoint after promotion",
	[ACT_LOOK_AT_ROLLOUT] = "look at the StatefulSet",
	[ACT_CHANGE_POD] = "change the pod in place",
	[ACT_SET_REVISION] = "set the pod's revision",
	[ACT_EVICT] = "evict the pod",
	[ACT_HAND_OVER] = "ask for a switchover",
};
static_assert(ARRAY_SIZE(names) == ACT_COUNT, "every action has a name");

const char *action_name(enum action action)
{
	assert(action < ACT_COUNT);
	return names[action];
}

int table_match(const struct table *table, uint32_t facts)
{
	for (int i = 0; i < table->rule_count; i++)
		if ((facts & table->rules[i].need) == table->rules[i].need && (facts & table->rules[i].deny) == 0)
			return i;
	assert(!"a combination of facts without a rule");
	return -1;
}
