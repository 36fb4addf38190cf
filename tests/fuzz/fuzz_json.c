/* Any text: what is accepted must print to a text that reads back as the same tree, in both styles. */
#include "codec/json.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct json *root, enum json_style style)
{
	struct err err;
	AUTO(text) char *text = json_print_text(root, style);
	AUTO(json) struct json *again = json_parse(text, strlen(text), &err);
	if (again == NULL || !json_equal(root, again))
		abort();
	AUTO(text) char *second = json_print_text(again, style);
	if (strcmp(text, second) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err;
	int64_t number;
	AUTO(json) struct json *root = json_parse((const char *)data, size, &err);
	if (root == NULL) {
		if (err.kind != ERR_INPUT || err.text[0] == '\0')
			abort();
		return 0;
	}
	round_trip(root, JSON_COMPACT);
	round_trip(root, JSON_SPACED);
	AUTO(json) struct json *copy = json_copy(root);
	if (json_is_object(copy))
		(void)json_merge(copy, root);
	(void)json_i64(root, &number);
	return 0;
}
