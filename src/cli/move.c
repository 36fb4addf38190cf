/* `switchover` and `failover` (contract 4.5): who leads, who is to lead, when; asked of a member, or put into the store when none can be asked. */
#include "members.h"
#include "render.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LIMIT_EXTRA_MS = 15000, LOOP_WAIT_S = 10, LAG_DEFAULT_BYTES = 1024 * 1024 };

struct order {
	struct session *session;
	const struct cli *cli;
	bool failover;
	const char *leader;              /* who holds the lock; "": nobody */
	char candidate[CLI_ANSWER_SIZE]; /* "": any */
	char schedule[TIME_SIZE];        /* "": now */
	int count;
	const char *names[MEMBERS_MAX]; /* who could be chosen */
};

static const char *action_of(const struct order *order)
{
	return order->failover ? "failover" : "switchover";
}

/* ---- who ---- */

static bool prompt_leader(const struct order *order, char name[static CLI_ANSWER_SIZE], struct err *err)
{
	const struct member *leader = snapshot_member(order->session->snapshot, order->leader);
	bool standby = leader != NULL && leader->role == ROLE_STANDBY_LEADER;
	return cli_ask(order->cli, standby ? "Standby Leader" : "Primary", order->leader, name, err);
}

static bool check_leader(const struct order *order, struct err *err)
{
	char name[CLI_ANSWER_SIZE];
	const char *given = order->cli->options[CLI_LEADER];
	if (order->leader[0] == '\0')
		return err_set(err, ERR_MISSING, "This cluster has no leader%s",
			       order->cli->compatible ? "" : ". To make a member lead: howdahctl failover --candidate");
	text_copy(name, sizeof(name), given != NULL ? given : order->leader);
	if (given == NULL && !cli_forced(order->cli) && !prompt_leader(order, name, err))
		return false;
	if (strcmp(name, order->leader) == 0)
		return true;
	return err_set(err, ERR_INPUT, "Member %s is not the leader of cluster %s%s%s", name,
		       order->session->config.scope, order->cli->compatible ? "" : ": the leader is ",
		       order->cli->compatible ? "" : order->leader);
}

static bool list_candidates(struct order *order, struct err *err)
{
	const struct cluster *cluster = &order->session->snapshot->cluster;
	for (int i = 0; i < cluster->member_count; i++)
		if (strcmp(cluster->members[i].name, order->leader) != 0 && !cluster->members[i].nofailover)
			order->names[order->count++] = cluster->members[i].name;
	return order->count > 0 ||
	       err_set(err, ERR_MISSING, "No candidates found to %s to%s", action_of(order),
		       order->cli->compatible ? "" : ": all others are tagged as nofailover, or there are none");
}

/* ['a', 'b'] */
static void add_candidates(const struct order *order, struct strbuf *to)
{
	strbuf_add_char(to, '[');
	for (int i = 0; i < order->count; i++)
		strbuf_addf(to, "%s'%s'", i > 0 ? ", " : "", order->names[i]);
	strbuf_add_char(to, ']');
}

static bool ask_candidate(struct order *order, struct err *err)
{
	char question[MEMBERS_MAX * (NAME_SIZE + 4) + 16];
	struct strbuf b;
	const char *given = order->cli->options[CLI_CANDIDATE];
	if (given != NULL)
		return text_copy(order->candidate, sizeof(order->candidate), given) ||
		       err_set(err, ERR_INPUT, "--candidate: %s is too long for the name of a member", given);
	if (cli_forced(order->cli))
		return true;
	strbuf_init(&b, question, sizeof(question));
	strbuf_add(&b, "Candidate ");
	add_candidates(order, &b);
	return cli_ask(order->cli, question, "", order->candidate, err);
}

static bool is_candidate(const struct order *order)
{
	for (int i = 0; i < order->count; i++)
		if (strcmp(order->names[i], order->candidate) == 0)
			return true;
	return false;
}

static bool check_candidate(const struct order *order, struct err *err)
{
	char names[512];
	struct strbuf b;
	const char *name = order->candidate, *scope = order->session->config.scope;
	if (name[0] == '\0')
		return !order->failover ||
		       err_set(err, ERR_INPUT, "Failover could be performed only to a specific candidate%s",
			       order->cli->compatible ? "" : ": name it with --candidate");
	if (strcmp(name, order->leader) == 0)
		return err_set(err, ERR_INPUT, "Member %s is already the leader of cluster %s", name, scope);
	if (is_candidate(order))
		return true;
	strbuf_init(&b, names, sizeof(names));
	add_candidates(order, &b);
	return err_set(err, ERR_INPUT, "Member %s does not exist in cluster %s or is tagged as nofailover%s%s", name,
		       scope, order->cli->compatible ? "" : ". It may be one of ", order->cli->compatible ? "" : names);
}

/* ---- when ---- */

