/* io/http_client.h on libcurl's multi socket API. A lane is a CURLM of its own, and so has its own connections.
 *
 * libcurl may call back at any time while it is being called, and must not be called from there. So a call that is
 * started or cancelled from a callback waits until libcurl has returned (client->in_curl).
 *
 * libcurl sends a request again by itself when a kept connection turns out to be dead before the answer. That would
 * make the moment of the sending unknown, so the second time that it is about to send, the call fails (on_request). */
#include "io/http_client.h"

#include "base/strbuf.h"
#include "http_call.h"

#include <stdlib.h>
#include <string.h>

enum { KEPT_CONNECTIONS = 8 };

struct lane {
	struct lane *next;
	struct http_client *client;
	CURLM *multi;
	struct loop_timer *timer;
	char name[];
};

struct http_client {
	struct loop *loop;
	struct lane *lanes;
	struct http_call *calls;
	struct loop_timer *deferred; /* set while there are calls to add or to free */
	CURLSH *tls_sessions;        /* resumed by later connections of any lane */
	char *user_agent;
	bool in_curl;
	int in_callback; /* depth of callbacks of ours that may destroy the client */
	bool destroyed;
};

struct watched_socket {
	struct lane *lane;
	struct loop_io *io;
	curl_socket_t fd;
};

static void run_curl(struct lane *lane, curl_socket_t fd, int ready);

static void call_unlink(struct http_call *call)
{
	for (struct http_call **p = &call->client->calls; *p != NULL; p = &(*p)->next)
		if (*p == call) {
			*p = call->next;
			return;
		}
}

static void call_leave_curl(struct http_call *call)
{
	if (call->added)
		curl_multi_remove_handle(call->lane->multi, call->easy);
	call->added = false;
}

static void call_join_curl(struct http_call *call)
{
	if (curl_multi_add_handle(call->lane->multi, call->easy) != CURLM_OK)
		abort();
	call->added = true;
}

/* Not while libcurl is being called. */
static void call_free(struct http_call *call)
{
	call_unlink(call);
	call_leave_curl(call);
	http_call_finish(call);
	free(call);
}

/* The callback may start calls, cancel others, and destroy the client. */
static void call_report(struct http_call *call, CURLcode result)
{
	struct http_client *client = call->client;
	struct http_answer answer;
	http_call_answer(call, result, &answer);
	/* out of sight first: the callback may destroy the client, which frees the calls that are left */
	call_unlink(call);
	call_leave_curl(call);
	client->in_callback++;
	call->on_done(call->arg, &answer);
	client->in_callback--;
	call_free(call);
}

static struct http_call *next_finished(struct lane *lane, CURLcode *result)
{
	CURLMsg *message;
	int left;
	while ((message = curl_multi_info_read(lane->multi, &left)) != NULL) {
		struct http_call *call;
		if (message->msg != CURLMSG_DONE)
			continue;
		*result = message->data.result;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		return call;
	}
	return NULL;
}

static void client_free(struct http_client *client);

static void report_finished(struct lane *lane)
{
	struct http_client *client = lane->client;
	struct http_call *call;
	CURLcode result;
	client->in_callback++;
	while (!client->destroyed && (call = next_finished(lane, &result)) != NULL) {
		if (call->cancelled)
			call_free(call);
		else
			call_report(call, result);
	}
	client->in_callback--;
	if (client->destroyed && client->in_callback == 0)
		client_free(client);
}

static void socket_ready(void *arg, int ready)
{
	struct watched_socket *watched = arg;
	int mask = (ready & LOOP_READ ? CURL_CSELECT_IN : 0) | (ready & LOOP_WRITE ? CURL_CSELECT_OUT : 0);
	run_curl(watched->lane, watched->fd, mask);
}

static void timer_fired(void *arg)
{
	run_curl(arg, CURL_SOCKET_TIMEOUT, 0);
}

/* Any record of a socket may be gone when libcurl returns. */
static void run_curl(struct lane *lane, curl_socket_t fd, int ready)
{
	int running;
	struct http_client *client = lane->client;
	client->in_curl = true;
	curl_multi_socket_action(lane->multi, fd, ready, &running);
	client->in_curl = false;
	report_finished(lane);
}

static int on_socket(UNUSED CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct lane *lane = arg;
	struct watched_socket *watched = socket_arg;
	if (what == CURL_POLL_REMOVE) {
		if (watched != NULL) {
			loop_io_destroy(watched->io);
			free(watched);
			curl_multi_assign(lane->multi, fd, NULL);
		}
		return 0;
	}
	if (watched == NULL) {
		watched = calloc(1, sizeof(*watched));
		if (watched == NULL)
			abort();
		watched->lane = lane;
		watched->fd = fd;
		watched->io = loop_io_create(lane->client->loop, fd, socket_ready, watched);
		curl_multi_assign(lane->multi, fd, watched);
	}
	loop_io_want(watched->io, (what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0));
	return 0;
}

