/* Tags (contract 2.9), read alike from our configuration and from what members publish. */
#ifndef HOWDAH_SRC_CODEC_TAGS_H
#define HOWDAH_SRC_CODEC_TAGS_H

#include "codec/json.h"

/* A boolean by its YAML or text spelling; other values count as Python counts them: absent, null, 0, "" and empty are false. */
bool value_is_true(const struct json *value);
bool tag_is_true(const struct json *tags, const char *name);

/* An integer by its YAML or text spelling; `fallback` when it is absent or none. */
int tag_int(const struct json *tags, const char *name, int fallback);

/* nofailover beats failover_priority; without it a priority of 0 or less means the same. The results never contradict each other. */
void tags_failover(const struct json *tags, bool *nofailover, int *priority);

/* Both of a pair are given and say opposite things. */
bool tags_conflict(const struct json *tags, const char *flag, const char *priority);

#endif