static bool ask_schedule(struct order *order, struct err *err)
{
	char question[96], hour[24], answer[CLI_ANSWER_SIZE] = "now";
	struct strbuf b;
	const char *given = order->cli->options[CLI_SCHEDULED];
	if (order->failover)
		return true;
	cli_next_hour(hour, sizeof(hour));
	strbuf_init(&b, question, sizeof(question));
	strbuf_addf(&b, "When should the switchover take place (e.g. %s ) ", hour);
	if (given == NULL && !cli_forced(order->cli) && !cli_ask(order->cli, question, "now", answer, err))
		return false;
	if (!cli_schedule(given != NULL ? given : answer, order->schedule, err))
		return false;
	if (order->schedule[0] != '\0' && config_paused(order->session->snapshot))
		return err_set(err, ERR_INPUT, "Can't schedule switchover in the paused state%s",
			       order->cli->compatible ? "" : ". Resume first: howdahctl resume");
	return true;
}

/* ---- sure? ---- */

static bool confirm(const struct order *order, struct err *err)
{
	char question[512], refusal[64];
	struct strbuf b;
	bool later = order->schedule[0] != '\0';
	const char *action = action_of(order);
	if (cli_forced(order->cli))
		return true;
	strbuf_init(&b, question, sizeof(question));
	strbuf_addf(&b, "Are you sure you want to %s%s %s %s", later ? "schedule " : "", action,
		    later ? "of cluster" : "cluster", order->session->config.scope);
	if (later)
		strbuf_addf(&b, " at %s", order->schedule);
	if (order->leader[0] != '\0')
		strbuf_addf(&b, ", demoting current leader %s", order->leader);
	strbuf_add_char(&b, '?');
	strbuf_init(&b, refusal, sizeof(refusal));
	strbuf_addf(&b, "Aborting %s%s", later ? "scheduled " : "", action);
	return cli_confirm(order->cli, question, refusal, err);
}

/* ---- doing it ---- */

static struct json *order_body(const struct order *order)
{
	struct json *body = json_new_object();
	json_set_text(body, "candidate", order->candidate[0] != '\0' ? order->candidate : NULL);
	if (!order->failover)
		json_set_text(body, "leader", order->leader);
	if (order->schedule[0] != '\0')
		json_set_text(body, "scheduled_at", order->schedule);
	return body;
}

/* The leader, or where there is none the one that is to lead. */
static const struct member *whom_to_ask(const struct order *order)
{
	const struct snapshot *snapshot = order->session->snapshot;
	return snapshot_member(snapshot, order->leader[0] != '\0' ? order->leader : order->candidate);
}

/* A member tells what came of it: it looks for twice its loop_wait, 10 s at the least. */
static int64_t limit_ms(const struct order *order)
{
	int64_t loop_wait_s = config_seconds(order->session->snapshot, "loop_wait", LOOP_WAIT_S);
	return 2000 * (loop_wait_s > LOOP_WAIT_S ? loop_wait_s : LOOP_WAIT_S) + LIMIT_EXTRA_MS;
}

static int send_order(const struct order *order, char **text)
{
	AUTO(json) struct json *body = order_body(order);
	const struct member *member = whom_to_ask(order);
	if (member == NULL) {
		*text = strdup("no member of that name has a pod");
		return 0;
	}
	struct member_request request = {
		.member = member, .method = "POST", .path = action_of(order), .body = body, .limit_ms = limit_ms(order)
	};
	int status = session_request(order->session, &request, text);
	if (status != 501 || order->failover)
		return status;
	free(*text);
	request.path = "failover"; /* what members knew before there was /switchover */
	return session_request(order->session, &request, text);
}

/* 2026-11-22 22:12:36.12345 */
static void print_now(char *text, size_t size)
{
	struct timespec now;
	struct tm tm;
	char seconds[32];
	struct strbuf b;
	clock_gettime(CLOCK_REALTIME, &now);
	localtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%d %H:%M:%S", &tm);
	strbuf_init(&b, text, size);
	strbuf_addf(&b, "%s.%05ld", seconds, now.tv_nsec / 10000);
}

static bool show_again(const struct order *order, struct err *err)
{
	if (!session_refresh(order->session, err))
		return false;
	session_ask(order->session, ASK_MS);
	return show_members(order->session, err);
}

static bool put_into_store(const struct order *order, const char *why, struct err *err)
{
	char now[40];
	struct move move = { .asked = true };
	if (!order->failover)
		text_copy(move.leader, sizeof(move.leader), order->leader);
	text_copy(move.candidate, sizeof(move.candidate), order->candidate);
	text_copy(move.scheduled_at, sizeof(move.scheduled_at), order->schedule);
	print_now(now, sizeof(now));
	if (order->cli->compatible)
		cli_say(order->cli, "%s Could not %s using Patroni api, falling back to DCS", now, action_of(order));
	if (!session_write_move(order->session, &move, err))
		return false;
	if (!order->cli->compatible)
		cli_say(order->cli,
			"%s could not be asked (%s). The %s is in the store now: members find it there at their next "
			"look",
			whom_to_ask(order) != NULL ? whom_to_ask(order)->name : order->leader, why, action_of(order));
	return show_again(order, err);
}

/* ---- refused ---- */

