/* Our own view of a cluster: what is, since when, and whether somebody could take over. */
#include "render.h"

#include "codec/members.h"
#include "codec/units.h"
#include "text_table.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum column { MEMBER, ROLE, STATE, TIMELINE, LAG, LEASE, POD, NOTES, COLUMN_COUNT };
enum { NOTES_SIZE = 512, PART_GAP = 3, REPLAY_BEHIND_BYTES = 1024 * 1024, LAG_DEFAULT_BYTES = 1024 * 1024 };

static const struct {
	const char *title;
	bool right;
} columns[COLUMN_COUNT] = {
	[MEMBER] = { "  member", false }, [ROLE] = { "role", false },   [STATE] = { "state", false },
	[TIMELINE] = { "tl", true },      [LAG] = { "lag", true },      [LEASE] = { "lease", false },
	[POD] = { "pod", false },         [NOTES] = { "notes", false },
};

struct overview {
	const struct snapshot *snapshot;
	const char *leader; /* "": nobody */
	const struct json *config;
	struct member members[MEMBERS_MAX];
	uint64_t leader_lsn;
	int64_t lag_allowed;
	bool anybody_answers;
};

static const struct member *find_leader(const struct overview *o)
{
	for (int i = 0; i < o->snapshot->cluster.member_count; i++)
		if (strcmp(o->members[i].name, o->leader) == 0)
			return &o->members[i];
	return NULL;
}

static bool leads(const struct overview *o, int i)
{
	return strcmp(o->members[i].name, o->leader) == 0;
}

/* Others answer and this one does not: what it said last may be long over. */
static bool is_silent(const struct overview *o, int i)
{
	return o->anybody_answers && o->snapshot->answers[i] == NULL;
}

static uint64_t lag_of(const struct overview *o, uint64_t lsn)
{
	return o->leader_lsn > lsn ? o->leader_lsn - lsn : 0;
}

static bool can_take_over(const struct overview *o, int i)
{
	const struct member *member = &o->members[i];
	return !leads(o, i) && !is_silent(o, i) && member->state == STATE_RUNNING && !member->nofailover &&
	       !member->deleting && member->xlog_lsn != 0 && lag_of(o, member->xlog_lsn) <= (uint64_t)o->lag_allowed;
}

/* ---- the first lines ---- */

struct parts { /* texts side by side, on a new line where one would not fit */
	struct strbuf *to;
	int columns, at;
};

static void add_part(struct parts *parts, const char *text)
{
	int width = text_width(text, strlen(text));
	if (parts->at > 0 && parts->at + PART_GAP + width > parts->columns) {
		strbuf_add(parts->to, "\n  ");
		parts->at = 2;
	} else if (parts->at > 0) {
		strbuf_addf(parts->to, "%*s", PART_GAP, "");
		parts->at += PART_GAP;
	}
	strbuf_add(parts->to, text);
	parts->at += width;
}

/* Of a system identifier the first and the last digits tell clusters apart. */
static void add_identity(const struct overview *o, struct parts *parts)
{
	char text[NAME_SIZE + 64];
	struct strbuf b;
	const struct cluster *cluster = &o->snapshot->cluster;
	const char *id = cluster->system_identifier;
	size_t len = strlen(id);
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "cluster %s ", o->snapshot->scope);
	if (cluster->initialize == INITIALIZE_DONE && len > 8)
		strbuf_addf(&b, "(%.4s…%s)", id, id + len - 3);
	else
		strbuf_addf(&b, "(%s)",
			    cluster->initialize == INITIALIZE_DONE      ? id
			    : cluster->initialize == INITIALIZE_RUNNING ? "being initialised"
									: "not initialised");
	add_part(parts, text);
}

static int64_t ttl_s(const struct overview *o)
{
	int64_t ttl = o->snapshot->cluster.leader.record.ttl_s;
	if (ttl <= 0 && !json_i64(json_get(o->config, "ttl"), &ttl))
		ttl = 30;
	return ttl;
}

static int64_t server_version(const struct overview *o)
{
	int64_t version = 0, best = 0;
	for (int i = 0; i < o->snapshot->cluster.member_count; i++) {
		if (!json_i64(json_get(o->snapshot->answers[i], "server_version"), &version))
			continue;
		if (leads(o, i))
			return version;
		best = version;
	}
	return best;
}

