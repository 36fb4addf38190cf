/* Failsafe mode: asking the members that the leader object last named, and what they answered. All of them, in one round, or nothing
 * is gained. */
#include "private.h"

#include "base/log.h"
#include "base/mutant.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

enum { ROUND_MOST_MS = 2000, ANSWER_MAX = 4096 };

struct failsafe_list {
	const struct json *urls, *uids; /* by member; NULL: none */
};

/* {"member": "api_url", ...} of all that are there, ours too, and {"member": "pod uid", ...} of the same, for a lock write. What we
 * have written last is kept: it may be in the store although no answer said so. */
void agent_name_failsafe_members(struct agent *agent)
{
	const struct cluster *cluster = dcs_view(agent->dcs);
	AUTO(json) struct json *urls = json_new_object(), *uids = json_new_object();
	for (int i = 0; i < cluster->member_count; i++) {
		const struct member *m = &cluster->members[i];
		if (m->api_url[0] == '\0')
			continue;
		json_set_text(urls, m->name, m->api_url);
		json_set_text(uids, m->name, m->pod_uid);
	}
	/* our pod may not say yet where we are asked */
	agent_add_url(urls, agent->config.name, agent_rest_scheme(agent), &agent->config.rest_connect, "patroni");
	if (agent->self.pod_uid[0] != '\0')
		json_set_text(uids, agent->config.name, agent->self.pod_uid);
	agent_forget_failsafe_members(agent);
	agent->failsafe_urls = json_print_text(urls, JSON_COMPACT);
	agent->failsafe_uids = json_print_text(uids, JSON_COMPACT);
}

void agent_forget_failsafe_members(struct agent *agent)
{
	free(agent->failsafe_urls);
	free(agent->failsafe_uids);
	agent->failsafe_urls = agent->failsafe_uids = NULL;
}

static void end_round(struct agent *agent)
{
	struct self *self = &agent->self;
	struct instant now = loop_now(agent->loop);
	struct instant t = lease_deadline(&self->hold);
	struct situation s = agent_situation(agent);
	self->failsafe_asking = false;
	bool in_time = instant_is_set(t) && left_least_ms(t, now) > 0 && lock_is_mine(&s);
	if (agent->failsafe_refused || !in_time) {
		log_warning("failsafe: %s", !in_time ? "the members' answers came too late"
						     : "not every member agreed that we go on without the store");
	} else {
		text_copy(agent->failsafe_agreed, sizeof(agent->failsafe_agreed), agent->failsafe_asked);
		lease_extend(&self->hold, mutant(23) ? now : self->failsafe_round, agent->failsafe_for_ms);
		if (!agent->failsafe_said)
			log_warning("failsafe: the store is silent; every member agreed that we go on");
		agent->failsafe_said = true;
	}
	agent_wake_now(agent);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct peer_call *call = arg;
	struct agent *agent = call->agent;
	bool accepted = answer->status == 200 && strcmp(answer->body, "Accepted") == 0;
	call->call = NULL;
	if (!accepted) {
		log_info("failsafe: %s did not agree: %s", call->name,
			 answer->status == 0 ? answer->error : answer->body);
		agent->failsafe_refused |= !mutant(23);
	}
	if (--agent->failsafe_open == 0)
		end_round(agent);
}

static char *ping_body(const struct agent *agent, const char *uid)
{
	const struct config *c = &agent->config;
	AUTO(json) struct json *body = json_new_object();
	json_set_text(body, "name", c->name);
	agent_add_url(body, "conn_url", "postgres", &c->pg_connect, c->database);
	agent_add_url(body, "api_url", agent_rest_scheme(agent), &c->rest_connect, "patroni");
	json_set_i64(body, "howdah_hold_s", (agent->failsafe_for_ms + 999) / 1000);
	json_set_text(body, "howdah_asks", uid);
	return json_print_text(body, JSON_COMPACT);
}

static void failsafe_url(const char *api_url, char *url, size_t size)
{
	struct strbuf b;
	const char *end = strstr(api_url, "/patroni");
	strbuf_init(&b, url, size);
	strbuf_add_bytes(&b, api_url, end != NULL ? (size_t)(end - api_url) : strlen(api_url));
	strbuf_add(&b, "/failsafe");
}

static void name_pod(struct strbuf *to, const char *name, const char *uid)
{
	strbuf_addf(to, "\n%s %s\n", name, uid != NULL ? uid : "");
}

/* Whom cannot be noted was not asked. */
static void note_asked(struct agent *agent, const char *name, const char *uid)
{
	struct strbuf b;
	size_t len = strlen(agent->failsafe_asked);
	strbuf_init(&b, agent->failsafe_asked + len, sizeof(agent->failsafe_asked) - len);
	name_pod(&b, name, uid);
	if (!strbuf_ok(&b))
		agent->failsafe_asked[len] = '\0';
}