static int64_t behind(const struct snapshot *snapshot, const struct member *leader, const struct member *member)
{
	uint64_t lsn = snapshot->cluster.optime_lsn;
	if (leader != NULL && leader->xlog_lsn > lsn)
		lsn = leader->xlog_lsn;
	return member->xlog_lsn == 0 ? -1 : lsn > member->xlog_lsn ? (int64_t)(lsn - member->xlog_lsn) : 0;
}

static const struct member *nearest(const struct order *order, const struct member members[static MEMBERS_MAX],
				    const struct member *leader)
{
	const struct snapshot *snapshot = order->session->snapshot;
	const struct member *best = NULL;
	for (int i = 0; i < snapshot->cluster.member_count; i++) {
		const struct member *m = &members[i];
		bool able = strcmp(m->name, order->leader) != 0 && !m->nofailover && m->state == STATE_RUNNING &&
			    snapshot->answers[i] != NULL && behind(snapshot, leader, m) >= 0;
		if (able && (best == NULL || behind(snapshot, leader, m) < behind(snapshot, leader, best)))
			best = m;
	}
	return best;
}

static const struct member *by_name(const struct snapshot *snapshot, const struct member members[static MEMBERS_MAX],
				    const char *name)
{
	for (int i = 0; i < snapshot->cluster.member_count; i++)
		if (strcmp(members[i].name, name) == 0)
			return &members[i];
	return NULL;
}

/* Why this candidate, of what can be seen from here, and who else. */
static void explain_candidate(const struct order *order, struct strbuf *to)
{
	char words[32];
	struct member members[MEMBERS_MAX];
	const struct snapshot *snapshot = order->session->snapshot;
	snapshot_members(snapshot, members);
	const struct member *leader = by_name(snapshot, members, order->leader),
			    *wanted = by_name(snapshot, members, order->candidate),
			    *other = nearest(order, members, leader);
	int64_t lag = wanted != NULL ? behind(snapshot, leader, wanted) : -1,
		allowed = config_seconds(snapshot, "maximum_lag_on_failover", LAG_DEFAULT_BYTES);
	if (wanted != NULL && wanted->state != STATE_RUNNING) {
		strbuf_addf(to, ". %s is %s", wanted->name, member_state_text(wanted->state));
	} else if (lag > allowed) {
		words_bytes(lag, words, sizeof(words));
		strbuf_addf(to, ". %s is %s behind, ", wanted->name, words);
		words_bytes(allowed, words, sizeof(words));
		strbuf_addf(to, "maximum_lag_on_failover is %s", words);
	} else {
		return;
	}
	if (other != NULL && other != wanted) {
		words_bytes(behind(snapshot, leader, other), words, sizeof(words));
		strbuf_addf(to, ". Wait, or choose %s (%s behind)", other->name, words);
	}
}

static bool refused(const struct order *order, int status, const char *text, struct err *err)
{
	char words[200], why[ERR_TEXT_MAX];
	struct strbuf b;
	bool unknown = strstr(text, "status unknown") != NULL;
	const char *advice = answer_advice(status, text);
	if (order->cli->compatible) {
		cli_say(order->cli, "%s %s, details: %d, %s", order->failover ? "Failover" : "Switchover",
			unknown ? "result unknown" : "failed", status, text);
		return true;
	}
	answer_words(status, text, words, sizeof(words));
	strbuf_init(&b, why, sizeof(why));
	strbuf_addf(&b, "%s%s%s %s: %s", action_of(order), order->candidate[0] != '\0' ? " to " : "", order->candidate,
		    unknown ? "has not ended yet" : "refused", words);
	size_t len = b.len;
	if (status == 412)
		explain_candidate(order, &b);
	if (b.len == len && advice != NULL)
		strbuf_addf(&b, ". %s", advice);
	return err_set(err, ERR_OTHER, "%s", why);
}

static bool perform(const struct order *order, struct err *err)
{
	char now[40];
	AUTO(text) char *text = NULL;
	int status = send_order(order, &text);
	if (status == 0)
		return put_into_store(order, text, err);
	if (status != 200 && status != 202)
		return refused(order, status, text, err);
	print_now(now, sizeof(now));
	cli_say(order->cli, "%s %s", now, text);
	return show_again(order, err);
}

static bool prepare(struct order *order, struct err *err)
{
	cli_say(order->cli, "Current cluster topology");
	session_ask(order->session, ASK_MS);
	return show_members(order->session, err) && (order->failover || check_leader(order, err)) &&
	       list_candidates(order, err) && ask_candidate(order, err) && check_candidate(order, err) &&
	       ask_schedule(order, err) && confirm(order, err);
}

static bool move(const struct cli *cli, bool failover, struct err *err)
{
	struct session *session = session_open(cli, NULL, err);
	if (session == NULL)
		return false;
	char leader[NAME_SIZE]; /* outlives the snapshot it comes from */
	text_copy(leader, sizeof(leader), snapshot_leader(session->snapshot));
	struct order order = { .session = session, .cli = cli, .failover = failover, .leader = leader };
	bool done = prepare(&order, err) && perform(&order, err);
	session_close(session);
	return done;
}

bool cmd_switchover(const struct cli *cli, struct err *err)
{
	return move(cli, false, err);
}

bool cmd_failover(const struct cli *cli, struct err *err)
{
	return move(cli, true, err);
}
