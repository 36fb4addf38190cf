/* `list` and `topology` as patronictl has them. */
#include "render.h"

#include <ctype.h>
#include <math.h>
#include <string.h>

enum { REASON_MAX = 50, CELL_MAX = 4096 };

static const struct list_column {
	struct output_column column;
	const char *wanted; /* shown when some member has this key; NULL: always */
} list_columns[] = {
	{ { "Cluster", NULL, false }, NULL },
	{ { "Member", "Member", false }, NULL },
	{ { "Host", "Host", false }, NULL },
	{ { "Role", "Role", false }, NULL },
	{ { "State", "State", false }, NULL },
	{ { "TL", "TL", true }, NULL },
	{ { "Receive LSN", "Receive LSN", true }, NULL },
	{ { "Receive Lag", "Lag", true }, NULL },
	{ { "Replay LSN", "Replay LSN", true }, NULL },
	{ { "Replay Lag", "Lag", true }, NULL },
	{ { "Pending restart", "Pending restart", false }, "pending_restart" },
	{ { "Pending restart reason", "Pending restart reason", false }, "pending_restart_reason" },
	{ { "Scheduled restart", "Scheduled restart", false }, "scheduled_restart" },
	{ { "Tags", "Tags", false }, "tags" },
};

static bool is_given(const struct json *value)
{
	return json_true(value) || json_count(value) > 0;
}

static bool anybody_has(const struct json *members, const char *key)
{
	for (const struct json *member = json_first(members); member != NULL; member = json_next(member))
		if (json_get(member, "host") != NULL && is_given(json_get(member, key)))
			return true;
	return false;
}

static void choose_columns(struct output *output, const struct json *members, bool extended)
{
	for (size_t i = 0; i < ARRAY_SIZE(list_columns); i++)
		if (list_columns[i].wanted == NULL || extended || anybody_has(members, list_columns[i].wanted))
			output->columns[output->column_count++] = list_columns[i].column;
}

/* Two members on one host, or a port that is not PostgreSQL's own: then all ports are shown. */
static bool ports_matter(const struct json *members)
{
	for (const struct json *a = json_first(members); a != NULL; a = json_next(a)) {
		int64_t port = 5432;
		const char *host = json_get_text(a, "host");
		if (host == NULL)
			continue;
		if (json_i64(json_get(a, "port"), &port) && port != 5432)
			return true;
		for (const struct json *b = json_next(a); b != NULL; b = json_next(b)) {
			const char *other = json_get_text(b, "host");
			if (other != NULL && strcmp(host, other) == 0)
				return true;
		}
	}
	return false;
}

static void set_host(struct json *row, const struct json *member, bool with_port)
{
	char text[HOST_SIZE + 8];
	int64_t port;
	struct strbuf b;
	const char *host = json_get_text(member, "host");
	strbuf_init(&b, text, sizeof(text));
	strbuf_add(&b, host == NULL ? "" : host);
	if (with_port && host != NULL && json_i64(json_get(member, "port"), &port))
		strbuf_addf(&b, ":%d", (int)port);
	json_set_text(row, "Host", text);
}

/* standby_leader -> Standby Leader */
static void set_role(struct json *row, const struct json *member)
{
	char text[NAME_SIZE];
	const char *role = json_get_text(member, "role");
	bool begins = true;
	text_copy(text, sizeof(text), role == NULL ? "" : role);
	for (char *c = text; *c != '\0'; c++) {
		*c = *c == '_' ? ' ' : (char)(begins ? toupper((unsigned char)*c) : *c);
		begins = *c == ' ';
	}
	json_set_text(row, "Role", text);
}

