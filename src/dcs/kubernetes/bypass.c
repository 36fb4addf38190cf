/* bypass_api_service: requests go to the API servers themselves, so that the loss of one is noticed by us and not by the Service's next sync (contract 1.13). */
#include "dcs/kubernetes/private.h"

#include "base/log.h"

#include <string.h>

enum { AGAIN_MS = 60 * 1000 };

static void ask(void *arg);

void bypass_init(struct dcs *dcs)
{
	if (!dcs->params.bypass_api_service || dcs->params.name[0] == '\0')
		return;
	dcs->bypass.timer = loop_timer_create(dcs->loop, ask, dcs);
	loop_timer_set(dcs->bypass.timer, 0);
}

void bypass_finish(struct dcs *dcs)
{
	loop_timer_destroy(dcs->bypass.timer);
}

static bool is_text(const struct json *object, const char *key, const char *value)
{
	const char *text = json_get_text(object, key);
	return text != NULL && text_equal(text, value);
}

static int add_servers(const struct json *subset, int64_t port, int count, char servers[][URL_SIZE])
{
	const struct json *address = json_first(json_get(subset, "addresses"));
	for (; address != NULL && count < KUBERNETES_SERVERS_MAX; address = json_next(address)) {
		const char *ip = json_get_text(address, "ip");
		struct strbuf b;
		if (text_is_empty(ip))
			continue;
		strbuf_init(&b, servers[count], URL_SIZE);
		strbuf_addf(&b, strchr(ip, ':') != NULL ? "https://[%s]:%lld" : "https://%s:%lld", ip, (long long)port);
		count += strbuf_ok(&b);
	}
	return count;
}

static int find_servers(const struct json *endpoints, char servers[][URL_SIZE])
{
	int count = 0;
	const struct json *subset = json_first(json_get(endpoints, "subsets"));
	for (; subset != NULL; subset = json_next(subset)) {
		const struct json *port = json_first(json_get(subset, "ports"));
		for (; port != NULL; port = json_next(port)) {
			int64_t number;
			if (is_text(port, "name", "https") && is_text(port, "protocol", "TCP") &&
			    json_i64(json_get(port, "port"), &number))
				count = add_servers(subset, number, count, servers);
		}
	}
	return count;
}

static bool are_in_use(const struct client *client, int count, char servers[][URL_SIZE])
{
	int known = 0;
	for (int i = 0; i < count; i++)
		for (int k = 0; k < client->server_count; k++)
			known += text_equal(servers[i], client->servers[k]);
	return client->direct && count == client->server_count && known == count;
}

/* Each member starts with another one. */
static void shuffle(struct loop *loop, int count, char servers[][URL_SIZE])
{
	char kept[URL_SIZE];
	for (int i = count - 1; i > 0; i--) {
		int k = (int)(loop_random(loop) % (uint32_t)(i + 1));
		memcpy(kept, servers[i], URL_SIZE);
		memmove(servers[i], servers[k], URL_SIZE);
		memcpy(servers[k], kept, URL_SIZE);
	}
}

static void use(struct dcs *dcs, const struct json *endpoints)
{
	char servers[KUBERNETES_SERVERS_MAX][URL_SIZE] = { "" };
	int count = find_servers(endpoints, servers);
	complaint_end(&dcs->bypass.complaint, "bypass_api_service");
	if (count == 0) {
		client_use_service(dcs);
	} else if (!are_in_use(&dcs->client, count, servers)) {
		shuffle(dcs->loop, count, servers);
		client_use_servers(dcs, count, servers);
		log_info("bypass_api_service: %d API servers, beginning with %s", count, servers[0]);
	}
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct dcs *dcs = arg;
	struct err err;
	char text[256];
	int64_t next_ms = most(dcs->params.loop_wait_ms - 500, 500);
	if (answer_is_success(answer)) {
		AUTO(json) struct json *endpoints = json_parse(answer->body, answer->body_len, &err);
		if (endpoints != NULL)
			use(dcs, endpoints);
	} else {
		complaint_say(&dcs->bypass.complaint, dcs->loop, "bypass_api_service: the Service is used for now: %s",
			      answer_text(answer, text, sizeof(text)));
		client_use_service(dcs);
		next_ms = answer->status == 403 ? AGAIN_MS : next_ms;
	}
	loop_timer_set(dcs->bypass.timer, next_ms);
}

static void ask(void *arg)
{
	struct dcs *dcs = arg;
	struct call_params params = {
		.method = "GET",
		.path = "/api/v1/namespaces/default/endpoints/kubernetes",
		.limit_ms = dcs->params.retry_timeout_ms,
		.done = on_answer,
		.arg = dcs,
	};
	call_start(dcs, &params);
}
