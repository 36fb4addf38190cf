/* A request with the contract's retries (1.12): same request again after a pause, until it is answered or its time is over. Never two of its sends at once. */
#include "dcs/kubernetes/private.h"

#include "base/mutant.h"

#include <stdlib.h>
#include <string.h>

struct call {
	struct call *next;
	struct dcs *dcs;
	struct call_params params;
	char path[PATH_SIZE];
	struct instant started;
	struct backoff backoff;
	int unanswered; /* tries in a row, one a server */
	struct http_call *http;
	struct loop_timer *timer;
};

static const int retriable_codes[] = { 401 /* with the token read again */, 429, 500, 503, 504 };

static void call_destroy(struct call *call)
{
	for (struct call **at = &call->dcs->calls; *at != NULL; at = &(*at)->next)
		if (*at == call) {
			*at = call->next;
			break;
		}
	loop_timer_destroy(call->timer);
	free(call->params.body);
	free(call);
}

static void call_end(struct call *call, const struct http_answer *answer)
{
	struct call_params params = call->params;
	call_destroy(call);
	params.done(params.arg, answer);
}

static bool code_is_retriable(const struct call *call, int status)
{
	const struct kubernetes_params *params = &call->dcs->params;
	for (size_t i = 0; i < ARRAY_SIZE(retriable_codes); i++)
		if (status == retriable_codes[i])
			return true;
	for (int i = 0; i < params->retriable_code_count; i++)
		if (status == params->retriable_codes[i])
			return true;
	return status == 403 && call->params.repeat_forbidden;
}

static bool is_repeated(const struct call *call, const struct http_answer *answer)
{
	if (call->params.once || answer_is_success(answer) || answer->status == 409)
		return false;
	return answer->status == 0 || answer->retry_after_s >= 0 || code_is_retriable(call, answer->status);
}

/* A server may ask for a pause that outlives the lease: it gets a quarter of our time at the most (safety.md L11). */
static int64_t pause_ms(struct call *call, const struct http_answer *answer)
{
	if (answer->status == 0 && ++call->unanswered < call->dcs->client.server_count)
		return 0; /* the next server at once */
	call->unanswered = 0;
	if (answer->retry_after_s < 0)
		return backoff_next_ms(&call->backoff, call->dcs->loop);
	int64_t asked_s = least(answer->retry_after_s, 3600);
	if (mutant(33))
		return asked_s * 1000;
	return least(asked_s * 1000, call->params.limit_ms / 4);
}

static int64_t left_ms(const struct call *call)
{
	return call->params.limit_ms - elapsed_most_ms(call->started, loop_now(call->dcs->loop));
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct call *call = arg;
	call->http = NULL;
	client_note_answer(call->dcs, answer);
	if (!is_repeated(call, answer)) {
		call_end(call, answer);
		return;
	}
	int64_t pause = pause_ms(call, answer);
	if (left_ms(call) - pause < call->params.limit_ms / 20 && !mutant(33))
		call_end(call, answer); /* nothing could come of another try */
	else
		loop_timer_set(call->timer, pause);
}

static void call_send(void *arg)
{
	struct call *call = arg;
	assert(call->http == NULL);
	if (call->params.prepare != NULL) {
		free(call->params.body);
		call->params.body = call->params.prepare(call->params.arg);
	}
	int64_t limit = call->params.limit_ms;
	int64_t try_ms = call->params.once ? limit : least(client_try_ms(call->dcs, limit), left_ms(call));
	struct request request = {
		.method = call->params.method,
		.path = call->path,
		.body = call->params.body,
		.lane = call->params.lane,
		.timeout_ms = most(try_ms, 1),
		.on_done = on_answer,
		.arg = call,
	};
	call->http = client_start(call->dcs, &request);
}

struct call *call_start(struct dcs *dcs, const struct call_params *params)
{
	struct call *call = calloc(1, sizeof(*call));
	assert(call != NULL);
	call->dcs = dcs;
	call->params = *params;
	call->params.path = call->path;
	bool fits = text_copy(call->path, sizeof(call->path), params->path);
	assert(fits);
	call->started = loop_now(dcs->loop);
	call->timer = loop_timer_create(dcs->loop, call_send, call);
	call->next = dcs->calls;
	dcs->calls = call;
	call_send(call);
	return call;
}

void call_cancel(struct call *call)
{
	if (call == NULL)
		return;
	if (call->http != NULL)
		http_call_cancel(call->http);
	call_destroy(call);
}

void calls_cancel_all(struct dcs *dcs)
{
	while (dcs->calls != NULL)
		call_cancel(dcs->calls);
}
