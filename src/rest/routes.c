/* Which request gets which answer: one table, the first row that matches. Health checks match by part of the path, as the contract has it (3.4), so that
 * addresses in old load balancer configurations go on working. */
#include "access.h"
#include "answer.h"
#include "documents.h"
#include "metrics.h"
#include "orders.h"

#include <stdlib.h>
#include <string.h>

enum {
	ON_GET = 1,
	ON_HEAD = 2,
	ON_OPTIONS = 4,
	ON_POST = 8,
	ON_PUT = 16,
	ON_PATCH = 32,
	ON_DELETE = 64,
	ON_PROBE = ON_GET | ON_HEAD | ON_OPTIONS,
};
enum { WORDS_MAX = 3, METRICS_SIZE = 64 * 1024 };

enum match {
	MATCH_SEGMENT,  /* the first segment of the path is one of the words */
	MATCH_CONTAINS, /* the path contains one of the words and none of `without` */
	MATCH_EXACT,    /* the path is "/" and one of the words */
	MATCH_ANY
};

typedef bool check_fn(const struct health *health);

struct route {
	int methods;
	enum match match;
	const char *words[WORDS_MAX], *without[WORDS_MAX];
	answer_fn *answer;  /* a document; or */
	check_fn *check;    /* a health check */
	bool tags;          /* `tag_NAME=` of the query counts */
	bool cluster;       /* without a view of the cluster it fails */
	enum access access; /* of methods that change something; the others are open */
	const char *text;
};

static const char silent_store[] = "The store has not answered for a ttl";

static void answer_status(const struct asked *asked, struct rest_answer *answer)
{
	AUTO(json) struct json *root = rest_status(asked->view);
	answer_json(answer, 200, root);
}

static void answer_cluster(const struct asked *asked, struct rest_answer *answer)
{
	AUTO(json) struct json *root = document_cluster(asked->view, &asked->facts);
	if (root == NULL)
		answer_page(answer, 503, "%s", silent_store);
	else
		answer_json(answer, 200, root);
}

static void answer_history(const struct asked *asked, struct rest_answer *answer)
{
	AUTO(json) struct json *root = document_history(asked->view);
	answer_json(answer, 200, root);
}

static void answer_config(const struct asked *asked, struct rest_answer *answer)
{
	AUTO(json) struct json *root = document_config(asked->view);
	if (root == NULL)
		answer_page(answer, 502, "The store holds no dynamic configuration");
	else
		answer_json(answer, 200, root);
}

static void answer_metrics(const struct asked *asked, struct rest_answer *answer)
{
	struct strbuf text;
	char *memory = malloc(METRICS_SIZE);
	if (memory == NULL)
		abort();
	strbuf_init(&text, memory, METRICS_SIZE);
	metrics_print(asked->view, &text);
	assert(strbuf_ok(&text));
	answer_body(answer, 200, "text/plain", memory);
}

static void answer_failsafe(const struct asked *asked, struct rest_answer *answer)
{
	AUTO(json) struct json *root = document_failsafe(asked->view);
	if (root == NULL)
		answer_page(answer, 502, "No members of failsafe mode are known");
	else
		answer_json(answer, 200, root);
}

static void answer_liveness(const struct asked *asked, struct rest_answer *answer)
{
	answer->status = asked->view->loop_alive || asked->facts.paused ? 200 : 503;
}

static void answer_readiness(const struct asked *asked, struct rest_answer *answer)
{
	answer->status = health_is_ready(asked->view, &asked->facts, asked->request->query) ? 200 : 503;
}

static bool check_leader(const struct health *health)
{
	return health->leader;
}

static bool check_primary(const struct health *health)
{
	return health->primary;
}

static bool check_standby_leader(const struct health *health)
{
	return health->standby_leader;
}

static bool check_replica(const struct health *health)
{
	return health->replica;
}

static bool check_read_only(const struct health *health)
{
	return health->primary || health->standby_leader || health->replica;
}

static bool check_running(const struct health *health)
{
	return health->running;
}

