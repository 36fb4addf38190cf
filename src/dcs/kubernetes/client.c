/* One request to the API: which server, whose token, what an answer says about the way to it. Repeating is call.c's. */
#include "dcs/kubernetes/private.h"

#include "base/log.h"

#include <stdio.h>
#include <string.h>

enum { TOKEN_AGE_MS = 60 * 1000, COMPLAINT_MS = 60 * 1000 };

bool client_init(struct dcs *dcs, struct err *err)
{
	if (!access_find(&dcs->client.access, &dcs->params, err))
		return err_wrap(err, "Kubernetes API");
	dcs->client.token_read = loop_now(dcs->loop);
	client_use_service(dcs);
	return true;
}

void client_use_service(struct dcs *dcs)
{
	struct client *client = &dcs->client;
	client->server_count = 1;
	client->server = 0;
	client->direct = false;
	text_copy(client->servers[0], URL_SIZE, client->access.server);
}

void client_use_servers(struct dcs *dcs, int count, char servers[][URL_SIZE])
{
	struct client *client = &dcs->client;
	assert(count > 0 && count <= KUBERNETES_SERVERS_MAX);
	client->server_count = count;
	client->server = 0;
	client->direct = true;
	for (int i = 0; i < count; i++)
		text_copy(client->servers[i], URL_SIZE, servers[i]);
}

/* The kubelet renews the token in its file; a token that cannot be read now may be there a minute later. */
static void refresh_token(struct dcs *dcs)
{
	struct client *client = &dcs->client;
	struct instant now = loop_now(dcs->loop);
	struct err err;
	if (instant_is_set(client->token_read) && elapsed_most_ms(client->token_read, now) < TOKEN_AGE_MS)
		return;
	client->token_read = now;
	if (!access_read_token(&client->access, &err))
		log_warning("%s; going on with the old one", err.text);
}

static const char *text_or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static struct http_tls tls_params(const struct client *client)
{
	const struct access *access = &client->access;
	return (struct http_tls){
		.ca_file = text_or_null(access->ca_file),
		.cert_file = text_or_null(access->cert_file),
		.key_file = text_or_null(access->key_file),
		.insecure = access->insecure,
		.no_name_check = client->direct,
	};
}

/* Of one try: half of it, but at least a second unless the try itself is shorter. */
static int64_t connect_ms(int64_t timeout_ms)
{
	return least(most(timeout_ms / 2, 1000), timeout_ms);
}

static const char *content_type(const struct request *request)
{
	if (request->body == NULL)
		return NULL;
	return text_equal(request->method, "PATCH") ? "application/strategic-merge-patch+json" : "application/json";
}

struct http_call *client_start(struct dcs *dcs, const struct request *request)
{
	struct client *client = &dcs->client;
	char url[URL_SIZE + PATH_SIZE];
	refresh_token(dcs);
	int len = snprintf(url, sizeof(url), "%s%s", client->servers[client->server], request->path);
	assert(len > 0 && (size_t)len < sizeof(url));
	struct http_call_params params = {
		.method = request->method,
		.url = url,
		.body = request->body,
		.content_type = content_type(request),
		.accept = "application/json",
		.bearer = text_or_null(client->access.token),
		.user = text_or_null(client->access.user),
		.password = text_or_null(client->access.password),
		.tls = tls_params(client),
		.lane = request->lane,
		.timeout_ms = request->timeout_ms,
		.connect_timeout_ms =
			connect_ms(request->timeout_ms > 0 ? request->timeout_ms : dcs->params.retry_timeout_ms),
		.idle_timeout_ms = request->idle_timeout_ms,
		.body_max = request->body_max,
		.on_data = request->on_data,
		.on_done = request->on_done,
		.arg = request->arg,
	};
	return http_call_start(dcs->http, &params);
}

bool answer_is_success(const struct http_answer *answer)
{
	return answer->status >= 200 && answer->status <= 205;
}

/* 401, 403 and 5xx come from something between us and the store, or from an API server that is not ready: they say nothing of the lock (safety.md L21). */
void client_note_answer(struct dcs *dcs, const struct http_answer *answer)
{
	struct client *client = &dcs->client;
	if (answer_is_success(answer) || answer->status == 404 || answer->status == 409)
		store_heard(dcs);
	if (answer->status == 401)
		client->token_read = (struct instant){ 0 };
	if (answer->status == 0)
		client->server = (client->server + 1) % client->server_count;
}

/* Contract 1.12: the limit is split over the servers; a single one gets two tries. */
int64_t client_try_ms(const struct dcs *dcs, int64_t limit_ms)
{
	int64_t part = most(limit_ms / dcs->client.server_count, 1000);
	return most(least(part, limit_ms / 2), 1);
}

const char *answer_text(const struct http_answer *answer, char *text, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, text, size);
	if (answer->status == 0)
		strbuf_addf(&b, "no answer: %s", answer->error != NULL ? answer->error : "unknown reason");
	else
		strbuf_addf(&b, "HTTP %d", answer->status);
	if (answer->status < 400 || answer->body == NULL)
		return text;
	struct err err;
	AUTO(json) struct json *body = json_parse(answer->body, answer->body_len, &err);
	const char *message = json_get_text(body, "message");
	if (message != NULL)
		strbuf_addf(&b, ": %s", message);
	return text;
}

int64_t backoff_next_ms(struct backoff *backoff, struct loop *loop)
{
	backoff->delay_ms = backoff->delay_ms == 0 ? 100 : least(backoff->delay_ms * 2, 1000);
	return backoff->delay_ms + loop_random(loop) % 801;
}

void complaint_say(struct complaint *complaint, struct loop *loop, const char *format, ...)
{
	struct instant now = loop_now(loop);
	complaint->count++;
	if (complaint->on && elapsed_least_ms(complaint->said, now) < COMPLAINT_MS)
		return;
	char text[ERR_TEXT_MAX];
	struct strbuf b;
	va_list args;
	strbuf_init(&b, text, sizeof(text));
	va_start(args, format);
	strbuf_vaddf(&b, format, args);
	va_end(args);
	if (complaint->on)
		log_warning("%s (%d times since this was last said)", text, complaint->count);
	else
		log_warning("%s", text);
	*complaint = (struct complaint){ .said = now, .on = true };
	text_copy(complaint->text, sizeof(complaint->text), text);
}

void complaint_end(struct complaint *complaint, const char *what)
{
	if (complaint->on)
		log_info("%s works again", what);
	*complaint = (struct complaint){ 0 };
}
