/* The lock: take it, keep it, give it back. */
#include "base/mutant.h"
#include "core/gates.h"
#include "facts.h"
#include "tables.h"

#include <string.h>

/* For so long a container that is to end tells whoever asks that the lock is given back: several times a second. */
enum { TOLD_MS = 5000 };

enum lock_fact {
	FACT_L_WRITING,   /* a lock write is on its way */
	FACT_L_LEASE,     /* we keep a token */
	FACT_L_MINE,      /* the record carries it */
	FACT_L_LAPSED,    /* T has passed, or it was given back in vain, and nothing of ours can commit */
	FACT_L_TAKEN,     /* somebody else's record has not run out */
	FACT_L_DUE,       /* it is time to renew */
	FACT_L_SURE,      /* the supervisor answers */
	FACT_L_LOWER,     /* the next write lowers the ttl and T does not rest on that yet */
	FACT_L_GIVE_UP,   /* there is a reason to give the lock back */
	FACT_L_PROVEN,    /* nothing of ours can commit */
	FACT_L_CONFIRMED, /* read again since it was won */
	FACT_L_READING,   /* that read is on its way */
	FACT_L_OBJECT,    /* there is a leader object */
	FACT_L_PACED,     /* the last write failed a moment ago */
	FACT_L_FRESH,     /* the API answers */
	FACT_L_BOOTSTRAP, /* our own bootstrap needs the lock */
	FACT_L_ASK,       /* the others' answers are wanted and too old */
	FACT_L_HEIR,      /* whoever is to take over has not everything yet */
	FACT_L_WINNER,    /* we may lead, and nobody is known who should rather */
	FACT_L_LOOKED,    /* the cluster was read since nobody holds the lock */
	FACT_L_COUNT
};
#define L(name) (1u << FACT_L_##name)

static const char *const names[] = {
	[FACT_L_WRITING] = "a write of the lock is on its way",
	[FACT_L_LEASE] = "we have a lease",
	[FACT_L_MINE] = "the record is our own",
	[FACT_L_LAPSED] = "our lease has run out, or could not be given back for long",
	[FACT_L_TAKEN] = "somebody else holds the lock",
	[FACT_L_DUE] = "a renewal is due",
	[FACT_L_SURE] = "the supervisor answers",
	[FACT_L_LOWER] = "the ttl was lowered",
	[FACT_L_GIVE_UP] = "there is a reason to give the lock back",
	[FACT_L_PROVEN] = "nothing of ours can commit",
	[FACT_L_CONFIRMED] = "the cluster was read again since the lock was won",
	[FACT_L_READING] = "the cluster is being read again",
	[FACT_L_OBJECT] = "there is a leader object",
	[FACT_L_PACED] = "the last write of the lock failed a moment ago",
	[FACT_L_FRESH] = "the API answers",
	[FACT_L_BOOTSTRAP] = "our bootstrap needs the lock",
	[FACT_L_ASK] = "the other members must be asked",
	[FACT_L_HEIR] = "whoever takes over has not everything yet",
	[FACT_L_WINNER] = "no living member should rather lead",
	[FACT_L_LOOKED] = "the cluster was read since nobody holds the lock",
};
static_assert(ARRAY_SIZE(names) == FACT_L_COUNT, "every fact has a name");
static_assert(FACT_L_COUNT <= FACTS_MAX, "small enough to enumerate");

