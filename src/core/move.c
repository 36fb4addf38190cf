/* Giving the leadership to somebody: asked for by people (contract 5.11), or because the container ends. The leader stops in an
 * orderly way, waits until the heir has everything, and names it in the write that releases the lock. Nothing is remembered
 * between turns: as long as the wish stands, PostgreSQL stays down here. */
#include "facts.h"

#include <string.h>

enum { HEIR_WAIT_MS = 10000, HEIR_ASK_MS = 2000 };

/* Whoever is not on the leader's timeline does not have what it has, however far it got; nor, without a leader, on an older one
 * than we. */
static bool is_on_our_timeline(const struct situation *s, const struct peer_answer *peer)
{
	const struct instance *i = s->instance;
	uint32_t mine = i->tree == PG_TREE_DOWN ? i->control_timeline : i->timeline;
	if (lock_is_mine(s) && !has_led(s))
		return true; /* the number was taken for a promotion that has not come about */
	return lock_is_mine(s) ? peer->timeline == mine : peer->timeline >= mine;
}

bool peer_is_fit(const struct situation *s, const struct peer_answer *peer)
{
	const struct member *member = cluster_member(s->cluster, peer->name);
	if (member == NULL || strcmp(peer->name, s->self->name) == 0 || !peer_is_fresh(s, peer))
		return false;
	if (peer->nofailover || !peer->in_recovery || peer->lsn == 0 || peer->state != STATE_RUNNING)
		return false;
	if (!is_on_our_timeline(s, peer) ||
	    (s->settings->check_timeline && peer->timeline < cluster_timeline(s->cluster)))
		return false;
	uint64_t lag = s->cluster->optime_lsn > peer->lsn ? s->cluster->optime_lsn - peer->lsn : 0;
	return lag <= (uint64_t)s->settings->maximum_lag_on_failover_bytes;
}

static bool is_better(const struct peer_answer *a, const struct peer_answer *b)
{
	if (a->lsn != b->lsn)
		return a->lsn > b->lsn;
	return a->failover_priority > b->failover_priority;
}

static const struct peer_answer *best_fit(const struct situation *s, const char *only)
{
	const struct peer_answer *best = NULL;
	for (int i = 0; i < s->self->peer_count; i++) {
		const struct peer_answer *peer = &s->self->peers[i];
		if ((only[0] != '\0' && strcmp(peer->name, only) != 0) || !peer_is_fit(s, peer))
			continue;
		if (best == NULL || is_better(peer, best))
			best = peer;
	}
	return best;
}

static bool is_me(const struct situation *s, const char *name)
{
	return strcmp(name, s->self->name) == 0;
}

/* Not due yet, or so late that nobody means it any more (contract 5.11). */
static enum move_step schedule_decide(const struct situation *s)
{
	const struct move *m = &s->cluster->move;
	int64_t late_us = s->wall.us - m->at_us;
	if (m->at_us == 0)
		return MOVE_GO;
	if (m->at_us < 0)
		return MOVE_DROP;
	if (s->settings->paused || late_us < 0)
		return MOVE_LATER;
	return is_primary_up(s) && late_us > s->settings->loop_wait_ms * 1500 ? MOVE_DROP : MOVE_GO;
}

static bool is_coming_up(const struct situation *s)
{
	const struct instance *i = s->instance;
	return i->tree == PG_TREE_STARTING || i->tree == PG_TREE_STANDBY || i->tree == PG_TREE_PROMOTING ||
	       i->job == PG_JOB_START_PRIMARY || i->job == PG_JOB_PROMOTE;
}

