/* One request and what is known when it comes. */
#ifndef HOWDAH_SRC_REST_ASKED_H
#define HOWDAH_SRC_REST_ASKED_H

#include "health.h"

struct asked {
	const struct rest_view *view;
	const struct http_request *request;
	struct rest_facts facts;
	struct health health; /* for health checks only */
};

typedef void answer_fn(const struct asked *asked, struct rest_answer *answer);

#endif
