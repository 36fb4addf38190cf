/* POST /switchover and /failover, DELETE /switchover: the checks that need nobody else (contract 3.10, steps 1 to 5), and the
 * words for what becomes of it. */
#include "orders.h"

#include "answer.h"
#include "body.h"
#include "schedule.h"

#include <string.h>

static const struct fields move_fields = {
	.list = {
		{ .key = "leader", .kind = FIELD_NAME },
		{ .key = "candidate", .kind = FIELD_NAME },
		{ .key = "member", .kind = FIELD_NAME },
		{ .key = "scheduled_at" },
	},
};

struct wish { /* a move as it is asked for */
	const struct asked *asked;
	const struct json *body;
	bool is_failover;
	struct move move;
};

static bool is_given(const struct json *value)
{
	return value != NULL && !json_is_null(value) && (!json_is_text(value) || json_text(value)[0] != '\0');
}

static const char *unnamed(const struct wish *wish)
{
	if (wish->is_failover)
		return wish->move.candidate[0] == '\0' ? "Failover could be performed only to a specific candidate"
						       : NULL;
	return wish->move.leader[0] == '\0' ? "Switchover could be performed only from a specific leader" : NULL;
}

/* Why nothing can be scheduled now; NULL: it can. */
static const char *unschedulable(const struct wish *wish)
{
	if (!is_given(json_get(wish->body, "scheduled_at")))
		return NULL;
	if (wish->is_failover)
		return "Failover can't be scheduled";
	return wish->asked->facts.paused ? "Can't schedule switchover in the paused state" : NULL;
}

static const char *impossible(const struct wish *wish)
{
	if (wish->asked->facts.paused && wish->move.candidate[0] == '\0')
		return "Switchover is possible only to a specific candidate in a paused state";
	if (wish->move.leader[0] != '\0' && strcmp(wish->move.leader, wish->move.candidate) == 0)
		return "Switchover target and source are the same";
	return NULL;
}

static bool read_schedule(struct wish *wish, struct rest_answer *answer)
{
	struct schedule schedule;
	const struct json *value = json_get(wish->body, "scheduled_at");
	if (!is_given(value))
		return true;
	if (!schedule_read(value, "switchover", wish->asked->view->wall, &schedule, answer))
		return false;
	wish->move.at_us = schedule.at_us;
	return text_copy(wish->move.scheduled_at, sizeof(wish->move.scheduled_at), schedule.text);
}

/* The problem is the answer; NULL: go on. */
static bool passes(const char *problem, struct rest_answer *answer)
{
	if (problem != NULL)
		answer_plain(answer, 400, "%s", problem);
	return problem == NULL;
}

static void take_names(struct wish *wish)
{
	const char *candidate = body_get_text(wish->body, "candidate");
	struct move *move = &wish->move;
	move->asked = true;
	text_copy(move->leader, sizeof(move->leader), body_get_text(wish->body, "leader"));
	text_copy(move->candidate, sizeof(move->candidate),
		  candidate[0] != '\0' ? candidate : body_get_text(wish->body, "member"));
}

static void order_move(const struct asked *asked, bool is_failover, struct rest_answer *answer)
{
	struct wish wish = { .asked = asked, .is_failover = is_failover };
	AUTO(json) struct json *body = body_read(asked->request, false, answer);
	if (body == NULL || !body_check(body, &move_fields, answer))
		return;
	wish.body = body;
	take_names(&wish);
	if (!passes(unnamed(&wish), answer) || !passes(unschedulable(&wish), answer) || !read_schedule(&wish, answer) ||
	    !passes(impossible(&wish), answer))
		return;
	answer->order.kind = ORDER_MOVE;
	answer->order.move = wish.move;
	answer->order.is_failover = is_failover && wish.move.leader[0] == '\0'; /* from a leader it is a switchover */
}

void order_switchover(const struct asked *asked, struct rest_answer *answer)
{
	order_move(asked, false, answer);
}

void order_failover(const struct asked *asked, struct rest_answer *answer)
{
	order_move(asked, true, answer);
}

void order_switchover_cancel(const struct asked *asked, struct rest_answer *answer)
{
	const struct move *move = &asked->view->cluster->move;
	if (move->asked && move->scheduled_at[0] != '\0')
		answer->order.kind = ORDER_MOVE_CANCEL;
	else
		answer_plain(answer, 404, "no switchover is scheduled");
}

void rest_answer_moved(struct rest_answer *answer, const char *leader)
{
	const struct rest_order *order = &answer->order;
	bool as_asked = order->move.candidate[0] == '\0' || strcmp(order->move.candidate, leader) == 0;
	if (as_asked)
		answer_plain(answer, 200, "Successfully %s over to \"%s\"", order->is_failover ? "failed" : "switched",
			     leader);
	else
		answer_plain(answer, 200, "%s over to \"%s\" instead of \"%s\"",
			     order->is_failover ? "Failed" : "Switched", leader, order->move.candidate);
}

void rest_answer_not_moved(struct rest_answer *answer, int waited_s, const char *why)
{
	const char *action = answer->order.is_failover ? "Failover" : "Switchover";
	if (waited_s == 0)
		answer_plain(answer, 503, "%s failed%s%s", action, why[0] != '\0' ? ": " : "", why);
	else
		answer_plain(answer, 503, "%s status unknown after %d seconds; operation may still be in progress",
			     action, waited_s);
}

void rest_answer_obstacle(const struct rest_order *order, enum move_obstacle obstacle, struct rest_answer *answer)
{
	static const struct {
		bool names_action;
		const char *text;
	} obstacles[] = {
		[MOVE_LEADER_DIFFERS] = { false, "leader name does not match" },
		[MOVE_NO_SUCH_CANDIDATE] = { false, "candidate does not exists" },
		[MOVE_NO_MEMBERS] = { true, "cluster does not have members except leader" },
		[MOVE_NOBODY_FIT] = { true, "no good candidates have been found" },
	};
	static_assert(ARRAY_SIZE(obstacles) == MOVE_NOBODY_FIT + 1, "a text for each obstacle");
	assert(obstacles[obstacle].text != NULL);
	if (obstacles[obstacle].names_action)
		answer_plain(answer, 412, "%s is not possible: %s", order->is_failover ? "failover" : "switchover",
			     obstacles[obstacle].text);
	else
		answer_plain(answer, 412, "%s", obstacles[obstacle].text);
}
