/* Fuzz target: any method, path and query must get exactly one well-formed answer, whatever this member is just then.
 *
 * Input: one byte for what the member is, then METHOD, PATH and QUERY, separated by line ends. */
#include "rest/rest.h"

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
	struct err err;
	(void)argc;
	(void)argv;
	config.tags = json_parse(tags, sizeof(tags) - 1, &err);
	assert(config.tags != NULL);
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

static void check(const struct rest_answer *answer, const char *method)
{
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
	if (size < 1 || size > HTTP_URI_MAX)
		return 0;
	AUTO(text) char *text = strndup((const char *)data + 1, size - 1);
	char *at = text;
	uint8_t kind = data[0];
	struct instance instance = { .tree = (enum pg_tree)(kind % 8),
				     .answers = kind & 8,
				     .in_recovery = kind & 16,
				     .server_version = 150018 };
	struct instant now = { 1000000000, 1000000000 };
	cluster.heard = kind & 32 ? now : (struct instant){ 0, 0 };
	struct rest_view view = { .config = &config,
				  .cluster = &cluster,
				  .self = &self,
				  .instance = &instance,
				  .details = &details,
				  .config_text = "",
				  .history_text = "[]",
				  .now = now,
				  .leads = kind & 64,
				  .state = STATE_RUNNING,
				  .role = kind & 128 ? ROLE_PRIMARY : ROLE_REPLICA };
	struct http_request request = { .method = take_part(&at),
					.path = take_part(&at),
					.query = take_part(&at),
					.body = "",
					.authorization = "" };
	struct rest_answer answer;
	rest_answer(&view, &request, &answer);
	check(&answer, request.method);
	rest_answer_clear(&answer);
	return 0;
}
