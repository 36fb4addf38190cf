/* The field tables that printing and parsing of records both walk. */
#ifndef HOWDAH_SRC_CODEC_RECORD_PRIVATE_H
#define HOWDAH_SRC_CODEC_RECORD_PRIVATE_H

#include "codec/record.h"

enum field_kind {
	FIELD_TEXT,
	FIELD_BOOL,
	FIELD_INT,
	FIELD_U32,
	FIELD_I64,
	FIELD_U64,
	FIELD_LSN,     /* uint64_t, as 3/A1004F20 */
	FIELD_INSTANT, /* [boot, raw] in microseconds */
	FIELD_WALL,    /* ISO 8601 */
	FIELD_WORD,    /* an enum, by its name */
	FIELD_STRUCT,
	FIELD_LIST, /* as long as `count_offset` says, or, without one, up to the last element that is not zero */
};

enum { FIELD_NO_COUNT = -1 };

struct field {
	const char *name;
	enum field_kind kind;
	size_t offset, size;    /* size of one element */
	const struct shape *of; /* FIELD_STRUCT, FIELD_LIST */
	int max;                /* FIELD_LIST: elements; FIELD_WORD: words */
	long count_offset;      /* FIELD_LIST: of an int */
	const char *const *words;
};

struct shape {
	size_t size;
	const struct field *fields;
	int count;
};

enum { RECORD_PARTS = 5 };
struct record_part {
	const char *name;
	const struct shape *shape;
	size_t offset; /* in struct record */
};
extern const struct record_part record_parts[RECORD_PARTS];

#endif
