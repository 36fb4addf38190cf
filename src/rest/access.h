/* Who may send requests that change something (contract 3.2). */
#ifndef HOWDAH_SRC_REST_ACCESS_H
#define HOWDAH_SRC_REST_ACCESS_H

#include "rest/rest.h"

enum access {
	ACCESS_CHECKED,
	ACCESS_OF_MEMBERS, /* members' own traffic: where only members are let in, whoever sends it is taken for one */
	ACCESS_OPEN
};

/* Refuses with an answer and returns false. */
bool access_granted(enum access access, const struct rest_view *view, const struct http_request *request,
		    struct rest_answer *answer);

#endif
