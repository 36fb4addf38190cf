/* Tags. */
#include "tags.h"

#include "codec/units.h"

bool value_is_true(const struct json *value)
{
	bool truth;
	const char *text = json_text(value);
	if (text != NULL)
		return units_bool(text, &truth) ? truth : text[0] != '\0';
	if (json_is_number(value))
		return json_double(value) != 0;
	if (json_is_object(value) || json_is_array(value))
		return json_count(value) > 0;
	return json_true(value);
}

bool tag_is_true(const struct json *tags, const char *name)
{
	return value_is_true(json_get(tags, name));
}

int tag_int(const struct json *tags, const char *name, int fallback)
{
	int64_t value;
	const struct json *tag = json_get(tags, name);
	const char *text = json_text(tag);
	if (!json_i64(tag, &value) && (text == NULL || !units_int(text, NULL, &value)))
		return fallback;
	return value > INT32_MAX ? INT32_MAX : value < INT32_MIN ? INT32_MIN : (int)value;
}

static bool is_given(const struct json *tags, const char *name)
{
	const struct json *tag = json_get(tags, name);
	return tag != NULL && !json_is_null(tag);
}

void tags_failover(const struct json *tags, bool *nofailover, int *priority)
{
	*priority = tag_int(tags, "failover_priority", 1);
	*nofailover = is_given(tags, "nofailover") ? tag_is_true(tags, "nofailover") : *priority <= 0;
	if (*nofailover)
		*priority = 0;
	else if (*priority <= 0)
		*priority = 1;
}

bool tags_conflict(const struct json *tags, const char *flag, const char *priority)
{
	return is_given(tags, flag) && is_given(tags, priority) &&
	       tag_is_true(tags, flag) != (tag_int(tags, priority, 1) <= 0);
}
