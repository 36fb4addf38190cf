/* Pods are brought to the StatefulSet's update revision one at a time: replicas first, the leader last, the lead handed over
 * before it where that costs less than what would happen otherwise. */
#include "core/rollout.h"

#include "base/mutant.h"
#include "facts.h"
#include "tables.h"

#include <string.h>

enum {
	LOOK_IDLE_MS = 30000, /* a GET each; the requests of an idle cluster stay within 12 a minute */
	LOOK_BUSY_MS = 5000,
	LOOK_FORBIDDEN_MS = 60000,
	LOOK_OLD_MS = 60000, /* what was seen longer ago is nothing to act on */
	WAIT_MS = 2000,
	SHOWN_MS = 2000,       /* until a step shows in the view */
	REFUSED_MS = 10000,    /* what stands in the way may be gone */
	FORBIDDEN_MS = 60000,  /* a right may be given meanwhile */
	HAND_OVER_MS = 300000, /* one that did not come about costs a stop of the primary each time */
	RESIZE_MS = 300000,    /* a kubelet looks every three minutes whether there is room by now */
};

#define O(name) (1u << FACT_O_##name)

static const char *const names[] = {
	[FACT_O_BUSY] = "a request of the roll-out is on its way",
	[FACT_O_DUE] = "the StatefulSet is to be looked at",
	[FACT_O_FORBIDDEN] = "the API does not let us look at the StatefulSet",
	[FACT_O_KNOWN] = "it is known what the StatefulSet wants",
	[FACT_O_LEFT] = "a pod is not as the StatefulSet wants it",
	[FACT_O_OURS] = "the StatefulSet leaves the replacing of pods to us",
	[FACT_O_PAUSED] = "the roll-out or the cluster is paused",
	[FACT_O_MOVING] = "the lead is being moved, or something is done to PostgreSQL",
	[FACT_O_COMPLETE] = "all pods are there",
	[FACT_O_HEARD] = "the other members were asked just now",
	[FACT_O_WELL] = "every other member streams",
	[FACT_O_RENEWED] = "the lock was renewed less than a third of its ttl ago",
	[FACT_O_REFUSED] = "the last step was refused a moment ago",
	[FACT_O_PATCHED] = "the next pod was changed in place",
	[FACT_O_BACK] = "its containers run so, and the member is well",
	[FACT_O_LIVE] = "only what can be changed under a running PostgreSQL differs",
	[FACT_O_LEADER] = "the next pod is the leader's",
	[FACT_O_SLOW] = "the other sidecars were away for too long",
	[FACT_O_ALONE] = "there is no other member",
	[FACT_O_FIT] = "another member can take over",
};
static_assert(ARRAY_SIZE(names) == FACT_O_COUNT, "every fact has a name");
static_assert(FACT_O_COUNT <= FACTS_MAX, "small enough to enumerate");

