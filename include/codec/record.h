/* A turn as a document: what was looked at and what was decided, as one compact JSON object, and back. `decide()` on
 * what was read back gives the same plan, so that a recorded turn replays as a test.
 *
 * Only what differs from zero is written. Nothing in it is secret. */
#ifndef HOWDAH_CODEC_RECORD_H
#define HOWDAH_CODEC_RECORD_H

#include "base/err.h"
#include "base/strbuf.h"
#include "core/decide.h"

struct record_stamp {
	uint64_t turn;
	struct wall at;
};

/* Large (hundreds of KB): on the heap. */
struct record {
	struct record_stamp stamp;
	struct cluster cluster;
	struct self self;
	struct instance instance;
	struct settings settings;
	struct instant now;
	struct plan plan;
};

struct situation record_situation(const struct record *record); /* points into record */

/* false: it did not fit. */
MUST_CHECK bool record_print(const struct situation *s, const struct plan *plan, struct record_stamp stamp,
			     struct strbuf *to);

/* Strict: an unknown key, rule or action means that another version wrote it. */
MUST_CHECK bool record_parse(const char *text, size_t len, struct record *record, struct err *err);

#endif