static void ask(struct agent *agent, const char *name, const char *api_url, const char *uid)
{
	char url[URL_SIZE + 16];
	if (agent->failsafe_open == ARRAY_SIZE(agent->failsafe_calls)) {
		agent->failsafe_refused = true; /* whoever cannot be asked has not agreed */
		return;
	}
	note_asked(agent, name, uid);
	struct peer_call *call = &agent->failsafe_calls[agent->failsafe_open++];
	struct instant t = lease_deadline(&agent->self.hold);
	int64_t third = left_least_ms(t, agent->self.failsafe_round) / 3 + 1; /* 0 would be no limit */
	AUTO(text) char *body = ping_body(agent, uid);
	*call = (struct peer_call){ .agent = agent, .sent = agent->self.failsafe_round };
	text_copy(call->name, sizeof(call->name), name);
	failsafe_url(api_url, url, sizeof(url));
	struct http_call_params params = { .method = "POST",
					   .url = url,
					   .body = body,
					   .content_type = "application/json",
					   .tls = agent_peer_tls(agent),
					   .user = agent_peer_user(agent),
					   .password = agent_peer_password(agent),
					   .lane = "failsafe",
					   .timeout_ms = third < ROUND_MOST_MS ? third : ROUND_MOST_MS,
					   .body_max = ANSWER_MAX,
					   .on_done = on_answer,
					   .arg = call };
	call->call = http_call_start(agent->http, &params);
}

/* The pods of a list, but for those that another one has asked already. */
static void ask_all(struct agent *agent, const struct failsafe_list *list, const struct failsafe_list *asked)
{
	for (const struct json *item = json_is_object(list->urls) ? json_first(list->urls) : NULL; item != NULL;
	     item = json_next(item)) {
		const char *name = json_key(item), *url = json_text(item), *uid = json_get_text(list->uids, name);
		if (strcmp(name, agent->self.name) == 0)
			continue;
		if (asked != NULL && json_equal(item, json_get(asked->urls, name)) &&
		    json_equal(json_get(list->uids, name), json_get(asked->uids, name)))
			continue;
		if (url == NULL)
			agent->failsafe_refused = true;
		else
			ask(agent, name, url, uid);
	}
}

static struct json *object_of(const char *text)
{
	struct err err;
	return text != NULL && text[0] != '\0' ? json_parse(text, strlen(text), &err) : NULL;
}

void agent_ask_failsafe(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	if (agent->failsafe_open > 0)
		return;
	agent->self.failsafe_round = s.now;
	agent->self.failsafe_asking = true;
	agent->failsafe_refused = false;
	agent->failsafe_asked[0] = '\0';
	agent->failsafe_for_ms = failsafe_hold_ms(&s);
	AUTO(json) struct json *urls = object_of(dcs_failsafe_text(agent->dcs));
	AUTO(json) struct json *uids = object_of(dcs_failsafe_uids_text(agent->dcs));
	AUTO(json) struct json *written_urls = object_of(agent->failsafe_urls);
	AUTO(json) struct json *written_uids = object_of(agent->failsafe_uids);
	struct failsafe_list seen = { urls, uids }, written = { written_urls, written_uids };
	ask_all(agent, &seen, NULL);
	ask_all(agent, &written, &seen);
	if (agent->failsafe_open == 0)
		end_round(agent);
}

bool agent_failsafe_covers_lock(const struct agent *agent)
{
	AUTO(json) struct json *urls = object_of(dcs_failsafe_text(agent->dcs));
	AUTO(json) struct json *uids = object_of(dcs_failsafe_uids_text(agent->dcs));
	for (const struct json *item = json_is_object(urls) ? json_first(urls) : NULL; item != NULL;
	     item = json_next(item)) {
		char pod[NAME_SIZE + UID_SIZE + 4];
		struct strbuf b;
		strbuf_init(&b, pod, sizeof(pod));
		name_pod(&b, json_key(item), json_get_text(uids, json_key(item)));
		if (strcmp(json_key(item), agent->self.name) != 0 && strstr(agent->failsafe_agreed, pod) == NULL)
			return false;
	}
	return json_is_object(urls);
}

void agent_cancel_failsafe(struct agent *agent)
{
	for (size_t i = 0; i < ARRAY_SIZE(agent->failsafe_calls); i++)
		if (agent->failsafe_calls[i].call != NULL)
			http_call_cancel(agent->failsafe_calls[i].call);
	agent->failsafe_open = 0;
}

/* From now on we stand back for as long as the primary counts on it. */
bool agent_take_failsafe_ping(struct agent *agent, const struct failsafe_ping *ping)
{
	struct situation s = agent_situation(agent);
	struct self *self = &agent->self;
	int64_t hold_ms = s.settings->ttl_ms;
	if (!failsafe_may_accept(&s, ping))
		return false;
	if (self->sight.held && self->sight.record.ttl_s * 1000 > hold_ms)
		hold_ms = self->sight.record.ttl_s * 1000;
	if (ping->hold_ms > hold_ms)
		hold_ms = ping->hold_ms;
	self->failsafe_pinged = s.now;
	self->failsafe_hold_ms = hold_ms;
	self->failsafe_lease = (struct lease_token){ .leader = "" };
	if (self->sight.held && strcmp(self->sight.record.leader, ping->name) == 0)
		self->failsafe_lease = lease_token_of(&self->sight.record);
	return true;
}