/* In MB, halves to even as Python rounds; nothing where it is unknown. */
static void set_position(struct json *row, const struct json *member, const char *kind, const char *lsn_key,
			 const char *lag_key)
{
	char lsn[32], lag[32];
	int64_t bytes;
	struct strbuf b;
	strbuf_init(&b, lsn, sizeof(lsn));
	strbuf_addf(&b, "%s_lsn", kind);
	strbuf_init(&b, lag, sizeof(lag));
	strbuf_addf(&b, "%s_lag", kind);
	const char *position = json_get_text(member, lsn);
	json_set_text(row, lsn_key, position == NULL ? "" : position);
	if (json_i64(json_get(member, lag), &bytes))
		json_set_i64(row, lag_key, (int64_t)rint((double)bytes / 1048576));
}

static void add_reason(struct strbuf *to, const struct json *reason, bool hide_long)
{
	char text[CELL_MAX];
	struct strbuf line;
	const char *old_value = json_get_text(reason, "old_value"), *new_value = json_get_text(reason, "new_value");
	strbuf_init(&line, text, sizeof(text));
	strbuf_addf(&line, "%s: %s->%s", json_key(reason), old_value == NULL ? "" : old_value,
		    new_value == NULL ? "" : new_value);
	bool hidden = hide_long && (line.overflow || line.len > REASON_MAX);
	if (to->len > 0)
		strbuf_add_char(to, '\n');
	if (hidden)
		strbuf_addf(to, "%s: [hidden - too long]", json_key(reason));
	else
		strbuf_add(to, text);
}

static void set_restart(struct json *row, const struct json *member, bool hide_long)
{
	char text[CELL_MAX];
	struct strbuf b;
	const struct json *reasons = json_get(member, "pending_restart_reason"),
			  *scheduled = json_get(member, "scheduled_restart");
	const char *schedule = json_get_text(scheduled, "schedule"),
		   *version = json_get_text(scheduled, "postgres_version");
	json_set_text(row, "Pending restart", json_true(json_get(member, "pending_restart")) ? "*" : "");
	strbuf_init(&b, text, sizeof(text));
	for (const struct json *reason = json_is_object(reasons) ? json_first(reasons) : NULL; reason != NULL;
	     reason = json_next(reason))
		add_reason(&b, reason, hide_long);
	json_set_text(row, "Pending restart reason", text);
	strbuf_init(&b, text, sizeof(text));
	strbuf_add(&b, schedule == NULL ? "" : schedule);
	if (schedule != NULL && version != NULL)
		strbuf_addf(&b, " if version < %s", version);
	json_set_text(row, "Scheduled restart", text);
}

static void copy_value(struct json *row, const char *to, const struct json *member, const char *from)
{
	const struct json *value = json_get(member, from);
	if (value != NULL)
		json_set(row, to, json_copy(value));
}

struct list {
	const struct snapshot *snapshot;
	const struct json *members;
	struct json *rows;
	bool with_port, hide_long;
};

static void add_row(const struct list *list, const struct json *member, int level)
{
	char name[NAME_SIZE * 3];
	struct strbuf b;
	struct json *row = json_new_object();
	strbuf_init(&b, name, sizeof(name));
	if (level > 0)
		strbuf_addf(&b, "%*s+ ", (level - 1) * 2, "");
	strbuf_add(&b, json_get_text(member, "name"));
	json_set_text(row, "Cluster", list->snapshot->scope);
	json_set_text(row, "Member", name);
	set_host(row, member, list->with_port);
	set_role(row, member);
	copy_value(row, "State", member, "state");
	copy_value(row, "TL", member, "timeline");
	set_position(row, member, "receive", "Receive LSN", "Receive Lag");
	set_position(row, member, "replay", "Replay LSN", "Replay Lag");
	set_restart(row, member, list->hide_long);
	copy_value(row, "Tags", member, "tags");
	json_push(list->rows, row);
}

/* ---- the tree ---- */

static bool leads(const struct json *member)
{
	const char *role = json_get_text(member, "role");
	size_t len = role == NULL ? 0 : strlen(role);
	return len >= 6 && strcmp(role + len - 6, "leader") == 0;
}

