/* Everything that a turn looks at and that no layer below knows by itself. */
#include "private.h"

#include "base/mutant.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

const struct member *agent_own_member(const struct agent *agent)
{
	return cluster_member(dcs_view(agent->dcs), agent->self.name);
}

static bool other_pod_has_leader_label(const struct agent *agent, const struct cluster *cluster)
{
	for (int i = 0; i < cluster->member_count; i++) {
		const struct member *m = &cluster->members[i];
		if (strcmp(m->name, agent->self.name) != 0 && m->role_label[0] != '\0' &&
		    strcmp(m->role_label, agent->config.kubernetes.leader_value) == 0)
			return true;
	}
	return false;
}

static void read_beginning(struct self *self, const char *text, uint32_t timeline)
{
	struct err err;
	char key[16];
	struct strbuf b;
	AUTO(json) struct json *map = json_parse(text, strlen(text), &err);
	strbuf_init(&b, key, sizeof(key));
	strbuf_addf(&b, "%u", timeline);
	const char *token = json_get_text(map, key);
	text_copy(self->beginning, sizeof(self->beginning), token != NULL ? token : "");
}

/* With which lease the store says that the timeline began on which we were armed last. */
static void look_up_beginning(struct agent *agent, uint32_t timeline)
{
	const char *text = timeline != 0 ? dcs_beginnings_text(agent->dcs) : "";
	if (agent->beginnings != NULL && timeline == agent->beginnings_timeline && text_equal(text, agent->beginnings))
		return;
	free(agent->beginnings);
	agent->beginnings = strdup(text);
	if (agent->beginnings == NULL)
		abort();
	agent->beginnings_timeline = timeline;
	read_beginning(&agent->self, text, timeline);
}

/* What was refused is not asked for again at once. */
static bool failed_lately(struct instant failed, struct instant now)
{
	return instant_is_set(failed) && elapsed_most_ms(failed, now) < AGAIN_MS;
}

static void sense_publication(struct agent *agent, struct instant now)
{
	struct self *self = &agent->self;
	const struct member *own = agent_own_member(agent);
	self->publish_due = false;
	if (own == NULL)
		return;
	agent_build_status(agent);
	const char *written = dcs_member_status_text(agent->dcs, self->name);
	bool urgent = strcmp(agent->essential, agent->essential_written) != 0;
	bool differs = strcmp(agent->status, written) != 0;
	struct situation s = agent_situation(agent);
	bool rested =
		!instant_is_set(agent->published) || elapsed_most_ms(agent->published, now) >= position_period_ms(&s);
	urgent |= !agent_label_is_right(agent, own);
	bool failed = failed_lately(agent->publish_failed, now);
	self->publish_due = !failed && (urgent || (differs && rested));
}

/* Since when nothing of ours can commit any more, while the lock is still ours. */
static void sense_end(struct self *self, const struct situation *s)
{
	const struct instance *i = s->instance;
	bool ended = i->tree == PG_TREE_DOWN || (i->tree == PG_TREE_STOPPING && !i->writable);
	if (!lock_is_mine(s) || !ended)
		self->ended_at = (struct instant){ 0, 0 };
	else if (!instant_is_set(self->ended_at))
		self->ended_at = s->now;
}

/* The lock's holder goes by its pod: a new pod of its name is not it. It may live on for a while after its pod was deleted by force. */
static void sense_holder(struct agent *agent, const struct cluster *cluster)
{
	struct self *self = &agent->self;
	const struct member *found = NULL;
	bool known = cluster->holder_uid[0] != '\0' && self->sight.held;
	for (int i = 0; known && i < cluster->member_count; i++)
		if (strcmp(cluster->members[i].pod_uid, cluster->holder_uid) == 0)
			found = &cluster->members[i];
	if (found != NULL) {
		text_copy(agent->holder.uid, sizeof(agent->holder.uid), found->pod_uid);
		text_copy(agent->holder.name, sizeof(agent->holder.name), found->name);
		text_copy(agent->holder.api_url, sizeof(agent->holder.api_url), found->api_url);
	}
	bool same = strcmp(agent->holder.uid, cluster->holder_uid) == 0 &&
		    strcmp(agent->holder.name, self->sight.record.leader) == 0;
	self->holder_gone = known && found == NULL && same && strcmp(agent->holder.uid, self->pod_uid) != 0 &&
			    agent->holder.api_url[0] != '\0';
}

