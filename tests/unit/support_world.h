/* howdahctl as a whole, on a cluster of canned answers and in virtual time: what it sends, prints and ends with. */
#ifndef HOWDAH_TESTS_UNIT_SUPPORT_WORLD_H
#define HOWDAH_TESTS_UNIT_SUPPORT_WORLD_H

#include "fake_api.h"

#include "cli/cli.h"
#include "io/pg.h"

#include <sys/stat.h>

/* ---- a loop that runs by itself: calls are answered at once, then timers fire ---- */

static bool loop_stopped;
static bool run_query(void);

struct loop *loop_create(struct err *err UNUSED)
{
	return &fake_loop;
}

void loop_destroy(struct loop *l UNUSED)
{
}

void loop_stop(struct loop *l UNUSED)
{
	loop_stopped = true;
}

struct http_client *http_client_create(struct loop *l UNUSED, const char *agent UNUSED)
{
	return NULL;
}

void http_client_destroy(struct http_client *client UNUSED)
{
}

enum { RULES_MAX = 64, NEVER = -1, REFUSED = 0 };

static struct rule { /* the latest that matches counts */
	const char *method, *url;
	int status; /* NEVER: no answer until the time is over; REFUSED: no connection */
	const char *body;
	int left; /* how often; < 0: always */
	int used;
} rules[RULES_MAX];
static int rule_count;
static char requests[64 * 1024]; /* what was sent, a line each, without what is only read from the store */
static const char *expected_user, *expected_password;
static bool insecure_seen;

static UNUSED struct rule *answer_times(const char *method, const char *url, int status, const char *body, int times)
{
	assert_true(rule_count < RULES_MAX);
	rules[rule_count] = (struct rule){ method, url, status, body, times, 0 };
	return &rules[rule_count++];
}

static UNUSED struct rule *answer(const char *method, const char *url, int status, const char *body)
{
	return answer_times(method, url, status, body, -1);
}

static struct rule *rule_for(const struct http_call *call)
{
	for (int i = rule_count - 1; i >= 0; i--)
		if (rules[i].left != 0 && strcmp(rules[i].method, call->method) == 0 &&
		    strstr(call->url, rules[i].url) != NULL)
			return &rules[i];
	return NULL;
}

static bool is_reading(const struct http_call *call)
{
	return strcmp(call->method, "GET") == 0 && strstr(call->url, "/api/v1/") != NULL;
}

static void note_request(const struct http_call *call)
{
	size_t len = strlen(requests);
	const char *user = call->params.user;
	if (strstr(call->url, "/api/v1/") == NULL) {
		assert_true(expected_user == NULL ? user == NULL : user != NULL && strcmp(user, expected_user) == 0);
		if (user != NULL)
			assert_string_equal(call->params.password, expected_password);
		insecure_seen = call->params.tls.insecure;
	}
	if (!is_reading(call) && !(strcmp(call->method, "GET") == 0 && strstr(call->url, "/patroni") != NULL))
		snprintf(requests + len, sizeof(requests) - len, "%s %s %s\n", call->method, call->url, call->body);
}

static bool answer_one(void)
{
	for (struct http_call *call = open_calls; call != NULL; call = call->next) {
		struct rule *rule = rule_for(call);
		if (strstr(call->url, "watch=True") != NULL || (rule != NULL && rule->status == NEVER))
			continue;
		note_request(call);
		if (rule != NULL) {
			rule->left -= rule->left > 0;
			rule->used++;
		}
		reply(call, rule == NULL ? 0 : rule->status, rule == NULL ? "" : rule->body);
		return true;
	}
	return false;
}

static void fire_next(void)
{
	struct loop_timer *timer;
	struct http_call *call;
	int64_t at = next_due(&timer, &call, INT64_MAX);
	if (timer == NULL && call == NULL)
		fail_msg("%s", "nothing is left that could happen");
	fake_loop.now_us = at > fake_loop.now_us ? at : fake_loop.now_us;
	if (call != NULL) {
		note_request(call);
		reply(call, 0, "");
		return;
	}
	timer->due_us = -1;
	timer->fn(timer->arg);
}

void loop_run(struct loop *l UNUSED)
{
	loop_stopped = false;
	while (!loop_stopped)
		if (!run_query() && !answer_one())
			fire_next();
}

/* ---- a PostgreSQL that answers the last thing it is asked ---- */

struct pg {
	char conninfo[1024];
};

struct pg_rows {
	int count, columns;
	const char *names[4], *values[4][4]; /* NULL: null */
};

static struct {
	struct pg_rows rows;
	const char *error, *sqlstate; /* NULL: it works */
	bool unreachable;
	char conninfo[1024], sql[1024]; /* as they were last used */
} server;

int pg_rows_count(const struct pg_rows *rows)
{
	return rows->count;
}

