/* Collations whose version is another one than what indexes were built with: another image of PostgreSQL brought another libc or ICU.
 * Asked of a primary once a start and once a promotion, and now and then until nothing is left of it. */
#include "postgres/private.h"

#include "base/log.h"

#include <string.h>

enum { TIMEOUT_MS = 30000, AGAIN_MS = 600000 };

/* Of databases from version 15 on; of what has a COLLATE of its own only where we are connected anyway. */
static const char sql[] =
	"SELECT string_agg(t, ', ') FROM ("
	"(SELECT format('database \"%s\" (%s, now %s)', datname, datcollversion, "
	"pg_database_collation_actual_version(oid)) t"
	" FROM pg_database WHERE datallowconn AND datcollversion <> pg_database_collation_actual_version(oid)"
	" ORDER BY datname LIMIT 5)"
	" UNION ALL SELECT format('%s collations of database \"%s\"', count(*), current_database()) FROM pg_collation"
	" WHERE collversion <> pg_collation_actual_version(oid) HAVING count(*) > 0) a";
static const char old_sql[] =
	"SELECT string_agg(t, ', ') FROM (SELECT format('%s collations of database \"%s\"', count(*), "
	"current_database()) t"
	" FROM pg_collation WHERE collversion <> pg_collation_actual_version(oid) HAVING count(*) > 0) a";

void collation_init(struct postgres *pg)
{
	pg->collation.session = pg_create(pg->loop);
}

void collation_finish(struct postgres *pg)
{
	pg_destroy(pg->collation.session);
}

static void on_answer(void *arg, const struct pg_answer *answer)
{
	struct postgres *pg = arg;
	struct postgres_details *details = &pg->details;
	pg_close(pg->collation.session);
	if (answer->error != NULL)
		log_warning("postgres: versions of collations could not be read: %s", answer->error);
	else
		text_copy(details->collations, sizeof(details->collations), pg_rows_text(answer->rows, 0, 0));
	postgres_turn_soon(pg);
}

static bool is_due(const struct postgres *pg)
{
	const struct collation *last = &pg->collation;
	const struct instance *in = &pg->instance;
	bool same = last->life == in->postmaster_count && last->timeline == in->timeline;
	return !same ||
	       (pg->details.collations[0] != '\0' && elapsed_least_ms(last->asked, loop_now(pg->loop)) >= AGAIN_MS);
}

void collation_turn(struct postgres *pg)
{
	struct collation *collation = &pg->collation;
	const struct instance *in = &pg->instance;
	if (in->tree != PG_TREE_PRIMARY || !in->answers || in->in_recovery || in->timeline == 0 ||
	    in->server_version == 0)
		return;
	if (pg_busy(collation->session) || pg->job.kind != PG_JOB_NONE || !is_due(pg))
		return;
	collation->life = in->postmaster_count;
	collation->timeline = in->timeline;
	collation->asked = loop_now(pg->loop);
	probe_session(pg, collation->session, &(struct session_at){ .options = "-c search_path=pg_catalog" });
	struct pg_query query = { .sql = in->server_version >= 150000 ? sql : old_sql,
				  .timeout_ms = TIMEOUT_MS,
				  .fn = on_answer,
				  .arg = pg };
	pg_query(collation->session, &query);
}
