/* Effectors of the lock. What is decided is decided; here it is only written, remembered and credited. */
#include "private.h"

#include "base/log.h"
#include "base/mutant.h"
#include "core/gates.h"

#include <stdlib.h>
#include <string.h>

void agent_on_lock_send(void *arg, const struct lease_send *send)
{
	struct agent *agent = arg;
	lease_sends_add(&agent->self.sends, send);
	if (mutant(5) && lease_token_matches(&agent->self.hold.token, &agent->self.sight.record)) {
		agent->self.hold.start = send->start;
		agent->self.hold.ttl_ms = send->ttl_ms;
	}
}

/* The record in the view came from a send of ours: it counts from before that send (safety.md rule 3). */
void agent_credit(struct agent *agent, struct instant now)
{
	struct self *self = &agent->self;
	struct lease_hold before = self->hold;
	if (!self->sight.held || !lease_credit(&self->hold, &self->sends, &self->sight.record))
		return;
	if (mutant(2))
		self->hold.start = now;
	self->lock_failed = false;
	self->released = self->denied = (struct instant){ 0, 0 };
	agent->failsafe_said = false;
	bool covered = instant_is_set(before.extended) && agent_failsafe_covers_lock(agent);
	if (lease_credit_goes_on(&self->hold, &before, &self->sight.record, covered))
		return;
	self->won_at = now;
	self->confirmed = false;
	log_info("the lock is ours, for %lld s", (long long)self->sight.record.ttl_s);
}

/* Once, when both the store and the supervisor have been heard: a lease of an earlier agent of this pod goes on if the record still carries its token. */
void agent_resume_lease(struct agent *agent)
{
	struct self *self = &agent->self;
	struct situation s = agent_situation(agent);
	struct lease_token token;
	if (self->settled || !s.instance->attached)
		return;
	self->settled = true;
	if (!lease_goes_on(&s, &token))
		return;
	self->hold = (struct lease_hold){ .token = token, .ttl_ms = self->sight.record.ttl_s * 1000 };
	self->won_at = loop_now(agent->loop);
	self->confirmed = false;
	log_info("the lock is still ours: it goes on after a restart of the agent");
}

static void lock_done(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct agent *agent = arg;
	struct self *self = &agent->self;
	self->lock_writing = false;
	self->lock_failed = outcome != DCS_DONE;
	if (outcome == DCS_DENIED && instant_is_set(self->released) && !instant_is_set(self->denied))
		self->denied = loop_now(agent->loop);
	if (outcome != DCS_DONE) {
		agent->counters.lock_write_failures++;
		log_warning("the lock was not written: %s", text);
	}
	agent_wake_now(agent);
}

struct position_texts {
	char token[96], retained[MEMBERS_MAX * (NAME_SIZE + 4)];
	char *positions;
};

static bool streams(const struct postgres_replica *replica)
{
	return strcmp(replica->state, "streaming") == 0 && replica->flushed_lsn != 0 && replica->replayed_lsn != 0;
}

/* Of who streams from us by the name of a member, so that it need not say it itself. NULL: nobody. */
static char *positions_text(const struct cluster *cluster, const struct postgres_details *details)
{
	AUTO(json) struct json *positions = json_new_object();
	for (int i = 0; i < details->replica_count; i++) {
		const struct postgres_replica *replica = &details->replicas[i];
		if (!streams(replica) || cluster_member(cluster, replica->application_name) == NULL)
			continue;
		struct json *pair = json_new_array();
		json_push(pair, json_new_i64((int64_t)replica->flushed_lsn));
		json_push(pair, json_new_i64((int64_t)replica->replayed_lsn));
		json_set(positions, replica->application_name, pair);
	}
	return json_first(positions) != NULL ? json_print_text(positions, JSON_COMPACT) : NULL;
}

static void fill_position(struct agent *agent, struct dcs_position *position, struct position_texts *texts)
{
	struct strbuf retained;
	const struct instance *i = postgres_instance(agent->pg);
	const struct postgres_details *details = postgres_details(agent->pg);
	bool began_here = i->tree == PG_TREE_PRIMARY && i->timeline != 0 && i->armed_timeline == i->timeline;
	if (began_here)
		lease_token_to_text(&i->armed_token, texts->token, sizeof(texts->token));
	strbuf_init(&retained, texts->retained, sizeof(texts->retained));
	if (i->tree == PG_TREE_PRIMARY) {
		agent_retained_slots(agent, &retained);
		texts->positions = positions_text(dcs_view(agent->dcs), details);
	}
	*position = (struct dcs_position){ .optime_lsn = instance_lsn(i),
					   .slots = details->slots,
					   .retain_slots = texts->retained,
					   .positions = texts->positions != NULL ? texts->positions : "",
					   .timeline = began_here ? i->timeline : 0,
					   .timeline_token = began_here ? texts->token : "" };
}

