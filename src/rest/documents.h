/* The documents beside the status: the cluster, its history, its configuration. NULL: there is none. json_free them. */
#ifndef HOWDAH_SRC_REST_DOCUMENTS_H
#define HOWDAH_SRC_REST_DOCUMENTS_H

#include "rest_facts.h"

struct json *document_cluster(const struct rest_view *view, const struct rest_facts *facts);
struct json *document_history(const struct rest_view *view);
struct json *document_failsafe(const struct rest_view *view); /* NULL: there is none */
struct json *document_config(const struct rest_view *view);

#endif
