/* Instead of io/loop and io/http_client: virtual time, and requests that a test answers by hand. */
#ifndef HOWDAH_TESTS_UNIT_FAKE_API_H
#define HOWDAH_TESTS_UNIT_FAKE_API_H

#include "base/log.h"
#include "dcs/kubernetes.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka.h needs the ones above */
#include <cmocka.h>

/* ---- the loop ---- */

struct loop {
	int64_t now_us, wall_us;
	struct loop_timer *timers;
	bool wall_stands_still;
	uint32_t random;
};

struct loop_timer {
	struct loop_timer *next;
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	int64_t due_us; /* < 0: off */
};

static struct loop fake_loop;
static struct loop *const loop UNUSED = &fake_loop;

struct instant loop_now(struct loop *l)
{
	return (struct instant){ l->now_us, l->now_us };
}

struct wall loop_wall(struct loop *l)
{
	return (struct wall){ l->wall_us };
}

uint32_t loop_random(struct loop *l)
{
	return l->random;
}

struct loop_timer *loop_timer_create(struct loop *l, loop_fn *fn, void *arg)
{
	struct loop_timer *timer = calloc(1, sizeof(*timer));
	assert_non_null(timer);
	*timer = (struct loop_timer){ .next = l->timers, .loop = l, .fn = fn, .arg = arg, .due_us = -1 };
	l->timers = timer;
	return timer;
}

void loop_timer_set(struct loop_timer *timer, int64_t delay_ms)
{
	timer->due_us = delay_ms < 0 ? -1 : timer->loop->now_us + delay_ms * 1000;
}

bool loop_timer_is_set(const struct loop_timer *timer)
{
	return timer->due_us >= 0;
}

void loop_timer_destroy(struct loop_timer *timer)
{
	if (timer == NULL)
		return;
	struct loop_timer **at = &timer->loop->timers;
	while (*at != timer)
		at = &(*at)->next;
	*at = timer->next;
	free(timer);
}

/* ---- the HTTP client ---- */

struct http_call {
	struct http_call *next;
	struct http_call_params params;
	char method[16], url[2048], content_type[128], bearer[256], lane[32];
	char *body;
	int64_t started_us;
};

static struct http_call *open_calls; /* oldest first */
static int calls_made UNUSED;

static UNUSED void copy(char *to, size_t size, const char *from)
{
	assert_true(text_copy(to, size, from != NULL ? from : ""));
}

struct http_call *http_call_start(struct http_client *client UNUSED, const struct http_call_params *params)
{
	struct http_call *call = calloc(1, sizeof(*call)), **at = &open_calls;
	assert_non_null(call);
	call->params = *params;
	copy(call->method, sizeof(call->method), params->method);
	copy(call->url, sizeof(call->url), params->url);
	copy(call->content_type, sizeof(call->content_type), params->content_type);
	copy(call->bearer, sizeof(call->bearer), params->bearer);
	copy(call->lane, sizeof(call->lane), params->lane);
	call->body = strdup(params->body != NULL ? params->body : "");
	call->started_us = fake_loop.now_us;
	while (*at != NULL)
		at = &(*at)->next;
	*at = call;
	calls_made++;
	return call;
}

void http_call_cancel(struct http_call *call)
{
	struct http_call **at = &open_calls;
	while (*at != call) {
		assert_non_null(*at);
		at = &(*at)->next;
	}
	*at = call->next;
	free(call->body);
	free(call);
}

static void answer_with(struct http_call *call, const struct http_answer *answer)
{
	struct http_call_params params = call->params;
	http_call_cancel(call);
	params.on_done(params.arg, answer);
}

static UNUSED void reply(struct http_call *call, int status, const char *body)
{
	assert_non_null(call);
	answer_with(call, &(struct http_answer){ .status = status,
						 .sent = true,
						 .error = status == 0 ? "lost" : NULL,
						 .body = body,
						 .body_len = strlen(body),
						 .retry_after_s = -1 });
}

static UNUSED void reply_later(struct http_call *call, int status, int64_t retry_after_s)
{
	answer_with(call, &(struct http_answer){
				  .status = status, .sent = true, .body = "", .retry_after_s = retry_after_s });
}

/* Time passes: timers fire in their order, calls time out. */
static int64_t next_due(struct loop_timer **timer, struct http_call **call, int64_t until)
{
	int64_t best = until;
	*timer = NULL;
	*call = NULL;
	for (struct loop_timer *t = fake_loop.timers; t != NULL; t = t->next)
		if (t->due_us >= 0 && t->due_us <= best) {
			best = t->due_us;
			*timer = t;
		}
	for (struct http_call *c = open_calls; c != NULL; c = c->next) {
		int64_t due = c->started_us + c->params.timeout_ms * 1000;
		if (c->params.timeout_ms > 0 && due <= best) {
			best = due;
			*call = c;
			*timer = NULL;
		}
	}
	return best;
}

static UNUSED void pass_ms(int64_t ms)
{
	int64_t until = fake_loop.now_us + ms * 1000;
	for (;;) {
		struct loop_timer *timer;
		struct http_call *call;
		int64_t at = next_due(&timer, &call, until);
		if (!fake_loop.wall_stands_still)
			fake_loop.wall_us += at - fake_loop.now_us;
		fake_loop.now_us = at;
		if (call != NULL) {
			reply(call, 0, "");
		} else if (timer != NULL) {
			timer->due_us = -1;
			timer->fn(timer->arg);
		} else {
			return;
		}
	}
}