/* A row: what must hold, what must not, what is done, and why. */
/* clang-format off */
static const struct rule rules[] = {
	{ "writing", L(WRITING), 0, { ACT_NONE },
	  "a write of the lock is on its way" },
	{ "lost", L(LEASE) | L(FRESH), L(MINE), { ACT_FORGET_LEASE },
	  "the lock is not ours any more" },
	{ "lapsed", L(LEASE) | L(LAPSED), 0, { ACT_FORGET_LEASE },
	  "our lease has run out, or could not be given back for long: the record counts like anybody's" },
	{ "lost-blind", L(LEASE), L(MINE), { ACT_NONE },
	  "the lock does not look like ours, and the API does not answer" },
	{ "nothing-to-give", L(LEASE) | L(GIVE_UP) | L(PROVEN) | L(FRESH), L(OBJECT), { ACT_FORGET_LEASE },
	  "the lock is to be given back, and its object is gone" },
	{ "give-back", L(LEASE) | L(GIVE_UP) | L(PROVEN), L(PACED) | L(HEIR), { ACT_RELEASE },
	  "the lock is given back: nothing of ours can commit" },
	{ "gone", L(LEASE), L(OBJECT) | L(CONFIRMED) | L(READING), { ACT_REFRESH },
	  "the leader object is gone: the cluster is read before it is made anew" },
	{ "gone-reading", L(LEASE), L(OBJECT) | L(CONFIRMED), { ACT_NONE },
	  "the leader object is gone, and the cluster is being read" },
	{ "lower", L(LEASE) | L(DUE) | L(SURE) | L(LOWER), 0, { ACT_CAP_DEADLINE },
	  "the ttl was lowered: the deadline goes first" },
	{ "renew", L(LEASE) | L(DUE) | L(SURE), 0, { ACT_RENEW },
	  "the lock is ours and a renewal is due" },
	{ "unsure", L(LEASE) | L(DUE), 0, { ACT_NONE },
	  "the supervisor does not answer: the lock is left to run out" },
	{ "ask-heir", L(LEASE) | L(ASK), 0, { ACT_ASK_PEERS },
	  "the lock is to be given up: is there somebody to take over?" },
	{ "confirm", L(LEASE), L(CONFIRMED) | L(READING), { ACT_REFRESH },
	  "the lock was won: the cluster is read once more before it is used" },
	{ "keep", L(LEASE), 0, { ACT_NONE },
	  "the lock is ours" },
	{ "ask-early", L(TAKEN) | L(ASK), 0, { ACT_ASK_PEERS },
	  "the holder has been silent for long, or its pod is gone: the others are asked already" },
	{ "taken", L(TAKEN), 0, { ACT_NONE },
	  "somebody else holds the lock" },
	{ "blind", 0, L(FRESH) | L(READING), { ACT_REFRESH },
	  "nobody seems to hold the lock, and the API has not been heard lately: it is asked" },
	{ "asked", 0, L(FRESH), { ACT_NONE },
	  "nobody seems to hold the lock, but the API does not answer" },
	{ "paced", L(PACED), 0, { ACT_NONE },
	  "the last write of the lock failed a moment ago" },
	{ "found", L(BOOTSTRAP), 0, { ACT_ACQUIRE },
	  "the new cluster is ours to begin" },
	{ "look", L(WINNER), L(LOOKED) | L(READING), { ACT_REFRESH },
	  "nobody holds the lock, and it seems to be ours to take: the cluster is read before" },
	{ "looking", L(WINNER), L(LOOKED), { ACT_NONE },
	  "nobody holds the lock, it seems to be ours to take, and the cluster is being read" },
	{ "race", L(WINNER), 0, { ACT_ACQUIRE },
	  "nobody holds the lock and no living member should rather lead" },
	{ "ask", L(ASK), 0, { ACT_ASK_PEERS },
	  "nobody holds the lock: the other members are asked how far they are" },
	{ "stand-aside", 0, 0, { ACT_NONE },
	  "nobody holds the lock, and it is not for us to take" },
};
/* clang-format on */

/* The view of others is only asked for without a lease; a lease that is ours is nobody else's. */
static bool possible(uint32_t f)
{
	if ((f & L(MINE)) && (!(f & L(LEASE)) || (f & L(TAKEN))))
		return false;
	if ((f & L(LAPSED)) && !(f & L(LEASE)))
		return false;
	return !((f & L(CONFIRMED)) && (f & L(READING)));
}

const struct table lock_table = { "lock", names, FACT_L_COUNT, rules, ARRAY_SIZE(rules), possible };

/* A failed write is repeated soon, one that was answered after loop_wait; the first one of a resumed lease at once. */
static bool is_due(const struct situation *s)
{
	const struct instance *i = s->instance;
	if (has_given_back(s))
		return false;
	bool claims = i->tree == PG_TREE_STANDBY && s->self->confirmed && !timeline_is_claimed(s);
	bool tells = is_primary_up(s) && i->armed_timeline == i->timeline && s->cluster->leader_timeline != i->timeline;
	if ((claims || tells) && elapsed_most_ms(s->self->lock_written, s->now) >= CLAIM_AGAIN_MS)
		return true;
	if (!instant_is_set(s->self->lock_written) || (!instant_is_set(s->self->hold.start) && !s->self->lock_failed))
		return true;
	return elapsed_most_ms(s->self->lock_written, s->now) >= renewal_period_ms(s);
}

