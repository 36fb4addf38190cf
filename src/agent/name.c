/* Whether somebody else of our name is alive (contract 1.16). Our pod may say where one was last; who answers there counts when it
 * says our scope and our name (safety.md L5). Asked once, before the first turn that knows the cluster; meanwhile our own
 * server answers nobody, so that we do not find ourselves under another address. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"

#include <string.h>

enum { NAME_TIMEOUT_MS = 3000, NAME_BODY_MAX = 65536 };

/* The address that our pod was written with is ours: an earlier agent of this pod wrote it. */
static bool is_own_address(const struct agent *agent, const char *api_url)
{
	char own[HOST_SIZE + 16];
	struct strbuf b;
	const char *host = agent->config.rest_connect.host, *at = strstr(api_url, "://");
	bool v6 = strchr(host, ':') != NULL;
	strbuf_init(&b, own, sizeof(own));
	strbuf_addf(&b, "://%s%s%s", v6 ? "[" : "", host, v6 ? "]" : "");
	return at != NULL && strncmp(at, own, b.len) == 0 && (at[b.len] == ':' || at[b.len] == '/');
}

/* What our pod says was said of it, or it is the pod that we stand in for: whether that one is gone is not asked of it (safety.md
 * rule 3 holds between two of one name). */
static bool is_told_of_us(const struct agent *agent, const struct member *own)
{
	bool ours = agent->self.pod_uid[0] == '\0' || strcmp(own->pod_uid, agent->self.pod_uid) == 0;
	return ours && own->api_url[0] != '\0' && !is_own_address(agent, own->api_url);
}

static bool is_namesake(const struct config *config, const struct http_answer *answer)
{
	struct err err;
	AUTO(json) struct json *root = answer->status != 0 ? json_parse(answer->body, answer->body_len, &err) : NULL;
	const struct json *patroni = json_get(root, "patroni");
	const char *scope = json_get_text(patroni, "scope"), *name = json_get_text(patroni, "name");
	return scope != NULL && name != NULL && text_equal(scope, config->scope) && text_equal(name, config->name);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct agent *agent = arg;
	const struct member *own = agent_own_member(agent);
	agent->name_call = NULL;
	if (!is_namesake(&agent->config, answer)) {
		agent->name_state = NAME_FREE;
		agent_wake_now(agent);
		return;
	}
	agent->name_state = NAME_TAKEN;
	log_write(LOG_CRITICAL, "Can't start; there is already a node named '%s' running: it answers at %s",
		  agent->config.name, own != NULL ? own->api_url : "the address in its pod");
	if (agent->on_refused != NULL)
		agent->on_refused(agent->on_refused_arg);
}

static void ask(struct agent *agent, const char *api_url)
{
	struct http_call_params params = { .method = "GET",
					   .url = api_url,
					   .tls = agent_peer_tls(agent),
					   .lane = "peers",
					   .timeout_ms = NAME_TIMEOUT_MS,
					   .body_max = NAME_BODY_MAX,
					   .on_done = on_answer,
					   .arg = agent };
	agent->name_state = NAME_ASKED;
	agent->name_call = http_call_start(agent->http, &params);
}

bool agent_name_is_free(struct agent *agent)
{
	if (agent->name_state == NAME_UNKNOWN && dcs_view(agent->dcs)->loaded) {
		const struct member *own = agent_own_member(agent);
		if (own != NULL && is_told_of_us(agent, own))
			ask(agent, own->api_url);
		else
			agent->name_state = NAME_FREE;
	}
	return agent->name_state == NAME_FREE || agent->name_state == NAME_UNKNOWN;
}

void agent_cancel_name(struct agent *agent)
{
	if (agent->name_call != NULL)
		http_call_cancel(agent->name_call);
	agent->name_call = NULL;
}
