/* Times that people ask for. */
#include "schedule.h"

#include "answer.h"
#include "codec/units.h"

/* It would be a time if the zone stood behind it. */
static bool lacks_zone(const char *text)
{
	char with_zone[TIME_SIZE + 1];
	int64_t us;
	struct strbuf b;
	strbuf_init(&b, with_zone, sizeof(with_zone));
	strbuf_addf(&b, "%sZ", text);
	return wall_from_iso(with_zone, &us);
}

bool schedule_read(const struct json *value, const char *what, struct wall now, struct schedule *schedule,
		   struct rest_answer *answer)
{
	bool fits = json_is_text(value) && text_copy(schedule->text, TIME_SIZE, json_text(value));
	bool readable = fits && wall_from_iso(schedule->text, &schedule->at_us);
	if (fits && !readable && lacks_zone(schedule->text))
		answer_plain(answer, 400, "Timezone information is mandatory for the scheduled %s", what);
	else if (!readable)
		answer_plain(
			answer, 422,
			"Unable to parse scheduled timestamp. It should be in an unambiguous format, e.g. ISO 8601");
	else if (schedule->at_us < now.us)
		answer_plain(answer, 422, "Cannot schedule %s in the past", what);
	else
		return true;
	return false;
}