/* Without rights it can only be told to whoever asks (lease_hear); else it is tried for as long as it could be of use. */
static bool was_given_back_in_vain(const struct situation *s)
{
	const struct self *self = s->self;
	if (!has_given_back(s))
		return false;
	bool told = s->instance->term_pending && instant_is_set(self->denied) &&
		    elapsed_least_ms(self->denied, s->now) >= TOLD_MS;
	return told || elapsed_least_ms(self->released, s->now) >= self->hold.ttl_ms;
}

/* T has passed and nothing was lost by it: others may have come and gone unseen since, so the token proves nothing any more. */
static bool has_lapsed(const struct situation *s)
{
	struct instant t = lease_deadline(&s->self->hold);
	if (!has_lease(s) || s->instance->writable)
		return false;
	return instant_is_set(t) ? left_least_ms(t, s->now) <= 0 : was_given_back_in_vain(s);
}

static bool is_paced(const struct situation *s)
{
	return s->self->lock_failed && instant_is_set(s->self->lock_written) &&
	       elapsed_most_ms(s->self->lock_written, s->now) < RETRY_MS;
}

/* One at a time, and without a lease no more often than once a second. */
static bool is_reading(const struct situation *s)
{
	const struct self *self = s->self;
	bool lately =
		!has_lease(s) && instant_is_set(self->read_at) && elapsed_most_ms(self->read_at, s->now) < RETRY_MS;
	return !self->confirmed && (self->refreshing || lately);
}

/* What the pods say must be as young as that nobody holds the lock: a watch of pods may be behind that of the lock for as long as it
 * likes, and a primary that no deadline ends is told by its pod alone. It says so before its T passes, which is a margin, a second at
 * least, before anybody sees its lock run out: a read that was asked for later shows it, however long it took (safety.md S11). */
static bool has_looked(const struct situation *s)
{
	int64_t free = lease_free_ms(&s->self->sight, s->now), since = elapsed_most_ms(s->self->looked, s->now);
	return (instant_is_set(s->self->looked) && since - RETRY_MS <= free) || mutant(47);
}

static bool must_lower(const struct situation *s)
{
	if (mutant(4) || s->self->hold.ttl_ms <= s->settings->ttl_ms || !instant_is_set(s->self->hold.start))
		return false;
	struct instant t = lease_deadline(&s->self->hold);
	bool acknowledged = instant_is_set(s->self->hold.cap) && s->instance->deadline.boot_us <= t.boot_us &&
			    s->instance->deadline.raw_us <= t.raw_us;
	return !acknowledged;
}

/* Not up as the primary for longer than it may take. */
static bool is_late(const struct situation *s)
{
	const struct self *self = s->self;
	int64_t bound = s->settings->primary_start_timeout_ms;
	if (bound < s->settings->ttl_ms)
		bound = s->settings->ttl_ms;
	struct instant since = has_led(s) ? self->last_up : self->won_at;
	if (!has_led(s) && instant_is_set(self->created)) /* a lock that was made anew is waited out first */
		since = instant_after_ms(self->created, lease_ttl_unknown_s(s->cluster, s->settings) * 1000);
	return !is_primary_up(s) && instant_is_set(since) && elapsed_most_ms(since, s->now) > bound;
}

static bool wants_heirs(const struct situation *s)
{
	enum move_step move = move_decide(s);
	bool goes = s->instance->term_pending || move == MOVE_ASKING || move == MOVE_GO;
	return goes || (s->instance->crashed && s->instance->tree == PG_TREE_DOWN) || is_late(s);
}

