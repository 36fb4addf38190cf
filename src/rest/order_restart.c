/* POST and DELETE /restart (contract 3.11): filters in the order in which they were sent, the first that is wrong answers. */
#include "orders.h"

#include "answer.h"
#include "body.h"
#include "codec/units.h"
#include "schedule.h"

#include <stdlib.h>
#include <string.h>

enum { TIMEOUT_MAX_S = 31536000, FIRST_PLAIN_MAJOR = 10 };

struct wish { /* a restart as it is asked for */
	const struct asked *asked;
	struct restart_order *restart;
	struct rest_answer *answer;
};

static bool take_schedule(const struct wish *wish, const struct json *value)
{
	struct schedule schedule;
	if (!schedule_read(value, "restart", wish->asked->view->wall, &schedule, wish->answer))
		return false;
	wish->restart->at_us = schedule.at_us;
	return text_copy(wish->restart->schedule, sizeof(wish->restart->schedule), schedule.text);
}

static bool take_role(const struct wish *wish, const struct json *value)
{
	static const char *const roles[] = { "primary", "standby_leader", "replica" };
	for (size_t i = 0; i < ARRAY_SIZE(roles); i++)
		if (json_is_text(value) && strcmp(json_text(value), roles[i]) == 0)
			return text_copy(wish->restart->role, sizeof(wish->restart->role), roles[i]);
	answer_plain(wish->answer, 400, "PostgreSQL role should be either primary, standby_leader, or replica");
	return false;
}

/* Up to two digits, moving *at behind them and the point that follows; -1: none. */
static int take_part(const char **at)
{
	int number = 0, digits = 0;
	for (; **at >= '0' && **at <= '9' && digits < 3; (*at)++, digits++)
		number = number * 10 + (**at - '0');
	if (digits < 1 || digits > 2 || (**at != '.' && **at != '\0') || (**at == '.' && (*at)[1] == '\0'))
		return -1;
	*at += **at == '.';
	return number;
}

/* 15.4 is 150004, 9.6.3 is 90603. */
static bool version_from_text(const char *text, int *version)
{
	int parts[3] = { 0 }, count = 0;
	while (*text != '\0' && count < (int)ARRAY_SIZE(parts)) {
		parts[count] = take_part(&text);
		if (parts[count++] < 0)
			return false;
	}
	if (*text != '\0' || count < 2 || (count == 2) != (parts[0] >= FIRST_PLAIN_MAJOR))
		return false;
	*version = count == 2 ? parts[0] * 10000 + parts[1] : parts[0] * 10000 + parts[1] * 100 + parts[2];
	return true;
}

static bool take_version(const struct wish *wish, const struct json *value)
{
	if (json_is_text(value) && version_from_text(json_text(value), &wish->restart->below_version))
		return true;
	body_refuse(wish->answer, value, "is no version of PostgreSQL: \"X.Y\", or \"X.Y.Z\" before 10");
	return false;
}

static bool seconds_from(const struct json *value, int64_t *seconds)
{
	const char *text = json_text(value);
	if (text != NULL)
		return units_int(text, "s", seconds);
	AUTO(text) char *number = json_is_number(value) ? json_print_text(value, JSON_COMPACT) : NULL;
	return number != NULL && units_int(number, "s", seconds);
}

static bool take_timeout(const struct wish *wish, const struct json *value)
{
	int64_t seconds;
	if (!seconds_from(value, &seconds) || seconds <= 0)
		answer_plain(wish->answer, 400, "Timeout should be a positive number of seconds");
	else if (seconds > TIMEOUT_MAX_S)
		body_refuse(wish->answer, value, "is too long: at most a year");
	else {
		wish->restart->timeout_ms = seconds * 1000;
		return true;
	}
	return false;
}

/* That it is there counts, not what it says. */
static bool take_pending(const struct wish *wish, const struct json *value)
{
	(void)value;
	wish->restart->only_pending = true;
	return true;
}

static const struct filter {
	const char *key;
	bool (*take)(const struct wish *wish, const struct json *value);
} filters[] = {
	{ "schedule", take_schedule },        { "role", take_role },
	{ "postgres_version", take_version }, { "timeout", take_timeout },
	{ "restart_pending", take_pending },
};

static bool take_filter(const struct wish *wish, const struct json *value)
{
	for (size_t i = 0; i < ARRAY_SIZE(filters); i++)
		if (strcmp(filters[i].key, json_key(value)) == 0)
			return filters[i].take(wish, value);
	enum { SHOWN_MAX = 60 };
	char key[SHOWN_MAX + 4];
	struct strbuf b;
	strbuf_init(&b, key, sizeof(key));
	strbuf_add_short(&b, json_key(value), SHOWN_MAX);
	answer_plain(wish->answer, 400, "Unknown filter for the scheduled restart: %s", key);
	return false;
}

static int64_t running_since_us(const struct rest_view *view)
{
	int64_t us;
	return wall_from_iso(view->details->postmaster_start_time, &us) ? us : 0;
}

void order_restart(const struct asked *asked, struct rest_answer *answer)
{
	struct restart_order restart = { .asked = true };
	const struct wish wish = { .asked = asked, .restart = &restart, .answer = answer };
	AUTO(json) struct json *body = body_read(asked->request, true, answer);
	if (body == NULL)
		return;
	if (asked->facts.paused && json_get(body, "schedule") != NULL) {
		answer_plain(answer, 500, "Can't schedule restart in the paused state");
		return;
	}
	for (const struct json *item = json_first(body); item != NULL; item = json_next(item))
		if (!take_filter(&wish, item))
			return;
	if (restart.schedule[0] != '\0' && asked->view->scheduled_restart != NULL) {
		answer_plain(answer, 409, "Another restart is already scheduled");
		return;
	}
	restart.postmaster_start_us = running_since_us(asked->view);
	answer->order.kind = ORDER_RESTART;
	answer->order.restart = restart;
}

void order_restart_cancel(const struct asked *asked, struct rest_answer *answer)
{
	if (asked->view->scheduled_restart != NULL)
		answer->order.kind = ORDER_RESTART_CANCEL;
	else
		answer_plain(answer, 404, "no restarts are scheduled");
}

static void set_version(struct json *to, int version)
{
	char text[24];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%d.", version / 10000);
	if (version < FIRST_PLAIN_MAJOR * 10000)
		strbuf_addf(&b, "%d.", version / 100 % 100);
	strbuf_addf(&b, "%d", version % (version < FIRST_PLAIN_MAJOR * 10000 ? 100 : 10000));
	json_set_text(to, "postgres_version", text);
}

struct json *rest_scheduled_restart(const struct restart_order *restart)
{
	struct json *item = json_new_object();
	json_set_text(item, "schedule", restart->schedule);
	if (restart->only_pending)
		json_set_bool(item, "restart_pending", true);
	if (restart->role[0] != '\0')
		json_set_text(item, "role", restart->role);
	if (restart->below_version != 0)
		set_version(item, restart->below_version);
	if (restart->timeout_ms != 0)
		json_set_i64(item, "timeout", restart->timeout_ms / 1000);
	return item;
}
