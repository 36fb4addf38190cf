/* The strict check: everything that is wrong, one line each, with the place it comes from. */
#include "config_private.h"
#include "tags.h"

#include <string.h>

/* Dynamic settings stand here in a local document. */
static const char initial[] = "bootstrap.dcs";

static const char no_effect[] = "has no effect here: it belongs into the dynamic configuration (bootstrap.dcs)";

struct report {
	void (*line)(void *arg, const char *line);
	void *arg;
	int count;
	const struct sources *sources; /* NULL: nothing is read yet */
	const char *below;             /* part of the document that keys are looked up in; NULL: all */
};

static void add_line(struct report *report, const char *text)
{
	report->line(report->arg, text);
	report->count++;
}

static void add_problem(void *arg, const char *key, const char *problem, const char *instead UNUSED)
{
	struct report *report = arg;
	char line[ERR_TEXT_MAX], place[2 * KEY_SIZE];
	struct strbuf b;
	strbuf_init(&b, place, sizeof(place));
	strbuf_addf(&b, "%s%s%s", report->below == NULL ? "" : report->below, report->below == NULL ? "" : ".", key);
	strbuf_init(&b, line, sizeof(line));
	if (report->sources != NULL)
		sources_where(report->sources, place, &b);
	strbuf_addf(&b, "%s: %s", key, problem);
	add_line(report, line);
}

static void check_value(struct report *report, const struct setting *row, const struct json *value)
{
	struct checked checked;
	char problem[PROBLEM_SIZE];
	struct strbuf b;
	struct err err;
	static struct config scratch; /* for the functions that read what is no scalar */
	strbuf_init(&b, problem, sizeof(problem));
	if (value == NULL || json_is_null(value))
		return;
	if (setting_check(row, value, &checked, &b) != CHECK_OK)
		add_problem(report, row->key, problem, NULL);
	else if ((row->type == SETTING_TEXT || row->type == SETTING_SECRET) && !json_is_text(value))
		add_problem(report, row->key, "is not a text: put it in quotes", NULL);
	else if (row->take != NULL && !row->take(&scratch, value, &err))
		add_problem(report, row->key, err.text, NULL);
}

static void check_missing(struct report *report, const struct setting *row, const struct json *local)
{
	char problem[PROBLEM_SIZE], variable[KEY_SIZE];
	struct strbuf b;
	if (!row->required || json_path(local, row->key) != NULL)
		return;
	if (strncmp(row->key, "kubernetes.", 11) == 0 && !json_is_object(json_get(local, "kubernetes")))
		return; /* the missing section is one problem of its own */
	setting_variable(row, variable, sizeof(variable));
	strbuf_init(&b, problem, sizeof(problem));
	strbuf_addf(&b, "must be set, here or by %s", variable);
	add_problem(report, row->key, problem, NULL);
}

static void check_rows(struct report *report, const struct json *local)
{
	for (int i = 0; i < settings_count; i++) {
		const struct setting *row = &settings_table[i];
		check_missing(report, row, local);
		report->below = NULL;
		if (row->scope != SETTING_DYNAMIC)
			check_value(report, row, json_path(local, row->key));
		else if (json_path(local, row->key) != NULL)
			add_problem(report, row->key, no_effect, NULL);
		report->below = initial;
		if (row->scope != SETTING_LOCAL)
			check_value(report, row, tree_dynamic(json_path(local, initial), row->key));
		report->below = NULL;
	}
}

/* Others must be able to use it. */
static void check_connect_address(struct report *report, const struct json *local, const char *key)
{
	struct config_address address;
	char problem[PROBLEM_SIZE];
	struct strbuf b;
	const char *text = json_text(json_path(local, key));
	bool laboratory = json_true(json_path(local, "howdah.laboratory"));
	bool missing = json_path(local, key) == NULL;
	if (!missing && (text == NULL || !address_parse(&address, text, 0)))
		return; /* said already */
	bool local_only = !missing && (text_equal(address.host, "127.0.0.1") || text_equal(address.host, "::1") ||
				       text_equal(address.host, "localhost"));
	strbuf_init(&b, problem, sizeof(problem));
	if (missing && !laboratory)
		strbuf_add(&b, "must be set, here or by POD_IP");
	else if (!missing && address_is_wildcard(address.host))
		strbuf_addf(&b, "\"%s\" is not an address that others can connect to", text);
	else if (local_only && !laboratory)
		strbuf_addf(&b, "\"%s\" is this machine's own address: others cannot connect to it", text);
	if (b.len > 0)
		add_problem(report, key, problem, NULL);
}

