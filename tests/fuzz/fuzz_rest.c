/* Fuzz target: any request must get exactly one well-formed answer, or become one order that keeps what its header promises,
 * whatever this member is just then.
 *
 * Input: one byte for what the member is, then METHOD, PATH, QUERY, PEER and AUTHORIZATION, each up to a line end, then the
 * body. Without a PEER everybody may do everything. */
#include "rest/rest.h"

#include "codec/units.h"

#include <stdlib.h>
#include <string.h>

static struct config config = {
	.settings = { .ttl_ms = 15000, .loop_wait_ms = 5000, .maximum_lag_on_failover_bytes = 1048576 },
	.name = "shop-0",
	.scope = "shop"
};
static struct cluster cluster = {
	.loaded = true,
	.optime_lsn = 0x5000060,
	.member_count = 1,
	.members = { { .name = "shop-0", .state = STATE_RUNNING, .conn_host = "10.0.0.1", .conn_port = 5432 } }
};
static struct self self = { .name = "shop-0" };
static struct postgres_details details = { .replication_state = "streaming", .latest_end_lsn = 0x5000060 };

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const char tags[] = "{\"zone\":\"b\",\"fast\":true,\"weight\":5,\"none\":null,\"list\":[1,{\"a\":1}]}";
	static const char dynamic[] = "{\"failsafe_mode\":true}";
	struct err err;
	(void)argc;
	(void)argv;
	config.tags = json_parse(tags, sizeof(tags) - 1, &err);
	config.dynamic = json_parse(dynamic, sizeof(dynamic) - 1, &err);
	assert(config.tags != NULL && config.dynamic != NULL);
	return 0;
}

static char *take_part(char **at)
{
	char *part = *at, *end = strchr(part, '\n');
	*at = end == NULL ? part + strlen(part) : end + 1;
	if (end != NULL)
		*end = '\0';
	return part;
}

/* An allowlist, a password and headers, or none of them. */
static void guard(bool on)
{
	config.rest_allowed_count = on ? 2 : 0;
	assert(network_parse("10.0.0.0/8", &config.rest_allowed[0].network));
	text_copy(config.rest_allowed[1].host, HOST_SIZE, "shop-0");
	config.rest_allows_members = on;
	text_copy(config.rest_user, sizeof(config.rest_user), on ? "u" : "");
	config.rest_headers = (struct config_headers){ on, { { "X-A", "1" } } };
}

static void check_headers(const char *lines)
{
	while (lines != NULL && *lines != '\0') {
		const char *end = strchr(lines, '\n'), *colon = strstr(lines, ": ");
		assert(end != NULL && colon != NULL && colon > lines && colon < end);
		lines = end + 1;
	}
}

static void check_name(const char *name)
{
	assert(strlen(name) < NAME_SIZE);
	for (; *name != '\0'; name++)
		assert((unsigned char)*name >= ' ' && *name != 0x7f);
}

static void check_schedule(const char *text, int64_t at_us, struct wall now)
{
	int64_t us;
	assert((text[0] != '\0') == (at_us != 0));
	assert(text[0] == '\0' || (wall_from_iso(text, &us) && us == at_us && us >= now.us));
}

static void check_config(const struct rest_order *order)
{
	struct err err;
	AUTO(json) struct json *root = json_parse_strict(order->config_text, strlen(order->config_text), &err);
	assert(json_is_object(root));
	AUTO(text) char *again = json_print_text(root, JSON_COMPACT);
	assert(strcmp(again, order->config_text) == 0);
}

static void check_order(const struct rest_order *order, struct wall now)
{
	const struct move *move = &order->move;
	const struct restart_order *restart = &order->restart;
	if (order->kind == ORDER_CONFIG)
		check_config(order);
	if (order->kind == ORDER_MOVE) {
		assert(move->asked && (order->is_failover ? move->candidate : move->leader)[0] != '\0');
		assert(order->is_failover == (move->leader[0] == '\0') && strcmp(move->leader, move->candidate) != 0);
		check_name(move->leader);
		check_name(move->candidate);
		check_schedule(move->scheduled_at, move->at_us, now);
	}
	if (order->kind == ORDER_RESTART) {
		assert(restart->asked && restart->timeout_ms >= 0 && restart->below_version >= 0);
		check_schedule(restart->schedule, restart->at_us, now);
	}
	if (order->kind == ORDER_FAILSAFE) {
		assert(order->ping.name[0] != '\0' && order->ping.api_url[0] != '\0');
		check_name(order->ping.name);
	}
}

