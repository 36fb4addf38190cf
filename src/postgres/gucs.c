/* The effective parameters as a sorted list: contract 2.5. */
#include "postgres/gucs.h"

#include "codec/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

void gucs_init(struct gucs *gucs)
{
	gucs->count = 0;
}

struct gucs *gucs_create(void)
{
	struct gucs *gucs = malloc(sizeof(*gucs));
	if (gucs == NULL)
		abort();
	gucs_init(gucs);
	return gucs;
}

void gucs_destroy(struct gucs *gucs)
{
	gucs_clear(gucs);
	free(gucs);
}

void gucs_clear(struct gucs *gucs)
{
	for (int i = 0; i < gucs->count; i++) {
		free(gucs->items[i].name);
		free(gucs->items[i].value);
	}
	gucs->count = 0;
}

static char *copy(const char *text)
{
	char *made = strdup(text);
	if (made == NULL)
		abort();
	return made;
}

/* Where it is, or -1 - where it would be. */
static int find(const struct gucs *gucs, const char *name)
{
	int low = 0, high = gucs->count;
	while (low < high) {
		int middle = (low + high) / 2, order = strcasecmp(gucs->items[middle].name, name);
		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return -1 - low;
}

void gucs_set(struct gucs *gucs, const char *name, const char *value)
{
	int at = find(gucs, name);
	char *made = copy(value); /* before the old one goes: it may be the same */
	if (at >= 0) {
		free(gucs->items[at].value);
		gucs->items[at].value = made;
		return;
	}
	at = -1 - at;
	if (gucs->count == GUCS_MAX) {
		free(made);
		return;
	}
	memmove(&gucs->items[at + 1], &gucs->items[at], (size_t)(gucs->count - at) * sizeof(gucs->items[0]));
	gucs->items[at] = (struct guc){ copy(name), made };
	gucs->count++;
}

void gucs_remove(struct gucs *gucs, const char *name)
{
	int at = find(gucs, name);
	if (at < 0)
		return;
	free(gucs->items[at].name);
	free(gucs->items[at].value);
	gucs->count--;
	memmove(&gucs->items[at], &gucs->items[at + 1], (size_t)(gucs->count - at) * sizeof(gucs->items[0]));
}

const char *gucs_get(const struct gucs *gucs, const char *name)
{
	int at = find(gucs, name);
	return at < 0 ? NULL : gucs->items[at].value;
}

/* As PostgreSQL's configuration files read it: quotes and backslashes doubled, no line breaks inside. */
static void print_quoted(const char *value, struct strbuf *to)
{
	for (; *value != '\0'; value++) {
		if (*value == '\n') {
			strbuf_add(to, "\\n");
			continue;
		}
		if (*value == '\'' || *value == '\\')
			strbuf_add_char(to, *value);
		strbuf_add_char(to, *value);
	}
}

void gucs_print(const struct gucs *gucs, struct strbuf *to)
{
	for (int i = 0; i < gucs->count; i++) {
		strbuf_addf(to, "%s = '", gucs->items[i].name);
		print_quoted(gucs->items[i].value, to);
		strbuf_add(to, "'\n");
	}
}

void gucs_value_text(const struct json *value, char *text, size_t size)
{
	int64_t number;
	text[0] = '\0';
	if (json_is_text(value))
		text_copy(text, size, json_text(value));
	else if (json_is_bool(value))
		text_copy(text, size, json_true(value) ? "on" : "off");
	else if (json_i64(value, &number))
		snprintf(text, size, "%lld", (long long)number);
	else if (json_is_number(value))
		snprintf(text, size, "%.15g", json_double(value));
}

bool guc_is_recovery(const char *name)
{
	for (int i = 0; i < recovery_rules_count; i++)
		if (strcasecmp(recovery_rules[i].name, name) == 0)
			return true;
	return false;
}

/* ---- the controlled ones ---- */

enum controlled_kind { CONTROL_LEAST, CONTROL_SWITCH, CONTROL_WORDS };

/* Dynamic-only; what breaks the rule counts as not given. */
static const struct controlled {
	const char *name, *fallback;
	enum controlled_kind kind;
	int64_t least;
	const char *unit, *words;
} controlled[] = {
	{ "wal_level", "replica", CONTROL_WORDS, 0, NULL, "hot_standby|replica|logical" },
	{ "hot_standby", "on", CONTROL_WORDS, 0, NULL, "on|true|yes|1" },
	{ "max_connections", "100", CONTROL_LEAST, 25, NULL, NULL },
	{ "max_wal_senders", "10", CONTROL_LEAST, 3, NULL, NULL },
	{ "wal_keep_size", "128MB", CONTROL_LEAST, 16, "MB", NULL },
	{ "max_prepared_transactions", "0", CONTROL_LEAST, 0, NULL, NULL },
	{ "max_locks_per_transaction", "64", CONTROL_LEAST, 32, NULL, NULL },
	{ "track_commit_timestamp", "off", CONTROL_SWITCH, 0, NULL, NULL },
	{ "max_replication_slots", "10", CONTROL_LEAST, 4, NULL, NULL },
	{ "max_worker_processes", "8", CONTROL_LEAST, 2, NULL, NULL },
	{ "wal_log_hints", "on", CONTROL_SWITCH, 0, NULL, NULL },
};

static const char *const never_settable[] = { "listen_addresses", "port", "cluster_name", "wal_keep_segments" };

static const struct controlled *find_controlled(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(controlled); i++)
		if (strcasecmp(controlled[i].name, name) == 0)
			return &controlled[i];
	return NULL;
}

