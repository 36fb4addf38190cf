/* io/http_client.h and io/http_server.h on a virtual network: delays, losses, requests that land long after their
 * sender gave up, cuts that swallow or refuse. What was sent is on the wire and lands whatever becomes of the sender. */
#include "io/http_client.h"
#include "io/http_server.h"

#include "sim.h"

#include <stdlib.h>
#include <string.h>

enum { API_SERVERS = 2, LATE_MAX_S = 60, BOOKMARK_S = 60 };

struct http_client {
	struct loop *loop;
	struct http_call *calls;
};

/* A request under way. */
struct wire {
	struct http_call *call; /* NULL: nobody waits for the answer any more */
	struct pod *from;
	char method[8];
	char *path, *query, *body;
	size_t body_len;
	int server;               /* of the API */
	struct http_server *peer; /* else */
	bool answer_lost;
	int64_t sent_at;
	struct wire **link, *next; /* in the list of all */
};

struct http_call {
	struct http_client *client;
	struct http_call **link, *next;
	void (*on_data)(void *arg, const char *data, size_t len);
	void (*on_done)(void *arg, const struct http_answer *answer);
	void *arg;
	struct wire *wire;
	int64_t deadline_at, idle_us, heard_at; /* deadline_at 0: none */
	struct event *over, *answer_due, *deliver, *idle, *bookmark, *end;
	struct http_answer answer;
	struct api_text *body;
	struct api_watch *watch;
	struct http_call **watch_link, *watch_next; /* of all open streams */
};

struct http_server {
	struct process *process;
	char ip[32];
	int port;
	http_handler *handler;
	void *arg;
	struct http_server **link, *next;
};

struct http_reply {
	struct wire *wire;
	struct process *process;
};

static struct wire *wires;

/* ---- who reaches whom ---- */

static int slot_of(const struct pod *pod)
{
	for (int i = 0; i < world->pod_count; i++)
		if (world->pods[i] == pod)
			return i;
	return 0;
}

bool net_reaches_api(const struct pod *pod)
{
	return !pod->cut_api && !world->net->api_down;
}

bool net_reaches_pod(const struct pod *a, const struct pod *b)
{
	if (a == b)
		return true;
	return !a->cut_members && !b->cut_members && !world->net->pair_cut[slot_of(a)][slot_of(b)];
}

static int64_t delay_us(void)
{
	int64_t slow = world->net->slow_us;
	return sim_skewed(300, 8 * MS_US, 400 * MS_US) + (slow > 0 ? sim_between(0, slow) : 0);
}

/* ---- calls ---- */

static void wire_free(struct wire *w)
{
	if (w->call)
		w->call->wire = NULL;
	*w->link = w->next;
	if (w->next)
		w->next->link = w->link;
	free(w->path);
	free(w->query);
	free(w->body);
	free(w);
}

static void watch_close(struct http_call *c)
{
	if (!c->watch)
		return;
	api_watch_close(c->watch);
	c->watch = NULL;
	*c->watch_link = c->watch_next;
	if (c->watch_next)
		c->watch_next->watch_link = c->watch_link;
}

static void call_free(struct http_call *c)
{
	struct event **events[] = { &c->over, &c->answer_due, &c->deliver, &c->idle, &c->bookmark, &c->end };
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		sim_cancel(events[i]);
	watch_close(c);
	if (c->wire)
		c->wire->call = NULL;
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	api_text_drop(c->body);
	free(c);
}

static void finish(struct http_call *c)
{
	struct http_answer a = c->answer;
	struct api_text *body = c->body;
	void (*on_done)(void *, const struct http_answer *) = c->on_done;
	void (*on_data)(void *, const char *, size_t) = c->on_data;
	void *arg = c->arg;
	c->body = NULL;
	call_free(c);
	if (on_data && body && a.status >= 200 && a.status < 300) {
		on_data(arg, body->text, body->len);
		api_text_drop(body);
		body = NULL;
	}
	a.body = body ? body->text : "";
	a.body_len = body ? body->len : 0;
	on_done(arg, &a);
	api_text_drop(body);
}