int pg_rows_columns(const struct pg_rows *rows)
{
	return rows->columns;
}

const char *pg_rows_name(const struct pg_rows *rows, int column)
{
	return rows->names[column];
}

bool pg_rows_null(const struct pg_rows *rows, int row, int column)
{
	return rows->values[row][column] == NULL;
}

const char *pg_rows_text(const struct pg_rows *rows, int row, int column)
{
	return rows->values[row][column];
}

struct pg *pg_create(struct loop *l UNUSED)
{
	struct pg *pg = calloc(1, sizeof(*pg));
	assert_non_null(pg);
	return pg;
}

void pg_set_conninfo(struct pg *pg UNUSED, const char *const keywords[], const char *const values[])
{
	struct strbuf b;
	strbuf_init(&b, server.conninfo, sizeof(server.conninfo));
	for (int i = 0; keywords[i] != NULL; i++)
		strbuf_addf(&b, "%s%s=%s", i > 0 ? " " : "", keywords[i], values[i]);
}

void pg_destroy(struct pg *pg)
{
	free(pg);
}

static struct pg_query asked;

void pg_query(struct pg *pg UNUSED, const struct pg_query *query)
{
	assert_null(asked.fn);
	asked = *query;
	copy(server.sql, sizeof(server.sql), query->sql);
}

static bool run_query(void)
{
	struct pg_query query = asked;
	if (query.fn == NULL)
		return false;
	asked.fn = NULL;
	bool failing = server.unreachable || (server.error != NULL && strcmp(server.sql, "SELECT 1") != 0);
	struct pg_answer a = { .rows = failing ? NULL : &server.rows,
			       .error = failing ? (server.unreachable ? "connection refused" : server.error) : NULL,
			       .connected = !server.unreachable };
	copy(a.sqlstate, sizeof(a.sqlstate), server.unreachable ? "" : server.sqlstate);
	query.fn(query.arg, &a);
	return true;
}

/* ---- the cluster: a leads, b and c stream ---- */

static char config_file[64], configuration[1024];
static char pods[16 * 1024], state[16 * 1024];