static bool is_never_settable(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(never_settable); i++)
		if (strcasecmp(never_settable[i], name) == 0)
			return true;
	return false;
}

static bool controlled_allows(const struct controlled *row, const char *value)
{
	int64_t number;
	bool on;
	switch (row->kind) {
	case CONTROL_LEAST:
		return units_int(value, row->unit, &number) && number >= row->least;
	case CONTROL_SWITCH:
		return units_bool(value, &on);
	case CONTROL_WORDS:
		return guc_has_word(row->words, value);
	}
	return false;
}

typedef void note_fn(const char *text);

static void note_value(note_fn *note, const char *name, const char *value, const char *what)
{
	char text[512];
	struct strbuf b;
	if (note == NULL)
		return;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "postgresql.%s.%s: \"%s\" %s", guc_is_recovery(name) ? "recovery_conf" : "parameters", name,
		    value, what);
	note(text);
}

static void set_controlled(struct gucs *gucs, const struct json *parameters, note_fn *note)
{
	for (size_t i = 0; i < ARRAY_SIZE(controlled); i++) {
		const struct controlled *row = &controlled[i];
		char value[GUC_VALUE_MAX];
		gucs_value_text(json_get(parameters, row->name), value, sizeof(value));
		bool good = value[0] != '\0' && controlled_allows(row, value);
		if (value[0] != '\0' && !good)
			note_value(note, row->name, value, "is not allowed, the default is used");
		/* 9.6 gave it its present name */
		if (good && strcasecmp(value, "hot_standby") == 0)
			text_copy(value, sizeof(value), "replica");
		gucs_set(gucs, row->name, good ? value : row->fallback);
	}
}

/* The setting that came before wal_keep_size; a segment is 16 MB. */
static void set_wal_keep(struct gucs *gucs, const struct json *parameters)
{
	char value[64];
	int64_t segments;
	gucs_value_text(json_get(parameters, "wal_keep_segments"), value, sizeof(value));
	if (json_get(parameters, "wal_keep_size") != NULL || !units_int(value, NULL, &segments) || segments < 1)
		return;
	snprintf(value, sizeof(value), "%lldMB", (long long)segments * 16);
	gucs_set(gucs, "wal_keep_size", value);
}

/* ---- the others ---- */

static bool is_described(const char *described, const char *name)
{
	char pattern[128];
	if (text_is_empty(described) || snprintf(pattern, sizeof(pattern), ",%s,", name) >= (int)sizeof(pattern))
		return false;
	return strcasestr(described, pattern) != NULL;
}

static void set_checked(struct gucs *gucs, const char *name, const struct json *node, const struct guc_rule *rule,
			note_fn *note)
{
	char value[GUC_VALUE_MAX];
	gucs_value_text(node, value, sizeof(value));
	enum guc_verdict verdict = rule == NULL ? GUC_KEEP : guc_check(rule, value, sizeof(value));
	if (verdict == GUC_DROP)
		note_value(note, name, value, "is not allowed, dropped");
	else if (verdict == GUC_CLAMPED)
		note_value(note, name, value, "is used: what was asked for is out of range");
	if (verdict != GUC_DROP)
		gucs_set(gucs, name, value);
}

static void note_unknown(note_fn *note, const char *name, const struct json *node)
{
	char value[GUC_VALUE_MAX];
	gucs_value_text(node, value, sizeof(value));
	note_value(note, name, value, "is dropped: this version does not know the parameter");
}

static bool is_for_others(const struct json *item)
{
	const char *name = json_key(item);
	return json_is_null(item) || find_controlled(name) != NULL || is_never_settable(name) || guc_is_recovery(name);
}

