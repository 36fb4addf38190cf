/* Rows in patronictl's formats (contract 4.3). */
#ifndef HOWDAH_SRC_CLI_OUTPUT_H
#define HOWDAH_SRC_CLI_OUTPUT_H

#include "codec/json.h"

enum output_format { OUTPUT_PRETTY, OUTPUT_TSV, OUTPUT_JSON, OUTPUT_YAML, OUTPUT_TOPOLOGY };
enum { OUTPUT_COLUMNS_MAX = 64 };

enum output_format output_format(const char *word); /* NULL: pretty */

struct output_column {
	const char *key;   /* of the row's object, and the name in json, yaml and tsv */
	const char *title; /* in a frame; NULL: it is not shown there */
	bool right;
};

struct output {
	int column_count;
	struct output_column columns[OUTPUT_COLUMNS_MAX];
	const char *title;       /* over the frame; "": none */
	bool omit_empty;         /* json and yaml leave empty values out */
	const struct json *rows; /* an array of objects */
};

void output_print(const struct output *output, enum output_format format, struct strbuf *to);

#endif