static void write_lock(struct agent *agent,
		       void (*call)(struct dcs *, const struct dcs_lock_write *, dcs_done *, void *))
{
	struct position_texts texts = { .token = "" };
	const struct cluster *cluster = dcs_view(agent->dcs);
	const struct settings *set = &agent->config.settings;
	struct situation s = agent_situation(agent);
	struct dcs_lock_write write = { .ttl_ms = lease_ttl_to_write_ms(&s),
					.limit_ms = set->retry_timeout_ms,
					.token = agent->self.hold.token,
					.version = cluster->leader.present ? cluster->leader.version : 0,
					.pod_ip = agent->config.kubernetes.pod_ip };
	if (s.instance->tree == PG_TREE_STANDBY && !timeline_is_claimed(&s))
		write.claim_timeline = timeline_to_claim(&s);
	if (agent->self.hold.token.leader[0] != '\0' && !instant_is_set(agent->self.hold.start))
		write.ttl_ms = agent->self.hold.ttl_ms; /* T rests on it still; the next renewal may lower it */
	text_copy(write.heir, sizeof(write.heir), heir_decide(&s));
	write.clears_route = write.heir[0] == '\0' && give_up_decide(&s) == GIVE_UP_LEAVING;
	write.create_until = lease_deadline(&agent->self.hold);
	fill_position(agent, &write.position, &texts);
	if (set->failsafe) {
		agent_name_failsafe_members(agent);
		write.failsafe = agent->failsafe_urls;
		write.failsafe_uids = agent->failsafe_uids;
	}
	agent->self.lock_writing = true;
	agent->self.lock_written = loop_now(agent->loop);
	agent->counters.lock_writes++;
	call(agent->dcs, &write, lock_done, agent);
	free(texts.positions);
}

void agent_acquire(struct agent *agent)
{
	const struct cluster *cluster = dcs_view(agent->dcs);
	bool anew = !cluster->leader.present && cluster->initialize == INITIALIZE_DONE;
	agent->self.created = anew ? loop_now(agent->loop) : (struct instant){ 0, 0 };
	write_lock(agent, dcs_acquire);
}

void agent_renew(struct agent *agent)
{
	write_lock(agent, dcs_renew);
}

/* From here on the release may land at any time: nothing of ours may become writable on what was credited before. */
void agent_release(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	struct self *self = &agent->self;
	enum give_up why = give_up_decide(&s);
	assert(may_release(&s));
	bool handed_over = why == GIVE_UP_LEAVING || why == GIVE_UP_MOVED;
	const char *heir = heir_decide(&s);
	if (!instant_is_set(self->released))
		agent_notice(agent, !handed_over, handed_over ? "HandedOver" : "Demoted",
			     "the lock is released%s%s: %s", heir[0] != '\0' ? " to " : "", heir, give_up_text(why));
	int64_t aside_ms = give_up_aside_ms(&s, why);
	if (aside_ms > 0)
		self->aside_until = instant_after_ms(s.now, aside_ms);
	write_lock(agent, dcs_release);
	self->sends = (struct lease_sends){ .next = 0 };
	self->hold.start = (struct instant){ 0, 0 };
	self->confirmed = false;
	if (!instant_is_set(self->released))
		self->released = s.now;
	self->handed_over = heir[0] != '\0' ? s.now : (struct instant){ 0, 0 };
}

void agent_cap_deadline(struct agent *agent)
{
	lease_cap(&agent->self.hold, agent->config.settings.ttl_ms, loop_now(agent->loop));
}

/* A lease that is given back by mouth leaves no token: no later agent may go on with it. */
void agent_set_deadline(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	const struct lease_hold *hold = &agent->self.hold;
	bool over = instant_is_set(agent->self.denied);
	struct deadline_order order = { .at = lease_deadline(hold),
					.token = over ? (struct lease_token){ .leader = "" } : hold->token,
					.answered = instant_is_set(hold->start),
					.unguarded = unguarded_is_wanted(&s) };
	postgres_set_deadline(agent->pg, &order);
}

void agent_forget_lease(struct agent *agent)
{
	struct self *self = &agent->self;
	const char *holder = dcs_view(agent->dcs)->leader.record.leader;
	if (postgres_instance(agent->pg)->writable)
		agent_notice(agent, true, "Demoted", "the lock is not ours any more%s%s",
			     holder[0] != '\0' ? ": it is held by " : "", holder);
	else
		log_warning("the lock is not ours any more");
	self->hold = (struct lease_hold){ .ttl_ms = 0 };
	self->released = self->denied = (struct instant){ 0, 0 };
	self->sends = (struct lease_sends){ .next = 0 };
	self->confirmed = false;
	agent_wake(agent);
}

static void refresh_done(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct agent *agent = arg;
	struct self *self = &agent->self;
	self->refreshing = false;
	bool same = memcmp(&agent->refreshed, &self->hold.token, sizeof(agent->refreshed)) == 0;
	if (outcome == DCS_DONE)
		self->looked = self->read_at;
	if (outcome == DCS_DONE && same)
		self->confirmed = self->hold.token.leader[0] != '\0';
	else if (outcome != DCS_DONE)
		log_warning("the cluster could not be read again: %s", text);
	agent_wake_now(agent);
}

void agent_refresh(struct agent *agent)
{
	agent->self.refreshing = true;
	agent->self.read_at = loop_now(agent->loop);
	agent->refreshed = agent->self.hold.token;
	dcs_refresh(agent->dcs, agent->config.settings.retry_timeout_ms, refresh_done, agent);
}