static void add_server(const struct overview *o, struct parts *parts)
{
	char text[64], number[24];
	struct strbuf b;
	const struct member *leader = find_leader(o);
	uint32_t timeline =
		leader != NULL && leader->timeline != 0 ? leader->timeline : cluster_timeline(&o->snapshot->cluster);
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%s, ttl %" PRId64, o->snapshot->endpoints ? "endpoints" : "configmaps", ttl_s(o));
	add_part(parts, text);
	if (server_version(o) > 0) {
		words_server_version(server_version(o), number, sizeof(number));
		strbuf_init(&b, text, sizeof(text));
		strbuf_addf(&b, "PostgreSQL %s", number);
		add_part(parts, text);
	}
	if (timeline == 0)
		return;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "timeline %" PRIu32, timeline);
	add_part(parts, text);
}

static void add_leader(const struct overview *o, struct parts *parts)
{
	char text[NAME_SIZE + 64], since[32];
	int64_t acquired_us;
	struct strbuf b;
	if (o->leader[0] == '\0') {
		add_part(parts, "no leader");
		return;
	}
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "leader %s", o->leader);
	if (wall_from_iso(o->snapshot->cluster.leader.record.acquire_time, &acquired_us)) {
		words_duration((o->snapshot->now.us - acquired_us) / 1000000, since, sizeof(since));
		strbuf_addf(&b, " for %s", since);
	}
	add_part(parts, text);
}

/* ---- the table ---- */

static const char *role_text(const struct overview *o, int i)
{
	const char *role = json_get_text(o->snapshot->answers[i], "role");
	bool primary = role != NULL ? strcmp(role, "primary") == 0 : leads(o, i) && o->members[i].role == ROLE_PRIMARY;
	if (!leads(o, i))
		return primary ? "primary" : "replica";
	if (config_is_standby_cluster(o->config))
		return "standby leader";
	return primary ? "primary" : "leader";
}

static const char *state_text(const struct overview *o, int i)
{
	const struct member *member = &o->members[i];
	if (is_silent(o, i))
		return "no answer";
	if (member->state == STATE_CREATING_REPLICA)
		return "cloning";
	return member->state == STATE_RUNNING && member->replication_state[0] != '\0'
		       ? member->replication_state
		       : member_state_text(member->state);
}

static enum text_colour state_colour(const struct overview *o, int i)
{
	if (is_silent(o, i))
		return COLOUR_RED;
	return o->members[i].state == STATE_RUNNING ? COLOUR_GREEN : COLOUR_YELLOW;
}

/* Notes are separated by commas. */
static struct strbuf *note(struct strbuf *notes)
{
	strbuf_add(notes, notes->len > 0 ? ", " : "");
	return notes;
}

static void note_progress(int64_t done, int64_t total, int64_t seconds, struct strbuf *notes)
{
	char words[32];
	words_bytes(total > 0 ? total : done, words, sizeof(words));
	if (total > 0)
		strbuf_addf(note(notes), "base backup %d %% of %s",
			    (int)(done < total ? (double)done * 100 / (double)total : 100), words);
	else
		strbuf_addf(note(notes), "base backup: %s", words);
	if (seconds <= 0 || done <= 0)
		return;
	words_bytes(done / seconds, words, sizeof(words));
	strbuf_addf(note(notes), "%s/s", words);
	if (total <= done)
		return;
	words_duration((int64_t)((double)(total - done) * (double)seconds / (double)done), words, sizeof(words));
	strbuf_addf(note(notes), "%s left", words);
}

static void note_answer(const struct json *answer, struct strbuf *notes)
{
	int64_t done = 0, total = 0, seconds = 0;
	const struct json *ours = json_get(answer, "howdah"), *clone = json_get(ours, "clone");
	const char *failure = json_get_text(ours, "failure"), *trouble = json_get_text(ours, "trouble");
	if (clone != NULL && json_i64(json_get(clone, "done_bytes"), &done)) {
		if (!json_i64(json_get(clone, "total_bytes"), &total))
			total = 0;
		if (!json_i64(json_get(clone, "seconds"), &seconds))
			seconds = 0;
		note_progress(done, total, seconds, notes);
	}
	if (failure != NULL)
		strbuf_addf(note(notes), "failed: %s", failure);
	if (trouble != NULL)
		strbuf_add(note(notes), trouble);
}