static int64_t seconds_or(const struct json *dynamic, const char *key)
{
	struct checked checked;
	char problem[PROBLEM_SIZE];
	struct strbuf b;
	const struct setting *row = setting_find(key);
	const struct json *given = json_get(dynamic, key);
	AUTO(json) struct json *fallback = json_new_text(row->fallback);
	strbuf_init(&b, problem, sizeof(problem));
	if (given == NULL || setting_check(row, given, &checked, &b) == CHECK_BAD)
		(void)setting_check(row, fallback, &checked, &b);
	return checked.number;
}

static void check_timeouts(struct report *report, const struct json *local)
{
	const struct json *dynamic = json_path(local, initial);
	struct settings settings = {
		.ttl_ms = seconds_or(dynamic, "ttl"),
		.loop_wait_ms = seconds_or(dynamic, "loop_wait"),
		.retry_timeout_ms = seconds_or(dynamic, "retry_timeout"),
	};
	const struct sink sink = { add_problem, report };
	report->below = initial;
	timeouts_fit(&settings, json_true(json_path(local, "howdah.laboratory")), &sink);
	report->below = NULL;
}

static void check_tag_pairs(struct report *report, const struct json *local)
{
	const struct json *tags = json_get(local, "tags");
	if (json_get(tags, "nofailover") != NULL && json_get(tags, "failover_priority") != NULL)
		add_problem(report, "tags.failover_priority", "stands beside nofailover: give one of them", NULL);
	if (json_get(tags, "nosync") != NULL && json_get(tags, "sync_priority") != NULL)
		add_problem(report, "tags.sync_priority", "stands beside nosync: give one of them", NULL);
}

static void check_parameters(struct report *report, const struct json *local)
{
	const struct json *parameters = json_path(local, "postgresql.parameters");
	if (!json_is_object(parameters))
		return;
	for (const struct json *item = json_first(parameters); item != NULL; item = json_next(item)) {
		char key[KEY_SIZE];
		struct strbuf b;
		strbuf_init(&b, key, sizeof(key));
		strbuf_addf(&b, "postgresql.parameters.%s", json_key(item));
		if (tree_is_controlled(json_key(item)))
			add_problem(report, key, no_effect, NULL);
	}
}

static void check_all(struct report *report, const struct json *local)
{
	const struct sink sink = { add_problem, report };
	check_rows(report, local);
	if (!json_is_object(json_get(local, "kubernetes")))
		add_problem(report, "kubernetes", "must be there: it is where the cluster's state is kept", NULL);
	check_connect_address(report, local, "restapi.connect_address");
	check_connect_address(report, local, "postgresql.connect_address");
	check_timeouts(report, local);
	check_parameters(report, local);
	check_tag_pairs(report, local);
	methods_check(local, json_get(local, "postgresql"), &sink);
	own_keys_check(local, &sink);
	route_check(local, &sink);
}

int config_validate(const char *path, const char *const environ_[], void (*report)(void *arg, const char *line),
		    void *arg)
{
	struct report to = { .line = report, .arg = arg };
	const struct sink sink = { add_problem, &to };
	struct sources sources;
	struct err err;
	if (sources_read(&sources, path, environ_, &sink, &err)) {
		defaults_move_former_roles(sources.local);
		defaults_from_pod(sources.local, environ_);
		to.sources = &sources;
		check_all(&to, sources.local);
	} else {
		add_line(&to, err.text);
	}
	sources_free(&sources);
	return to.count;
}
