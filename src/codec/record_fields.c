/* Every field of a turn's inputs, once. The kind follows from the member's type wherever the type says it. */
#include "record_private.h"

#define KIND_OF(type, member)                                                                                          \
	_Generic(((type *)0)->member,                                                                                  \
		char *: FIELD_TEXT,                                                                                    \
		bool: FIELD_BOOL,                                                                                      \
		int: FIELD_INT,                                                                                        \
		uint32_t: FIELD_U32,                                                                                   \
		int64_t: FIELD_I64,                                                                                    \
		uint64_t: FIELD_U64,                                                                                   \
		struct instant: FIELD_INSTANT,                                                                         \
		struct wall: FIELD_WALL)
#define PLACE(type, member) .name = #member, .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define F(type, member)                                                                                                \
	{                                                                                                              \
		PLACE(struct type, member), .kind = KIND_OF(struct type, member)                                       \
	}
#define LSN(type, member)                                                                                              \
	{                                                                                                              \
		PLACE(struct type, member), .kind = FIELD_LSN                                                          \
	}
#define WORD(type, member, list)                                                                                       \
	{                                                                                                              \
		PLACE(struct type, member), .kind = FIELD_WORD, .words = list, .max = ARRAY_SIZE(list)                 \
	}
#define ONE(type, member, shape)                                                                                       \
	{                                                                                                              \
		PLACE(struct type, member), .kind = FIELD_STRUCT, .of = &(shape)                                       \
	}
#define LIST(type, member, shape, counted)                                                                             \
	{                                                                                                              \
		.name = #member, .kind = FIELD_LIST, .offset = offsetof(struct type, member),                          \
		.size = sizeof(((struct type *)0)->member[0]), .max = ARRAY_SIZE(((struct type *)0)->member),          \
		.of = &(shape), .count_offset = (counted)                                                              \
	}
#define SHAPE(type, list)                                                                                              \
	{                                                                                                              \
		sizeof(struct type), list, ARRAY_SIZE(list)                                                            \
	}

static const char *const state_words[] = {
	[STATE_INITDB] = "initdb",
	[STATE_INITDB_FAILED] = "initdb-failed",
	[STATE_CUSTOM_BOOTSTRAP] = "custom-bootstrap",
	[STATE_CUSTOM_BOOTSTRAP_FAILED] = "custom-bootstrap-failed",
	[STATE_CREATING_REPLICA] = "creating-replica",
	[STATE_RUNNING] = "running",
	[STATE_STARTING] = "starting",
	[STATE_BOOTSTRAP_STARTING] = "bootstrap-starting",
	[STATE_START_FAILED] = "start-failed",
	[STATE_RESTARTING] = "restarting",
	[STATE_RESTART_FAILED] = "restart-failed",
	[STATE_STOPPING] = "stopping",
	[STATE_STOPPED] = "stopped",
	[STATE_STOP_FAILED] = "stop-failed",
	[STATE_CRASHED] = "crashed",
	[STATE_UNKNOWN] = "unknown",
};
static_assert(ARRAY_SIZE(state_words) == STATE_COUNT, "every state has a word");

static const char *const role_words[] = {
	[ROLE_UNINITIALIZED] = "uninitialized",   [ROLE_REPLICA] = "replica", [ROLE_PRIMARY] = "primary",
	[ROLE_STANDBY_LEADER] = "standby-leader", [ROLE_DEMOTED] = "demoted", [ROLE_PROMOTED] = "promoted",
};
static_assert(ARRAY_SIZE(role_words) == ROLE_COUNT, "every role has a word");

static const char *const initialize_words[] = {
	[INITIALIZE_ABSENT] = "absent",
	[INITIALIZE_RUNNING] = "running",
	[INITIALIZE_DONE] = "done",
	[INITIALIZE_UNREADABLE] = "unreadable",
};

