/* What people configure for a method of theirs, as arguments of its command (contract 5.6.1 and 5.6.4). */
#include "postgres/private.h"

#include <stdlib.h>
#include <string.h>

bool method_is_set(const struct json *value)
{
	int64_t number;
	if (json_is_text(value))
		return guc_has_word("true|on|yes|1", json_text(value));
	return json_true(value) || (json_i64(value, &number) && number != 0);
}

static bool is_among(const char *const names[], const char *name)
{
	for (size_t i = 0; names[i] != NULL; i++)
		if (text_equal(names[i], name))
			return true;
	return false;
}

/* Truth as Patroni's programs write and read it; what is no scalar as JSON. */
static void add_key(struct command *command, const struct json *item)
{
	const char *name = json_key(item);
	if (json_is_text(item)) {
		command_argf(command, "--%s=%s", name, json_text(item));
	} else if (json_is_bool(item)) {
		command_argf(command, "--%s=%s", name, json_true(item) ? "True" : "False");
	} else {
		AUTO(text) char *text = json_print_text(item, JSON_COMPACT);
		command_argf(command, "--%s=%s", name, text);
	}
}

void method_add_keys(struct command *command, const struct json *section, const char *const not_passed[])
{
	for (const struct json *item = json_first(section); item != NULL; item = json_next(item))
		if (!json_is_null(item) && !is_among(not_passed, json_key(item)))
			add_key(command, item);
}
