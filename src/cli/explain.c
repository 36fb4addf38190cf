/* One decision in words: what was done, because of which rule of which table, with the facts behind it, and what was
 * nearly done instead. The texts of rules and facts are those of the tables. */
#include "explain.h"

#include "codec/units.h"
#include "core/gates.h"

#include <string.h>
#include <time.h>

enum { NOT_MAX = 3 };

/* What a turn is headed with: the most telling of its actions, in this order. */
static const struct {
	enum action action;
	const char *text;
} headings[] = {
	{ ACT_FENCE, "killed PostgreSQL" },
	{ ACT_STOP_FAST, "stopped PostgreSQL before its deadline" },
	{ ACT_PROMOTE, "promoted PostgreSQL" },
	{ ACT_START_PRIMARY, "started PostgreSQL as the primary" },
	{ ACT_MOVE_ASIDE, "moved the data directory aside" },
	{ ACT_REWIND, "began to rewind" },
	{ ACT_WIPE, "removed the data directory" },
	{ ACT_CLONE, "began to clone" },
	{ ACT_CLONE_ALONE, "began to clone without a leader" },
	{ ACT_INITDB, "began a new cluster" },
	{ ACT_RESTORE, "began a new cluster by the configured method" },
	{ ACT_STOP, "stopped PostgreSQL" },
	{ ACT_START_STANDBY, "started PostgreSQL as a standby" },
	{ ACT_FOLLOW, "turned to another leader" },
	{ ACT_ACQUIRE, "tried to take the lock" },
	{ ACT_RELEASE, "gave the lock back" },
	{ ACT_FORGET_LEASE, "lost the lock" },
	{ ACT_TERM_GO, "let the container end" },
	{ ACT_CANCEL_JOB, "cancelled what was being done to PostgreSQL" },
	{ ACT_POST_BOOTSTRAP, "made the roles of the new cluster" },
	{ ACT_INITIALIZE_BEGIN, "claimed the initialization" },
	{ ACT_INITIALIZE_CANCEL, "gave the initialization back" },
	{ ACT_INITIALIZE_FINISH, "published the new cluster" },
	{ ACT_BOOTSTRAP_DONE, "finished the bootstrap" },
	{ ACT_REFRESH, "read the cluster once more" },
	{ ACT_ASK_FAILSAFE, "asked the members whether to go on without the store" },
	{ ACT_ASK_PEERS, "asked the other members" },
	{ ACT_CAP_DEADLINE, "lowered its deadline" },
	{ ACT_WRITE_HISTORY, "wrote the timeline history" },
	{ ACT_CLEAR_MOVE, "cleared the wish to move the leadership" },
	{ ACT_NOTE_TTL, "noted how long a lease may be" },
	{ ACT_TAKE_LABELS_OFF, "took the leader's label off other pods" },
	{ ACT_CHECKPOINT, "began a checkpoint" },
	{ ACT_EVICT, "evicted a pod for the roll-out" },
	{ ACT_CHANGE_POD, "changed a pod in place for the roll-out" },
	{ ACT_HAND_OVER, "asked for a switchover for the roll-out" },
	{ ACT_SET_REVISION, "set the revision of an updated pod" },
	{ ACT_LOOK_AT_ROLLOUT, "looked at the StatefulSet" },
	{ ACT_WRITE_ROUTE, "looked at the route, to make it lead here" },
	{ ACT_MARK_TIMELINE, "noted where the leader's timeline began" },
	{ ACT_SYNC_SLOTS, "brought the members' slots up to date" },
	{ ACT_RENEW, "renewed the lock" },
	{ ACT_SET_DEADLINE, "set its deadline" },
	{ ACT_PUBLISH, "published its status" },
};
static_assert(ARRAY_SIZE(headings) == ACT_COUNT - 1, "every action has a heading");
static_assert(ACT_COUNT <= 64, "a bit for each");

static bool plan_has(const struct plan *plan, enum action action)
{
	for (int i = 0; i < plan->count; i++)
		if (plan->actions[i] == action)
			return true;
	return false;
}

static const char *heading_of(const struct plan *plan)
{
	for (size_t i = 0; i < ARRAY_SIZE(headings); i++)
		if (plan_has(plan, headings[i].action))
			return headings[i].text;
	return "left everything as it is";
}

static void print_time(struct wall at, struct strbuf *to)
{
	struct tm tm;
	char text[32];
	time_t seconds = (time_t)(at.us / 1000000);
	if (gmtime_r(&seconds, &tm) == NULL || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm) == 0)
		return;
	strbuf_addf(to, "%s.%03d UTC", text, (int)(at.us / 1000 % 1000));
}

/* A line of the explanation; the first reason is "because", the others "and". */
struct page {
	const struct record *record;
	struct situation s;
	struct strbuf *to;
	int reasons, nots;
	uint64_t said; /* actions that were nearly done, a bit each */
};