static UNUSED void write_file(const char *path, const char *text)
{
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void add_text(char *to, size_t size, const char *text)
{
	size_t len = strlen(to);
	assert_true(len + strlen(text) < size);
	snprintf(to + len, size - len, "%s", text);
}

/* more: further keys of the status, each with a comma before it. */
static void add_pod(const char *name, const char *role, const char *more)
{
	char status[1024], pod[2048];
	snprintf(status, sizeof(status),
		 "{\\\"conn_url\\\":\\\"postgres://10.0.0.%d:5432/app\\\",\\\"api_url\\\":\\\"http://%s:8008/"
		 "patroni\\\",\\\"state\\\":\\\"running\\\",\\\"role\\\":\\\"%s\\\",\\\"version\\\":\\\"4.1.4\\\","
		 "\\\"timeline\\\":1,\\\"xlog_location\\\":83886176,\\\"replay_lsn\\\":83886176,\\\"receive_lsn\\\":"
		 "83886176%s%s}",
		 name[0] - 'a' + 1, name, role,
		 strcmp(role, "replica") == 0 ? ",\\\"replication_state\\\":\\\"streaming\\\"" : "", more);
	snprintf(pod, sizeof(pod),
		 "%s{\"metadata\":{\"name\":\"%s\",\"uid\":\"uid-%s\",\"resourceVersion\":\"4\",\"labels\":{"
		 "\"application\":\"patroni\",\"cluster-name\":\"batman\"},\"annotations\":{\"status\":\"%s\"}},"
		 "\"status\":{\"podIP\":\"10.0.0.1\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}",
		 pods[strlen(pods) - 1] == '[' ? "" : ",", name, name, status);
	add_text(pods, sizeof(pods), pod);
}

static void begin_pods(void)
{
	snprintf(pods, sizeof(pods), "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[");
}

static void end_pods(void)
{
	add_text(pods, sizeof(pods), "]}");
}

static void add_object(const char *name, const char *annotations)
{
	char object[2048];
	snprintf(object, sizeof(object),
		 "%s{\"metadata\":{\"name\":\"%s\",\"uid\":\"uid-%s\",\"resourceVersion\":\"8\",\"annotations\":{%s}}}",
		 state[strlen(state) - 1] == '[' ? "" : ",", name, name, annotations);
	add_text(state, sizeof(state), object);
}

/* leader "": nobody; config: JSON with its quotes escaped; failover: annotations, or NULL. */
static UNUSED void set_state(const char *leader, const char *config, const char *failover)
{
	char text[1024];
	snprintf(state, sizeof(state), "{\"metadata\":{\"resourceVersion\":\"9\"},\"items\":[");
	snprintf(text, sizeof(text),
		 "\"leader\":\"%s\",\"ttl\":\"30\",\"renewTime\":\"2026-11-22T22:06:39+00:00\",\"acquireTime\":"
		 "\"2026-11-22T22:06:39+00:00\",\"transitions\":\"0\",\"optime\":\"83886176\"",
		 leader);
	add_object("batman", leader[0] != '\0' ? text : "\"optime\":\"83886176\"");
	snprintf(text, sizeof(text), "\"initialize\":\"7711120697051324462\",\"config\":\"%s\"", config);
	add_object("batman-config", text);
	if (failover != NULL)
		add_object("batman-failover", failover);
	add_text(state, sizeof(state), "]}");
}

static const char default_config[] =
	"{\\\"ttl\\\":30,\\\"loop_wait\\\":10,\\\"postgresql\\\":{\\\"parameters\\\":{\\\"work_mem\\\":\\\"4MB\\\"}}}";
static const char paused_config[] UNUSED = "{\\\"ttl\\\":30,\\\"loop_wait\\\":10,\\\"pause\\\":true}";

static UNUSED void three_members(void)
{
	begin_pods();
	add_pod("a", "primary", "");
	add_pod("b", "replica", "");
	add_pod("c", "replica", "");
	end_pods();
}

static UNUSED void write_configuration(const char *more)
{
	snprintf(configuration, sizeof(configuration),
		 "scope: batman\nkubernetes: {labels: {application: patroni}, use_endpoints: true, context: c}\n%s",
		 more);
	write_file(config_file, configuration);
}

static UNUSED int begin_world(void **state_)
{
	setup(state_);
	write_kubeconfig();
	setenv("KUBECONFIG", kubeconfig, 1);
	setenv("TZ", "UTC", 1);
	unsetenv("EDITOR");
	copy(config_file, sizeof(config_file), "/tmp/howdah-test-XXXXXX");
	int fd = mkstemp(config_file);
	assert_true(fd >= 0);
	close(fd);
	write_configuration("");
	rule_count = 0;
	requests[0] = '\0';
	expected_user = expected_password = NULL;
	three_members();
	set_state("a", default_config, NULL);
	answer("GET", "/pods?", 200, pods);
	answer("GET", "/endpoints?", 200, state);
	answer("PATCH", "/endpoints/", 200, "{}");
	answer("POST", "/endpoints", 201, "{}");
	return 0;
}

static UNUSED int end_world(void **state_)
{
	unlink(config_file);
	return teardown(state_);
}

/* ---- one invocation ---- */

static char printed[64 * 1024], complained[8 * 1024];
static const char *input = ""; /* what is typed */
static bool at_terminal;

static UNUSED int run_as(const char *program, const char *const arguments[])
{
	const char *argv[32] = { program, "-c", config_file };
	int argc = 3;
	while (*arguments != NULL)
		argv[argc++] = *arguments++;
	memset(printed, 0, sizeof(printed));
	memset(complained, 0, sizeof(complained));
	struct cli cli = { .in = fmemopen((void *)(input[0] != '\0' ? input : "\n"), strlen(input) + (input[0] == '\0'),
					  "r"),
			   .out = fmemopen(printed, sizeof(printed) - 1, "w"),
			   .errors = fmemopen(complained, sizeof(complained) - 1, "w"),
			   .terminal = at_terminal,
			   .columns = 160 };
	if (input[0] == '\0')
		fgetc(cli.in); /* nothing is left to read */
	int code = cli_run(&cli, argc, argv);
	fclose(cli.in);
	fclose(cli.out);
	fclose(cli.errors);
	return code;
}

#define PATRONICTL(...) run_as("patronictl", (const char *const[]){ __VA_ARGS__, NULL })
#define HOWDAHCTL(...)  run_as("howdahctl", (const char *const[]){ __VA_ARGS__, NULL })

static UNUSED void type(const char *text)
{
	input = text;
	at_terminal = true;
}

static UNUSED void nobody_types(void)
{
	input = "";
	at_terminal = false;
}

#define assert_says(text)                                                                                              \
	do {                                                                                                           \
		if (strstr(printed, text) == NULL)                                                                     \
			fail_msg("\"%s\" is not in:\n%s\n%s", text, printed, complained);                              \
	} while (0)
#define assert_not_said(text)                                                                                          \
	do {                                                                                                           \
		if (strstr(printed, text) != NULL)                                                                     \
			fail_msg("\"%s\" is in:\n%s", text, printed);                                                  \
	} while (0)
#define assert_complains(text)                                                                                         \
	do {                                                                                                           \
		if (strstr(complained, text) == NULL)                                                                  \
			fail_msg("\"%s\" is not in:\n%s\n%s", text, complained, printed);                              \
	} while (0)

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_world, end_world)

#endif