static void on_answer(void *arg)
{
	struct http_call *c = arg;
	c->answer_due = NULL;
	finish(c);
}

static void answer_later(struct http_call *c, int64_t delay, const struct http_answer *answer, struct api_text *body)
{
	sim_cancel(&c->over);
	c->answer = *answer;
	c->body = body;
	c->answer_due = sim_after(delay, sim_loop_process(c->client->loop), on_answer, c);
}

static void on_over(void *arg)
{
	struct http_call *c = arg;
	c->over = NULL;
	c->answer = (struct http_answer){ .error = "timed out", .sent = true, .retry_after_s = -1 };
	finish(c);
}

/* No answer will come: a stream, which has no deadline, has been silent for too long some time. */
static void wait_in_vain(struct http_call *c)
{
	int64_t at = c->deadline_at > 0 ? c->deadline_at : c->idle_us > 0 ? world->now + c->idle_us : 0;
	if (!c->over && at > 0)
		c->over = sim_at(at, sim_loop_process(c->client->loop), on_over, c);
}

static void fail_soon(struct http_call *c, bool sent, const char *why)
{
	answer_later(c, sim_between(200, 3000),
		     &(struct http_answer){ .error = why, .sent = sent, .retry_after_s = -1 }, NULL);
}

/* ---- streams ---- */

static void stream_broken(struct http_call *c, const char *why)
{
	watch_close(c);
	c->answer = (struct http_answer){ .status = why ? 0 : 200, .error = why, .sent = true, .retry_after_s = -1 };
	finish(c);
}

static void on_deliver(void *arg);

static void deliver_at(struct http_call *c, int64_t at)
{
	if (c->deliver)
		return;
	int64_t soonest = world->now + sim_between(300, 4 * MS_US);
	c->deliver = sim_at(at > soonest ? at : soonest, sim_loop_process(c->client->loop), on_deliver, c);
}

void net_watch_wake(UNUSED void *arg, void *watcher)
{
	struct http_call *c = watcher;
	int64_t due = api_watch_due_us(c->watch);
	if (due != INT64_MAX)
		deliver_at(c, due);
}

static void give(struct http_call *c, struct api_text *line)
{
	c->heard_at = world->now;
	c->on_data(c->arg, line->text, line->len);
	api_text_drop(line);
}

static void on_deliver(void *arg)
{
	struct http_call *c = arg;
	struct api_text *line;
	c->deliver = NULL;
	if (!net_reaches_api(c->client->loop ? sim_loop_process(c->client->loop)->pod : NULL))
		return; /* net_heal() looks again */
	while (c->watch && (line = api_watch_next(c->watch)) != NULL)
		give(c, line);
	if (c->watch && api_watch_ended(c->watch))
		stream_broken(c, NULL);
	else if (c->watch)
		net_watch_wake(NULL, c);
}

static void on_bookmark(void *arg)
{
	struct http_call *c = arg;
	struct process *p = sim_loop_process(c->client->loop);
	c->bookmark = sim_after(sim_between(BOOKMARK_S / 2, BOOKMARK_S) * SECOND_US, p, on_bookmark, c);
	struct api_text *line = net_reaches_api(p->pod) ? api_watch_bookmark(c->watch) : NULL;
	if (line)
		give(c, line);
}

static void on_stream_end(void *arg)
{
	struct http_call *c = arg;
	c->end = NULL;
	stream_broken(c, NULL);
}

static void on_idle(void *arg)
{
	struct http_call *c = arg;
	c->idle = NULL;
	if (world->now - c->heard_at >= c->idle_us)
		stream_broken(c, "no byte for too long");
	else
		c->idle = sim_at(c->heard_at + c->idle_us, sim_loop_process(c->client->loop), on_idle, c);
}

