/* What a plain scalar is: the types of YAML 1.1 as Python's loader tells them apart, by the spelling alone. */
#ifndef HOWDAH_SRC_CODEC_YAML_SCALAR_H
#define HOWDAH_SRC_CODEC_YAML_SCALAR_H

#include "codec/json.h"

enum scalar_kind {
	SCALAR_NULL,
	SCALAR_BOOL,
	SCALAR_INT,
	SCALAR_FLOAT,
	SCALAR_OTHER, /* a time, an infinity: a text for us, but not for every reader: written with quotes */
	SCALAR_TEXT,
};

enum scalar_kind scalar_kind(const char *text);

/* The value that a plain scalar stands for. */
struct json *scalar_value(const char *text);

#endif
