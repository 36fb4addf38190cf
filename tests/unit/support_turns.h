/* Turns as they are in the life of a cluster of three, for tests that record, replay and explain them. */
#ifndef HOWDAH_TESTS_UNIT_SUPPORT_TURNS_H
#define HOWDAH_TESTS_UNIT_SUPPORT_TURNS_H

#include "base/strbuf.h"
#include "codec/record.h"

#include <string.h>

#define TURN_NOW   ((struct instant){ 5000000000, 4999000000 })
#define TURN_LSN   0x3A1004F20u
#define TURN_SYSID "7391000000000000417"

static inline struct instant turn_ago(int64_t ms)
{
	return instant_after_ms(TURN_NOW, -ms);
}

static inline void turn_member(struct cluster *c, const char *name, const char *host)
{
	struct member *m = &c->members[c->member_count++];
	struct strbuf b;
	*m = (struct member){ .has_status = true,
			      .is_howdah = true,
			      .state = STATE_RUNNING,
			      .role = ROLE_REPLICA,
			      .conn_port = 5432,
			      .timeline = 7,
			      .xlog_lsn = TURN_LSN,
			      .failover_priority = 1,
			      .version = 90,
			      .ready = true };
	text_copy(m->name, sizeof(m->name), name);
	text_copy(m->conn_host, sizeof(m->conn_host), host);
	strbuf_init(&b, m->api_url, sizeof(m->api_url));
	strbuf_addf(&b, "http://%s:8008/patroni", host);
}

static inline void turn_cluster(struct cluster *c, const char *holder)
{
	c->loaded = c->has_config = c->has_history = true;
	c->heard = turn_ago(200);
	c->initialize = INITIALIZE_DONE;
	text_copy(c->system_identifier, sizeof(c->system_identifier), TURN_SYSID);
	c->config_object_version = 17;
	c->lease_ttl_s = 15;
	c->leader_timeline = 7;
	c->optime_lsn = TURN_LSN;
	c->history.count = 1;
	c->history.entries[0] = (struct history_entry){
		.timeline = 6, .end_lsn = 0x3A0000000, .reason = "no recovery target", .leader = "shop-2"
	};
	c->leader = (struct lease_object){ .present = true,
					   .readable = true,
					   .uid = "lock-uid",
					   .version = 4711,
					   .record = { .acquire_time = "2026-11-20T01:00:00.000000+00:00",
						       .renew_time = "2026-11-20T04:11:52.400000+00:00",
						       .ttl_s = 15,
						       .transitions = 6 } };
	text_copy(c->leader.record.leader, sizeof(c->leader.record.leader), holder);
	turn_member(c, "shop-0", "10.0.0.10");
	turn_member(c, "shop-1", "10.0.0.11");
	turn_member(c, "shop-2", "10.0.0.12");
}

static inline void turn_peer(struct self *self, const char *name, uint64_t lsn)
{
	struct peer_answer *p = &self->peers[self->peer_count++];
	*p = (struct peer_answer){ .asked = turn_ago(90),
				   .answered = turn_ago(100),
				   .in_recovery = true,
				   .state = STATE_RUNNING,
				   .timeline = 7,
				   .received_lsn = lsn,
				   .replayed_lsn = lsn,
				   .lsn = lsn,
				   .failover_priority = 1 };
	text_copy(p->name, sizeof(p->name), name);
}

static inline void turn_common(struct record *r, const char *holder)
{
	memset(r, 0, sizeof(*r));
	r->stamp = (struct record_stamp){ 88121, { 1795147927512000 } };
	r->now = TURN_NOW;
	r->settings = (struct settings){ .ttl_ms = 15000,
					 .loop_wait_ms = 5000,
					 .retry_timeout_ms = 5000,
					 .maximum_lag_on_failover_bytes = 1048576,
					 .primary_start_timeout_ms = 300000,
					 .member_slots_ttl_ms = 1800000,
					 .failover_priority = 1,
					 .check_timeline = true,
					 .use_slots = true,
					 .can_bootstrap = true };
	turn_cluster(&r->cluster, holder);
	struct instance *i = &r->instance;
	i->attached = i->volume_locked = i->answers = true;
	i->heard = turn_ago(50);
	i->data = DATA_OK;
	i->control = CONTROL_IN_ARCHIVE_RECOVERY;
	i->probed = turn_ago(300);
	i->timeline = 7;
	i->server_version = 150018;
	text_copy(i->system_identifier, sizeof(i->system_identifier), TURN_SYSID);
	text_copy(r->self.name, sizeof(r->self.name), "shop-0");
	r->self.sight = (struct lease_sight){ .held = true,
					      .record = r->cluster.leader.record,
					      .version = 4711,
					      .version_seen_max = 4711,
					      .uid = "lock-uid" };
	r->self.looked = turn_ago(40);
}

