/* What people are told of this member, in the log and as Events of its pod: changes that they care about, and what keeps
 * PostgreSQL from running. Read off what the turn saw; nothing is decided here. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEXT_SIZE = 768 };

enum way { WAY_NONE, WAY_STARTED, WAY_CLONED, WAY_REWOUND };

/* Something that stays as it is, and mostly keeps PostgreSQL from running, until a person does something about it. */
struct problem {
	const char *reason;
	bool (*holds)(const struct situation *s, const struct agent *agent);
	int64_t patience_ms; /* it may be passing */
	void (*print)(const struct situation *s, const struct agent *agent, struct strbuf *to);
};
enum { PROBLEMS_MAX = 8 };

struct notices {
	bool begun; /* the fields below are of an earlier turn */
	bool primary, fenced, crashed;
	enum pg_job job;
	enum way way; /* how it last came up as a standby; NONE: its return was told */
	struct instant failed_at;
	char former[NAME_SIZE]; /* who held the lock before us; "": nobody */
	bool gave_up;           /* ... and it released it */
	struct instant problem_since[PROBLEMS_MAX];
	bool problem_told[PROBLEMS_MAX];
	char problem_text[PROBLEMS_MAX][TEXT_SIZE];
};

/* ---- to the log and to the store ---- */

void agent_notice(struct agent *agent, bool is_warning, const char *reason, const char *format, ...)
{
	char text[TEXT_SIZE];
	struct strbuf b;
	va_list args;
	strbuf_init(&b, text, sizeof(text));
	va_start(args, format);
	strbuf_vaddf(&b, format, args);
	va_end(args);
	log_write(is_warning ? LOG_WARNING : LOG_INFO, "%s: %s", reason, text);
	dcs_say(agent->dcs, &(struct dcs_notice){ reason, text, is_warning });
}

/* ---- problems ---- */

static bool is_of_another_cluster(const struct situation *s, UNUSED const struct agent *agent)
{
	return is_foreign(s);
}

/* Nothing is changed by us: which of the two is right is not ours to guess. The command gives the store the identifier of the data,
 * and takes away what it knows of the other cluster's positions and timelines; the lock itself stays what it is. */
static void print_foreign(const struct situation *s, const struct agent *agent, struct strbuf *to)
{
	const struct config *c = &agent->config;
	bool endpoints = c->kubernetes.use_endpoints;
	const char *here = s->instance->system_identifier;
	strbuf_addf(
		to,
		"system ID mismatch: the data directory is of %s, the cluster in the store of %s: PostgreSQL is not "
		"started. Another volume was mounted, or the store is of an older cluster. If the data is right: "
		"kubectl -n %s annotate --overwrite %s %s-config %s%s initialize=%s optime- history- "
		"howdah.io/timeline- howdah.io/timelines-",
		here, s->cluster->system_identifier, c->kubernetes.space, endpoints ? "endpoints" : "configmap",
		c->scope, c->scope, endpoints ? "" : "-leader", here);
}

static bool is_without_right(UNUSED const struct situation *s, const struct agent *agent)
{
	return postgres_details(agent->pg)->trouble[0] != '\0';
}

static void print_right(UNUSED const struct situation *s, const struct agent *agent, struct strbuf *to)
{
	strbuf_add(to, postgres_details(agent->pg)->trouble);
}

static bool is_no_database(const struct situation *s, UNUSED const struct agent *agent)
{
	return s->instance->attached && s->instance->data == DATA_INVALID;
}

static void print_no_database(UNUSED const struct situation *s, UNUSED const struct agent *agent, struct strbuf *to)
{
	strbuf_add(to,
		   "there is something in the data directory, and it is not PostgreSQL's. Nothing was changed: name "
		   "another directory, or empty this one");
}

static bool has_old_collations(UNUSED const struct situation *s, const struct agent *agent)
{
	return postgres_details(agent->pg)->collations[0] != '\0';
}

static void print_old_collations(UNUSED const struct situation *s, const struct agent *agent, struct strbuf *to)
{
	strbuf_addf(
		to,
		"the versions of collations changed, with the image perhaps: %s. Indexes on text may be in the wrong "
		"order: "
		"REINDEX DATABASE, then ALTER DATABASE ... REFRESH COLLATION VERSION (of single ones: ALTER COLLATION)",
		postgres_details(agent->pg)->collations);
}

static bool is_held_elsewhere(const struct situation *s, UNUSED const struct agent *agent)
{
	return s->instance->attached && !s->instance->volume_locked && s->instance->tree == PG_TREE_DOWN;
}

static void print_held_elsewhere(const struct situation *s, const struct agent *agent, struct strbuf *to)
{
	int why = s->instance->volume_errno;
	if (why != 0 && why != EWOULDBLOCK)
		strbuf_addf(to, "the lock file %s.howdah/lock cannot be had: %s. Nothing is touched without it",
			    agent->config.data_dir, strerror(why));
	else
		strbuf_add(to, "the volume is held by somebody else, an earlier incarnation of this pod for instance. "
			       "Nothing is touched before it is gone");
}

