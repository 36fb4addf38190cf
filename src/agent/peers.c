/* Asking the other members how far they are: GET /patroni, all at once. */
#include "private.h"

#include "base/strbuf.h"
#include "codec/status.h"

#include <string.h>

enum { PEER_TIMEOUT_MS = 1000, PEER_BODY_MAX = 65536, AGAIN_MIN_MS = 100, AGAIN_SPREAD_MS = 300, HEIR_AGAIN_MS = 20 };

static struct peer_answer *slot_for(struct self *self, const char *name)
{
	for (int i = 0; i < self->peer_count; i++)
		if (strcmp(self->peers[i].name, name) == 0)
			return &self->peers[i];
	if (self->peer_count == MEMBERS_MAX)
		return NULL;
	struct peer_answer *peer = &self->peers[self->peer_count++];
	*peer = (struct peer_answer){ .name = "" };
	text_copy(peer->name, sizeof(peer->name), name);
	return peer;
}

static void take_answer(struct peer_answer *peer, const struct peer_call *call, const struct http_answer *answer)
{
	struct instant now = loop_now(call->agent->loop);
	const char *scope = call->agent->config.scope;
	struct peer_answer fresh = *peer;
	fresh.asked = now;
	fresh.silent = answer->status != 200 || !peer_answer_parse(&fresh, scope, answer->body, answer->body_len);
	if (fresh.silent) {
		peer->asked = now;
		peer->silent = true;
		return;
	}
	fresh.answered = call->sent;
	*peer = fresh;
}

/* Two candidates that see each other ahead do not ask in step; an heir is waited for while nobody can write. */
static int64_t again_ms(const struct agent *agent)
{
	bool waits = instant_is_set(agent->self.ended_at);
	return waits ? HEIR_AGAIN_MS : AGAIN_MIN_MS + loop_random(agent->loop) % AGAIN_SPREAD_MS;
}

static void call_done(void *arg, const struct http_answer *answer)
{
	struct peer_call *call = arg;
	struct agent *agent = call->agent;
	struct self *self = &agent->self;
	struct peer_answer *peer = slot_for(self, call->name);
	call->call = NULL;
	if (peer != NULL)
		take_answer(peer, call, answer);
	if (--agent->calls_open == 0) {
		self->asking = false;
		self->ask_not_before = instant_after_ms(loop_now(agent->loop), again_ms(agent));
	}
	if (agent->calls_open == 0)
		agent_wake_now(agent);
	else
		agent_wake(agent);
}

static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

/* Members never check each other's certificates (contract 3.2). */
struct http_tls agent_peer_tls(const struct agent *agent)
{
	const struct config *c = &agent->config;
	return (struct http_tls){ .cert_file = or_null(c->ctl_certfile),
				  .key_file = or_null(c->ctl_keyfile),
				  .key_password = or_null(c->ctl_keyfile_password),
				  .insecure = true };
}

const char *agent_peer_user(const struct agent *agent)
{
	const struct config *c = &agent->config;
	return or_null(c->ctl_user[0] != '\0' ? c->ctl_user : c->rest_user);
}

const char *agent_peer_password(const struct agent *agent)
{
	const struct config *c = &agent->config;
	return or_null(c->ctl_user[0] != '\0' ? c->ctl_password : c->rest_password);
}

static void ask(struct agent *agent, struct peer_call *call, const struct member *member)
{
	*call = (struct peer_call){ .agent = agent, .sent = loop_now(agent->loop) };
	text_copy(call->name, sizeof(call->name), member->name);
	struct http_call_params params = { .method = "GET",
					   .url = member->api_url,
					   .tls = agent_peer_tls(agent),
					   .lane = "peers",
					   .timeout_ms = PEER_TIMEOUT_MS,
					   .body_max = PEER_BODY_MAX,
					   .on_done = call_done,
					   .arg = call };
	call->call = http_call_start(agent->http, &params);
	agent->calls_open++;
	agent->self.asking = true;
}

/* Members that are gone are forgotten, so that there is room for those that come. */
static void forget_gone(struct agent *agent, const struct cluster *cluster)
{
	struct self *self = &agent->self;
	int kept = 0;
	for (int i = 0; i < self->peer_count; i++)
		if (cluster_member(cluster, self->peers[i].name) != NULL)
			self->peers[kept++] = self->peers[i];
	self->peer_count = kept;
}

void agent_ask_peers(struct agent *agent)
{
	const struct cluster *cluster = dcs_view(agent->dcs);
	if (agent->calls_open > 0)
		return;
	postgres_probe(agent->pg); /* our own position, to compare with */
	forget_gone(agent, cluster);
	for (int i = 0; i < cluster->member_count; i++) {
		const struct member *m = &cluster->members[i];
		if (strcmp(m->name, agent->self.name) != 0 && m->api_url[0] != '\0')
			ask(agent, &agent->calls[i], m);
	}
}

void agent_cancel_peers(struct agent *agent)
{
	for (int i = 0; i < MEMBERS_MAX; i++)
		if (agent->calls[i].call != NULL)
			http_call_cancel(agent->calls[i].call);
	agent->calls_open = 0;
}