static const char *const change_words[] = {
	[CHANGE_UNKNOWN] = "unknown",     [CHANGE_NONE] = "none", [CHANGE_SIDECAR] = "sidecar",
	[CHANGE_RESOURCES] = "resources", [CHANGE_MORE] = "more",
};
static_assert(ARRAY_SIZE(change_words) == CHANGE_COUNT, "every change has a word");

static const char *const resize_words[] = {
	[RESIZE_NONE] = "none",
	[RESIZE_WANTED] = "wanted",
	[RESIZE_PENDING] = "pending",
	[RESIZE_REFUSED] = "refused",
};
static_assert(ARRAY_SIZE(resize_words) == RESIZE_COUNT, "every state has a word");

static const char *const route_words[] = {
	[ROUTE_LABEL] = "label",
	[ROUTE_SLICE] = "slice",
	[ROUTE_ENDPOINTS] = "endpoints",
};
static_assert(ARRAY_SIZE(route_words) == ROUTE_COUNT, "every route has a word");

static const char *const tree_words[] = {
	[PG_TREE_UNKNOWN] = "unknown",   [PG_TREE_DOWN] = "down",           [PG_TREE_STARTING] = "starting",
	[PG_TREE_STANDBY] = "standby",   [PG_TREE_PROMOTING] = "promoting", [PG_TREE_PRIMARY] = "primary",
	[PG_TREE_STOPPING] = "stopping", [PG_TREE_FENCING] = "fencing",
};

static const char *const data_words[] = {
	[DATA_UNKNOWN] = "unknown", [DATA_EMPTY] = "empty",           [DATA_OK] = "ok",
	[DATA_INVALID] = "invalid", [DATA_UNREADABLE] = "unreadable", [DATA_MARKED] = "marked",
};

static const char *const control_words[] = {
	[CONTROL_UNKNOWN] = "unknown",
	[CONTROL_STARTING_UP] = "starting-up",
	[CONTROL_SHUT_DOWN] = "shut-down",
	[CONTROL_SHUT_DOWN_IN_RECOVERY] = "shut-down-in-recovery",
	[CONTROL_SHUTTING_DOWN] = "shutting-down",
	[CONTROL_IN_CRASH_RECOVERY] = "in-crash-recovery",
	[CONTROL_IN_ARCHIVE_RECOVERY] = "in-archive-recovery",
	[CONTROL_IN_PRODUCTION] = "in-production",
};

static const char *const job_words[] = {
	[PG_JOB_NONE] = "none",
	[PG_JOB_INITDB] = "initdb",
	[PG_JOB_POST_BOOTSTRAP] = "post-bootstrap",
	[PG_JOB_CLONE] = "clone",
	[PG_JOB_START_STANDBY] = "start-standby",
	[PG_JOB_START_PRIMARY] = "start-primary",
	[PG_JOB_PROMOTE] = "promote",
	[PG_JOB_STOP] = "stop",
	[PG_JOB_FOLLOW] = "follow",
	[PG_JOB_ASIDE] = "aside",
	[PG_JOB_INSPECT] = "inspect",
	[PG_JOB_REWIND] = "rewind",
	[PG_JOB_WIPE] = "wipe",
	[PG_JOB_RESTORE] = "restore",
};
static_assert(ARRAY_SIZE(job_words) == PG_JOB_COUNT, "every job has a word");

static const struct field lease_record_fields[] = {
	F(lease_record, leader), F(lease_record, acquire_time), F(lease_record, renew_time),
	F(lease_record, ttl_s),  F(lease_record, transitions),
};
static const struct shape lease_record_shape = SHAPE(lease_record, lease_record_fields);

static const struct field lease_token_fields[] = {
	F(lease_token, leader),
	F(lease_token, acquire_time),
	F(lease_token, transitions),
};
static const struct shape lease_token_shape = SHAPE(lease_token, lease_token_fields);

static const struct field lease_object_fields[] = {
	F(lease_object, present), F(lease_object, readable), F(lease_object, uid),
	F(lease_object, version), F(lease_object, unbroken), ONE(lease_object, record, lease_record_shape),
};
static const struct shape lease_object_shape = SHAPE(lease_object, lease_object_fields);

