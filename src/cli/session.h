/* A cluster as a command works on it: read, its members asked, requests sent, the store written. Every call here waits until it is done. */
#ifndef HOWDAH_SRC_CLI_SESSION_H
#define HOWDAH_SRC_CLI_SESSION_H

#include "snapshot.h"

#include "dcs/dcs.h"
#include "io/http_client.h"

enum {
	ASK_MS = 200, /* a member that is up answers in a few; nobody waits for one that is not */
	REQUEST_MS = 10000,
};

struct session {
	const struct cli *cli;
	struct config config;
	struct loop *loop;
	struct loop_timer *timer; /* session_pass */
	struct http_client *http;
	struct dcs *dcs;
	struct snapshot *snapshot;
};

/* Reads the store. `scope` NULL: the first name on the command line, or else the configuration's. NULL: err says why. */
struct session *session_open(const struct cli *cli, const char *scope, struct err *err);
void session_close(struct session *session);                               /* takes NULL */
MUST_CHECK bool session_refresh(struct session *session, struct err *err); /* the store again; answers are dropped */
struct snapshot *session_take_snapshot(struct session *session);           /* the caller's from now on */

/* GET /patroni of all members at the same time; whoever has not answered within the limit is silent. */
void session_ask(struct session *session, int64_t limit_ms);
void session_pass(struct session *session, int64_t ms);
struct instant session_now(struct session *session);

struct member_request {
	const struct member *member;
	const char *method, *path; /* path without a slash before it */
	const struct json *body;   /* NULL: none */
	int64_t limit_ms;          /* 0: REQUEST_MS */
};

/* The status of the answer, and its text (free it); 0 and what went wrong when none came. */
int session_request(struct session *session, const struct member_request *request, char **text);

/* ERR_CONFLICT when somebody else was first, ERR_FORBIDDEN, ERR_NO_ANSWER. */
MUST_CHECK bool session_write_config(struct session *session, const char *text, struct err *err);
MUST_CHECK bool session_write_move(struct session *session, const struct move *move, struct err *err);
MUST_CHECK bool session_pause_rollout(struct session *session, bool paused, struct err *err);
MUST_CHECK bool session_remove(struct session *session, struct err *err);

#endif