/* A row: what must hold, what must not, what is done, and why. */
/* clang-format off */
static const struct rule rules[] = {
	{ "busy", O(BUSY), 0, { ACT_NONE },
	  "a request of the roll-out is on its way" },
	{ "look", O(DUE), 0, { ACT_LOOK_AT_ROLLOUT },
	  "the StatefulSet is looked at" },
	{ "forbidden", O(FORBIDDEN), 0, { ACT_NONE },
	  "the API does not let us look at the StatefulSet: no roll-out" },
	{ "unknown", 0, O(KNOWN), { ACT_NONE },
	  "it is not known what the StatefulSet wants" },
	{ "done", 0, O(LEFT), { ACT_NONE },
	  "every pod is as the StatefulSet wants it" },
	{ "not-ours", 0, O(OURS), { ACT_NONE },
	  "the StatefulSet replaces its pods itself: its updateStrategy is not OnDelete" },
	{ "paused", O(PAUSED), 0, { ACT_NONE },
	  "the roll-out or the cluster is paused" },
	{ "moving", O(MOVING), 0, { ACT_NONE },
	  "the lead is being moved, or something is done to PostgreSQL" },
	{ "incomplete", 0, O(COMPLETE), { ACT_NONE },
	  "a pod is not back, or there is one too many" },
	{ "ask", 0, O(HEARD), { ACT_ASK_PEERS },
	  "the other members are asked how they are" },
	{ "unwell", 0, O(WELL), { ACT_NONE },
	  "a member does not stream, or is too far behind" },
	{ "stale", 0, O(RENEWED), { ACT_NONE },
	  "the lock was not renewed within a third of its ttl" },
	{ "refused", O(REFUSED), 0, { ACT_NONE },
	  "the last step was refused a moment ago" },
	{ "label", O(PATCHED) | O(BACK), 0, { ACT_SET_REVISION },
	  "its containers run as they are wanted, and the member is well: the pod counts as updated" },
	{ "replacing", O(PATCHED), 0, { ACT_NONE },
	  "its sidecar is being replaced, or its resources are being changed" },
	{ "patch", O(LIVE), O(SLOW), { ACT_CHANGE_POD },
	  "the pod is changed under a running PostgreSQL: only the sidecar's image or resources differ" },
	{ "patch-alone", O(LIVE) | O(ALONE), 0, { ACT_CHANGE_POD },
	  "the pod is changed under a running PostgreSQL: there is nobody to hand the lead to" },
	{ "evict", 0, O(LEADER), { ACT_EVICT },
	  "more differs than can be changed under a running PostgreSQL: the pod is replaced" },
	{ "evict-alone", O(ALONE), 0, { ACT_EVICT },
	  "more differs than can be changed under a running PostgreSQL, and there is nobody to hand the lead to" },
	{ "hand-over", O(FIT), 0, { ACT_HAND_OVER },
	  "the leader's pod is the last: the lead is handed over first" },
	{ "nobody", 0, 0, { ACT_NONE },
	  "the leader's pod is the last, and nobody can take over" },
};
/* clang-format on */

/* Of the next pod something is only said when there is one, of the leader's only when it is next. */
static bool possible(uint32_t f)
{
	uint32_t of_next = O(PATCHED) | O(BACK) | O(LIVE) | O(LEADER) | O(SLOW);
	if (!(f & O(LEFT)) && (f & of_next))
		return false;
	if ((f & O(SLOW)) && (f & (O(LEADER) | O(LIVE))) != (O(LEADER) | O(LIVE)))
		return false;
	if ((f & O(PATCHED)) && !(f & O(LIVE)))
		return false;
	if ((f & O(BACK)) && !(f & O(PATCHED)))
		return false;
	return !((f & O(ALONE)) && (f & O(FIT)));
}

const struct table rollout_table = { "roll-out", names, FACT_O_COUNT, rules, ARRAY_SIZE(rules), possible };

bool rollout_is_passing(int row)
{
	static const char *const ids[] = { "busy", "look", "ask", "unknown", "stale" };
	for (size_t i = 0; row >= 0 && i < ARRAY_SIZE(ids); i++)
		if (strcmp(ids[i], rules[row].id) == 0)
			return true;
	return false;
}

static bool is_us(const struct situation *s, const struct member *m)
{
	return strcmp(m->name, s->self->name) == 0;
}

/* Who was deleted by force takes the new pod of its name, which may have nothing yet, for itself. */
bool rollout_is_ours_to_look_at(const struct situation *s)
{
	const struct member *own = cluster_member(s->cluster, s->self->name);
	return own != NULL && own->owned && !s->self->replaced && leads_now(s) && s->self->confirmed &&
	       is_primary_up(s) && !s->instance->term_pending;
}

static const struct peer_answer *answer_of(const struct situation *s, const char *name)
{
	for (int i = 0; i < s->self->peer_count; i++)
		if (strcmp(s->self->peers[i].name, name) == 0)
			return &s->self->peers[i];
	return NULL;
}

/* By what it answered just now, and by what its pod says: that is younger than our lead (see the header). */
static bool streams(const struct situation *s, const struct member *m)
{
	const struct peer_answer *peer = answer_of(s, m->name);
	uint32_t timeline = s->instance->timeline;
	if (peer == NULL || peer->silent || !peer_is_fresh(s, peer) || !peer->in_recovery || !peer->streaming)
		return false;
	uint64_t lag = s->instance->write_lsn > peer->lsn ? s->instance->write_lsn - peer->lsn : 0;
	return peer->state == STATE_RUNNING && peer->timeline == timeline && m->timeline == timeline &&
	       lag <= (uint64_t)s->settings->maximum_lag_on_failover_bytes;
}

