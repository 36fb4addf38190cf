/* GET /metrics: one table of metrics (contract 3.7, then ours) and their text. */
#ifndef HOWDAH_SRC_REST_METRICS_H
#define HOWDAH_SRC_REST_METRICS_H

#include "rest/rest.h"

void metrics_print(const struct rest_view *view, struct strbuf *to);
void metrics_print_reference(struct strbuf *to); /* as a Markdown table */

#endif
