/* Asking the other members how far they are: GET /patroni, all at once. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "codec/status.h"

#include <string.h>

enum { PEER_TIMEOUT_MS = 1000, PEER_BODY_MAX = 65536, AGAIN_MIN_MS = 100, AGAIN_SPREAD_MS = 300 };

/* For an heir, while nobody can write; for the last word of a holder whose pod is gone and whose containers are killed in a moment. */
enum { HEIR_AGAIN_MS = 20, WORD_AGAIN_MS = 50, WORD_SPREAD_MS = 100 };

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

/* The holder of the lock says that it has given it back. */
static void hear(struct agent *agent, const struct peer_answer *fresh)
{
	struct lease_sight *sight = &agent->self.sight;
	if (strcmp(fresh->name, sight->record.leader) == 0 &&
	    lease_hear(sight, fresh->given_back, loop_now(agent->loop))) {
		agent->self.holder_lsn = fresh->given_back_lsn;
		log_warning("%s says that it has given the lock back, though the store does not show it", fresh->name);
	}
}

static bool parse(struct peer_answer *fresh, const struct peer_call *call, const struct http_answer *answer)
{
	const char *scope = call->agent->config.scope;
	return answer->status == 200 && peer_answer_parse(fresh, scope, answer->body, answer->body_len);
}

static void take_answer(struct peer_answer *peer, const struct peer_call *call, const struct http_answer *answer)
{
	struct instant now = loop_now(call->agent->loop);
	struct peer_answer fresh = *peer;
	fresh.asked = now;
	fresh.silent = !parse(&fresh, call, answer);
	if (fresh.silent) {
		peer->asked = now;
		peer->silent = true;
		return;
	}
	fresh.answered = call->sent;
	*peer = fresh;
	hear(call->agent, &fresh);
}

/* It is no member any more: how far it is does not count. */
static void take_last_word(const struct peer_call *call, const struct http_answer *answer)
{
	struct peer_answer fresh = { .silent = false };
	text_copy(fresh.name, sizeof(fresh.name), call->name);
	if (parse(&fresh, call, answer))
		hear(call->agent, &fresh);
}

/* Two candidates that see each other ahead do not ask in step. */
static int64_t again_ms(const struct agent *agent)
{
	if (instant_is_set(agent->self.ended_at))
		return HEIR_AGAIN_MS;
	if (agent->self.holder_gone)
		return WORD_AGAIN_MS + loop_random(agent->loop) % WORD_SPREAD_MS;
	return AGAIN_MIN_MS + loop_random(agent->loop) % AGAIN_SPREAD_MS;
}

static void call_done(void *arg, const struct http_answer *answer)
{
	struct peer_call *call = arg;
	struct agent *agent = call->agent;
	struct self *self = &agent->self;
	bool gone = call == &agent->calls[MEMBERS_MAX];
	struct peer_answer *peer = gone ? NULL : slot_for(self, call->name);
	call->call = NULL;
	if (gone)
		take_last_word(call, answer);
	else if (peer != NULL)
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

static void ask(struct agent *agent, struct peer_call *call, const char *name, const char *url)
{
	*call = (struct peer_call){ .agent = agent, .sent = loop_now(agent->loop) };
	text_copy(call->name, sizeof(call->name), name);
	struct http_call_params params = { .method = "GET",
					   .url = url,
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
			ask(agent, &agent->calls[i], m->name, m->api_url);
	}
	if (agent->self.holder_gone)
		ask(agent, &agent->calls[MEMBERS_MAX], agent->holder.name, agent->holder.api_url);
}

void agent_cancel_peers(struct agent *agent)
{
	for (size_t i = 0; i < ARRAY_SIZE(agent->calls); i++)
		if (agent->calls[i].call != NULL)
			http_call_cancel(agent->calls[i].call);
	agent->calls_open = 0;
}