static const struct field lease_sight_fields[] = {
	F(lease_sight, held),
	F(lease_sight, given_back),
	F(lease_sight, missing),
	F(lease_sight, missed_held),
	F(lease_sight, missed),
	F(lease_sight, missed_ttl_s),
	F(lease_sight, renewals),
	F(lease_sight, restored),
	ONE(lease_sight, record, lease_record_shape),
	F(lease_sight, freed),
	F(lease_sight, since),
	F(lease_sight, uid),
	F(lease_sight, version),
	F(lease_sight, version_seen_max),
};
static const struct shape lease_sight_shape = SHAPE(lease_sight, lease_sight_fields);

static const struct field lease_send_fields[] = {
	ONE(lease_send, token, lease_token_shape),
	F(lease_send, renew_time),
	F(lease_send, start),
	F(lease_send, ttl_ms),
};
static const struct shape lease_send_shape = SHAPE(lease_send, lease_send_fields);

static const struct field lease_sends_fields[] = {
	F(lease_sends, next),
	LIST(lease_sends, sends, lease_send_shape, FIELD_NO_COUNT),
};
static const struct shape lease_sends_shape = SHAPE(lease_sends, lease_sends_fields);

static const struct field lease_hold_fields[] = {
	ONE(lease_hold, token, lease_token_shape),
	F(lease_hold, start),
	F(lease_hold, ttl_ms),
	F(lease_hold, extended),
	F(lease_hold, extended_ms),
	F(lease_hold, cap),
};
static const struct shape lease_hold_shape = SHAPE(lease_hold, lease_hold_fields);

static const struct field history_entry_fields[] = {
	F(history_entry, timeline), LSN(history_entry, end_lsn), F(history_entry, reason),
	F(history_entry, when),     F(history_entry, leader),
};
static const struct shape history_entry_shape = SHAPE(history_entry, history_entry_fields);

static const struct field history_fields[] = {
	LIST(history, entries, history_entry_shape, offsetof(struct history, count)),
};
static const struct shape history_shape = SHAPE(history, history_fields);

static const struct field member_fields[] = {
	F(member, name),
	F(member, pod_uid),
	F(member, version),
	F(member, role_label),
	F(member, replica_label),
	F(member, deleting),
	F(member, ready),
	F(member, has_status),
	F(member, is_howdah),
	WORD(member, state, state_words),
	WORD(member, role, role_words),
	F(member, api_url),
	F(member, conn_host),
	F(member, conn_port),
	F(member, timeline),
	LSN(member, xlog_lsn),
	LSN(member, receive_lsn),
	LSN(member, replay_lsn),
	F(member, replication_state),
	F(member, member_version),
	F(member, nofailover),
	F(member, clonefrom),
	F(member, noloadbalance),
	F(member, nostream),
	F(member, checkpoint_pending),
	F(member, pending_restart),
	F(member, paused),
	F(member, position_told),
	F(member, failsafe_named),
	F(member, failover_priority),
	F(member, replicatefrom),
	F(member, owned),
	F(member, revision),
	WORD(member, change, change_words),
	F(member, patched),
	F(member, sidecar_replaced),
	F(member, sidecar_pending),
	F(member, sidecar_away_ms),
	WORD(member, resize, resize_words),
};
static const struct shape member_shape = SHAPE(member, member_fields);

static const struct field peer_fields[] = {
	F(peer_answer, name),
	F(peer_answer, asked),
	F(peer_answer, answered),
	F(peer_answer, silent),
	F(peer_answer, in_recovery),
	F(peer_answer, streaming),
	WORD(peer_answer, state, state_words),
	F(peer_answer, timeline),
	LSN(peer_answer, received_lsn),
	LSN(peer_answer, replayed_lsn),
	LSN(peer_answer, lsn),
	F(peer_answer, nofailover),
	F(peer_answer, failover_priority),
	F(peer_answer, failsafe_active),
	F(peer_answer, failsafe_free_uid),
	F(peer_answer, lacks),
	F(peer_answer, sees_leader),
	F(peer_answer, given_back),
	LSN(peer_answer, given_back_lsn),
	WORD(peer_answer, role, role_words),
};
static const struct shape peer_shape = SHAPE(peer_answer, peer_fields);