static bool check_never(const struct health *health)
{
	(void)health;
	return false;
}

/* No member is a synchronous standby: these two differ from check_never by the leader alone. */
static bool check_leading(const struct health *health)
{
	return health->primary || health->standby_leader;
}

static const struct route routes[] = {
	{ ON_GET, MATCH_SEGMENT, { "liveness" }, .answer = answer_liveness, .text = "The agent's loop turns. No body" },
	{ ON_GET,
	  MATCH_SEGMENT,
	  { "readiness" },
	  .answer = answer_readiness,
	  .text = "Leader, or a replica that streams and lags no more than `lag` (default maximum_lag_on_failover; "
		  "`mode=write`: by what it received). No body" },
	{ ON_GET, MATCH_SEGMENT, { "patroni" }, .answer = answer_status, .text = "Status of this member; always 200" },
	{ ON_GET,
	  MATCH_SEGMENT,
	  { "cluster" },
	  .answer = answer_cluster,
	  .text = "All members; 503 while the store is silent" },
	{ ON_GET,
	  MATCH_SEGMENT,
	  { "history" },
	  .answer = answer_history,
	  .text = "Timelines that were left; `[]` when there are none" },
	{ ON_GET,
	  MATCH_SEGMENT,
	  { "config" },
	  .answer = answer_config,
	  .text = "The dynamic configuration; 502 when there is none" },
	{ ON_GET, MATCH_SEGMENT, { "metrics" }, .answer = answer_metrics, .text = "For Prometheus" },
	{ ON_GET,
	  MATCH_SEGMENT,
	  { "failsafe" },
	  .answer = answer_failsafe,
	  .text = "Members of failsafe mode; 502 while there are none" },
	{ ON_PATCH,
	  MATCH_SEGMENT,
	  { "config" },
	  .answer = order_config_merge,
	  .cluster = true,
	  .text = "Merges the object into the dynamic configuration; `null` removes a key. 200 with the whole "
		  "configuration, 409 when somebody else changed it meanwhile, 503 when there is none" },
	{ ON_PUT,
	  MATCH_SEGMENT,
	  { "config" },
	  .answer = order_config_replace,
	  .cluster = true,
	  .text = "Replaces the dynamic configuration. 200 with the same, 502 when it could not be written" },
	{ ON_POST,
	  MATCH_SEGMENT,
	  { "reload" },
	  .answer = order_reload,
	  .text = "Reads the local configuration again. 202" },
	{ ON_POST,
	  MATCH_SEGMENT,
	  { "restart" },
	  .answer = order_restart,
	  .text = "Restarts PostgreSQL here: `schedule`, `role`, `postgres_version`, `timeout`, `restart_pending`. 200 "
		  "when it is done, 202 when it is scheduled, 409 when another one is, 503 when it was not done" },
	{ ON_DELETE,
	  MATCH_SEGMENT,
	  { "restart" },
	  .answer = order_restart_cancel,
	  .text = "Forgets the scheduled restart; 404 when there is none" },
	{ ON_POST,
	  MATCH_SEGMENT,
	  { "switchover" },
	  .answer = order_switchover,
	  .text = "Hands over from `leader`, to `candidate` or any that is fit, at once or at `scheduled_at`. 200 when "
		  "it is done, 202 when it is scheduled, 412 when it cannot be, 503 when it was not done" },
	{ ON_POST,
	  MATCH_SEGMENT,
	  { "failover" },
	  .answer = order_failover,
	  .text = "Makes `candidate` the leader, also without one; with `leader` as `/switchover`" },
	{ ON_DELETE,
	  MATCH_SEGMENT,
	  { "switchover" },
	  .answer = order_switchover_cancel,
	  .cluster = true,
	  .text = "Forgets the scheduled switchover; 404 when there is none" },
	{ ON_POST,
	  MATCH_SEGMENT,
	  { "reinitialize" },
	  .answer = order_reinitialize,
	  .text = "Throws the data of this replica away and clones it anew: `force`, `from_leader`. 200 when it has "
		  "begun, "
		  "503 for the leader and without one" },
	{ ON_POST,
	  MATCH_SEGMENT,
	  { "failsafe" },
	  .answer = order_failsafe,
	  .access = ACCESS_OF_MEMBERS,
	  .text = "Asked by a primary that has lost the store: `name`, `api_url`, `conn_url`, `slots`; a howdah says "
		  "for "
		  "how long (`howdah_hold_s`) and which pod it means (`howdah_asks`). 200 when it may go on, 500 when "
		  "this is a primary, 502 while failsafe mode is off" },
	{ ON_POST, MATCH_SEGMENT, { "sigterm" }, .answer = refuse_sigterm, .text = "Not supported: 501" },
	{ ON_POST, MATCH_SEGMENT, { "citus" }, .answer = refuse_citus, .text = "Not supported: 501" },
	{ ON_POST,
	  MATCH_SEGMENT,
	  { "mpp" },
	  .answer = refuse_citus,
	  .access = ACCESS_OPEN,
	  .text = "Not supported: 501" },
	{ ON_PROBE,
	  MATCH_CONTAINS,
	  { "standby_leader", "standby-leader" },
	  .check = check_standby_leader,
	  .text = "Holds the lock of a standby cluster" },
	{ ON_PROBE,
	  MATCH_CONTAINS,
	  { "leader" },
	  .check = check_leader,
	  .text = "Holds the lock and serves, whatever the kind of cluster" },
	{ ON_PROBE, MATCH_EXACT, { "" }, .check = check_primary, .text = "As `/primary`" },
	{ ON_PROBE,
	  MATCH_CONTAINS,
	  { "primary", "master", "read-write" },
	  .check = check_primary,
	  .text = "Holds the lock and PostgreSQL here is the primary" },
	{ ON_PROBE,
	  MATCH_CONTAINS,
	  { "replica" },
	  .check = check_replica,
	  .tags = true,
	  .text = "A running replica without `noloadbalance`; `lag`, `replication_state`" },
	{ ON_PROBE,
	  MATCH_CONTAINS,
	  { "read-only" },
	  { "sync", "quorum" },
	  .check = check_read_only,
	  .tags = true,
	  .text = "A primary, a standby leader, or as `/replica`" },
	{ ON_PROBE,
	  MATCH_CONTAINS,
	  { "health" },
	  .check = check_running,
	  .tags = true,
	  .text = "PostgreSQL runs and answers" },
	{ ON_PROBE,
	  MATCH_EXACT,
	  { "sync", "synchronous" },
	  .check = check_never,
	  .tags = true,
	  .cluster = true,
	  .text = "As `/replica`, and a synchronous standby" },
	{ ON_PROBE,
	  MATCH_EXACT,
	  { "read-only-sync", "read-only-synchronous" },
	  .check = check_leading,
	  .tags = true,
	  .cluster = true,
	  .text = "A primary, a standby leader, or as `/sync`" },
	{ ON_PROBE,
	  MATCH_EXACT,
	  { "quorum" },
	  .check = check_never,
	  .tags = true,
	  .cluster = true,
	  .text = "As `/replica`, and in the quorum" },
	{ ON_PROBE,
	  MATCH_EXACT,
	  { "read-only-quorum" },
	  .check = check_leading,
	  .tags = true,
	  .cluster = true,
	  .text = "A primary, a standby leader, or as `/quorum`" },
	{ ON_PROBE,
	  MATCH_EXACT,
	  { "async", "asynchronous" },
	  .check = check_replica,
	  .tags = true,
	  .cluster = true,
	  .text = "As `/replica`, and neither synchronous nor in the quorum" },
	{ ON_PROBE, MATCH_ANY, .check = check_never, .text = "Any other path: 503, with the status" },
};