static int64_t stream_life_us(const char *path)
{
	const char *at = strstr(path, "timeoutSeconds=");
	int64_t s = at ? strtol(at + strlen("timeoutSeconds="), NULL, 10) : 0;
	return (s > 0 ? s : sim_between(1800, 3600)) * SECOND_US;
}

static void stream_open(struct http_call *c, struct api_watch *watch, const char *path)
{
	struct process *p = sim_loop_process(c->client->loop);
	sim_cancel(&c->over);
	c->watch = watch;
	c->watch_link = &world->net->watches;
	c->watch_next = world->net->watches;
	if (c->watch_next)
		c->watch_next->watch_link = &c->watch_next;
	world->net->watches = c;
	api_watch_bind(watch, c);
	c->heard_at = world->now;
	c->end = sim_after(stream_life_us(path), p, on_stream_end, c);
	c->bookmark = sim_after(sim_between(BOOKMARK_S / 2, BOOKMARK_S) * SECOND_US, p, on_bookmark, c);
	if (c->idle_us > 0)
		c->idle = sim_after(c->idle_us, p, on_idle, c);
	net_watch_wake(NULL, c);
}

/* Cuts are over: a stream goes on where it was, or turns out to be broken. */
void net_heal(void)
{
	struct http_call *next;
	for (struct http_call *c = world->net->watches; c; c = next) {
		next = c->watch_next;
		if (c->deliver || !net_reaches_api(sim_loop_process(c->client->loop)->pod))
			continue;
		if (sim_chance(500))
			deliver_at(c, world->now);
		else if (c->end)
			sim_cancel(&c->end), c->end = sim_after(sim_between(1, 500) * MS_US,
								sim_loop_process(c->client->loop), on_stream_end, c);
	}
}

/* ---- landing ---- */

/* A token is bound to its pod. */
static bool has_rights(const struct wire *w)
{
	return !w->from || w->from->rights_end == 0 || world->now < w->from->rights_end;
}

static void land_at_api(struct wire *w)
{
	struct http_call *c = w->call;
	struct api_response r;
	if (!net_reaches_api(w->from)) {
		if (c)
			wait_in_vain(c);
		return;
	}
	struct api_request q = { .method = w->method,
				 .path = w->path,
				 .body = w->body,
				 .body_len = w->body_len,
				 .server = w->server,
				 .author = w->from };
	world->counters.api_requests++;
	world->net->landing_sent_at = w->sent_at;
	if (has_rights(w))
		api_handle(world->api, &q, &r);
	else
		r = (struct api_response){ .status = 401, .retry_after_s = -1 };
	if (!c || w->answer_lost) {
		if (c)
			wait_in_vain(c);
		if (r.watch)
			api_watch_close(r.watch);
		api_text_drop(r.body);
	} else if (r.watch) {
		stream_open(c, r.watch, w->path);
	} else {
		answer_later(
			c, delay_us(),
			&(struct http_answer){ .status = r.status, .sent = true, .retry_after_s = r.retry_after_s },
			r.body);
		if (c->deadline_at > 0 && c->answer_due->at > c->deadline_at) {
			sim_cancel(&c->answer_due);
			api_text_drop(c->body);
			c->body = NULL;
			wait_in_vain(c);
		}
	}
}

static void on_land(void *arg)
{
	struct wire *w = arg;
	land_at_api(w);
	wire_free(w);
}

static struct http_server *server_find(const char *url)
{
	for (struct http_server *s = world->net->servers; s; s = s->next) {
		size_t len = strlen(s->ip);
		if (!s->process->dead && strncmp(url, s->ip, len) == 0 && url[len] == ':' &&
		    strtol(url + len + 1, NULL, 10) == s->port)
			return s;
	}
	return NULL;
}