static const struct field move_fields[] = {
	F(move, asked), F(move, leader), F(move, candidate), F(move, scheduled_at), F(move, at_us),
};
static const struct shape move_shape = SHAPE(move, move_fields);

static const struct field restart_fields[] = {
	F(restart_order, asked),        F(restart_order, began),      F(restart_order, schedule),
	F(restart_order, at_us),        F(restart_order, role),       F(restart_order, below_version),
	F(restart_order, only_pending), F(restart_order, timeout_ms), F(restart_order, postmaster_start_us),
};
static const struct shape restart_shape = SHAPE(restart_order, restart_fields);

static const struct field set_fields[] = {
	F(wanted_set, known),    F(wanted_set, forbidden), F(wanted_set, on_delete), F(wanted_set, looked),
	F(wanted_set, replicas), F(wanted_set, first),     F(wanted_set, name),      F(wanted_set, revision),
};
static const struct shape set_shape = SHAPE(wanted_set, set_fields);

static const struct field cluster_fields[] = {
	F(cluster, loaded),
	F(cluster, heard),
	ONE(cluster, leader, lease_object_shape),
	LSN(cluster, optime_lsn),
	F(cluster, heir),
	ONE(cluster, move, move_shape),
	F(cluster, slots),
	F(cluster, holder_uid),
	F(cluster, failsafe_known),
	F(cluster, begun_timeline),
	F(cluster, claimed_timeline),
	F(cluster, leader_beginning),
	F(cluster, leader_timeline),
	WORD(cluster, initialize, initialize_words),
	F(cluster, initializer_gone),
	F(cluster, system_identifier),
	F(cluster, lease_ttl_s),
	F(cluster, config_object_version),
	F(cluster, has_config),
	F(cluster, has_history),
	F(cluster, rollout_paused),
	ONE(cluster, set, set_shape),
	ONE(cluster, history, history_shape),
	LIST(cluster, members, member_shape, offsetof(struct cluster, member_count)),
};
static const struct shape cluster_shape = SHAPE(cluster, cluster_fields);

static const struct field self_fields[] = {
	F(self, name),
	ONE(self, sight, lease_sight_shape),
	ONE(self, hold, lease_hold_shape),
	ONE(self, sends, lease_sends_shape),
	F(self, lock_writing),
	F(self, lock_written),
	F(self, lock_failed),
	F(self, won_at),
	F(self, settled),
	F(self, released),
	F(self, denied),
	F(self, holder_gone),
	LSN(self, holder_lsn),
	F(self, ended_at),
	F(self, last_up),
	F(self, created),
	F(self, confirmed),
	F(self, refreshing),
	F(self, read_at),
	F(self, looked),
	F(self, store_writing),
	F(self, publishing),
	F(self, publish_due),
	F(self, slots_due),
	F(self, foreign_label),
	F(self, checkpointed),
	F(self, replaced),
	F(self, failsafe_asking),
	F(self, failsafe_round),
	F(self, failsafe_pinged),
	F(self, pod_uid),
	F(self, started),
	F(self, failsafe_hold_ms),
	ONE(self, failsafe_lease, lease_token_shape),
	F(self, failsafe_counted),
	F(self, initialize_is_ours),
	F(self, claimed),
	F(self, initializer_gone),
	F(self, followed),
	F(self, move_seen),
	ONE(self, restart, restart_shape),
	F(self, restart_pending),
	F(self, reinitialize),
	F(self, aside_until),
	F(self, ask_not_before),
	F(self, asking),
	F(self, wal_lsn),
	F(self, wal_moved),
	LIST(self, peers, peer_shape, offsetof(struct self, peer_count)),
	F(self, rollout_open),
	F(self, rollout_looked),
	F(self, rollout_rests_until),
	F(self, resizing),
	F(self, resizing_since),
	F(self, route_open),
	ONE(self, route_token, lease_token_shape),
	F(self, route_again),
	F(self, led),
	F(self, labelled),
	F(self, routed),
	F(self, handed_over),
	F(self, beginning),
};
static const struct shape self_shape = SHAPE(self, self_fields);

