/* Statements of jobs and chores. Each session lives only while it has something to do. */
#include "postgres/private.h"

static void on_answer(void *arg, const struct pg_answer *answer)
{
	struct work *work = arg;
	work_done *done = work->done;
	char error[REASON_SIZE];
	text_copy(error, sizeof(error), answer->error == NULL ? "" : answer->error);
	work->done = NULL;
	text_copy(work->sqlstate, sizeof(work->sqlstate), answer->error == NULL ? "" : answer->sqlstate);
	done(work->pg, answer->error == NULL, error);
	postgres_turn(work->pg);
}

void work_init(struct postgres *pg, struct work *work)
{
	work->pg = pg;
	work->session = pg_create(pg->loop);
}

void work_finish(struct work *work)
{
	pg_destroy(work->session);
}

bool work_query(struct work *work, const char *sql, const char *const params[], int64_t timeout_ms, work_done *done)
{
	if (work->done != NULL)
		return false;
	work->done = done;
	static const char plain[] = "-c statement_timeout=0 -c synchronous_commit=local";
	static const char safe[] = "-c statement_timeout=0 -c synchronous_commit=local -c search_path=pg_catalog";
	struct session_at at = { .database = work->database, .options = work->database != NULL ? plain : safe };
	probe_session(work->pg, work->session, &at);
	struct pg_query query = {
		.sql = sql,
		.params = params,
		.timeout_ms = timeout_ms,
		.fn = on_answer,
		.arg = work,
	};
	pg_query(work->session, &query);
	return true;
}
