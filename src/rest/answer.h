/* Answers as they go out. */
#ifndef HOWDAH_SRC_REST_ANSWER_H
#define HOWDAH_SRC_REST_ANSWER_H

#include "rest/rest.h"

/* body is the answer's from here on. */
void answer_body(struct rest_answer *answer, int status, const char *type, char *body);
void answer_json(struct rest_answer *answer, int status, const struct json *root);

/* A page, or a plain text: the contract has one or the other for each refusal. What others sent is made harmless in both, for
 * browsers take them for HTML. */
void answer_page(struct rest_answer *answer, int status, const char *format, ...) PRINTF_LIKE(3, 4);
void answer_plain(struct rest_answer *answer, int status, const char *format, ...) PRINTF_LIKE(3, 4);

/* The headers of the configuration. */
void answer_add_headers(struct rest_answer *answer, const struct config *config, bool tls);

#endif