static void note_member(const struct overview *o, int i, struct strbuf *notes)
{
	char words[32];
	const struct member *member = &o->members[i];
	if (is_silent(o, i))
		strbuf_addf(note(notes), "last said %s",
			    member->has_status ? member_state_text(member->state) : "nothing");
	if (!leads(o, i) && !is_silent(o, i) && strcmp(role_text(o, i), "primary") == 0)
		strbuf_add(note(notes), "a primary without the lock");
	if (member->replay_lsn != 0 && member->receive_lsn > member->replay_lsn + REPLAY_BEHIND_BYTES) {
		words_bytes((int64_t)(member->receive_lsn - member->replay_lsn), words, sizeof(words));
		strbuf_addf(note(notes), "%s to replay", words);
	}
	if (member->pending_restart)
		strbuf_add(note(notes), "restart pending");
	if (member->nofailover)
		strbuf_add(note(notes), "never leads");
	if (member->noloadbalance)
		strbuf_add(note(notes), "takes no load");
	if (member->replicatefrom[0] != '\0')
		strbuf_addf(note(notes), "from %s", member->replicatefrom);
	if (member->has_status && !member->is_howdah)
		strbuf_addf(note(notes), "Patroni %s", member->member_version);
}

static void set_numbers(const struct overview *o, int i, struct text_table *table, int row)
{
	char text[32];
	struct strbuf b;
	int64_t left_ms;
	const struct member *member = &o->members[i];
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, member->timeline != 0 ? "%" PRIu32 : "-", member->timeline);
	text_table_set(table, row, TIMELINE, text);
	if (!leads(o, i) && member->xlog_lsn != 0 && o->leader_lsn != 0) {
		words_bytes((int64_t)lag_of(o, member->xlog_lsn), text, sizeof(text));
		text_table_set(table, row, LAG, text);
	}
	if (json_i64(json_path(o->snapshot->answers[i], "howdah.lease_left_ms"), &left_ms)) {
		strbuf_init(&b, text, sizeof(text));
		strbuf_addf(&b, "%" PRId64 " s left", left_ms / 1000);
		text_table_set(table, row, LEASE, text);
	}
}

static void add_row(const struct overview *o, int i, struct text_table *table)
{
	char name[NAME_SIZE + 2], text[NOTES_SIZE];
	struct strbuf b, notes;
	const struct member *member = &o->members[i];
	int row = text_table_add_row(table);
	strbuf_init(&b, name, sizeof(name));
	strbuf_addf(&b, "%s%s", leads(o, i) ? "* " : "  ", member->name);
	text_table_set(table, row, MEMBER, name);
	text_table_colour(table, row, MEMBER, leads(o, i) ? COLOUR_BOLD : COLOUR_NONE);
	text_table_set(table, row, ROLE, role_text(o, i));
	text_table_set(table, row, STATE, state_text(o, i));
	text_table_colour(table, row, STATE, state_colour(o, i));
	text_table_set(table, row, POD, member->deleting ? "Leaving" : member->ready ? "Ready" : "Not ready");
	set_numbers(o, i, table, row);
	strbuf_init(&notes, text, sizeof(text));
	note_answer(o->snapshot->answers[i], &notes);
	note_member(o, i, &notes);
	text_table_set(table, row, NOTES, text);
}

static void print_members(const struct overview *o, int width, bool colour, struct strbuf *to)
{
	struct text_table table;
	text_table_init(&table);
	for (int i = 0; i < COLUMN_COUNT; i++)
		text_table_add_column(&table, columns[i].title, columns[i].right);
	for (int i = 0; i < o->snapshot->cluster.member_count; i++)
		add_row(o, i, &table);
	text_table_print_plain(&table, width, colour, to);
	text_table_finish(&table);
}

/* ---- the last sentence ---- */

static void say_who_could_lead(const struct overview *o, struct strbuf *to)
{
	int able = 0, others = 0;
	for (int i = 0; i < o->snapshot->cluster.member_count; i++) {
		others += !leads(o, i);
		able += can_take_over(o, i);
	}
	if (o->snapshot->cluster.member_count == 0)
		strbuf_add(to, "No pod carries the labels of this cluster.");
	else if (others == 0)
		strbuf_add(to, "Nobody is there to take over.");
	else
		strbuf_addf(to, "%d of %d %s can take over.", able, others,
			    o->leader[0] == '\0' ? "members" : "replicas");
}

