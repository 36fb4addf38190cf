/* Our HTTP API (contract 3): from a view of what is known in memory to an answer. A probe never waits for anything. */
#ifndef HOWDAH_REST_REST_H
#define HOWDAH_REST_REST_H

#include "codec/config.h"
#include "core/decide.h"
#include "core/details.h"
#include "io/http_server.h"

struct rest_counters { /* for /metrics, ours in addition to the contract's */
	uint64_t turns, lock_writes, lock_write_failures, promotions, fences, watch_restarts;
	int64_t stall_us_max;
	int64_t lease_left_ms; /* until T; 0 without one */
};

struct rest_view {
	const struct config *config;
	const struct cluster *cluster;
	const struct self *self;
	const struct instance *instance;
	const struct postgres_details *details;
	const char *config_text, *history_text; /* annotations; "" and "[]" when absent */
	/* a member's status annotation, "" when there is none (dcs_member_status_text); may be NULL */
	const char *(*member_status)(const void *arg, const char *name);
	const void *member_status_arg;
	struct instant now;
	struct wall wall;
	struct wall dcs_last_seen;
	bool leads;      /* leads_now() */
	bool loop_alive; /* for /liveness */
	enum member_state state;
	enum member_role role;
	struct rest_counters counters;
};

struct rest_answer {
	int status;
	const char *content_type; /* NULL: no body */
	char *body;               /* free() it; NULL: none */
	size_t body_len;
	const char *extra_headers; /* static, or NULL */
};

void rest_answer(const struct rest_view *view, const struct http_request *request, struct rest_answer *answer);
void rest_answer_clear(struct rest_answer *answer);

/* GET /patroni's body (contract 3.5) as a tree; json_free it. */
struct json *rest_status(const struct rest_view *view);

/* The route table as Markdown, for docs/rest.md. */
void rest_print_reference(struct strbuf *to);

#endif