/* The lock is given up only to somebody; and peers are asked from half of the ttl without a renewal on. */
static bool wants_peers(const struct situation *s)
{
	const struct self *self = s->self;
	if (!self->asking && heir_is_waited_for(s) && !peers_are_heard_since(s, self->ended_at))
		return true; /* nobody writes anywhere until it is known who has everything */
	if (self->asking || (instant_is_set(self->ask_not_before) && left_least_ms(self->ask_not_before, s->now) > 0))
		return false;
	if (has_lease(s))
		return wants_heirs(s) &&
		       (peers_need_asking(s) || heir_is_waited_for(s) || move_decide(s) == MOVE_ASKING);
	if (s->self->reinitialize || s->instance->data == DATA_MARKED)
		return peers_need_asking(s); /* is the leader alive, whose copy is to stand in for ours? */
	bool alone = leader_to_follow(s) == NULL, remakes = s->settings->clone_when_diverged || s->instance->can_rewind;
	if ((remakes || alone) && is_diverged(rejoin_decide(s)))
		return peers_need_asking(s); /* is there a leader whose copy can stand in for ours, or nobody's left? */
	if (self->holder_gone && race_is_candidate(s))
		return true; /* has it given the lock back? it may not be allowed to write that any more */
	bool soon = !self->sight.held || lease_left_ms(&self->sight, s->now) <= self->sight.record.ttl_s * 500;
	return soon && race_is_candidate(s) && peers_need_asking(s);
}

static bool needs_lock_to_bootstrap(const struct situation *s)
{
	return s->self->initialize_is_ours && s->instance->bootstrap_attempt && has_data(s) &&
	       s->instance->tree == PG_TREE_DOWN && s->instance->job == PG_JOB_NONE && !s->instance->term_pending;
}

uint32_t lock_facts(const struct situation *s)
{
	const struct self *self = s->self;
	bool sure = supervisor_is_sure(s) || mutant(31);
	return when(self->lock_writing, L(WRITING)) | when(has_lease(s), L(LEASE)) | when(lock_is_mine(s), L(MINE)) |
	       when(has_lapsed(s), L(LAPSED)) |
	       when(lease_is_taken(&self->sight, &self->hold.token, s->now), L(TAKEN)) | when(is_due(s), L(DUE)) |
	       when(sure, L(SURE)) | when(must_lower(s), L(LOWER)) | when(give_up_decide(s) != GIVE_UP_NO, L(GIVE_UP)) |
	       when(may_release(s), L(PROVEN)) | when(s->cluster->leader.present, L(OBJECT)) |
	       when(is_paced(s), L(PACED)) | when(self->confirmed, L(CONFIRMED)) | when(is_reading(s), L(READING)) |
	       when(view_is_fresh(s), L(FRESH)) | when(needs_lock_to_bootstrap(s), L(BOOTSTRAP)) |
	       when(wants_peers(s), L(ASK)) | when(heir_is_waited_for(s), L(HEIR)) | when(race_is_won(s), L(WINNER)) |
	       when(has_looked(s), L(LOOKED));
}

static const char *const give_up_texts[] = {
	[GIVE_UP_NO] = "",
	[GIVE_UP_LEAVING] = "the container is asked to end",
	[GIVE_UP_MOVED] = "another member is to lead",
	[GIVE_UP_PAUSED] = "the cluster is paused, and PostgreSQL does not run as a primary here",
	[GIVE_UP_CRASHED] = "PostgreSQL crashed, primary_start_timeout is 0 and another member can take over",
	[GIVE_UP_START_TIMEOUT] =
		"PostgreSQL did not come up in primary_start_timeout and another member can take over",
	[GIVE_UP_NOT_WRITABLE] = "the lock was won long ago and PostgreSQL has not become writable",
	[GIVE_UP_NO_DATA] = "there is no data here to lead with",
	[GIVE_UP_FOREIGN] = "the data directory belongs to another cluster",
	[GIVE_UP_DIVERGED] = "the data here is not a part of the cluster's history",
	[GIVE_UP_BARRED] = "this member is not allowed to lead",
	[GIVE_UP_BEGUN] = "it was given back already, and the store has not shown it yet",
};
static_assert(ARRAY_SIZE(give_up_texts) == GIVE_UP_COUNT, "every reason has a text");

const char *give_up_text(enum give_up reason)
{
	return give_up_texts[reason];
}

