/* Health checks (contract 3.4) as functions of the facts. */
#ifndef HOWDAH_SRC_REST_HEALTH_H
#define HOWDAH_SRC_REST_HEALTH_H

#include "rest_facts.h"

struct health { /* what the checks rest on, worked out once */
	bool leader, primary, standby_leader, replica;
	bool running;
};

struct health health_work_out(const struct rest_view *view, const struct rest_facts *facts, const char *query);

/* `tag_NAME=VALUE` of the query against our own tags: every one must be there and equal. */
bool health_tags_match(const struct json *tags, const char *query);
bool health_is_ready(const struct rest_view *view, const struct rest_facts *facts, const char *query);

#endif
