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
	bool leads;                                    /* leads_now() */
	bool loop_alive;                               /* for /liveness */
	const struct restart_order *scheduled_restart; /* NULL: none */
	const char *failsafe_text;                     /* the `failsafe` annotation, "" when there is none */
	bool failsafe_active;                          /* a ping of a primary was accepted less than a ttl ago */
	const char *failsafe_free_uid;                 /* our pod's, if no primary can count on us; NULL: one can */
	const char *lacks;                             /* rejoin_lacks(); NULL or "": nothing */
	const char *given_back;                        /* lease_given_back(); NULL or "": nothing */
	uint64_t given_back_lsn;                       /* ... and where our PostgreSQL ended */
	const char *trouble;      /* what a person should do something about; NULL or "": nothing known */
	const char *copy_dropped; /* why the last new copy that was asked for is not made; NULL: it is, or none was */
	const char *rollout;      /* what the leader says of it, a JSON object; "" or NULL: nothing */
	enum member_state state;
	enum member_role role;
	struct rest_counters counters;
};

/* What a request asks the agent to do; owned by the answer. */
struct rest_order {
	enum order_kind kind;
	char *config_text;            /* ORDER_CONFIG: the whole new configuration, compact JSON */
	uint64_t config_version;      /* ... computed from the config object of this version; 0: there is none */
	bool config_replaces;         /* ... and depends on nothing of it: after a conflict it may be written again */
	struct move move;             /* ORDER_MOVE */
	bool is_failover;             /* ... which was asked as a failover; for the texts of the answer */
	struct restart_order restart; /* ORDER_RESTART */
	bool force, from_leader;      /* ORDER_REINITIALIZE */
	struct failsafe_ping ping;    /* ORDER_FAILSAFE */
};

/* What goes out. An order's answer is kept until it was carried out: the headers that every answer has are in it. */
struct rest_answer {
	int status;               /* 0: order.kind says what has to be done first */
	const char *content_type; /* static; NULL: no body */
	char *body;               /* free() it; NULL: none */
	size_t body_len;
	char *extra_headers; /* lines "Name: value\n"; free() it; NULL: none */
	struct rest_order order;
};

/* Parses, checks and refuses, or answers from what is known (order.kind is ORDER_NONE, status is set), or says what has to
 * be done (status is 0). Then the agent does it and ends with exactly one of those below. Does no I/O. */
void rest_answer(const struct rest_view *view, const struct http_request *request, struct rest_answer *answer);

/* The answer to an order that was carried out, or not: plain text, in the contract's words. */
void rest_answer_text(struct rest_answer *answer, int status, const char *text);
/* ... as a page, where the contract has one: 409, 502 and 503 of /config, 409 of DELETE /switchover. */
void rest_answer_error(struct rest_answer *answer, int status, const char *text);
/* ORDER_CONFIG was written: the new configuration. */
void rest_answer_config(struct rest_answer *answer);
/* ORDER_MOVE was done, and `leader` leads now; it may be another one than was asked for. */
void rest_answer_moved(struct rest_answer *answer, const char *leader);
/* ORDER_MOVE: the failover object is gone and the leader is the same (waited_s 0), or nothing happened for so long. why: "" for not known. */
void rest_answer_not_moved(struct rest_answer *answer, int waited_s, const char *why);
/* What ORDER_MOVE is answered when it cannot be (412), by what is known now; MOVE_ASK and MOVE_POSSIBLE have no text. */
void rest_answer_obstacle(const struct rest_order *order, enum move_obstacle obstacle, struct rest_answer *answer);
/* One header more, in front of any of the above or behind it: `lsn` of ORDER_FAILSAFE. */
void rest_answer_header(struct rest_answer *answer, const char *name, const char *value);
void rest_answer_clear(struct rest_answer *answer);

/* GET /patroni's body (contract 3.5) as a tree; json_free it. */
struct json *rest_status(const struct rest_view *view);

/* A scheduled restart as members show it, here and in their pods (contract 1.5, 3.5). Owned by the caller. */
struct json *rest_scheduled_restart(const struct restart_order *restart);

/* The route table as Markdown, for docs/rest.md. */
void rest_print_reference(struct strbuf *to);

#endif