static bool is_orphaned(const struct situation *s, UNUSED const struct agent *agent)
{
	return s->instance->attached && s->instance->data == DATA_EMPTY && s->instance->job == PG_JOB_NONE &&
	       s->cluster->initialize == INITIALIZE_DONE && leader_to_follow(s) == NULL;
}

static void print_orphaned(const struct situation *s, UNUSED const struct agent *agent, struct strbuf *to)
{
	strbuf_addf(
		to,
		"the volume is empty, nobody leads, and the store says that the cluster has data (%s). If that was a "
		"former cluster: howdahctl remove. Else bring back a member that has the data",
		s->cluster->system_identifier);
}

static bool is_without_supervisor(const struct situation *s, UNUSED const struct agent *agent)
{
	return !s->instance->attached;
}

static void print_without_supervisor(UNUSED const struct situation *s, UNUSED const struct agent *agent,
				     struct strbuf *to)
{
	strbuf_add(to, "PostgreSQL's container does not answer: its command must be howdah-supervisor");
}

static bool is_diverged(const struct situation *s, UNUSED const struct agent *agent)
{
	return rejoin_decide(s) == REJOIN_DIVERGED && leader_to_follow(s) != NULL &&
	       !s->settings->clone_when_diverged && s->instance->data == DATA_OK;
}

static void print_diverged(const struct situation *s, UNUSED const struct agent *agent, struct strbuf *to)
{
	strbuf_addf(to,
		    "it has WAL that %s's history does not, and may be neither rewound nor cloned anew by itself: "
		    "howdahctl reinit",
		    leader_to_follow(s)->name);
}

static const struct problem problems[] = {
	{ "CannotStart", is_of_another_cluster, 0, print_foreign },
	{ "CannotStart", is_without_right, 0, print_right },
	{ "CannotStart", is_no_database, 0, print_no_database },
	{ "CannotStart", is_held_elsewhere, 10000, print_held_elsewhere },
	{ "CannotStart", is_orphaned, 30000, print_orphaned },
	{ "CannotStart", is_without_supervisor, 60000, print_without_supervisor },
	{ "CannotRejoin", is_diverged, 10000, print_diverged },
	{ "CollationChanged", has_old_collations, 0, print_old_collations },
};
static_assert(ARRAY_SIZE(problems) <= PROBLEMS_MAX, "room for each");

static void tell_problem(struct agent *agent, size_t index, const struct situation *s)
{
	const struct problem *problem = &problems[index];
	struct notices *notices = agent->notices;
	struct instant *since = &notices->problem_since[index];
	char text[TEXT_SIZE];
	struct strbuf b;
	if (!problem->holds(s, agent)) {
		if (notices->problem_told[index])
			log_info("that is over: %s", notices->problem_text[index]);
		*since = (struct instant){ 0, 0 };
		notices->problem_told[index] = false;
		return;
	}
	if (!instant_is_set(*since))
		*since = s->now;
	if (elapsed_least_ms(*since, s->now) < problem->patience_ms)
		return;
	strbuf_init(&b, text, sizeof(text));
	problem->print(s, agent, &b);
	if (notices->problem_told[index] && text_equal(text, notices->problem_text[index]))
		return;
	notices->problem_told[index] = true;
	text_copy(notices->problem_text[index], TEXT_SIZE, text);
	agent_notice(agent, true, problem->reason, "%s", text);
}

const char *agent_problem(const struct agent *agent)
{
	for (size_t i = 0; i < ARRAY_SIZE(problems); i++)
		if (agent->notices->problem_told[i])
			return agent->notices->problem_text[i];
	return dcs_refusal(agent->dcs); /* which the store's own Events tell */
}

/* ---- jobs ---- */

static const char *const failure_reasons[] = {
	[PG_JOB_INITDB] = "CannotBootstrap",
	[PG_JOB_POST_BOOTSTRAP] = "CannotBootstrap",
	[PG_JOB_CLONE] = "CannotClone",
	[PG_JOB_START_STANDBY] = "CannotStart",
	[PG_JOB_START_PRIMARY] = "CannotStart",
	[PG_JOB_PROMOTE] = "CannotPromote",
	[PG_JOB_STOP] = "CannotStop",
	[PG_JOB_FOLLOW] = "CannotFollow",
	[PG_JOB_ASIDE] = "CannotMoveAside",
	[PG_JOB_REWIND] = "CannotRewind",
	[PG_JOB_WIPE] = "CannotRemoveData",
	[PG_JOB_RESTORE] = "CannotBootstrap",
	[PG_JOB_COUNT] = NULL,
};

