/* io/pg.h on libpq's asynchronous calls.
 *
 * Results come from the loop, and so do failures: a failure is kept and told by a timer, whatever call found it. */
#include "io/pg.h"

#include "base/log.h"
#include "base/strbuf.h"

#include <arpa/inet.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

enum pg_state {
	PG_CLOSED,
	PG_CONNECTING,
	PG_SENDING,
	PG_READING,
	PG_READY,
};

enum { KEYWORDS_MAX = 32, ERROR_MAX = 512 };

struct pg {
	struct loop *loop;
	char *keywords[KEYWORDS_MAX + 1], *values[KEYWORDS_MAX + 1]; /* NULL behind the last one */
	PGconn *conn;
	enum pg_state state;
	struct loop_io *io;
	int fd;                   /* that io watches */
	struct loop_timer *timer; /* deadline of the query, or at once: its failure is to be told */

	char *sql, *params[PG_PARAMS_MAX];
	int param_count;
	pg_fn *fn; /* NULL: no query is running */
	void *arg;
	PGresult *result; /* the last one, or the first that is an error */
	bool connected, failed, ended;
	char error[ERROR_MAX], sqlstate[SQLSTATE_SIZE];
};

struct pg_rows {
	PGresult *result;
};

int pg_rows_count(const struct pg_rows *rows)
{
	return PQntuples(rows->result);
}

int pg_rows_columns(const struct pg_rows *rows)
{
	return PQnfields(rows->result);
}

const char *pg_rows_name(const struct pg_rows *rows, int column)
{
	return PQfname(rows->result, column);
}

bool pg_rows_null(const struct pg_rows *rows, int row, int column)
{
	return PQgetisnull(rows->result, row, column) != 0;
}

const char *pg_rows_text(const struct pg_rows *rows, int row, int column)
{
	return PQgetvalue(rows->result, row, column);
}

static void advance(void *arg, int ready);

static char *copy(const char *text)
{
	char *mine = strdup(text);
	if (mine == NULL)
		abort();
	return mine;
}

/* One line: line ends and what follows them in white space become one space each. */
static void fold(char *to, size_t size, const char *from)
{
	struct strbuf b;
	strbuf_init(&b, to, size);
	for (size_t len; *(from += strspn(from, " \t\r\n")) != '\0'; from += len) {
		len = strcspn(from, "\t\r\n");
		if (b.len > 0)
			strbuf_add_char(&b, ' ');
		strbuf_add_bytes(&b, from, len);
	}
}

