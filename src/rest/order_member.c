/* Requests to this member alone: /reload, /reinitialize, /failsafe, and those that nothing here could act on. */
#include "orders.h"

#include "answer.h"
#include "body.h"

#include <string.h>

void order_reload(const struct asked *asked, struct rest_answer *answer)
{
	(void)asked;
	answer->order.kind = ORDER_RELOAD;
}

static const struct fields reinitialize_fields = {
	.list = {
		{ .key = "force", .kind = FIELD_TRUTH },
		{ .key = "from_leader", .kind = FIELD_TRUTH },
		{ .key = "from-leader", .kind = FIELD_TRUTH },
	},
};

static bool leads(const struct asked *asked)
{
	const struct rest_view *view = asked->view;
	return view->leads || strcmp(view->self->sight.record.leader, view->config->name) == 0;
}

void order_reinitialize(const struct asked *asked, struct rest_answer *answer)
{
	AUTO(json) struct json *body = body_read(asked->request, true, answer);
	if (body == NULL || !body_check(body, &reinitialize_fields, answer))
		return;
	if (asked->facts.unlocked) {
		answer_plain(answer, 503, "Cluster has no leader, can not reinitialize");
		return;
	}
	if (leads(asked)) {
		answer_plain(answer, 503, "I am the leader, can not reinitialize");
		return;
	}
	answer->order.kind = ORDER_REINITIALIZE;
	answer->order.force = body_get_truth(body, "force");
	answer->order.from_leader = body_get_truth(body, "from_leader") || body_get_truth(body, "from-leader");
}

static const struct fields failsafe_fields = {
	.list = {
		{ .key = "name", .kind = FIELD_NAME, .required = true },
		{ .key = "api_url", .kind = FIELD_URL, .required = true },
		{ .key = "conn_url", .kind = FIELD_URL, .required = true },
		{ .key = "slots", .kind = FIELD_OBJECT },
		{ .key = "howdah_asks", .kind = FIELD_NAME },
	},
	.takes_others = true,
};

enum { HOLD_MAX_S = 3600 };

/* Whoever is one, or becomes one, must not let another go on; whether it answers just now does not matter. */
static bool is_primary(const struct asked *asked)
{
	enum pg_tree tree = asked->view->instance->tree;
	return asked->view->leads || tree == PG_TREE_PRIMARY || tree == PG_TREE_PROMOTING;
}

void order_failsafe(const struct asked *asked, struct rest_answer *answer)
{
	struct failsafe_ping *ping = &answer->order.ping;
	AUTO(json) struct json *body = body_read(asked->request, false, answer);
	if (body == NULL || !body_check(body, &failsafe_fields, answer))
		return;
	if (!asked->facts.failsafe_enabled) {
		answer_page(answer, 502, "Failsafe mode is off");
		return;
	}
	if (is_primary(asked)) {
		answer_plain(answer, 500, "Running as a leader");
		return;
	}
	text_copy(ping->name, sizeof(ping->name), body_get_text(body, "name"));
	text_copy(ping->api_url, sizeof(ping->api_url), body_get_text(body, "api_url"));
	text_copy(ping->conn_url, sizeof(ping->conn_url), body_get_text(body, "conn_url"));
	int64_t hold_s;
	bool says = json_i64(json_get(body, "howdah_hold_s"), &hold_s) && hold_s > 0 && hold_s <= HOLD_MAX_S;
	text_copy(ping->asked_uid, sizeof(ping->asked_uid), body_get_text(body, "howdah_asks"));
	ping->hold_ms = says ? hold_s * 1000 : 0;
	answer->order.kind = ORDER_FAILSAFE;
}

void refuse_sigterm(const struct asked *asked, struct rest_answer *answer)
{
	(void)asked;
	answer_page(answer, 501,
		    "Server does not support this operation: delete the pod, or end the agent by a signal");
}

void refuse_citus(const struct asked *asked, struct rest_answer *answer)
{
	(void)asked;
	answer_page(answer, 501, "Server does not support this operation: clusters of Citus are not managed");
}