static void on_peer_hears(void *arg)
{
	struct wire *w = arg;
	struct http_reply *reply = malloc(sizeof(*reply));
	assert(reply);
	*reply = (struct http_reply){ .wire = w, .process = world->current };
	struct http_request q = { .method = w->method,
				  .path = w->path,
				  .query = w->query,
				  .body = w->body ? w->body : "",
				  .body_len = w->body_len,
				  .has_body = w->body != NULL,
				  .authorization = "",
				  .peer = w->from->ip,
				  .reply = reply };
	w->peer->handler(w->peer->arg, &q);
}

static bool server_lives(const struct http_server *server)
{
	for (const struct http_server *s = world->net->servers; s; s = s->next)
		if (s == server)
			return !s->process->dead;
	return false;
}

static void on_reach_peer(void *arg)
{
	struct wire *w = arg;
	if (!server_lives(w->peer) || !net_reaches_pod(w->from, w->peer->process->pod)) {
		if (w->call)
			wait_in_vain(w->call);
		wire_free(w);
		return;
	}
	if (w->call)
		wait_in_vain(w->call);
	sim_after(0, w->peer->process, on_peer_hears, w);
}

void http_reply_send(struct http_reply *reply, const struct http_response *response)
{
	struct wire *w = reply->wire;
	struct http_call *c = w->call;
	if (c && !reply->process->dead && net_reaches_pod(w->from, reply->process->pod))
		answer_later(c, delay_us(),
			     &(struct http_answer){ .status = response->status, .sent = true, .retry_after_s = -1 },
			     api_text_new(response->body ? response->body : "", response->body_len));
	wire_free(w);
	free(reply);
}

/* ---- sending ---- */

static struct wire *wire_new(struct http_call *c, const struct http_call_params *p, const char *path)
{
	struct wire *w = calloc(1, sizeof(*w));
	assert(w);
	*w = (struct wire){ .call = c,
			    .from = sim_loop_process(c->client->loop)->pod,
			    .sent_at = world->now,
			    .link = &wires,
			    .next = wires };
	if (wires)
		wires->link = &w->next;
	wires = w;
	text_copy(w->method, sizeof(w->method), p->method);
	w->path = strdup(path);
	w->query = strdup("");
	if (p->body) {
		w->body = strdup(p->body);
		w->body_len = strlen(p->body);
	}
	c->wire = w;
	return w;
}

static int server_for(const struct pod *pod, const char *lane)
{
	return (pod->member + (int)strlen(lane ? lane : "")) % API_SERVERS;
}

static bool lossy(void)
{
	return sim_chance(world->net->loss_per_mille);
}

static void send_to_api(struct http_call *c, const struct http_call_params *p, const char *path)
{
	struct net *n = world->net;
	const struct pod *from = sim_loop_process(c->client->loop)->pod;
	if (!net_reaches_api(from)) {
		bool refused = from->cut_api ? from->cut_api_refuses : n->api_down_refuses;
		n->refused += refused;
		n->black_holes += !refused;
		if (refused || c->deadline_at == 0)
			fail_soon(c, false, "connection refused");
		else
			wait_in_vain(c);
		return;
	}
	struct wire *w = wire_new(c, p, path);
	w->server = server_for(from, p->lane);
	bool stream = p->timeout_ms == 0;
	if (!stream && lossy()) {
		n->lost_requests++;
		wait_in_vain(c);
		wire_free(w);
		return;
	}
	int64_t delay = delay_us();
	if (!stream && lossy()) {
		n->late_landings++;
		delay = p->timeout_ms * MS_US + sim_between(0, LATE_MAX_S * SECOND_US);
		wait_in_vain(c);
	}
	w->answer_lost = !stream && lossy();
	n->lost_answers += w->answer_lost;
	sim_after(delay, NULL, on_land, w);
}