/* Whoever could not lead just now lets another one try. */
int64_t give_up_aside_ms(const struct situation *s, enum give_up reason)
{
	bool unfit = reason == GIVE_UP_NOT_WRITABLE || reason == GIVE_UP_START_TIMEOUT || reason == GIVE_UP_NO_DATA;
	return unfit ? s->settings->ttl_ms : 0;
}

/* The supervisor keeps the token with T. Once T has passed it proves nothing: others may have led since, and their record may be gone. */
bool lease_goes_on(const struct situation *s, struct lease_token *token)
{
	const struct lease_sight *sight = &s->self->sight;
	return !has_lease(s) && deadline_is_ahead(s, 0) && lease_token_from_text(token, s->instance->token) &&
	       strcmp(token->leader, s->self->name) == 0 && sight->held && lease_token_matches(token, &sight->record);
}

void lease_given_back(const struct situation *s, char *text)
{
	bool denied = has_given_back(s) && instant_is_set(s->self->denied);
	bool given = denied && supervisor_is_sure(s) && s->instance->token[0] == '\0' && may_release(s);
	text[0] = '\0';
	if ((given || mutant(54)) && lock_is_mine(s))
		lease_record_to_text(&s->self->sight.record, text);
}

int64_t lease_ttl_to_write_ms(const struct situation *s)
{
	int64_t noted = s->cluster->lease_ttl_s * 1000;
	return noted > 0 && noted < s->settings->ttl_ms ? noted : s->settings->ttl_ms;
}

int64_t lease_ttl_unknown_s(const struct cluster *cluster, const struct settings *settings)
{
	int64_t ttl_s = settings->ttl_ms / 1000;
	return cluster->lease_ttl_s > ttl_s && !mutant(36) && !mutant(8) ? cluster->lease_ttl_s : ttl_s;
}

/* Crash, or a start that takes too long: only if somebody can take over (contract 5.5, 5.7). */
static enum give_up give_up_after_crash(const struct situation *s)
{
	const struct instance *i = s->instance;
	int64_t timeout = s->settings->primary_start_timeout_ms;
	if (!i->crashed && i->job != PG_JOB_START_PRIMARY)
		return GIVE_UP_NO;
	if (!failover_is_possible(s))
		return GIVE_UP_NO;
	if (timeout == 0)
		return GIVE_UP_CRASHED;
	bool late = i->job == PG_JOB_START_PRIMARY && elapsed_most_ms(i->job_since, s->now) > timeout;
	return late ? GIVE_UP_START_TIMEOUT : GIVE_UP_NO;
}

/* Nothing is started or promoted in a pause, but what people asked for. */
static bool is_idle_in_pause(const struct situation *s)
{
	const struct instance *i = s->instance;
	bool asked = restart_decide(s) == RESTART_GO || is_named(s) || i->bootstrap_attempt;
	return !asked && i->job == PG_JOB_NONE && (i->tree == PG_TREE_DOWN || i->tree == PG_TREE_STANDBY);
}

enum give_up give_up_decide(const struct situation *s)
{
	const struct instance *i = s->instance;
	if (i->term_pending)
		return GIVE_UP_LEAVING;
	if (move_decide(s) == MOVE_GO && !move_has_failed(s))
		return GIVE_UP_MOVED;
	if (is_foreign(s))
		return GIVE_UP_FOREIGN;
	if (i->data == DATA_EMPTY || i->data == DATA_INVALID || i->data == DATA_MARKED)
		return GIVE_UP_NO_DATA;
	if (s->settings->nofailover && !i->writable && i->tree == PG_TREE_STANDBY)
		return GIVE_UP_BARRED;
	if (s->settings->paused && is_idle_in_pause(s))
		return GIVE_UP_PAUSED;
	enum give_up crash = give_up_after_crash(s);
	if (crash != GIVE_UP_NO)
		return crash;
	if (has_lease(s) && i->tree == PG_TREE_STANDBY && is_diverged(rejoin_decide(s)))
		return GIVE_UP_DIVERGED;
	if (is_late(s) && failover_is_possible(s))
		return GIVE_UP_NOT_WRITABLE;
	return has_given_back(s) ? GIVE_UP_BEGUN : GIVE_UP_NO;
}