enum move_step move_decide(const struct situation *s)
{
	const struct move *m = &s->cluster->move;
	bool paused = s->settings->paused;
	if (!m->asked || !lock_is_mine(s))
		return MOVE_NONE;
	if (is_me(s, m->candidate) && !is_primary_up(s))
		return MOVE_NONE; /* we are it, and on the way */
	if ((m->leader[0] != '\0' && !is_me(s, m->leader)) || is_me(s, m->candidate))
		return MOVE_DROP;
	if (paused && m->candidate[0] == '\0')
		return MOVE_DROP;
	if (is_coming_up(s))
		return MOVE_LATER; /* first things first */
	enum move_step due = schedule_decide(s);
	if (due != MOVE_GO)
		return due;
	if (best_fit(s, m->candidate) != NULL)
		return MOVE_GO;
	/* right after a promotion the last answers are those of the race: nobody is on our timeline there */
	return peers_are_heard_since(s, s->self->move_seen) ? MOVE_DROP : MOVE_ASKING;
}

/* From somebody else to us, or to anybody. */
static bool has_come_about(const struct situation *s)
{
	const struct move *m = &s->cluster->move;
	if (m->candidate[0] != '\0')
		return is_me(s, m->candidate);
	return !is_me(s, m->leader) && m->at_us <= s->wall.us;
}

enum move_end move_end_decide(const struct situation *s)
{
	const struct move *m = &s->cluster->move;
	if (move_has_failed(s))
		return MOVE_END_NO_HEIR;
	if (move_decide(s) != MOVE_DROP)
		return MOVE_END_NOT;
	if ((m->leader[0] != '\0' && !is_me(s, m->leader)) || is_me(s, m->candidate))
		return has_come_about(s) ? MOVE_END_DONE : MOVE_END_ANOTHER_LEADS;
	if (s->settings->paused && m->candidate[0] == '\0')
		return MOVE_END_PAUSED;
	if (schedule_decide(s) == MOVE_DROP)
		return m->at_us < 0 ? MOVE_END_NO_TIME : MOVE_END_LATE;
	return MOVE_END_NOBODY_FIT;
}

const char *move_end_text(enum move_end end)
{
	static const char *const ends[] = {
		[MOVE_END_NOT] = "",
		[MOVE_END_DONE] = "",
		[MOVE_END_ANOTHER_LEADS] = "another member has come to lead meanwhile",
		[MOVE_END_PAUSED] = "in a pause it needs a candidate",
		[MOVE_END_NO_TIME] = "its time cannot be read",
		[MOVE_END_LATE] = "its time had passed when the leader could act on it",
		[MOVE_END_NOBODY_FIT] = "nobody who could take over answers, streams and is near enough",
		[MOVE_END_NO_HEIR] = "nobody had received everything within 10 s",
	};
	static_assert(ARRAY_SIZE(ends) == MOVE_END_COUNT, "a text for each");
	assert(end < MOVE_END_COUNT);
	return ends[end];
}

/* Our own server is not among those that are asked; the leader asks it again before it goes. */
static bool i_am_fit(const struct situation *s)
{
	const struct settings *set = s->settings;
	return serves_as_standby(s) && !set->nofailover && set->failover_priority > 0 && !is_diverged(rejoin_decide(s));
}

int64_t move_wait_ms(const struct situation *s)
{
	const struct move *m = &s->cluster->move;
	if (move_decide(s) != MOVE_LATER || s->settings->paused || m->at_us <= s->wall.us)
		return INT64_MAX;
	return (m->at_us - s->wall.us) / 1000 + 1;
}

enum move_obstacle move_check(const struct situation *s, const struct move *move, struct instant since)
{
	const struct cluster *c = s->cluster;
	bool others = false;
	const char *holder = s->self->sight.held ? s->self->sight.record.leader : "";
	if (move->leader[0] != '\0' && strcmp(move->leader, holder) != 0)
		return MOVE_LEADER_DIFFERS;
	if (move->candidate[0] != '\0' && cluster_member(c, move->candidate) == NULL)
		return MOVE_NO_SUCH_CANDIDATE;
	for (int i = 0; i < c->member_count; i++)
		others |= strcmp(c->members[i].name, holder) != 0;
	if (!others)
		return MOVE_NO_MEMBERS;
	if ((move->candidate[0] == '\0' || is_me(s, move->candidate)) && i_am_fit(s))
		return MOVE_POSSIBLE;
	const struct peer_answer *fit = best_fit(s, move->candidate);
	if (fit != NULL && elapsed_least_ms(fit->answered, s->now) <= elapsed_most_ms(since, s->now))
		return MOVE_POSSIBLE; /* it still answers: for a dead one the leader would stop in vain */
	return peers_are_heard_since(s, since) ? MOVE_NOBODY_FIT : MOVE_ASK;
}