/* Whoever is still to lose its sidecar by an earlier step is not well, whatever is wanted by now. */
static bool is_well(const struct situation *s, const struct member *m)
{
	return !m->deleting && (is_us(s, m) ? is_primary_up(s) : streams(s, m) && (!m->sidecar_pending || mutant(43)));
}

/* A copy that is being made is not begun anew. */
static bool is_cloning(const struct situation *s, const struct member *m)
{
	const struct peer_answer *peer = answer_of(s, m->name);
	return peer != NULL && !peer->silent && peer_is_fresh(s, peer) && peer->state == STATE_CREATING_REPLICA;
}

static bool is_old(const struct member *m)
{
	return m->owned && m->change != CHANGE_NONE;
}

/* What was begun is brought to its end. An old pod that does not work goes before those that do: nothing more is down by it, and a
 * roll-out that went wrong can be put right by the next one. */
static int urgency(const struct situation *s, const struct member *m)
{
	if (!is_old(m))
		return 0;
	if (is_us(s, m))
		return 1;
	if (m->patched)
		return 4;
	return !is_well(s, m) && !is_cloning(s, m) ? 3 : 2;
}

const struct member *rollout_next(const struct situation *s)
{
	const struct member *next = NULL;
	for (int i = 0; i < s->cluster->member_count; i++) {
		const struct member *m = &s->cluster->members[i];
		if (urgency(s, m) > (next != NULL ? urgency(s, next) : 0))
			next = m;
	}
	return next;
}

static const struct member *ill(const struct situation *s, const struct member *next)
{
	for (int i = 0; i < s->cluster->member_count; i++)
		if (&s->cluster->members[i] != next && !is_well(s, &s->cluster->members[i]))
			return &s->cluster->members[i];
	return next != NULL && is_cloning(s, next) ? next : NULL;
}

static bool is_complete(const struct situation *s)
{
	int count = 0;
	for (int i = 0; i < s->cluster->member_count; i++) {
		if (s->cluster->members[i].deleting)
			return false;
		count += s->cluster->members[i].owned;
	}
	return count == s->cluster->set.replicas;
}

static bool is_known(const struct situation *s)
{
	const struct wanted_set *set = &s->cluster->set;
	if (!set->known || !within_ms(set->looked, LOOK_OLD_MS, s->now))
		return false;
	for (int i = 0; i < s->cluster->member_count; i++)
		if (s->cluster->members[i].owned && s->cluster->members[i].change == CHANGE_UNKNOWN)
			return false;
	return true;
}

/* How long the kubelets took from the end of a sidecar to the start of its successor, the image's way included; in whole
 * seconds, so that a second may be missing. Half of what the lease allows is left for the start and the first renewal. */
static bool is_slow(const struct situation *s)
{
	int64_t ttl = s->self->hold.ttl_ms, away_ms = -1;
	int64_t allowed = ttl - lease_margin_ms(ttl) - s->settings->loop_wait_ms;
	for (int i = 0; i < s->cluster->member_count; i++)
		if (s->cluster->members[i].sidecar_away_ms > away_ms)
			away_ms = s->cluster->members[i].sidecar_away_ms;
	return away_ms > 0 && away_ms + 1000 > allowed / 2;
}

static bool is_paused(const struct situation *s)
{
	return s->settings->paused || s->cluster->rollout_paused;
}

static bool is_moving(const struct situation *s)
{
	return s->cluster->move.asked || s->self->restart.asked || s->instance->job != PG_JOB_NONE;
}

static bool is_due(const struct situation *s)
{
	const struct self *self = s->self;
	int64_t pace = s->cluster->set.forbidden ? LOOK_FORBIDDEN_MS
		       : rollout_next(s) != NULL ? LOOK_BUSY_MS
						 : LOOK_IDLE_MS;
	return !instant_is_set(self->rollout_looked) || elapsed_most_ms(self->rollout_looked, s->now) >= pace;
}

/* It was asked for: a kubelet may have no room for now, or know nothing of such a change. In a pause nobody waits for it. */
const char *rollout_resizes(const struct situation *s)
{
	const struct member *next = rollout_is_ours_to_look_at(s) && !is_paused(s) ? rollout_next(s) : NULL;
	bool waits = next != NULL && next->patched && next->resize == RESIZE_PENDING;
	return waits ? next->pod_uid : "";
}

