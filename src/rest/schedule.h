/* Times that people ask for (contract 3.10 step 2). */
#ifndef HOWDAH_SRC_REST_SCHEDULE_H
#define HOWDAH_SRC_REST_SCHEDULE_H

#include "rest/rest.h"

struct schedule {
	char text[TIME_SIZE]; /* as it was given */
	int64_t at_us;        /* wall time */
};

/* An ISO 8601 time with a zone that is not over; `what` is planned for it. Else it is answered, and false. */
bool schedule_read(const struct json *value, const char *what, struct wall now, struct schedule *schedule,
		   struct rest_answer *answer);

#endif