/* A session is told of its end (an administrator's command, a shutdown) before it is closed. */
static void on_notice(void *arg, const PGresult *notice)
{
	struct pg *pg = arg;
	char text[ERROR_MAX];
	const char *severity = PQresultErrorField(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
	if (severity != NULL && (text_equal(severity, "FATAL") || text_equal(severity, "PANIC")))
		pg->ended = true;
	fold(text, sizeof(text), PQresultErrorMessage(notice));
	log_debug("postgres says: %s", text);
}

static void close_session(struct pg *pg)
{
	loop_io_destroy(pg->io); /* before libpq closes the descriptor under it */
	pg->io = NULL;
	pg->fd = -1;
	if (pg->conn != NULL)
		PQfinish(pg->conn);
	pg->conn = NULL;
	pg->state = PG_CLOSED;
}

static void forget_query(struct pg *pg)
{
	loop_timer_set(pg->timer, -1);
	free(pg->sql);
	pg->sql = NULL;
	for (int i = 0; i < pg->param_count; i++)
		free(pg->params[i]);
	pg->param_count = 0;
	PQclear(pg->result);
	pg->result = NULL;
	pg->fn = NULL;
	pg->failed = false;
}

/* The session goes; the caller of the query is told in a moment. */
static void fail(struct pg *pg, const char *why, const char *sqlstate)
{
	if (pg->fn != NULL && !pg->failed) {
		fold(pg->error, sizeof(pg->error), why);
		text_copy(pg->sqlstate, sizeof(pg->sqlstate), sqlstate != NULL ? sqlstate : "");
		pg->failed = true;
		loop_timer_set(pg->timer, 0);
	}
	close_session(pg);
}

/* The callback may ask the next query, or destroy pg: nothing may touch it afterwards. */
static void tell(struct pg *pg, PGresult *result)
{
	pg_fn *fn = pg->fn;
	void *arg = pg->arg;
	char error[ERROR_MAX];
	struct pg_rows rows = { result };
	struct pg_answer answer = {
		.rows = result != NULL ? &rows : NULL,
		.error = result != NULL ? NULL : error,
		.connected = pg->connected,
	};
	if (result == NULL) {
		text_copy(error, sizeof(error), pg->error);
		text_copy(answer.sqlstate, sizeof(answer.sqlstate), pg->sqlstate);
	}
	forget_query(pg);
	fn(arg, &answer);
	PQclear(result);
}

static void timer_fired(void *arg)
{
	struct pg *pg = arg;
	if (!pg->failed)
		fail(pg, pg->connected ? "the query timed out" : "connecting timed out", NULL);
	tell(pg, NULL);
}

/* libpq may have another socket than before. */
static void want(struct pg *pg, int events)
{
	int fd = PQsocket(pg->conn);
	if (fd < 0) {
		fail(pg, "the connection has no socket", NULL);
		return;
	}
	if (fd != pg->fd || pg->io == NULL) {
		loop_io_destroy(pg->io);
		pg->io = loop_io_create(pg->loop, fd, advance, pg);
		pg->fd = fd;
	}
	loop_io_want(pg->io, events);
}

static void flush(struct pg *pg)
{
	int left = PQflush(pg->conn);
	if (left < 0) {
		fail(pg, PQerrorMessage(pg->conn), NULL);
		return;
	}
	pg->state = left > 0 ? PG_SENDING : PG_READING;
	want(pg, left > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void send_query(struct pg *pg)
{
	const char *params[PG_PARAMS_MAX];
	int ok;
	for (int i = 0; i < pg->param_count; i++)
		params[i] = pg->params[i];
	if (pg->param_count == 0)
		ok = PQsendQuery(pg->conn, pg->sql);
	else
		ok = PQsendQueryParams(pg->conn, pg->sql, pg->param_count, NULL, params, NULL, NULL, 0);
	if (ok)
		flush(pg);
	else
		fail(pg, PQerrorMessage(pg->conn), NULL);
}

static void on_connected(struct pg *pg)
{
	pg->connected = true;
	PQsetnonblocking(pg->conn, 1);
	send_query(pg);
}

static void go_on_connecting(struct pg *pg)
{
	/* PQconnectPoll may close the socket and open another, even one with the same number */
	loop_io_destroy(pg->io);
	pg->io = NULL;
	pg->fd = -1;
	switch (PQconnectPoll(pg->conn)) {
	case PGRES_POLLING_READING:
		want(pg, LOOP_READ);
		break;
	case PGRES_POLLING_WRITING:
		want(pg, LOOP_WRITE);
		break;
	case PGRES_POLLING_OK:
		on_connected(pg);
		break;
	default:
		fail(pg, PQerrorMessage(pg->conn), NULL);
	}
}

static bool is_error(const PGresult *result)
{
	ExecStatusType status = PQresultStatus(result);
	return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_EMPTY_QUERY;
}

/* Of several statements the last result counts, or the error that ended them. */
static void keep_result(struct pg *pg, PGresult *result)
{
	if (pg->result != NULL && is_error(pg->result)) {
		PQclear(result);
		return;
	}
	PQclear(pg->result);
	pg->result = result;
}

/* All results are in. A session that is not idle between queries would hold locks or a snapshot: it is not kept. */
static void finish_query(struct pg *pg)
{
	PGresult *result = pg->result;
	bool usable = PQstatus(pg->conn) == CONNECTION_OK && PQtransactionStatus(pg->conn) == PQTRANS_IDLE;
	pg->result = NULL;
	pg->state = PG_READY;
	if (result == NULL || is_error(result)) {
		bool answered = result != NULL && PQresultErrorField(result, PG_DIAG_SQLSTATE) != NULL;
		const char *why = result != NULL ? PQresultErrorMessage(result) : "the server sent no result";
		fold(pg->error, sizeof(pg->error), why);
		text_copy(pg->sqlstate, sizeof(pg->sqlstate),
			  answered ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : "");
		PQclear(result);
		result = NULL;
	}
	if (!usable)
		close_session(pg);
	tell(pg, result);
}

static void read_results(struct pg *pg)
{
	while (!PQisBusy(pg->conn)) {
		PGresult *result = PQgetResult(pg->conn);
		if (result == NULL) {
			finish_query(pg);
			return;
		}
		ExecStatusType status = PQresultStatus(result);
		bool copying = status == PGRES_COPY_IN || status == PGRES_COPY_OUT || status == PGRES_COPY_BOTH;
		keep_result(pg, result);
		if (copying) {
			fail(pg, "COPY is not possible here", NULL);
			return;
		}
	}
	want(pg, LOOP_READ);
}

/* Nothing is asked: the server may end the session, or tell things nobody asked for. */
static void on_idle_input(struct pg *pg)
{
	PGnotify *notify;
	bool alive = PQconsumeInput(pg->conn) != 0;
	while ((notify = PQnotifies(pg->conn)) != NULL)
		PQfreemem(notify);
	if (!alive || pg->ended || PQstatus(pg->conn) != CONNECTION_OK)
		close_session(pg);
}

static void advance(void *arg, int ready)
{
	struct pg *pg = arg;
	switch (pg->state) {
	case PG_CONNECTING:
		go_on_connecting(pg);
		break;
	case PG_SENDING:
		/* the server may be unable to take more before we take what it says */
		if ((ready & LOOP_READ) && !PQconsumeInput(pg->conn))
			read_results(pg);
		else
			flush(pg);
		break;
	case PG_READING:
		PQconsumeInput(pg->conn); /* a failure becomes a result */
		read_results(pg);
		break;
	case PG_READY:
		on_idle_input(pg);
		break;
	case PG_CLOSED:
		break;
	}
}

struct pg *pg_create(struct loop *loop)
{
	struct pg *pg = calloc(1, sizeof(*pg));
	if (pg == NULL)
		abort();
	pg->loop = loop;
	pg->fd = -1;
	pg->timer = loop_timer_create(loop, timer_fired, pg);
	return pg;
}

static bool same_conninfo(struct pg *pg, const char *const keywords[], const char *const values[])
{
	int i = 0;
	for (; keywords[i] != NULL && pg->keywords[i] != NULL; i++)
		if (!text_equal(keywords[i], pg->keywords[i]) || !text_equal(values[i], pg->values[i]))
			return false;
	return keywords[i] == NULL && pg->keywords[i] == NULL;
}

static void forget_conninfo(struct pg *pg)
{
	for (int i = 0; pg->keywords[i] != NULL; i++) {
		free(pg->keywords[i]);
		free(pg->values[i]);
		pg->keywords[i] = pg->values[i] = NULL;
	}
}

void pg_set_conninfo(struct pg *pg, const char *const keywords[], const char *const values[])
{
	if (same_conninfo(pg, keywords, values))
		return;
	pg_close(pg);
	forget_conninfo(pg);
	for (int i = 0; keywords[i] != NULL; i++) {
		assert(i < KEYWORDS_MAX);
		pg->keywords[i] = copy(keywords[i]);
		pg->values[i] = copy(values[i]);
	}
}

void pg_close(struct pg *pg)
{
	fail(pg, "the session was closed", NULL);
}

void pg_destroy(struct pg *pg)
{
	if (pg == NULL)
		return;
	close_session(pg);
	forget_query(pg);
	loop_timer_destroy(pg->timer);
	forget_conninfo(pg);
	free(pg);
}

bool pg_busy(const struct pg *pg)
{
	return pg->fn != NULL;
}

static const char *value_of(const struct pg *pg, const char *keyword)
{
	for (int i = 0; pg->keywords[i] != NULL; i++)
		if (text_equal(pg->keywords[i], keyword))
			return pg->values[i];
	return "";
}

/* libpq would look a name up within its first call and stop the loop for as long as that takes. */
static bool address_needs_no_lookup(const struct pg *pg)
{
	struct in6_addr address;
	const char *host = value_of(pg, "host");
	return host[0] == '/' || host[0] == '@' || host[0] == '\0' || value_of(pg, "hostaddr")[0] != '\0' ||
	       inet_pton(AF_INET, host, &address) == 1 || inet_pton(AF_INET6, host, &address) == 1;
}

static void connect_session(struct pg *pg)
{
	pg->connected = false;
	pg->ended = false;
	if (!address_needs_no_lookup(pg)) {
		fail(pg, "the host is not a numeric address", NULL);
		return;
	}
	pg->conn = PQconnectStartParams((const char *const *)pg->keywords, (const char *const *)pg->values, 0);
	if (pg->conn == NULL)
		abort();
	PQsetNoticeReceiver(pg->conn, on_notice, pg);
	pg->state = PG_CONNECTING;
	if (PQstatus(pg->conn) == CONNECTION_BAD)
		fail(pg, PQerrorMessage(pg->conn), NULL);
	else
		want(pg, LOOP_WRITE);
}

void pg_query(struct pg *pg, const struct pg_query *query)
{
	assert(!pg_busy(pg));
	pg->sql = copy(query->sql);
	for (int i = 0; query->params != NULL && query->params[i] != NULL; i++) {
		assert(i < PG_PARAMS_MAX);
		pg->params[pg->param_count++] = copy(query->params[i]);
	}
	pg->fn = query->fn;
	pg->arg = query->arg;
	pg->failed = false;
	loop_timer_set(pg->timer, query->timeout_ms > 0 ? query->timeout_ms : -1);
	if (pg->state == PG_READY)
		on_idle_input(pg); /* it may have ended and the loop not have come by yet */
	if (pg->state == PG_READY) {
		send_query(pg);
	} else {
		close_session(pg);
		connect_session(pg);
	}
}