static void tell_failure(struct agent *agent, const struct instance *i)
{
	struct notices *notices = agent->notices;
	bool same = notices->failed_at.boot_us == i->failed_at.boot_us;
	notices->failed_at = i->failed_at;
	if (same || i->failures == 0 || failure_reasons[i->failed_job] == NULL)
		return;
	dcs_say(agent->dcs,
		&(struct dcs_notice){ failure_reasons[i->failed_job], i->failure, true }); /* logged already */
}

/* A job that has ended well says how the standby that comes next came to be. */
static void follow_jobs(struct notices *notices, const struct instance *i)
{
	enum pg_job ended = notices->job;
	notices->job = i->job;
	if (ended == i->job || i->failed_job == ended)
		return;
	if (ended == PG_JOB_CLONE)
		notices->way = WAY_CLONED;
	else if (ended == PG_JOB_REWIND)
		notices->way = WAY_REWOUND;
	else if (ended == PG_JOB_START_STANDBY && notices->way == WAY_NONE)
		notices->way = WAY_STARTED;
}

/* ---- roles ---- */

static void follow_lock(struct notices *notices, const struct situation *s)
{
	const struct lease_record *record = &s->self->sight.record;
	if (lock_is_mine(s))
		return;
	notices->gave_up = !s->self->sight.held;
	text_copy(notices->former, sizeof(notices->former), record->leader);
}

static void tell_promotion(struct agent *agent, const struct situation *s)
{
	const struct notices *notices = agent->notices;
	uint32_t timeline = s->instance->timeline;
	if (notices->former[0] == '\0')
		agent_notice(agent, false, "Promoted", "leader of a new cluster, timeline %u", timeline);
	else if (text_equal(notices->former, s->self->name))
		agent_notice(agent, false, "Promoted", "leader again, on timeline %u", timeline);
	else if (notices->gave_up)
		agent_notice(agent, false, "Promoted", "leader on timeline %u, after %s gave the lock up", timeline,
			     notices->former);
	else
		agent_notice(agent, false, "Promoted",
			     "leader on timeline %u, after %s had not renewed the lock for its ttl", timeline,
			     notices->former);
}

static void tell_role(struct agent *agent, const struct situation *s)
{
	struct notices *notices = agent->notices;
	const struct instance *i = s->instance;
	bool primary = leads_now(s) && i->tree == PG_TREE_PRIMARY && i->answers && !i->in_recovery;
	bool stays_down = notices->primary && i->tree != PG_TREE_PRIMARY && i->tree != PG_TREE_UNKNOWN;
	if (primary && !notices->primary && notices->begun)
		tell_promotion(agent, s);
	if (primary || stays_down)
		notices->primary = primary;
	if (i->fenced && !notices->fenced && notices->begun)
		agent_notice(agent, true, "Fenced", "PostgreSQL was killed, to keep it from being a second primary: %s",
			     agent->fenced_why != NULL ? agent->fenced_why
						       : "the lease ended without a renewal in time");
	if (!i->fenced)
		agent->fenced_why = NULL;
	if (i->crashed && !notices->crashed && notices->begun)
		agent_notice(agent, true, "Crashed", "PostgreSQL ended without having been told to");
	notices->fenced = i->fenced;
	notices->crashed = i->crashed;
}

static void tell_rejoin(struct agent *agent, const struct instance *i)
{
	struct notices *notices = agent->notices;
	static const char *const ways[] = { [WAY_STARTED] = "nothing of its own was missing there",
					    [WAY_CLONED] = "cloned anew",
					    [WAY_REWOUND] = "rewound" };
	if (!i->streaming || i->tree != PG_TREE_STANDBY || notices->way == WAY_NONE)
		return;
	if (i->timeline < dcs_view(agent->dcs)->leader_timeline)
		return; /* it streams, and has not come to the leader's timeline yet */
	if (notices->begun)
		agent_notice(agent, false, "Rejoined", "streams from %s on timeline %u: %s", i->upstream, i->timeline,
			     ways[notices->way]);
	notices->way = WAY_NONE;
}

/* The first turn that sees the supervisor is where the story begins. */
void agent_notices_turn(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	struct notices *notices = agent->notices;
	for (size_t i = 0; i < ARRAY_SIZE(problems); i++)
		tell_problem(agent, i, &s);
	if (!s.instance->attached || s.instance->tree == PG_TREE_UNKNOWN)
		return;
	tell_failure(agent, s.instance);
	follow_jobs(notices, s.instance);
	if (!notices->begun)
		notices->primary = s.instance->tree == PG_TREE_PRIMARY;
	tell_role(agent, &s);
	tell_rejoin(agent, s.instance);
	follow_lock(notices, &s);
	notices->begun = true;
}

struct notices *notices_create(void)
{
	struct notices *notices = calloc(1, sizeof(*notices));
	if (notices == NULL)
		abort();
	return notices;
}

void notices_destroy(struct notices *notices)
{
	free(notices);
}