static bool is_resized_late(const struct situation *s, const struct member *next)
{
	const struct self *self = s->self;
	return self->resizing[0] != '\0' && strcmp(self->resizing, next->pod_uid) == 0 &&
	       !within_ms(self->resizing_since, RESIZE_MS, s->now);
}

static bool can_be_changed(const struct situation *s, const struct member *next)
{
	return next->change == CHANGE_SIDECAR ||
	       (next->change == CHANGE_RESOURCES && next->resize != RESIZE_REFUSED && !is_resized_late(s, next));
}

static uint32_t facts_of_next(const struct situation *s, const struct member *next)
{
	if (next == NULL)
		return 0;
	bool us = is_us(s, next), live = can_be_changed(s, next);
	bool patched = live && next->patched && next->resize != RESIZE_WANTED;
	bool runs_so = next->sidecar_replaced && (next->resize == RESIZE_NONE || mutant(52));
	return O(LEFT) | when(live, O(LIVE)) | when(patched, O(PATCHED)) | when(us, O(LEADER)) |
	       when(patched && ((runs_so && is_well(s, next)) || mutant(43)), O(BACK)) |
	       when(us && live && !next->patched && is_slow(s) && !mutant(44), O(SLOW));
}

uint32_t rollout_facts(const struct situation *s)
{
	const struct wanted_set *set = &s->cluster->set;
	const struct self *self = s->self;
	const struct member *next = rollout_next(s);
	bool rests = instant_is_set(self->rollout_rests_until) && left_least_ms(self->rollout_rests_until, s->now) > 0;
	bool renewed = within_ms(self->hold.start, self->hold.ttl_ms / 3, s->now);
	return facts_of_next(s, next) | when(self->rollout_open, O(BUSY)) | when(is_due(s), O(DUE)) |
	       when(set->forbidden, O(FORBIDDEN)) | when(is_known(s), O(KNOWN)) | when(set->on_delete, O(OURS)) |
	       when(is_paused(s), O(PAUSED)) | when(is_moving(s), O(MOVING)) |
	       when(is_complete(s) || mutant(41), O(COMPLETE)) | when(peers_are_heard(s), O(HEARD)) |
	       when(ill(s, next) == NULL || mutant(42), O(WELL)) | when(renewed || mutant(45), O(RENEWED)) |
	       when(rests, O(REFUSED)) | when(s->cluster->member_count == 1, O(ALONE)) |
	       when(failover_is_possible(s), O(FIT));
}

int64_t rollout_wait_ms(const struct situation *s)
{
	if (!rollout_is_ours_to_look_at(s))
		return INT64_MAX;
	if (rollout_next(s) != NULL)
		return WAIT_MS;
	int64_t since = elapsed_most_ms(s->self->rollout_looked, s->now);
	return since < LOOK_IDLE_MS ? LOOK_IDLE_MS - since + 1 : WAIT_MS;
}

int64_t rollout_rest_ms(enum action step, enum rollout_outcome outcome)
{
	static const int64_t rests[] = {
		[ROLLOUT_TAKEN] = SHOWN_MS,
		[ROLLOUT_NOT_NOW] = REFUSED_MS,
		[ROLLOUT_FORBIDDEN] = FORBIDDEN_MS,
	};
	static_assert(ARRAY_SIZE(rests) == ROLLOUT_OUTCOME_COUNT, "a rest after each");
	assert(outcome < ROLLOUT_OUTCOME_COUNT);
	return step == ACT_HAND_OVER && outcome == ROLLOUT_TAKEN ? HAND_OVER_MS : rests[outcome];
}

void rollout_progress(const struct situation *s, struct rollout_progress *progress)
{
	const struct member *next = rollout_next(s);
	*progress = (struct rollout_progress){ .wanted = s->cluster->set.replicas };
	for (int i = 0; i < s->cluster->member_count; i++)
		progress->updated += s->cluster->members[i].owned && !is_old(&s->cluster->members[i]);
	copy_member_name(progress->next, next);
	copy_member_name(progress->ill, ill(s, next));
}