static void begin_reason(struct page *page)
{
	strbuf_addf(page->to, "\n  %-9s", page->reasons++ == 0 ? "because" : "and");
}

static const struct rule *rule_of(const struct page *page, enum table_id id)
{
	int row = page->record->plan.verdicts[id].rule;
	return row < 0 ? NULL : &tables[id]->rules[row];
}

static bool acts(const struct rule *rule)
{
	for (int i = 0; rule != NULL && i < RULE_ACTIONS_MAX; i++)
		if (rule->actions[i] != ACT_NONE)
			return true;
	return false;
}

/* It mattered who should lead: nobody did, or the holder had been silent for long. */
static bool races(const struct page *page)
{
	const struct self *self = page->s.self;
	bool taken = lease_is_taken(&self->sight, &self->hold.token, page->s.now);
	return self->hold.token.leader[0] == '\0' && (!taken || acts(rule_of(page, TABLE_LOCK)));
}

/* Which tables had a say: those whose row acts; the others only where they say why nothing was done. */
static bool has_say(const struct page *page, enum table_id id)
{
	if (rule_of(page, id) == NULL)
		return false;
	switch (id) {
	case TABLE_GUARD:
		return acts(rule_of(page, id));
	case TABLE_LOCK:
		return true;
	case TABLE_RACE:
		return races(page);
	case TABLE_BOOTSTRAP:
		return acts(rule_of(page, id)) || page->s.instance->job == PG_JOB_NONE;
	case TABLE_DATABASE:
		return acts(rule_of(page, id)) || (rule_of(page, TABLE_START) == NULL && !races(page));
	case TABLE_START:
		return acts(rule_of(page, id)) || (rule_of(page, TABLE_BOOTSTRAP) == NULL && !races(page));
	case TABLE_ROLLOUT:
		return strcmp(rule_of(page, id)->id, "done") != 0;
	case TABLE_COUNT:
		break;
	}
	return false;
}

static void print_facts(struct page *page, enum table_id id)
{
	if (id == TABLE_LOCK) {
		strbuf_add(page->to, ": ");
		explain_lock(&page->s, page->to);
	} else if (id == TABLE_RACE) {
		strbuf_add(page->to, ": ");
		explain_positions(&page->s, page->to);
	}
}

/* Those that act come first: they are the reason for what was done. */
static void print_reasons(struct page *page, bool acting)
{
	for (int i = 0; i < TABLE_COUNT; i++) {
		enum table_id id = (enum table_id)i;
		if (!has_say(page, id) || acts(rule_of(page, id)) != acting)
			continue;
		begin_reason(page);
		bool won = id == TABLE_RACE && acting;
		strbuf_add(page->to, won ? "nobody who answered has more WAL" : rule_of(page, id)->why);
		print_facts(page, id);
	}
}

static void print_failure(struct page *page)
{
	const struct instance *i = page->s.instance;
	if (i->failures == 0)
		return;
	begin_reason(page);
	strbuf_addf(page->to, "the last attempt failed ");
	explain_span(elapsed_most_ms(i->failed_at, page->s.now), page->to);
	strbuf_addf(page->to, " ago%s%s", i->failure[0] != '\0' ? ": " : "", i->failure);
	if (i->failures > 1)
		strbuf_addf(page->to, " (%d times in a row)", i->failures);
}

/* What stands between a lock that is ours and a primary, or between a reason to give it back and doing so. */
static void print_gates(struct page *page)
{
	const struct situation *s = &page->s;
	enum give_up reason = give_up_decide(s);
	if (!lock_is_mine(s))
		return;
	if (reason != GIVE_UP_NO) {
		begin_reason(page);
		strbuf_add(page->to, give_up_text(reason));
		begin_reason(page);
		strbuf_add(page->to, may_release_why(s));
	} else if (s->instance->tree != PG_TREE_PRIMARY || plan_has(&page->record->plan, ACT_PROMOTE)) {
		begin_reason(page);
		strbuf_add(page->to, may_become_writable_why(s));
	}
}

static void print_api(struct page *page)
{
	const struct cluster *c = page->s.cluster;
	int64_t silent = elapsed_most_ms(c->heard, page->s.now);
	bool heard = instant_is_set(c->heard);
	if (c->loaded && heard && silent <= page->s.settings->loop_wait_ms * 2)
		return;
	begin_reason(page);
	if (!heard) {
		strbuf_add(page->to, "the API has not answered yet");
		return;
	}
	strbuf_add(page->to, "the API last answered ");
	explain_span(silent, page->to);
	strbuf_add(page->to, " ago");
}

static bool names_upstream(enum action action)
{
	return action == ACT_FOLLOW || action == ACT_START_STANDBY || action == ACT_CLONE;
}

static bool names_next(enum action action)
{
	return action == ACT_CHANGE_POD || action == ACT_SET_REVISION || action == ACT_EVICT;
}

