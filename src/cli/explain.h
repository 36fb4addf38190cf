/* howdahctl explain: what a member decided lately, and why, from its flight recorder. */
#ifndef HOWDAH_SRC_CLI_EXPLAIN_H
#define HOWDAH_SRC_CLI_EXPLAIN_H

#include "codec/record.h"

enum { EXPLAIN_COUNT_DEFAULT = 5, EXPLAIN_COUNT_MAX = 10000 };

struct explain_params {
	int count;        /* the last so many decisions; 0: EXPLAIN_COUNT_DEFAULT */
	bool json;        /* the recorded documents as they are, in an array */
	const char *file; /* NULL: `turns` in HOWDAH_RUN_DIR, or in /run/howdah */
};

/* Writes to standard output. */
MUST_CHECK bool explain_run(const struct explain_params *params, struct err *err);

/* One decision in words. */
void explain_print(const struct record *record, struct strbuf *to);

/* facts.c of it: each adds a few words and no full stop. */
void explain_span(int64_t ms, struct strbuf *to);                     /* 12.4 s, 3 min */
void explain_lock(const struct situation *s, struct strbuf *to);      /* who holds it, and how old that is */
void explain_positions(const struct situation *s, struct strbuf *to); /* ours and the others' */

#endif