static const struct {
	const char *name;
	int bit;
} methods[] = { { "GET", ON_GET }, { "HEAD", ON_HEAD },   { "OPTIONS", ON_OPTIONS }, { "POST", ON_POST },
		{ "PUT", ON_PUT }, { "PATCH", ON_PATCH }, { "DELETE", ON_DELETE } };

static int method_bit(const char *method)
{
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if (strcmp(methods[i].name, method) == 0)
			return methods[i].bit;
	return 0;
}

static bool is_segment(const char *path, const char *word)
{
	size_t len = strlen(word);
	return strncmp(path + 1, word, len) == 0 && (path[1 + len] == '\0' || path[1 + len] == '/');
}

static bool word_matches(enum match match, const char *path, const char *word)
{
	switch (match) {
	case MATCH_SEGMENT:
		return is_segment(path, word);
	case MATCH_CONTAINS:
		return strstr(path, word) != NULL;
	case MATCH_EXACT:
		return strcmp(path + 1, word) == 0;
	default:
		return true;
	}
}

static bool any_word(enum match match, const char *path, const char *const words[static WORDS_MAX])
{
	for (int i = 0; i < WORDS_MAX && words[i] != NULL; i++)
		if (word_matches(match, path, words[i]))
			return true;
	return false;
}

static bool route_matches(const struct route *route, int method, const char *path)
{
	if ((route->methods & method) == 0)
		return false;
	if (route->match == MATCH_ANY)
		return true;
	if (path[0] != '/' && route->match != MATCH_CONTAINS)
		return false;
	return any_word(route->match, path, route->words) && !any_word(MATCH_CONTAINS, path, route->without);
}