static inline void turn_decide(struct record *r)
{
	struct situation s = record_situation(r);
	r->plan = decide(&s);
}

/* shop-0 is a replica; shop-2 held the lock and renewed it last so long ago. */
static inline void turn_replica(struct record *r, int64_t silent_ms)
{
	turn_common(r, "shop-2");
	r->self.sight.since = turn_ago(silent_ms);
	r->instance.tree = PG_TREE_STANDBY;
	r->instance.in_recovery = true;
	r->instance.receive_lsn = r->instance.replay_lsn = TURN_LSN;
	text_copy(r->instance.upstream, sizeof(r->instance.upstream), "shop-2");
	text_copy(r->instance.upstream_host, sizeof(r->instance.upstream_host), "10.0.0.12");
	r->instance.upstream_port = 5432;
}

static inline void turn_nobody_holds_the_lock(struct record *r)
{
	turn_replica(r, 15040);
	turn_peer(&r->self, "shop-1", TURN_LSN);
	turn_peer(&r->self, "shop-2", TURN_LSN);
	r->self.peers[1].silent = true;
	r->self.peers[1].answered = turn_ago(14200);
	turn_decide(r);
}

static inline void turn_another_has_more_wal(struct record *r)
{
	turn_nobody_holds_the_lock(r);
	r->self.peers[0].lsn = TURN_LSN + 4096;
	turn_decide(r);
}

static inline void turn_replica_follows(struct record *r)
{
	turn_replica(r, 3100);
	turn_decide(r);
}

/* shop-0 leads, and its last renewal that was answered left so long ago. */
static inline void turn_leader(struct record *r, int64_t renewed_ms)
{
	turn_common(r, "shop-0");
	struct self *self = &r->self;
	struct lease_record *record = &r->cluster.leader.record;
	struct instance *i = &r->instance;
	self->hold = (struct lease_hold){ .start = turn_ago(renewed_ms), .ttl_ms = 15000 };
	self->hold.token.transitions = record->transitions;
	text_copy(self->hold.token.leader, NAME_SIZE, record->leader);
	text_copy(self->hold.token.acquire_time, TIME_SIZE, record->acquire_time);
	struct lease_send send = { .token = self->hold.token, .start = self->hold.start, .ttl_ms = 15000 };
	text_copy(send.renew_time, TIME_SIZE, record->renew_time);
	self->sends.next = 3;
	lease_sends_add(&self->sends, &send);
	self->sight.since = turn_ago(renewed_ms - 10);
	self->lock_written = self->hold.start;
	self->confirmed = true;
	self->won_at = turn_ago(600000);
	self->checkpointed = 7;
	i->tree = PG_TREE_PRIMARY;
	i->writable = i->was_primary = true;
	i->control = CONTROL_IN_PRODUCTION;
	i->write_lsn = TURN_LSN;
	i->deadline = lease_deadline(&self->hold);
	i->armed_timeline = 7;
	i->armed_token = self->hold.token;
	lease_token_to_text(&self->hold.token, i->token, sizeof(i->token));
}

static inline void turn_leader_renews(struct record *r)
{
	turn_leader(r, 5000);
	turn_decide(r);
}

static inline void turn_leader_rests(struct record *r)
{
	turn_leader(r, 1000);
	turn_decide(r);
}

/* The API is silent and the deadline is near. */
static inline void turn_leader_gives_way(struct record *r)
{
	turn_leader(r, 10900);
	r->cluster.heard = turn_ago(10700);
	r->self.lock_failed = true;
	r->self.lock_written = turn_ago(400);
	turn_decide(r);
}

static inline void turn_data_diverged(struct record *r)
{
	turn_replica(r, 3100);
	struct instance *i = &r->instance;
	i->tree = PG_TREE_DOWN;
	i->control = CONTROL_SHUT_DOWN;
	i->control_timeline = 6;
	i->control_lsn = 0x3A0001000;
	i->in_recovery = i->answers = false;
	turn_decide(r);
}

static const struct turn_story {
	const char *name;
	void (*make)(struct record *r);
	const char *rules[TABLE_COUNT]; /* NULL: not asked */
} turn_stories[] = {
	{ "nobody-holds-the-lock", turn_nobody_holds_the_lock, { "harmless", "race", "winner", "standby" } },
	{ "another-has-more-wal", turn_another_has_more_wal, { "harmless", "stand-aside", "ahead", "standby" } },
	{ "replica-follows", turn_replica_follows, { "harmless", "taken", "unheard", "standby" } },
	{ "leader-renews", turn_leader_renews, { "guarded", "renew", NULL, "primary" } },
	{ "leader-gives-way", turn_leader_gives_way, { "yield", "keep", NULL, NULL } },
	{ "data-diverged", turn_data_diverged, { "harmless", "taken", "no-standby", "down", "diverged" } },
};

#endif