static void sense_failsafe(struct agent *agent, struct instant now)
{
	struct situation s = agent_situation(agent);
	s.now = now;
	const struct lease_object *lock = &s.cluster->leader;
	if (s.cluster->loaded && lock->present && lock->readable && lock->record.leader[0] != '\0')
		agent->self.failsafe_counted = failsafe_needs_us(&s);
	if (failsafe_is_over(&s))
		agent->self.failsafe_pinged = (struct instant){ 0, 0 };
}

/* Whether WAL still comes in. */
static void sense_wal(struct self *self, const struct instance *i, struct instant now)
{
	uint64_t lsn = instance_lsn(i);
	if (i->in_recovery && i->streaming && self->wal_lsn != 0 && lsn > self->wal_lsn)
		self->wal_moved = now;
	self->wal_lsn = i->in_recovery ? lsn : 0;
}

static void sense_route(struct agent *agent, const struct situation *s)
{
	const struct member *own = agent_own_member(agent);
	if (leads_now(s))
		agent->self.led = s->now;
	agent->self.labelled = own != NULL && strcmp(own->role_label, agent->config.kubernetes.leader_value) == 0;
	if (agent->self.labelled)
		agent->self.routed = s->now;
}

static void sense_move(struct self *self, const struct cluster *cluster, struct instant now)
{
	if (!cluster->move.asked)
		self->move_seen = (struct instant){ 0, 0 };
	else if (!instant_is_set(self->move_seen))
		self->move_seen = now;
}

/* What people asked of this member goes on until it is done or cannot be. */
static void sense_wishes(struct agent *agent, struct instant now)
{
	struct self *self = &agent->self;
	struct situation s = agent_situation(agent);
	s.now = now;
	sense_move(self, s.cluster, now);
	sense_end(self, &s);
	sense_route(agent, &s);
	self->restart_pending = postgres_details(agent->pg)->pending_restart;
	enum restart_step step = restart_decide(&s);
	if (step == RESTART_DROP)
		agent_drop_restart(agent, restart_drop_text(&s));
	else if (step == RESTART_DONE)
		self->restart = (struct restart_order){ .asked = false };
	if (self->reinitialize && lock_is_mine(&s)) {
		agent->copy_why = "it leads now";
		agent_notice(agent, true, "ReinitializeDropped", "its data was to be cloned anew, that is dropped: %s",
			     agent->copy_why);
	}
	if (reinitialize_is_over(&s))
		self->reinitialize = false;
}

void agent_sense(struct agent *agent, struct instant now)
{
	struct self *self = &agent->self;
	const struct cluster *cluster = dcs_view(agent->dcs);
	const struct instance *instance = postgres_instance(agent->pg);
	if (cluster->loaded) {
		/* from now, when it was received: a LIST may have begun before what it shows was written */
		lease_look(&self->sight, &cluster->leader, lease_ttl_unknown_s(cluster, &agent->config.settings),
			   cluster->initialize == INITIALIZE_DONE, mutant(7) ? cluster->heard : now);
		if (!cluster->leader.present && agent->object_seen)
			self->confirmed = false; /* it is made anew only after another look */
		agent->object_seen = cluster->leader.present;
		agent_credit(agent, now);
		agent_resume_lease(agent);
	}
	bool claimed = dcs_initialize_is_ours(agent->dcs);
	if (claimed && !self->initialize_is_ours)
		self->claimed = now;
	self->initialize_is_ours = claimed;
	if (!cluster->initializer_gone)
		self->initializer_gone = (struct instant){ 0, 0 };
	else if (!instant_is_set(self->initializer_gone))
		self->initializer_gone = now;
	self->lock_writing = dcs_lock_busy(agent->dcs);
	bool labels_rest = agent->labels_open > 0 || failed_lately(agent->labels_failed, now);
	self->foreign_label = !labels_rest && other_pod_has_leader_label(agent, cluster);
	self->store_writing = agent->store_open || failed_lately(agent->store_failed, now);
	if (instance->tree == PG_TREE_PRIMARY && instance->answers && !instance->in_recovery)
		self->last_up = now;
	const struct member *own = agent_own_member(agent);
	self->replaced =
		own != NULL && agent->self.pod_uid[0] != '\0' && strcmp(own->pod_uid, agent->self.pod_uid) != 0;
	sense_holder(agent, cluster);
	sense_failsafe(agent, now);
	sense_wal(self, instance, now);
	sense_wishes(agent, now);
	look_up_beginning(agent, instance->armed_timeline);
	agent_sense_rollout(agent);
	sense_publication(agent, now);
	agent_sense_slots(agent, now);
}
