/* Shared by the files that know that a tree is cJSON's.
 *
 * A number that is no plain integer below 2^53 keeps its text in valuestring, which cJSON copies and frees but never reads for a number. */
#ifndef HOWDAH_SRC_CODEC_JSON_PRIVATE_H
#define HOWDAH_SRC_CODEC_JSON_PRIVATE_H

#include "codec/json.h"

#include <cjson/cJSON.h>

enum { JSON_TEXT_MAX = 1024 * 1024, JSON_LEVELS_MAX = 64, JSON_PLAIN_DIGITS = 15 };

static inline cJSON *raw(struct json *node)
{
	return (cJSON *)node;
}

static inline const cJSON *raw_const(const struct json *node)
{
	return (const cJSON *)node;
}

/* Memory is never what fails: the agent's state is elsewhere, so it may end at once. */
cJSON *json_must(cJSON *node);

/* A number by its text: what stands in a document, or the shortest text of a double. */
cJSON *json_number_from_text(const char *text);

#endif
