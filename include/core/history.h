/* Timelines: where each began. From PostgreSQL's TLI.history files and from the `history` annotation
 * (contract 1.5, 5.18). */
#ifndef HOWDAH_CORE_HISTORY_H
#define HOWDAH_CORE_HISTORY_H

#include "core/limits.h"

#include "base/base.h"

struct history_entry {
	uint32_t timeline; /* the one that was left ... */
	uint64_t end_lsn;  /* ... at this position, where timeline + 1 (or a later one) began */
	char reason[REASON_SIZE];
	char when[TIME_SIZE];   /* "": unknown */
	char leader[NAME_SIZE]; /* who began the next timeline; "": unknown */
};

struct history {
	int count;
	struct history_entry entries[HISTORY_MAX];
};

/* The position at which the owner of `history` (now on `timeline`) left timeline `theirs`; UINT64_MAX when it is on it
 * still, 0 when it never was on it. */
uint64_t history_left_at(const struct history *history, uint32_t timeline, uint32_t theirs);

#endif