static void say_last_change(const struct overview *o, struct strbuf *to)
{
	char when[32];
	int64_t us;
	struct tm tm;
	const struct history *history = &o->snapshot->cluster.history;
	const struct history_entry *last = history->count > 0 ? &history->entries[history->count - 1] : NULL;
	if (last == NULL || last->leader[0] == '\0' || !wall_from_iso(last->when, &us))
		return;
	time_t seconds = us / 1000000;
	const char *before = history->count > 1 ? last[-1].leader : "";
	gmtime_r(&seconds, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M UTC", &tm);
	strbuf_addf(to, " Last change of the leader %s (%s%s%s).", when, before, before[0] != '\0' ? " -> " : "to ",
		    last->leader);
}

static void say_what_is_scheduled(const struct overview *o, struct strbuf *to)
{
	const struct move *move = &o->snapshot->cluster.move;
	if (!move->asked)
		return;
	strbuf_addf(to, " A %s", move->leader[0] != '\0' ? "switchover" : "failover");
	if (move->leader[0] != '\0')
		strbuf_addf(to, " from %s", move->leader);
	if (move->candidate[0] != '\0')
		strbuf_addf(to, " to %s", move->candidate);
	if (move->scheduled_at[0] != '\0')
		strbuf_addf(to, " is scheduled at %s.", move->scheduled_at);
	else
		strbuf_add(to, " is asked for.");
}

static void say_what_rolls_out(const struct overview *o, struct strbuf *to)
{
	AUTO(json) struct json *document = snapshot_document(o->snapshot);
	const struct json *rollout = json_get(document, "rollout");
	if (rollout != NULL) {
		strbuf_add_char(to, ' ');
		say_rollout(rollout, to);
	}
	if (o->snapshot->cluster.rollout_paused)
		strbuf_add(to, " Roll-outs are paused.");
}

static void say_warnings(const struct overview *o, struct strbuf *to)
{
	say_what_is_scheduled(o, to);
	say_what_rolls_out(o, to);
	if (json_true(json_get(o->config, "pause")))
		strbuf_add(to, " Paused: nobody takes over by itself.");
	if (!o->anybody_answers && o->snapshot->cluster.member_count > 0)
		strbuf_add(to, " No member could be asked from here: states are as last stored.");
}

/* Blanks become line ends where the text would be wider. */
static void wrap(char *text, int width)
{
	char *line = text, *blank = NULL;
	for (char *c = text; *c != '\0'; c++) {
		if (*c == ' ' && text_width(line, (size_t)(c - line)) <= width)
			blank = c;
		if (blank == NULL || text_width(line, (size_t)(c - line) + 1) <= width)
			continue;
		*blank = '\n';
		line = blank + 1;
		blank = NULL;
	}
}

static void print_sentences(const struct overview *o, int width, struct strbuf *to)
{
	char text[2048];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	say_who_could_lead(o, &b);
	say_last_change(o, &b);
	say_warnings(o, &b);
	wrap(text, width);
	strbuf_addf(to, "%s\n", text);
}

static void look(struct overview *o)
{
	const struct member *leader;
	snapshot_members(o->snapshot, o->members);
	o->leader_lsn = o->snapshot->cluster.optime_lsn;
	leader = find_leader(o);
	if (leader != NULL && leader->xlog_lsn > o->leader_lsn)
		o->leader_lsn = leader->xlog_lsn;
	if (!json_i64(json_get(o->config, "maximum_lag_on_failover"), &o->lag_allowed))
		o->lag_allowed = LAG_DEFAULT_BYTES;
	for (int i = 0; i < o->snapshot->cluster.member_count; i++)
		o->anybody_answers |= o->snapshot->answers[i] != NULL;
}

void render_overview(const struct snapshot *snapshot, int width, bool colour, struct strbuf *to)
{
	AUTO(json) struct json *config = snapshot_config(snapshot);
	struct overview o = { .snapshot = snapshot, .leader = snapshot_leader(snapshot), .config = config };
	struct parts parts = { .to = to, .columns = width };
	look(&o);
	add_identity(&o, &parts);
	add_server(&o, &parts);
	add_leader(&o, &parts);
	strbuf_add(to, "\n\n");
	if (snapshot->cluster.member_count > 0) {
		print_members(&o, width, colour, to);
		strbuf_add_char(to, '\n');
	}
	print_sentences(&o, width, to);
}