/* The agent has carried it out, with the best or the worst of results. */
static void carry_out(struct rest_answer *answer, bool well)
{
	if (answer->order.kind == ORDER_CONFIG && well)
		rest_answer_config(answer);
	else if (answer->order.kind == ORDER_MOVE && well)
		rest_answer_moved(answer, "shop-7");
	else if (answer->order.kind == ORDER_MOVE)
		rest_answer_obstacle(&answer->order, MOVE_NOBODY_FIT, answer);
	else
		rest_answer_error(answer, 503, "it failed");
}

static void check(const struct rest_answer *answer, const char *method)
{
	check_headers(answer->extra_headers);
	assert(answer->status >= 200 && answer->status <= 599);
	assert((answer->body == NULL) == (answer->content_type == NULL));
	assert(answer->body == NULL ? answer->body_len == 0 : strlen(answer->body) == answer->body_len);
	assert(answer->body == NULL || (strcmp(method, "HEAD") != 0 && strcmp(method, "OPTIONS") != 0));
	if (answer->content_type == NULL || strcmp(answer->content_type, "application/json") != 0)
		return;
	struct err err;
	AUTO(json) struct json *root = json_parse(answer->body, answer->body_len, &err);
	assert(root != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum { INPUT_MAX = 16 * 1024 };
	if (size < 1 || size > INPUT_MAX)
		return 0;
	AUTO(text) char *text = calloc(1, size);
	assert(text != NULL);
	memcpy(text, data + 1, size - 1);
	char *at = text;
	uint8_t kind = data[0];
	struct instance instance = { .tree = (enum pg_tree)(kind % 8),
				     .answers = kind & 8,
				     .in_recovery = kind & 16,
				     .server_version = 150018 };
	struct instant now = { 1000000000, 1000000000 };
	struct restart_order scheduled = { .asked = true, .schedule = "2026-11-23T00:00:00Z", .at_us = 1 };
	cluster.heard = kind & 32 ? now : (struct instant){ 0, 0 };
	cluster.move = (struct move){ .asked = kind & 4, .leader = "shop-1", .scheduled_at = "2026-11-23T00:00:00Z" };
	struct rest_view view = { .config = &config,
				  .cluster = &cluster,
				  .self = &self,
				  .instance = &instance,
				  .details = &details,
				  .config_text = "{\"ttl\":30,\"postgresql\":{\"parameters\":{\"a\":1.50}}}",
				  .history_text = "[]",
				  .failsafe_text = "{\"shop-0\":\"http://10.0.0.1:8008/patroni\"}",
				  .now = now,
				  .wall = { 1795000001000000 },
				  .scheduled_restart = kind & 16 ? &scheduled : NULL,
				  .leads = kind & 64,
				  .state = STATE_RUNNING,
				  .role = kind & 128 ? ROLE_PRIMARY : ROLE_REPLICA };
	self.sight = (struct lease_sight){ .held = !(kind & 128), .since = now, .record = { "shop-1", .ttl_s = 30 } };
	struct http_request request = { .method = take_part(&at),
					.path = take_part(&at),
					.query = take_part(&at),
					.peer = take_part(&at),
					.authorization = take_part(&at) };
	request.body = at;
	request.body_len = (size_t)(text + size - 1 - at);
	request.has_body = request.body_len > 0;
	guard(request.peer[0] != '\0');
	struct rest_answer answer;
	rest_answer(&view, &request, &answer);
	assert((answer.status == 0) == (answer.order.kind != ORDER_NONE));
	if (answer.status == 0) {
		assert(answer.body == NULL);
		check_order(&answer.order, view.wall);
		carry_out(&answer, kind & 1);
	}
	check(&answer, request.method);
	rest_answer_clear(&answer);
	return 0;
}