static int on_timer(UNUSED CURLM *multi, long timeout_ms, void *arg)
{
	struct lane *lane = arg;
	loop_timer_set(lane->timer, timeout_ms);
	return 0;
}

static void lane_destroy(struct lane *lane)
{
	curl_multi_cleanup(lane->multi);
	loop_timer_destroy(lane->timer);
	free(lane);
}

static struct lane *lane_create(struct http_client *client, const char *name)
{
	size_t size = strlen(name) + 1;
	struct lane *lane = calloc(1, sizeof(*lane) + size);
	if (lane == NULL)
		abort();
	memcpy(lane->name, name, size);
	lane->client = client;
	lane->multi = curl_multi_init();
	if (lane->multi == NULL)
		abort();
	lane->timer = loop_timer_create(client->loop, timer_fired, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
	curl_multi_setopt(lane->multi, CURLMOPT_SOCKETDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERFUNCTION, on_timer);
	curl_multi_setopt(lane->multi, CURLMOPT_TIMERDATA, lane);
	curl_multi_setopt(lane->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_CONNECTIONS);
	lane->next = client->lanes;
	client->lanes = lane;
	return lane;
}

static struct lane *lane_find(struct http_client *client, const char *name)
{
	for (struct lane *lane = client->lanes; lane != NULL; lane = lane->next)
		if (text_equal(lane->name, name))
			return lane;
	return lane_create(client, name);
}

static void idle_fired(void *arg)
{
	struct http_call *call = arg;
	struct lane *lane = call->lane;
	call->idle_over = true;
	lane->client->in_callback++;
	call_report(call, CURLE_OPERATION_TIMEDOUT);
	lane->client->in_callback--;
	report_finished(lane);
}

/* What callbacks of libcurl have asked for and had to wait. */
static void run_deferred(void *arg)
{
	struct http_client *client = arg;
	struct http_call *next;
	for (struct http_call *call = client->calls; call != NULL; call = next) {
		next = call->next;
		if (call->cancelled)
			call_free(call);
		else if (!call->added)
			call_join_curl(call);
	}
}

struct http_client *http_client_create(struct loop *loop, const char *user_agent)
{
	struct http_client *client = calloc(1, sizeof(*client));
	if (client == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		abort();
	client->loop = loop;
	client->user_agent = strdup(user_agent);
	client->tls_sessions = curl_share_init();
	if (client->user_agent == NULL || client->tls_sessions == NULL)
		abort();
	curl_share_setopt(client->tls_sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
	client->deferred = loop_timer_create(loop, run_deferred, client);
	return client;
}

static void client_free(struct http_client *client)
{
	while (client->calls != NULL)
		call_free(client->calls);
	while (client->lanes != NULL) {
		struct lane *lane = client->lanes;
		client->lanes = lane->next;
		lane_destroy(lane);
	}
	loop_timer_destroy(client->deferred);
	curl_share_cleanup(client->tls_sessions);
	free(client->user_agent);
	free(client);
	curl_global_cleanup();
}

void http_client_destroy(struct http_client *client)
{
	if (client == NULL)
		return;
	client->destroyed = true;
	for (struct http_call *call = client->calls; call != NULL; call = call->next)
		http_call_mute(call);
	if (!client->in_curl && client->in_callback == 0)
		client_free(client);
}

struct http_call *http_call_start(struct http_client *client, const struct http_call_params *params)
{
	assert(!client->destroyed);
	struct http_call *call = calloc(1, sizeof(*call));
	if (call == NULL)
		abort();
	call->client = client;
	call->lane = lane_find(client, params->lane != NULL ? params->lane : "");
	if (params->idle_timeout_ms > 0) {
		call->idle = loop_timer_create(client->loop, idle_fired, call);
		loop_timer_set(call->idle, params->idle_timeout_ms);
	}
	http_call_init(call, params);
	curl_easy_setopt(call->easy, CURLOPT_USERAGENT, client->user_agent);
	curl_easy_setopt(call->easy, CURLOPT_SHARE, client->tls_sessions);
	call->next = client->calls;
	client->calls = call;
	if (client->in_curl)
		loop_timer_set(client->deferred, 0);
	else
		call_join_curl(call);
	return call;
}

void http_call_cancel(struct http_call *call)
{
	struct http_client *client = call->client;
	if (!client->in_curl) {
		call_free(call);
		return;
	}
	http_call_mute(call);
	loop_timer_set(client->deferred, 0);
}