static UNUSED struct http_call *find_call(const char *method, const char *part)
{
	for (struct http_call *c = open_calls; c != NULL; c = c->next)
		if (strcmp(c->method, method) == 0 && strstr(c->url, part) != NULL)
			return c;
	return NULL;
}

/* ---- a store on top of them ---- */

struct outcome {
	int count;
	enum dcs_outcome outcome;
	char text[512];
};

static struct dcs *dcs;
static struct kubernetes_params params;
static struct lease_sends sends;
static int send_count, view_events, config_events;
static struct lease_send last_send, first_send;
static struct outcome result;

static UNUSED void done(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct outcome *out = arg;
	out->count++;
	out->outcome = outcome;
	copy(out->text, sizeof(out->text), text);
}

static void on_event(void *arg UNUSED, enum dcs_event event)
{
	*(event == DCS_VIEW_CHANGED ? &view_events : &config_events) += 1;
}

static void on_lock_send(void *arg UNUSED, const struct lease_send *send)
{
	if (send_count++ == 0)
		first_send = *send;
	last_send = *send;
	lease_sends_add(&sends, send);
}

static char kubeconfig[128];

static void write_kubeconfig(void)
{
	copy(kubeconfig, sizeof(kubeconfig), "/tmp/howdah-test-XXXXXX");
	int fd = mkstemp(kubeconfig);
	assert_true(fd >= 0);
	FILE *file = fdopen(fd, "w");
	assert_non_null(file);
	fputs("contexts: [{name: c, context: {cluster: k, user: u}}]\n"
	      "clusters: [{name: k, cluster: {server: 'http://api:8080/'}}]\n"
	      "users: [{name: u, user: {token: secret}}]\n",
	      file);
	fclose(file);
}

static UNUSED void quiet(void *arg UNUSED, enum log_level level UNUSED, const char *text UNUSED)
{
}

static UNUSED void default_params(void)
{
	params = (struct kubernetes_params){ .name = "pg-0",
					     .scope = "batman",
					     .label_count = 2,
					     .labels = { { "application", "patroni" }, { "cluster-name", "batman" } },
					     .use_endpoints = true,
					     .default_ttl_s = 30,
					     .retry_timeout_ms = 10000,
					     .loop_wait_ms = 10000,
					     .context = "c" };
}

static UNUSED void create(void)
{
	struct err err;
	struct dcs_callbacks callbacks = { .on_event = on_event, .on_lock_send = on_lock_send };
	write_kubeconfig();
	copy(params.kubeconfig, sizeof(params.kubeconfig), kubeconfig);
	dcs = kubernetes_create(loop, NULL, &params, &callbacks, &err);
	if (dcs == NULL)
		fail_msg("%s", err.text);
}

static UNUSED int setup(void **state UNUSED)
{
	log_set_sink(quiet, NULL);
	fake_loop = (struct loop){ .now_us = 1000000000, .wall_us = 1795385197521885 };
	sends = (struct lease_sends){ .next = 0 };
	result = (struct outcome){ .count = 0 };
	send_count = view_events = config_events = calls_made = 0;
	default_params();
	return 0;
}

static UNUSED int teardown(void **state UNUSED)
{
	dcs_destroy(dcs);
	dcs = NULL;
	unlink(kubeconfig);
	assert_null(open_calls);
	assert_null(fake_loop.timers);
	return 0;
}

#define POD(name, version, more)                                                                                       \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"uid-" name "\",\"resourceVersion\":\"" version                 \
	"\",\"labels\":{\"application\":\"patroni\",\"cluster-name\":\"batman\"}" more                                 \
	"},\"spec\":{\"nodeName\":\"node1\"},\"status\":{\"podIP\":\"10.0.0.1\","                                      \
	"\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\"}]}}"
#define OBJECT(name, version, annotations)                                                                             \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"uid-" name "\",\"resourceVersion\":\"" version                 \
	"\",\"annotations\":{" annotations "}}}"
#define LIST(version, items) "{\"metadata\":{\"resourceVersion\":\"" version "\"},\"items\":[" items "]}"
#define EVENT(type, object)  "{\"type\":\"" type "\",\"object\":" object "}\n"

static UNUSED struct http_call *watch_of(const char *kind)
{
	char part[64];
	snprintf(part, sizeof(part), "/%s?", kind);
	for (struct http_call *c = open_calls; c != NULL; c = c->next)
		if (strstr(c->url, part) != NULL && strstr(c->url, "watch=True") != NULL)
			return c;
	return NULL;
}

static UNUSED struct http_call *list_of(const char *kind)
{
	char part[64];
	snprintf(part, sizeof(part), "/%s?", kind);
	for (struct http_call *c = open_calls; c != NULL; c = c->next)
		if (strstr(c->url, part) != NULL && strstr(c->url, "watch=True") == NULL)
			return c;
	return NULL;
}

static UNUSED void feed(struct http_call *call, const char *data)
{
	assert_non_null(call);
	call->params.on_data(call->params.arg, data, strlen(data));
}

/* Both lists answered, both streams open, nothing left to tell. */
static UNUSED void load(const char *pods, const char *state)
{
	reply(list_of("pods"), 200, pods);
	reply(list_of(params.use_endpoints ? "endpoints" : "configmaps"), 200, state);
	pass_ms(600);
	assert_true(dcs_view(dcs)->loaded);
	view_events = config_events = 0;
}

static UNUSED bool has(const struct http_call *call, const char *text)
{
	assert_non_null(call);
	return strstr(call->body, text) != NULL;
}

#endif
