/* One asynchronous PostgreSQL connection: connects by itself when a query is asked for, one query at a time, statement
 * by statement. Behind it libpq.
 *
 * Only Unix sockets or numeric addresses: libpq resolves names inside its first call and would block the loop. */
#ifndef HOWDAH_IO_PG_H
#define HOWDAH_IO_PG_H

#include "io/loop.h"

enum { PG_PARAMS_MAX = 8, SQLSTATE_SIZE = 6 };

struct pg_rows; /* valid during the callback only */
int pg_rows_count(const struct pg_rows *rows);
int pg_rows_columns(const struct pg_rows *rows);
const char *pg_rows_name(const struct pg_rows *rows, int column);
bool pg_rows_null(const struct pg_rows *rows, int row, int column);
const char *pg_rows_text(const struct pg_rows *rows, int row, int column); /* "" for null */

struct pg_answer {
	const struct pg_rows *rows;   /* NULL: it failed */
	const char *error;            /* NULL: it worked; one line */
	char sqlstate[SQLSTATE_SIZE]; /* "" for connection failures and time-outs */
	bool connected;               /* false: no session was made */
};
typedef void pg_fn(void *arg, const struct pg_answer *answer);

struct pg;
struct pg *pg_create(struct loop *loop);
void pg_set_conninfo(
	struct pg *pg, const char *const keywords[],
	const char *const values[]); /* NULL-terminated arrays, copied; an open session is closed if they changed */
void pg_close(struct pg *pg);        /* the session, if any; a running query fails */
void pg_destroy(struct pg *pg);      /* takes NULL; a running query is not reported */
bool pg_busy(const struct pg *pg);

struct pg_query {
	const char *sql;           /* may hold several statements when there are no params; copied */
	const char *const *params; /* NULL-terminated, copied; NULL: none */
	int64_t timeout_ms;        /* connecting included; 0: none */
	pg_fn *fn;                 /* exactly one call, never before pg_query returns */
	void *arg;
};
void pg_query(struct pg *pg, const struct pg_query *query);

#endif