static const struct field instance_fields[] = {
	F(instance, attached),
	F(instance, heard),
	WORD(instance, tree, tree_words),
	F(instance, writable),
	F(instance, unguarded),
	F(instance, nothing_left),
	F(instance, volume_locked),
	F(instance, volume_errno),
	F(instance, term_pending),
	F(instance, term_at),
	F(instance, fenced),
	F(instance, crashed),
	F(instance, deadline),
	F(instance, token),
	F(instance, postmaster_count),
	F(instance, postmaster_at),
	WORD(instance, data, data_words),
	F(instance, system_identifier),
	WORD(instance, control, control_words),
	F(instance, control_timeline),
	LSN(instance, control_lsn),
	F(instance, has_standby_signal),
	F(instance, was_primary),
	F(instance, bootstrap_attempt),
	F(instance, restored),
	F(instance, recovers),
	F(instance, roles_made),
	F(instance, armed_timeline),
	ONE(instance, armed_token, lease_token_shape),
	F(instance, server_version),
	F(instance, rewind_marked),
	F(instance, rewind_timeline),
	F(instance, rewind_source),
	F(instance, can_rewind),
	F(instance, replay_is_starved),
	F(instance, probed),
	F(instance, answers),
	F(instance, in_recovery),
	F(instance, timeline),
	F(instance, timeline_is_sure),
	F(instance, newest_timeline),
	LSN(instance, write_lsn),
	LSN(instance, receive_lsn),
	LSN(instance, replay_lsn),
	F(instance, streaming),
	F(instance, upstream),
	F(instance, upstream_host),
	F(instance, upstream_port),
	ONE(instance, history, history_shape),
	F(instance, postmaster_start),
	WORD(instance, job, job_words),
	F(instance, job_since),
	WORD(instance, failed_job, job_words),
	F(instance, failures),
	F(instance, failed_at),
	F(instance, failure),
	F(instance, clone_done_bytes),
	F(instance, clone_total_bytes),
	F(instance, clone_rate),
};
static const struct shape instance_shape = SHAPE(instance, instance_fields);

static const struct field settings_fields[] = {
	F(settings, ttl_ms),
	F(settings, loop_wait_ms),
	F(settings, retry_timeout_ms),
	F(settings, maximum_lag_on_failover_bytes),
	F(settings, primary_race_backoff_ms),
	F(settings, primary_start_timeout_ms),
	F(settings, primary_stop_timeout_ms),
	F(settings, member_slots_ttl_ms),
	F(settings, max_timelines_history),
	F(settings, failover_priority),
	WORD(settings, route, route_words),
	F(settings, check_timeline),
	F(settings, nofailover),
	F(settings, use_slots),
	F(settings, can_bootstrap),
	F(settings, restores),
	F(settings, clones_alone),
	F(settings, failsafe),
	F(settings, paused),
	F(settings, clone_when_rewind_fails),
	F(settings, clone_when_diverged),
};
static const struct shape settings_shape = SHAPE(settings, settings_fields);

/* Actions and rules are written by name, beside these. */
static const struct field plan_fields[] = {
	F(plan, upstream),
	F(plan, next),
	F(plan, wake_ms),
};
static const struct shape plan_shape = SHAPE(plan, plan_fields);

const struct record_part record_parts[RECORD_PARTS] = {
	{ "cluster", &cluster_shape, offsetof(struct record, cluster) },
	{ "self", &self_shape, offsetof(struct record, self) },
	{ "instance", &instance_shape, offsetof(struct record, instance) },
	{ "settings", &settings_shape, offsetof(struct record, settings) },
	{ "plan", &plan_shape, offsetof(struct record, plan) },
};
