/* The REST API's view of this agent: memory only. */
#include "private.h"

static const char *member_status(const void *arg, const char *name)
{
	const struct agent *agent = arg;
	return dcs_member_status_text(agent->dcs, name);
}

static void handle(void *arg, const struct http_request *request)
{
	struct agent *agent = arg;
	struct situation s = agent_situation(agent);
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
				  .counters = agent->counters };
	struct instant t = lease_deadline(&agent->self.hold);
	view.counters.lease_left_ms = view.leads && instant_is_set(t) ? left_least_ms(t, s.now) : 0;
	struct rest_answer answer;
	rest_answer(&view, request, &answer);
	struct http_response response = { .status = answer.status,
					  .content_type = answer.content_type,
					  .body = answer.body,
					  .body_len = answer.body_len,
					  .extra_headers = answer.extra_headers };
	http_reply_send(request->reply, &response);
	rest_answer_clear(&answer);
}

static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

struct http_server *agent_start_rest(struct agent *agent, struct err *err)
{
	const struct config *c = &agent->config;
	struct http_server_params params = { .host = c->rest_listen.host,
					     .port = c->rest_listen.port,
					     .cert_file = or_null(c->rest_certfile),
					     .key_file = or_null(c->rest_keyfile),
					     .key_password = or_null(c->rest_keyfile_password),
					     .ca_file = or_null(c->rest_cafile),
					     .ciphers = or_null(c->rest_ciphers),
					     .verify_client_optional = c->rest_verify_client == 1,
					     .verify_client_required = c->rest_verify_client == 2,
					     .handler = handle,
					     .arg = agent };
	return http_server_create(agent->loop, &params, err);
}
