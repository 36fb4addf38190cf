/* Bodies of requests: JSON objects whose keys are known. What is wrong with one is answered, naming key, value and what is
 * allowed. */
#ifndef HOWDAH_SRC_REST_BODY_H
#define HOWDAH_SRC_REST_BODY_H

#include "rest/rest.h"

enum field_kind {
	FIELD_ANY, /* whoever takes it checks it */
	FIELD_NAME,
	FIELD_URL,
	FIELD_TRUTH,
	FIELD_OBJECT,
};

struct field {
	const char *key;
	enum field_kind kind;
	bool required;
};

enum { FIELDS_MAX = 8 };

struct fields {
	struct field list[FIELDS_MAX]; /* up to the first without a key */
	bool takes_others;             /* programs of other versions send it: what is not known here is left out */
};

/* The object that was sent; `empty` says that none at all, or one without keys, will do. NULL: it is answered. json_free it. */
struct json *body_read(const struct http_request *request, bool empty, struct rest_answer *answer);

/* Keys, types and lengths. null counts as absent. */
bool body_check(const struct json *body, const struct fields *fields, struct rest_answer *answer);

/* Of a body that was checked: "" and false where there is none. */
const char *body_get_text(const struct json *body, const char *key);
bool body_get_truth(const struct json *body, const char *key);

/* KEY: VALUE PROBLEM, 400. */
void body_refuse(struct rest_answer *answer, const struct json *value, const char *problem);

#endif
