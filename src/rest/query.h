/* Query strings, read as Python's parse_qs reads them: blank values do not exist, the first of a repeated key counts. */
#ifndef HOWDAH_SRC_REST_QUERY_H
#define HOWDAH_SRC_REST_QUERY_H

#include "io/http_server.h"

struct query_pair {
	char key[HTTP_URI_MAX], value[HTTP_URI_MAX];
};

/* Takes the next pair with a value from *at; false at the end. */
bool query_next(const char **at, struct query_pair *pair);

/* The pair of that key; false when there is none. */
bool query_find(const char *query, const char *key, struct query_pair *pair);

#endif