static const struct json *find_member(const struct json *members, const char *name)
{
	for (const struct json *member = json_first(members); member != NULL; member = json_next(member))
		if (strcmp(json_get_text(member, "name"), name) == 0)
			return member;
	return NULL;
}

/* The replica whose WAL this one takes; NULL: the leader's. */
static const struct json *upstream_of(const struct json *members, const struct json *member)
{
	const char *name = json_get_text(json_get(member, "tags"), "replicatefrom");
	const struct json *upstream = name == NULL ? NULL : find_member(members, name);
	return upstream == member || upstream == NULL || leads(upstream) ? NULL : upstream;
}

/* Replicas that name each other in a ring hang below nobody. */
static bool hangs_in_a_ring(const struct json *members, const struct json *member)
{
	const struct json *at = member;
	for (int steps = 0; at != NULL; steps++) {
		if (steps > MEMBERS_MAX)
			return true;
		at = upstream_of(members, at);
	}
	return false;
}

static void add_below(const struct list *list, const struct json *upstream, int level)
{
	if (level > MEMBERS_MAX)
		return;
	for (const struct json *member = json_first(list->members); member != NULL; member = json_next(member)) {
		bool ring = hangs_in_a_ring(list->members, member);
		if (leads(member) || (ring ? upstream != NULL : upstream_of(list->members, member) != upstream))
			continue;
		add_row(list, member, level);
		if (!ring)
			add_below(list, member, level + 1);
	}
}

static void add_tree(const struct list *list)
{
	for (const struct json *member = json_first(list->members); member != NULL; member = json_next(member))
		if (leads(member))
			add_row(list, member, 0);
	add_below(list, NULL, 1);
}

static void add_all(const struct list *list)
{
	for (const struct json *member = json_first(list->members); member != NULL; member = json_next(member))
		add_row(list, member, 0);
}

/* ---- */

static void print_title(const struct snapshot *snapshot, struct strbuf *to)
{
	const struct cluster *cluster = &snapshot->cluster;
	const char *state = cluster->initialize == INITIALIZE_DONE      ? cluster->system_identifier
			    : cluster->initialize == INITIALIZE_RUNNING ? "initializing"
									: "uninitialized";
	strbuf_addf(to, " Cluster: %s (%s) ", snapshot->scope, state);
}

static void print_scheduled(const struct move *move, struct strbuf *to)
{
	if (!move->asked || move->scheduled_at[0] == '\0')
		return;
	strbuf_addf(to, " Switchover scheduled at: %s\n", move->scheduled_at);
	if (move->leader[0] != '\0')
		strbuf_addf(to, "%24s: %s\n", "from", move->leader);
	if (move->candidate[0] != '\0')
		strbuf_addf(to, "%24s: %s\n", "to", move->candidate);
}

void render_list(const struct snapshot *snapshot, enum output_format format, bool extended, struct strbuf *to)
{
	char title[NAME_SIZE + 64];
	struct strbuf b;
	AUTO(json) struct json *document = snapshot_document(snapshot);
	AUTO(json) struct json *rows = json_new_array();
	bool people = format == OUTPUT_PRETTY || format == OUTPUT_TOPOLOGY;
	const struct json *members = json_get(document, "members");
	struct list list = { .snapshot = snapshot,
			     .members = members,
			     .rows = rows,
			     .with_port = ports_matter(members),
			     .hide_long = people };
	struct output output = { .title = title, .omit_empty = true, .rows = rows };
	strbuf_init(&b, title, sizeof(title));
	print_title(snapshot, &b);
	choose_columns(&output, members, extended);
	if (format == OUTPUT_TOPOLOGY)
		add_tree(&list);
	else
		add_all(&list);
	output_print(&output, format, to);
	if (people && json_true(json_get(document, "pause")))
		strbuf_add(to, " Maintenance mode: on\n");
	if (people)
		print_scheduled(&snapshot->cluster.move, to);
}