bool is_handing_over(const struct situation *s)
{
	return lock_is_mine(s) && (s->instance->term_pending || move_decide(s) == MOVE_GO);
}

/* It has received the record of our shutdown, and with it all that was ever committed here. After a crash that cannot be told. */
static bool has_everything(const struct situation *s, const struct peer_answer *peer)
{
	const struct instance *i = s->instance;
	return i->control == CONTROL_SHUT_DOWN && peer->timeline == i->control_timeline && peer->lsn > i->control_lsn;
}

const char *heir_decide(const struct situation *s)
{
	const char *only = s->cluster->move.asked ? s->cluster->move.candidate : "";
	const struct peer_answer *heir = is_handing_over(s) ? best_fit(s, only) : NULL;
	return heir != NULL && has_everything(s, heir) ? heir->name : "";
}

/* Bounded: an heir that never gets there must not keep the lock here. What a person asked for is given up then, the end of the
 * container goes on without an heir. */
bool heir_is_waited_for(const struct situation *s)
{
	struct instant since = s->self->ended_at;
	if (!is_handing_over(s) || heir_decide(s)[0] != '\0' || !instant_is_set(since))
		return false;
	if (!s->instance->term_pending)
		return true;
	if (s->instance->control != CONTROL_SHUT_DOWN || has_no_time_left(s))
		return false;
	bool anybody = best_fit(s, "") != NULL;
	int64_t bound = anybody ? HEIR_WAIT_MS : peers_are_heard(s) ? 0 : HEIR_ASK_MS;
	return elapsed_most_ms(since, s->now) < bound;
}

bool move_has_failed(const struct situation *s)
{
	return move_decide(s) == MOVE_GO && !s->instance->term_pending && instant_is_set(s->self->ended_at) &&
	       heir_decide(s)[0] == '\0' && elapsed_most_ms(s->self->ended_at, s->now) >= HEIR_WAIT_MS;
}

/* ---- whoever might take over ---- */

static const struct peer_answer *peer_of(const struct situation *s, const char *name)
{
	for (int i = 0; i < s->self->peer_count; i++)
		if (strcmp(s->self->peers[i].name, name) == 0)
			return &s->self->peers[i];
	return NULL;
}

bool is_named(const struct situation *s)
{
	return s->cluster->move.asked && s->cluster->move.at_us == 0 && is_me(s, s->cluster->move.candidate);
}

/* Somebody fit has all that we have: who has less would wait for us, and we for it. */
static bool somebody_has_everything(const struct situation *s)
{
	const struct peer_answer *best = best_fit(s, "");
	return best != NULL && best->lsn >= my_lsn(s);
}

/* Another one was meant, and can: the leader's heir for a moment after the release, a person's candidate while it is fit; the
 * leader who was told to go, while anybody else is (contract 5.10.1) and has no less than it. */
bool another_is_named(const struct situation *s)
{
	const struct move *m = &s->cluster->move;
	const struct peer_answer *heir = peer_of(s, s->cluster->heir);
	struct instant freed = s->self->sight.freed;
	if (s->cluster->heir[0] != '\0' && !is_me(s, s->cluster->heir) && heir != NULL && peer_is_fit(s, heir) &&
	    within_ms(freed, HEIR_WAIT_MS / 2, s->now))
		return true;
	if (!m->asked || m->at_us != 0 || is_me(s, m->candidate))
		return false;
	if (m->candidate[0] != '\0' && best_fit(s, m->candidate) != NULL)
		return true;
	return is_me(s, m->leader) && somebody_has_everything(s);
}