static const struct route *find_route(int method, const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
		if (route_matches(&routes[i], method, path))
			return &routes[i];
	return NULL;
}

static void answer_check(const struct asked *asked, const struct route *route, struct rest_answer *answer)
{
	const char *query = asked->request->query;
	bool passes = route->check(&asked->health) && (!route->cluster || asked->facts.has_cluster);
	if (passes && route->tags)
		passes = health_tags_match(asked->view->config->tags, query);
	answer->status = passes ? 200 : 503;
	if (method_bit(asked->request->method) != ON_GET)
		return; /* a status, nothing else */
	AUTO(json) struct json *root = rest_status(asked->view);
	answer_json(answer, answer->status, root);
}

static void answer_route(const struct asked *asked, const struct route *route, struct rest_answer *answer)
{
	if (route->cluster && !asked->facts.has_cluster)
		answer_page(answer, 503, "%s", silent_store);
	else
		route->answer(asked, answer);
}

void rest_answer(const struct rest_view *view, const struct http_request *request, struct rest_answer *answer)
{
	int method = method_bit(request->method);
	const struct route *route = find_route(method, request->path);
	*answer = (struct rest_answer){ 0 };
	answer_add_headers(answer, view->config, request->tls);
	if (route == NULL) {
		answer_page(answer, 501, "Server does not support this operation");
		return;
	}
	if ((method & ON_PROBE) == 0 && !access_granted(route->access, view, request, answer))
		return;
	struct asked asked = { .view = view, .request = request, .facts = rest_facts(view) };
	if (route->answer != NULL) {
		answer_route(&asked, route, answer);
		return;
	}
	asked.health = health_work_out(view, &asked.facts, request->query);
	answer_check(&asked, route, answer);
}

static void print_route(const struct route *route, struct strbuf *to)
{
	const char *separator = "| ";
	for (size_t i = 0; i < ARRAY_SIZE(methods); i++)
		if ((route->methods & methods[i].bit) != 0) {
			strbuf_addf(to, "%s%s", separator, methods[i].name);
			separator = ", ";
		}
	strbuf_add(to, " | ");
	for (int i = 0; i < WORDS_MAX && route->words[i] != NULL; i++)
		strbuf_addf(to, "%s`/%s`", i > 0 ? " " : "", route->words[i]);
	if (route->match == MATCH_ANY)
		strbuf_add(to, "anything else");
	strbuf_addf(to, " | %s |\n", route->text);
}

void rest_print_reference(struct strbuf *to)
{
	strbuf_add(to, "| method | path | what it says |\n|---|---|---|\n");
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++)
		print_route(&routes[i], to);
	strbuf_add(to, "\n");
	metrics_print_reference(to);
}