/* Of those without a row, extensions' are theirs to check, and what the program knows is its. */
static void set_all(struct gucs *gucs, const struct json *parameters, const struct gucs_input *input, note_fn *note)
{
	for (const struct json *item = json_first(parameters); item != NULL; item = json_next(item)) {
		const char *name = json_key(item);
		if (is_for_others(item))
			continue;
		const struct guc_rule *rule = guc_rule_find(name, input->version);
		if (rule != NULL || strchr(name, '.') != NULL || is_described(input->described, name))
			set_checked(gucs, name, item, rule, note);
		else
			note_unknown(note, name, item);
	}
}

bool gucs_have_unknown(const struct json *parameters, int version)
{
	for (const struct json *item = json_first(parameters); item != NULL; item = json_next(item))
		if (!is_for_others(item) && guc_rule_find(json_key(item), version) == NULL &&
		    strchr(json_key(item), '.') == NULL)
			return true;
	return false;
}

/* Ours is always among them; it comes first when nobody asked for others. */
static void set_socket_directories(struct gucs *gucs, const char *ours)
{
	const char *theirs = gucs_get(gucs, "unix_socket_directories");
	char value[GUC_VALUE_MAX];
	if (text_is_empty(theirs))
		text_copy(value, sizeof(value), ours);
	else if (strstr(theirs, ours) != NULL)
		return;
	else
		snprintf(value, sizeof(value), "%s,%s", theirs, ours);
	gucs_set(gucs, "unix_socket_directories", value);
}

static void make_absolute(struct gucs *gucs, const char *name, const char *dir)
{
	char value[GUC_VALUE_MAX];
	const char *given = gucs_get(gucs, name);
	if (given == NULL || given[0] == '/')
		return;
	snprintf(value, sizeof(value), "%s/%s", dir, given);
	gucs_set(gucs, name, value);
}

void gucs_build(struct gucs *gucs, const struct gucs_input *input, note_fn *note)
{
	char port[16];
	gucs_init(gucs);
	set_all(gucs, input->parameters, input, note);
	set_all(gucs, input->role_parameters, input, note);
	set_controlled(gucs, input->parameters, note);
	set_wal_keep(gucs, input->parameters);
	set_socket_directories(gucs, input->socket_dir);
	make_absolute(gucs, "hba_file", input->config_dir);
	make_absolute(gucs, "ident_file", input->config_dir);
	snprintf(port, sizeof(port), "%d", input->port);
	gucs_set(gucs, "listen_addresses", input->listen_addresses);
	gucs_set(gucs, "port", port);
	gucs_set(gucs, "cluster_name", input->cluster_name);
}

static const char *const emptied_targets[] = { "recovery_target", "recovery_target_lsn", "recovery_target_name",
					       "recovery_target_time", "recovery_target_xid" };

void gucs_build_recovery(struct gucs *gucs, const struct json *recovery_conf, int version, note_fn *note)
{
	gucs_init(gucs);
	for (const struct json *item = json_first(recovery_conf); item != NULL; item = json_next(item)) {
		const char *name = json_key(item);
		if (json_is_null(item) || !guc_is_recovery(name) ||
		    strncasecmp(name, "recovery_target", strlen("recovery_target")) == 0 ||
		    strncasecmp(name, "primary_", strlen("primary_")) == 0 || strcasecmp(name, "standby_mode") == 0)
			continue;
		if (strcasecmp(name, "trigger_file") == 0)
			name = "promote_trigger_file";
		const struct guc_rule *rule = guc_recovery_find(name, version);
		if (rule != NULL)
			set_checked(gucs, name, item, rule, note);
		else
			note_unknown(note, name, item);
	}
	for (size_t i = 0; i < ARRAY_SIZE(emptied_targets); i++)
		gucs_set(gucs, emptied_targets[i], "");
	gucs_set(gucs, "recovery_target_timeline", "latest");
}

static bool sets_recovery(const char *line, size_t len)
{
	char name[64];
	size_t start = 0;
	while (start < len && (line[start] == ' ' || line[start] == '\t'))
		start++;
	size_t end = start;
	while (end < len &&
	       (line[end] == '_' || (line[end] >= 'a' && line[end] <= 'z') || (line[end] >= 'A' && line[end] <= 'Z')))
		end++;
	if (end == start || end - start >= sizeof(name))
		return false;
	memcpy(name, line + start, end - start);
	name[end - start] = '\0';
	return guc_is_recovery(name);
}

void conf_without_recovery(const char *text, struct strbuf *to)
{
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");
		len += text[len] == '\n';
		if (!sets_recovery(text, len))
			strbuf_add_bytes(to, text, len);
		text += len;
	}
}