static void send_to_peer(struct http_call *c, const struct http_call_params *p, const char *address)
{
	const struct pod *from = sim_loop_process(c->client->loop)->pod, *to = pod_by_ip(address);
	struct http_server *server = server_find(address);
	const char *path = strchr(address, '/');
	if (!to || !net_reaches_pod(from, to)) {
		wait_in_vain(c);
		return;
	}
	if (!server) {
		fail_soon(c, false, "connection refused");
		return;
	}
	struct wire *w = wire_new(c, p, path ? path : "/");
	char *query = strchr(w->path, '?');
	if (query) {
		*query = '\0';
		free(w->query);
		w->query = strdup(query + 1);
	}
	w->peer = server;
	sim_after(delay_us(), NULL, on_reach_peer, w);
}

struct http_call *http_call_start(struct http_client *client, const struct http_call_params *p)
{
	struct http_call *c = calloc(1, sizeof(*c));
	assert(c);
	*c = (struct http_call){ .client = client, .on_data = p->on_data, .on_done = p->on_done, .arg = p->arg };
	c->link = &client->calls;
	c->next = client->calls;
	if (c->next)
		c->next->link = &c->next;
	client->calls = c;
	int64_t limit = p->timeout_ms > 0 ? p->timeout_ms : 0;
	c->deadline_at = limit > 0 ? world->now + limit * MS_US : 0;
	c->idle_us = p->idle_timeout_ms * MS_US;
	const char *host = strstr(p->url, "://");
	host = host ? host + 3 : p->url;
	if (sim_loop_process(client->loop)->dead)
		return c;
	if (strncmp(p->url, "https://10.96.", 14) == 0)
		send_to_api(c, p, strchr(host, '/'));
	else
		send_to_peer(c, p, host);
	return c;
}

void http_call_cancel(struct http_call *call)
{
	call_free(call);
}

struct http_client *http_client_create(struct loop *loop, UNUSED const char *user_agent)
{
	struct http_client *client = calloc(1, sizeof(*client));
	assert(client);
	client->loop = loop;
	return client;
}

void http_client_destroy(struct http_client *client)
{
	while (client && client->calls)
		call_free(client->calls);
	free(client);
}

/* ---- the server's side ---- */

struct http_server *http_server_create(struct loop *loop, const struct http_server_params *p, UNUSED struct err *err)
{
	struct http_server *s = calloc(1, sizeof(*s));
	assert(s);
	*s = (struct http_server){ .process = sim_loop_process(loop),
				   .port = p->port,
				   .handler = p->handler,
				   .arg = p->arg,
				   .link = &world->net->servers,
				   .next = world->net->servers };
	text_copy(s->ip, sizeof(s->ip), s->process->pod->ip);
	if (s->next)
		s->next->link = &s->next;
	world->net->servers = s;
	return s;
}

int http_server_port(const struct http_server *server)
{
	return server->port;
}

bool http_server_reload_tls(UNUSED struct http_server *server, UNUSED struct err *err)
{
	return true;
}

void http_server_destroy(struct http_server *s)
{
	if (!s)
		return;
	*s->link = s->next;
	if (s->next)
		s->next->link = s->link;
	free(s);
}

/* ---- the store behind it ---- */

static int64_t api_now(UNUSED void *arg)
{
	return world->now;
}

static uint32_t api_random(UNUSED void *arg)
{
	return sim_random();
}

static bool refuses_expired(UNUSED void *arg)
{
	return sim_chance(500);
}

static void on_change(UNUSED void *arg, const struct api_change *change)
{
	check_api_change(change);
	statefulset_api_change(change);
}

void net_init(void)
{
	world->net = calloc(1, sizeof(*world->net));
	assert(world->net);
	world->api = api_create(&(struct api_hooks){ .now_us = api_now,
						     .random = api_random,
						     .refuses_expired = refuses_expired,
						     .on_change = on_change,
						     .on_watch = net_watch_wake });
}

void net_finish(void)
{
	while (wires)
		wire_free(wires);
	api_destroy(world->api);
	free(world->net);
}
