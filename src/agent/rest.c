/* The REST API's view of this agent. Probes are answered from memory; GET /patroni, which elections and hand-overs go by, with
 * positions that the server was asked for after the question. */
#include "private.h"

#include <string.h>

enum { FRESH_MS = 50, WAIT_MS = 400 };

static const char *member_status(const void *arg, const char *name)
{
	const struct agent *agent = arg;
	return dcs_member_status_text(agent->dcs, name);
}

static const struct restart_order *scheduled_restart(const struct agent *agent)
{
	const struct restart_order *restart = &agent->self.restart;
	return restart->asked && restart->at_us != 0 ? restart : NULL;
}

void agent_send(struct http_reply *reply, const struct rest_answer *answer)
{
	struct http_response response = { .status = answer->status,
					  .content_type = answer->content_type,
					  .body = answer->body,
					  .body_len = answer->body_len,
					  .extra_headers = answer->extra_headers };
	http_reply_send(reply, &response);
}

static void answer(struct agent *agent, const struct http_request *request)
{
	struct situation s = agent_situation(agent);
	char lacks[LACKS_SIZE], given_back[LEASE_TEXT_SIZE];
	rejoin_lacks(&s, lacks);
	lease_given_back(&s, given_back);
	struct rest_view view = { .config = &agent->config,
				  .cluster = s.cluster,
				  .self = s.self,
				  .instance = s.instance,
				  .details = postgres_details(agent->pg),
				  .config_text = dcs_config_text(agent->dcs),
				  .history_text = dcs_history_text(agent->dcs),
				  .now = s.now,
				  .wall = loop_wall(agent->loop),
				  .dcs_last_seen = agent->dcs_seen,
				  .leads = leads_now(&s),
				  .loop_alive = elapsed_most_ms(agent->turned, s.now) <= 2 * s.settings->ttl_ms,
				  .member_status = member_status,
				  .member_status_arg = agent,
				  .state = state_to_publish(&s),
				  .role = role_to_publish(&s),
				  .scheduled_restart = scheduled_restart(agent),
				  .failsafe_text = s.settings->failsafe ? dcs_failsafe_text(agent->dcs) : "",
				  .rollout = agent->rollout.report,
				  .failsafe_active = failsafe_is_active(&s),
				  .failsafe_free_uid = failsafe_is_free(&s) ? agent->self.pod_uid : NULL,
				  .trouble = agent_problem(agent),
				  .copy_dropped = agent->copy_why,
				  .lacks = lacks,
				  .given_back = given_back,
				  .given_back_lsn = instance_lsn(s.instance),
				  .counters = agent->counters };
	struct instant t = lease_deadline(&agent->self.hold);
	view.counters.lease_left_ms = view.leads && instant_is_set(t) ? left_least_ms(t, s.now) : 0;
	struct rest_answer given;
	rest_answer(&view, request, &given);
	if (given.order.kind != ORDER_NONE) {
		orders_take(agent, request->reply, &given);
		return;
	}
	agent_send(request->reply, &given);
	rest_answer_clear(&given);
}

static bool is_up(const struct instance *i)
{
	return i->tree == PG_TREE_STANDBY || i->tree == PG_TREE_PROMOTING || i->tree == PG_TREE_PRIMARY;
}

/* Whoever decides on our position must not decide on an old one. */
static bool wants_fresh(const struct agent *agent, const struct http_request *request)
{
	const struct instance *i = postgres_instance(agent->pg);
	return strcmp(request->method, "GET") == 0 && strcmp(request->path, "/patroni") == 0 && is_up(i) &&
	       agent->waiting_count < WAITING_MAX &&
	       (!instant_is_set(i->probed) || elapsed_most_ms(i->probed, loop_now(agent->loop)) > FRESH_MS);
}

static void answer_waiting(struct agent *agent)
{
	int count = agent->waiting_count;
	agent->waiting_count = 0;
	loop_timer_set(agent->waiting_timer, -1);
	for (int i = 0; i < count; i++) {
		struct http_request request = { .method = "GET",
						.path = "/patroni",
						.query = "",
						.body = "",
						.authorization = "",
						.peer = "",
						.tls = agent->config.rest_certfile[0] != '\0',
						.reply = agent->waiting[i] };
		answer(agent, &request);
	}
}

static void on_waited_enough(void *arg)
{
	answer_waiting(arg);
}

void agent_rest_probed(struct agent *agent)
{
	const struct instance *i = postgres_instance(agent->pg);
	bool fresh = instant_is_set(i->probed) && i->probed.boot_us >= agent->waiting_since.boot_us;
	if (agent->waiting_count > 0 && (fresh || !is_up(i)))
		answer_waiting(agent);
}

static void handle(void *arg, const struct http_request *request)
{
	struct agent *agent = arg;
	if (agent->name_state == NAME_ASKED || agent->name_state == NAME_TAKEN) {
		http_reply_send(request->reply, &(struct http_response){ .status = 503 });
		return;
	}
	if (!wants_fresh(agent, request)) {
		answer(agent, request);
		return;
	}
	if (agent->waiting_count == 0)
		loop_timer_set(agent->waiting_timer, WAIT_MS);
	agent->waiting_since = loop_now(agent->loop);
	agent->waiting[agent->waiting_count++] = request->reply;
	postgres_probe(agent->pg);
}

/* By server_tokens. Patroni's names for Patroni's interface; the default is our own. */
static const char *const server_names[] = { "howdah", "Patroni", ("Patroni/" CONTRACT_VERSION) };

static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

struct http_server *agent_start_rest(struct agent *agent, struct err *err)
{
	const struct config *c = &agent->config;
	agent->waiting_timer = loop_timer_create(agent->loop, on_waited_enough, agent);
	struct http_server_params params = { .host = c->rest_listen.host,
					     .port = c->rest_listen.port,
					     .cert_file = or_null(c->rest_certfile),
					     .key_file = or_null(c->rest_keyfile),
					     .key_password = or_null(c->rest_keyfile_password),
					     .ca_file = or_null(c->rest_cafile),
					     .ciphers = or_null(c->rest_ciphers),
					     .verify_client_optional = c->rest_verify_client == 1,
					     .verify_client_required = c->rest_verify_client == 2,
					     .server_name = server_names[c->rest_server_tokens],
					     .queue_size = c->rest_queue_size > 0 ? c->rest_queue_size : 1,
					     .handler = handle,
					     .arg = agent };
	return http_server_create(agent->loop, &params, err);
}

void agent_stop_rest(struct agent *agent)
{
	if (agent->waiting_timer != NULL)
		answer_waiting(agent);
	loop_timer_destroy(agent->waiting_timer);
	http_server_destroy(agent->rest);
}