static void print_actions(struct page *page)
{
	const struct plan *plan = &page->record->plan;
	for (int i = 0; i < plan->count; i++) {
		strbuf_add(page->to, i == 0 ? "\n  then     " : ", ");
		strbuf_add(page->to, action_name(plan->actions[i]));
		if (names_upstream(plan->actions[i]) && plan->upstream[0] != '\0')
			strbuf_addf(page->to, " %s%s", plan->actions[i] == ACT_FOLLOW ? "" : "from ", plan->upstream);
		if (names_next(plan->actions[i]))
			strbuf_addf(page->to, " (%s)", plan->next);
	}
}

/* What people ask about; the rest is housekeeping. */
static bool is_worth_a_not(const struct page *page, enum action action)
{
	static const enum action worth[] = { ACT_FENCE,           ACT_STOP_FAST,  ACT_ACQUIRE,       ACT_RENEW,
					     ACT_RELEASE,         ACT_PROMOTE,    ACT_START_PRIMARY, ACT_START_STANDBY,
					     ACT_FOLLOW,          ACT_MOVE_ASIDE, ACT_CLONE,         ACT_INITDB,
					     ACT_INITIALIZE_BEGIN };
	if ((action == ACT_RENEW || action == ACT_RELEASE) && page->s.self->hold.token.leader[0] == '\0')
		return false;
	for (size_t i = 0; i < ARRAY_SIZE(worth); i++)
		if (worth[i] == action)
			return true;
	return false;
}

/* The one fact that kept a row from matching: its bit, 0 when there is not exactly one. */
static uint32_t only_obstacle(const struct rule *rule, uint32_t facts)
{
	uint32_t obstacles = (rule->need & ~facts) | (rule->deny & facts);
	return (obstacles & (obstacles - 1)) == 0 ? obstacles : 0;
}

static void print_not(struct page *page, const struct table *table, const struct rule *rule, uint32_t obstacle)
{
	const char *fact = table->facts[__builtin_ctz(obstacle)];
	strbuf_addf(page->to, "\n  not      %s: %s%s", action_name(rule->actions[0]),
		    rule->need & obstacle ? "only when " : "", fact);
	page->nots++;
	page->said |= 1ull << rule->actions[0];
}

/* The nearest row above the one that matched which would have done something else. */
static void print_nearest(struct page *page, enum table_id id)
{
	const struct verdict *v = &page->record->plan.verdicts[id];
	for (int row = v->rule - 1; row >= 0 && page->nots < NOT_MAX; row--) {
		const struct rule *rule = &tables[id]->rules[row];
		uint32_t obstacle = only_obstacle(rule, v->facts);
		if (obstacle == 0 || !is_worth_a_not(page, rule->actions[0]) ||
		    plan_has(&page->record->plan, rule->actions[0]) || (page->said & 1ull << rule->actions[0]) != 0)
			continue;
		print_not(page, tables[id], rule, obstacle);
		return;
	}
}

static void add_lag(uint64_t bytes, struct strbuf *to)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	size_t unit = 0;
	for (; bytes >= 10240 && unit + 1 < ARRAY_SIZE(units); unit++)
		bytes /= 1024;
	strbuf_addf(to, "it is %llu %s behind", (unsigned long long)bytes, units[unit]);
}

/* In a race that was won: the others that could have led, and why they were not waited for. */
static void print_rivals(struct page *page)
{
	uint64_t mine = instance_lsn(page->s.instance);
	for (int i = 0; i < page->s.self->peer_count && page->nots < NOT_MAX; i++) {
		const struct peer_answer *peer = &page->s.self->peers[i];
		if (peer->silent || !peer->in_recovery || (peer->lsn > mine && !peer->nofailover))
			continue;
		strbuf_addf(page->to, "\n  not      wait for %s: ", peer->name);
		if (peer->nofailover)
			strbuf_add(page->to, "it is not allowed to lead");
		else if (peer->lsn == mine)
			strbuf_add(page->to, "equal position and no higher priority");
		else
			add_lag(mine - peer->lsn, page->to);
		page->nots++;
	}
}

static void print_nots(struct page *page)
{
	if (plan_has(&page->record->plan, ACT_ACQUIRE))
		print_rivals(page);
	for (int i = 0; i < TABLE_COUNT; i++)
		if (has_say(page, (enum table_id)i))
			print_nearest(page, (enum table_id)i);
}

void explain_print(const struct record *record, struct strbuf *to)
{
	struct page page = { .record = record, .s = record_situation(record), .to = to };
	strbuf_addf(to, "%s at ", record->self.name);
	print_time(record->stamp.at, to);
	strbuf_addf(to, ", turn %llu: %s", (unsigned long long)record->stamp.turn, heading_of(&record->plan));
	print_reasons(&page, true);
	print_reasons(&page, false);
	print_gates(&page);
	print_failure(&page);
	print_api(&page);
	print_actions(&page);
	print_nots(&page);
	strbuf_add_char(to, '\n');
}
