/* Failsafe mode: asking the members that the leader object last named, and what they answered. All of them, in one round, or nothing
 * is gained. */
#include "private.h"

#include "base/log.h"
#include "base/mutant.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

enum { ROUND_MOST_MS = 2000, ANSWER_MAX = 4096 };

/* {"member": "api_url", ...} of all that are there, ours too. */
char *agent_failsafe_map(const struct agent *agent)
{
	const struct cluster *cluster = dcs_view(agent->dcs);
	AUTO(json) struct json *map = json_new_object();
	for (int i = 0; i < cluster->member_count; i++)
		if (cluster->members[i].api_url[0] != '\0')
			json_set_text(map, cluster->members[i].name, cluster->members[i].api_url);
	/* our pod may not say yet where we are asked */
	agent_add_url(map, agent->config.name, agent_rest_scheme(agent), &agent->config.rest_connect, "patroni");
	return json_print_text(map, JSON_COMPACT);
}

static struct json *known_map(const struct agent *agent)
{
	struct err err;
	const char *text = dcs_failsafe_text(agent->dcs);
	return text[0] != '\0' ? json_parse(text, strlen(text), &err) : NULL;
}

/* Whoever is asked is at that address: another pod of the name has another one. */
static bool names(const struct json *map, const char *member, const char *api_url)
{
	const char *asked = json_get_text(map, member);
	return asked != NULL && (text_equal(asked, api_url) || mutant(47));
}

static bool names_us(const struct agent *agent, const struct json *map)
{
	AUTO(json) struct json *own = json_new_object();
	const char *name = agent->config.name;
	agent_add_url(own, name, agent_rest_scheme(agent), &agent->config.rest_connect, "patroni");
	return names(map, name, json_get_text(own, name));
}

bool agent_failsafe_names(const struct agent *agent, const char *member)
{
	AUTO(json) struct json *map = known_map(agent);
	const struct member *m = cluster_member(dcs_view(agent->dcs), member);
	return !json_is_object(map) || json_count(map) == 0 || (m != NULL && names(map, member, m->api_url));
}

void agent_sense_failsafe(struct agent *agent)
{
	const char *text = dcs_failsafe_text(agent->dcs);
	if (strcmp(text, agent->failsafe_seen) == 0)
		return;
	if (!text_copy(agent->failsafe_seen, sizeof(agent->failsafe_seen), text))
		agent->failsafe_seen[0] = '\0';
	AUTO(json) struct json *map = known_map(agent);
	agent->self.failsafe_known = json_is_object(map) && json_count(map) > 0;
	agent->self.failsafe_member = names_us(agent, map);
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

static char *ping_body(const struct agent *agent)
{
	const struct config *c = &agent->config;
	AUTO(json) struct json *body = json_new_object();
	json_set_text(body, "name", c->name);
	agent_add_url(body, "conn_url", "postgres", &c->pg_connect, c->database);
	agent_add_url(body, "api_url", agent_rest_scheme(agent), &c->rest_connect, "patroni");
	json_set_i64(body, "howdah_hold_s", (agent->failsafe_for_ms + 999) / 1000);
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

static void ask(struct agent *agent, struct peer_call *call, const struct json *item, const char *body)
{
	char url[URL_SIZE + 16];
	struct instant t = lease_deadline(&agent->self.hold);
	int64_t third = left_least_ms(t, agent->self.failsafe_round) / 3;
	*call = (struct peer_call){ .agent = agent, .sent = agent->self.failsafe_round };
	text_copy(call->name, sizeof(call->name), json_key(item));
	failsafe_url(json_text(item), url, sizeof(url));
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
	agent->failsafe_open++;
}

void agent_ask_failsafe(struct agent *agent)
{
	struct situation s = agent_situation(agent);
	AUTO(json) struct json *map = known_map(agent);
	int place = 0;
	if (agent->failsafe_open > 0)
		return;
	agent->self.failsafe_round = s.now;
	agent->self.failsafe_asking = true;
	agent->failsafe_refused = false;
	agent->failsafe_for_ms = failsafe_hold_ms(&s);
	AUTO(text) char *body = ping_body(agent);
	for (const struct json *item = json_is_object(map) ? json_first(map) : NULL; item != NULL;
	     item = json_next(item)) {
		if (strcmp(json_key(item), agent->self.name) == 0)
			continue;
		if (place == MEMBERS_MAX || !json_is_text(item))
			agent->failsafe_refused = true; /* whoever cannot be asked has not agreed */
		else
			ask(agent, &agent->failsafe_calls[place++], item, body);
	}
	if (agent->failsafe_open == 0)
		end_round(agent);
}

void agent_cancel_failsafe(struct agent *agent)
{
	for (int i = 0; i < MEMBERS_MAX; i++)
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
	return true;
}
