/* One statement asks the server all that is sensed of it. */
#include "postgres/private.h"

#include "base/log.h"
#include "codec/units.h"
#include "postgres/conninfo.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROBE_TIMEOUT_MS = 3000, AGAIN_MS = 1000 };

const char probe_options[] = "-c statement_timeout=2000 -c pg_stat_statements.track=none -c search_path=pg_catalog";

enum column {
	COL_RECOVERY, /* alone in a quick probe */
	COL_VERSION,
	COL_TIMELINE,
	COL_WRITE_LSN,
	COL_REPLAY_LSN,
	COL_RECEIVE_LSN,
	COL_RECEIVED_TIMELINE,
	COL_CHECKPOINT_TIMELINE,
	COL_CONTROL_TIMELINE,
	COL_RECEIVER_STATUS,
	COL_RECEIVER_CONNINFO,
	COL_LATEST_END_LSN,
	COL_CONNINFO,
	COL_RESTORE_COMMAND,
	COL_START_TEXT,
	COL_START_US,
	COL_REPLAYED_TIMESTAMP,
	COL_REPLAY_PAUSED,
	COL_NEEDED,
	COL_REPLICAS,
	COL_SLOTS,
	COL_PENDING,
	COL_COUNT
};

#define TIME_TEXT(expression) "to_char(" expression ", 'YYYY-MM-DD HH24:MI:SS.USTZH:TZM')"

/* Positions as whole numbers. What only one role can answer is asked of that role alone. */
static const char *const columns[COL_COUNT] = {
	[COL_RECOVERY] = "r::int",
	[COL_VERSION] = "current_setting('server_version_num')",
	[COL_TIMELINE] = "CASE WHEN r THEN 0 ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, "
			 "8))::bit(32)::bigint END",
	[COL_WRITE_LSN] = "CASE WHEN r THEN 0 ELSE pg_current_wal_flush_lsn() - '0/0' END",
	[COL_REPLAY_LSN] = "CASE WHEN r THEN pg_last_wal_replay_lsn() - '0/0' END",
	[COL_RECEIVE_LSN] = "CASE WHEN r THEN greatest(w.written_lsn, pg_last_wal_receive_lsn()) - '0/0' END",
	[COL_RECEIVED_TIMELINE] = "CASE WHEN w.latest_end_lsn IS NOT NULL THEN w.received_tli END",
	[COL_CHECKPOINT_TIMELINE] = "c.timeline_id",
	[COL_CONTROL_TIMELINE] = "greatest(c.timeline_id, m.min_recovery_end_timeline)",
	[COL_RECEIVER_STATUS] = "w.status",
	[COL_RECEIVER_CONNINFO] = "w.conninfo",
	[COL_LATEST_END_LSN] = "w.latest_end_lsn - '0/0'",
	[COL_CONNINFO] = "current_setting('primary_conninfo')",
	[COL_RESTORE_COMMAND] = "current_setting('restore_command') <> ''",
	[COL_START_TEXT] = TIME_TEXT("pg_postmaster_start_time()"),
	[COL_START_US] = "(extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint",
	[COL_REPLAYED_TIMESTAMP] = "CASE WHEN r THEN " TIME_TEXT("pg_last_xact_replay_timestamp()") " END",
	[COL_REPLAY_PAUSED] = "CASE WHEN r THEN pg_is_wal_replay_paused()::int ELSE 0 END",
	/* what a standby needs as much of as its primary */
	[COL_NEEDED] = "CASE WHEN r AND pg_is_wal_replay_paused() THEN (SELECT json_object_agg(name, setting::int) FROM"
		       " pg_settings WHERE name IN ('max_connections', 'max_worker_processes', 'max_wal_senders',"
		       " 'max_prepared_transactions', 'max_locks_per_transaction')) END",
	[COL_REPLICAS] =
		"(SELECT json_agg(json_build_array(usename, application_name, host(client_addr), state, sync_state,"
		" sync_priority, flush_lsn - '0/0', replay_lsn - '0/0')) FROM pg_stat_replication)",
	[COL_SLOTS] =
		"(SELECT string_agg(format('\"%s\":%s', slot_name, l - '0/0'), ',' ORDER BY slot_name) FROM"
		" (SELECT slot_name, CASE slot_type WHEN 'physical' THEN restart_lsn ELSE confirmed_flush_lsn END l"
		" FROM pg_replication_slots WHERE NOT temporary) s WHERE l IS NOT NULL)",
	[COL_PENDING] = "(SELECT json_object_agg(name, current_setting(name)) FROM pg_settings WHERE pending_restart)",
};
static_assert(ARRAY_SIZE(columns) == COL_COUNT, "an expression for every column");

static const char quick_sql[] = "SELECT pg_is_in_recovery()::int";

static const char *probe_sql(void)
{
	static char text[4096];
	struct strbuf b;
	if (text[0] != '\0')
		return text;
	strbuf_init(&b, text, sizeof(text));
	for (int i = 0; i < COL_COUNT; i++)
		strbuf_addf(&b, "%s%s", i == 0 ? "SELECT " : ", ", columns[i]);
	strbuf_add(&b, " FROM (SELECT pg_is_in_recovery() AS r OFFSET 0) q CROSS JOIN pg_control_checkpoint() c"
		       " CROSS JOIN pg_control_recovery() m LEFT JOIN pg_stat_wal_receiver w ON true");
	assert(strbuf_ok(&b));
	return text;
}

/* ---- the session ---- */

static bool listens_on_loopback(const char *listen)
{
	return listen[0] == '\0' || guc_has_word("*|localhost|0.0.0.0|127.0.0.1", listen);
}

/* Where contract 5.22 connects; only when the Unix socket is not allowed by the user's own pg_hba. */
static void tcp_address(const struct config *config, char *address, size_t size)
{
	struct strbuf b;
	const char *at = config->pg_listen.host;
	if (listens_on_loopback(at)) {
		text_copy(address, size, "127.0.0.1");
		return;
	}
	strbuf_init(&b, address, size);
	strbuf_add_bytes(&b, at, strcspn(at, ","));
	if (listens_on_loopback(address))
		text_copy(address, size, "127.0.0.1");
}

static const char *user_name(const struct config *config)
{
	if (config->superuser.username[0] != '\0')
		return config->superuser.username;
	const struct passwd *me = getpwuid(getuid());
	return me == NULL ? "postgres" : me->pw_name;
}

static const char *set_or_null(const char *text)
{
	return text[0] == '\0' ? NULL : text;
}

void probe_session(struct postgres *pg, struct pg *session, const struct session_at *at)
{
	const struct config *config = pg->config;
	const struct config_auth *auth = &config->superuser;
	char socket_dir[PATH_SIZE], address[HOST_SIZE], port[16];
	struct strbuf b;
	strbuf_init(&b, socket_dir, sizeof(socket_dir));
	strbuf_addf(&b, "%s/pg", config->run_dir);
	tcp_address(config, address, sizeof(address));
	snprintf(port, sizeof(port), "%d", config->pg_listen.port);
	const struct {
		const char *keyword, *value;
	} pairs[] = {
		{ "host", pg->probe.over_tcp ? NULL : socket_dir },
		{ "hostaddr", pg->probe.over_tcp ? address : NULL },
		{ "port", port },
		{ "dbname", at->database != NULL          ? at->database
			    : config->database[0] == '\0' ? "postgres"
							  : config->database },
		{ "user", user_name(config) },
		{ "password", set_or_null(pg->passwords.superuser) },
		{ "application_name", "Patroni heartbeat" },
		{ "connect_timeout", "3" },
		{ "options", at->options },
		{ "sslmode", set_or_null(auth->sslmode) },
		{ "sslcert", set_or_null(auth->sslcert) },
		{ "sslkey", set_or_null(auth->sslkey) },
		{ "sslpassword", set_or_null(auth->sslpassword) },
		{ "sslrootcert", set_or_null(auth->sslrootcert) },
	};
	const char *keywords[ARRAY_SIZE(pairs) + 1], *values[ARRAY_SIZE(pairs) + 1];
	int count = 0;
	for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
		/* who is at the other end of a Unix socket needs no certificate */
		bool ssl = strncmp(pairs[i].keyword, "ssl", 3) == 0;
		if (pairs[i].value == NULL || (ssl && !pg->probe.over_tcp))
			continue;
		keywords[count] = pairs[i].keyword;
		values[count++] = pairs[i].value;
	}
	keywords[count] = values[count] = NULL;
	pg_set_conninfo(session, keywords, values);
}

/* ---- the answer ---- */

static int64_t number(const struct pg_rows *rows, enum column column)
{
	int64_t value;
	return text_to_i64(pg_rows_text(rows, 0, column), &value) ? value : 0;
}

static void take_upstream(struct postgres *pg, const char *conninfo, const char *receiver)
{
	struct instance *in = &pg->instance;
	char host[HOST_SIZE], port[16], used[HOST_SIZE], used_port[16];
	int64_t value = 0;
	in->upstream[0] = in->upstream_host[0] = '\0';
	in->upstream_port = 0;
	pg->probe.conninfo_in_force = text_equal(conninfo, pg->probe.wanted_conninfo);
	if (!conninfo_get(conninfo, "host", host, sizeof(host)) ||
	    !conninfo_get(conninfo, "port", port, sizeof(port)) || !text_to_i64(port, &value))
		return;
	text_copy(in->upstream_host, sizeof(in->upstream_host), host);
	in->upstream_port = (int)value;
	if (text_equal(host, pg->upstream.host) && value == pg->upstream.port)
		text_copy(in->upstream, sizeof(in->upstream), pg->upstream.member);
	if (conninfo_get(receiver, "host", used, sizeof(used)) &&
	    conninfo_get(receiver, "port", used_port, sizeof(used_port)))
		pg->probe.conninfo_in_force &= text_equal(used, host) && text_equal(used_port, port);
}

/* Without a receiver a standby's files name its timeline late, at the next restart point; but in one life of a server it never goes back. */
static void take_timeline(struct postgres *pg, const struct pg_rows *rows)
{
	struct instance *in = &pg->instance;
	uint32_t received = (uint32_t)number(rows, COL_RECEIVED_TIMELINE);
	uint32_t filed = (uint32_t)number(rows, COL_CONTROL_TIMELINE);
	bool same_life = pg->probe.timeline_life == in->postmaster_count && in->timeline != 0;
	if (!in->in_recovery)
		in->timeline = (uint32_t)number(rows, COL_TIMELINE);
	else if (received != 0)
		in->timeline = received;
	else if (!same_life || filed > in->timeline)
		in->timeline = filed;
	in->timeline_is_sure = !in->in_recovery || received != 0 || (same_life && in->timeline_is_sure);
	pg->probe.timeline_life = in->postmaster_count;
}

static void take_positions(struct postgres *pg, const struct pg_rows *rows)
{
	struct instance *in = &pg->instance;
	take_timeline(pg, rows);
	in->write_lsn = (uint64_t)number(rows, COL_WRITE_LSN);
	in->replay_lsn = (uint64_t)number(rows, COL_REPLAY_LSN);
	in->receive_lsn = (uint64_t)number(rows, COL_RECEIVE_LSN);
	in->control_timeline = (uint32_t)number(rows, in->in_recovery ? COL_CONTROL_TIMELINE : COL_CHECKPOINT_TIMELINE);
	in->streaming = in->in_recovery && text_equal(pg_rows_text(rows, 0, COL_RECEIVER_STATUS), "streaming");
	in->server_version = (int)number(rows, COL_VERSION);
	in->postmaster_start.us = number(rows, COL_START_US);
	in->has_standby_signal = in->in_recovery;
	if (in->timeline != 0)
		in->newest_timeline = datadir_next_timeline(pg, in->timeline) - 1;
	history_refresh(pg, in->timeline);
}

static void take_replica(struct postgres_replica *replica, const struct json *row)
{
	const struct json *item = json_first(row);
	struct {
		char *to;
		size_t size;
	} fields[] = {
		{ replica->usename, sizeof(replica->usename) },
		{ replica->application_name, sizeof(replica->application_name) },
		{ replica->client_addr, sizeof(replica->client_addr) },
		{ replica->state, sizeof(replica->state) },
		{ replica->sync_state, sizeof(replica->sync_state) },
	};
	int64_t priority = 0, lsn = 0;
	for (size_t i = 0; i < ARRAY_SIZE(fields) && item != NULL; i++, item = json_next(item))
		text_copy(fields[i].to, fields[i].size, json_is_text(item) ? json_text(item) : "");
	replica->sync_priority = json_i64(item, &priority) ? (int)priority : 0;
	item = item != NULL ? json_next(item) : NULL;
	replica->flushed_lsn = json_i64(item, &lsn) ? (uint64_t)lsn : 0;
	item = item != NULL ? json_next(item) : NULL;
	replica->replayed_lsn = json_i64(item, &lsn) ? (uint64_t)lsn : 0;
}

static void take_replicas(struct postgres_details *details, const char *text)
{
	struct err err;
	details->replica_count = 0;
	if (text[0] == '\0')
		return;
	AUTO(json) struct json *rows = json_parse(text, strlen(text), &err);
	for (const struct json *row = json_first(rows); row != NULL && details->replica_count < MEMBERS_MAX;
	     row = json_next(row))
		take_replica(&details->replicas[details->replica_count++], row);
}

/* Our own position goes last, under the name our slot would have (contract 1.3). */
static void take_slots(struct postgres *pg, const char *members)
{
	struct postgres_details *details = &pg->details;
	char own[NAME_SIZE];
	struct strbuf b;
	slot_name_from_member(pg->config->name, own, sizeof(own));
	strbuf_init(&b, details->slots, sizeof(details->slots));
	if (pg->instance.in_recovery)
		return;
	strbuf_addf(&b, "{%s%s\"%s\":%llu}", members, members[0] == '\0' ? "" : ",", own,
		    (unsigned long long)pg->instance.write_lsn);
	if (!strbuf_ok(&b))
		details->slots[0] = '\0';
}

/* What pg_control knows of the primary is more than what the server runs with. */
static bool is_starved(struct postgres *pg, const char *running)
{
	struct err err;
	int64_t value;
	AUTO(json) struct json *settings = running[0] != '\0' ? json_parse(running, strlen(running), &err) : NULL;
	const struct control *c = &pg->control;
	if (settings == NULL || !datadir_read_control(pg, &err))
		return false;
	const struct {
		const char *name;
		int least;
	} rows[] = { { "max_connections", c->max_connections },
		     { "max_worker_processes", c->max_worker_processes },
		     { "max_wal_senders", c->max_wal_senders },
		     { "max_prepared_transactions", c->max_prepared_transactions },
		     { "max_locks_per_transaction", c->max_locks_per_transaction } };
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		if (json_i64(json_get(settings, rows[i].name), &value) && value < rows[i].least) {
			log_info("postgres: replay waits: %s is %lld, the primary's %d", rows[i].name, (long long)value,
				 rows[i].least);
			return true;
		}
	return false;
}

static void take_details(struct postgres *pg, const struct pg_rows *rows)
{
	struct postgres_details *details = &pg->details;
	const char *status = pg_rows_text(rows, 0, COL_RECEIVER_STATUS);
	bool archive = text_equal(pg_rows_text(rows, 0, COL_RESTORE_COMMAND), "t");
	text_copy(details->postmaster_start_time, sizeof(details->postmaster_start_time),
		  pg_rows_text(rows, 0, COL_START_TEXT));
	text_copy(details->replayed_timestamp, sizeof(details->replayed_timestamp),
		  pg_rows_text(rows, 0, COL_REPLAYED_TIMESTAMP));
	details->replay_paused = number(rows, COL_REPLAY_PAUSED) != 0;
	pg->instance.replay_is_starved = is_starved(pg, pg_rows_text(rows, 0, COL_NEEDED));
	details->latest_end_lsn = (uint64_t)number(rows, COL_LATEST_END_LSN);
	if (pg->instance.in_recovery && status[0] == '\0' && archive)
		status = "in archive recovery";
	text_copy(details->replication_state, sizeof(details->replication_state),
		  pg->instance.in_recovery ? status : "");
	take_replicas(details, pg_rows_text(rows, 0, COL_REPLICAS));
	take_slots(pg, pg_rows_text(rows, 0, COL_SLOTS));
	pending_restart_take(pg, pg_rows_text(rows, 0, COL_PENDING));
}

static void take_failure(struct postgres *pg, const struct pg_answer *answer)
{
	struct instance *in = &pg->instance;
	const char *error = answer->error == NULL ? "no row" : answer->error;
	bool refused = strstr(error, "pg_hba") != NULL || strstr(error, "authentication failed") != NULL;
	if (in->answers || refused)
		log_warning("postgres: probe failed: %s", error);
	else
		log_debug("postgres: probe failed: %s", error);
	in->answers = false;
	if (!answer->connected && refused && !passwords_try_new(pg))
		pg->probe.over_tcp = !pg->probe.over_tcp;
}

static void take_answer(struct postgres *pg, const struct pg_rows *rows)
{
	struct instance *in = &pg->instance;
	in->in_recovery = number(rows, COL_RECOVERY) != 0;
	take_positions(pg, rows);
	take_upstream(pg, pg_rows_text(rows, 0, COL_CONNINFO), pg_rows_text(rows, 0, COL_RECEIVER_CONNINFO));
	take_details(pg, rows);
	in->answers = true;
	in->probed = loop_now(pg->loop);
}

/* A standby that should stream and does not is looked at more often. */
static bool is_unsettled(const struct postgres *pg)
{
	return pg->instance.in_recovery && pg->probe.wanted_conninfo[0] != '\0' && !pg->instance.streaming;
}

static void on_answer(void *arg, const struct pg_answer *answer)
{
	struct postgres *pg = arg;
	struct probe *probe = &pg->probe;
	bool row = answer->rows != NULL && pg_rows_count(answer->rows) == 1, quick = probe->quick;
	probe->busy = false;
	if (pg->instance.tree == PG_TREE_DOWN)
		probe->again = false;
	else if (row && quick)
		probe->again |= number(answer->rows, COL_RECOVERY) == 0; /* it is time to ask for everything */
	else if (row)
		take_answer(pg, answer->rows);
	else
		take_failure(pg, answer);
	loop_timer_set(probe->timer, row && !is_unsettled(pg) ? pg->config->settings.loop_wait_ms : AGAIN_MS);
	if (probe->again)
		probe_now(pg);
	postgres_turn(pg);
	if (pg->on_probed != NULL)
		pg->on_probed(pg->arg);
}

static void ask(struct postgres *pg, bool quick)
{
	struct probe *probe = &pg->probe;
	probe->busy = true;
	probe->again = false;
	probe->quick = quick;
	probe->asked = loop_now(pg->loop);
	probe_session(pg, probe->session, &(struct session_at){ .options = probe_options });
	struct pg_query query = {
		.sql = quick ? quick_sql : probe_sql(),
		.timeout_ms = PROBE_TIMEOUT_MS,
		.fn = on_answer,
		.arg = pg,
	};
	pg_query(probe->session, &query);
}

void probe_now(struct postgres *pg)
{
	if (pg->probe.busy)
		pg->probe.again = true;
	else if (pg->instance.tree != PG_TREE_DOWN)
		ask(pg, false);
}

bool probe_if_older(struct postgres *pg, int64_t ms, bool quick)
{
	const struct probe *probe = &pg->probe;
	if (probe->busy || (instant_is_set(probe->asked) && elapsed_most_ms(probe->asked, loop_now(pg->loop)) < ms))
		return false;
	ask(pg, quick);
	return true;
}

void probe_down(struct postgres *pg)
{
	struct instance *in = &pg->instance;
	in->answers = in->streaming = in->in_recovery = in->replay_is_starved = false;
	in->write_lsn = in->receive_lsn = in->replay_lsn = 0;
	in->upstream[0] = in->upstream_host[0] = '\0';
	in->upstream_port = 0;
	char trouble[sizeof(pg->details.trouble)]; /* is not the server's */
	memcpy(trouble, pg->details.trouble, sizeof(trouble));
	pg->details = (struct postgres_details){ .replica_count = 0 };
	memcpy(pg->details.trouble, trouble, sizeof(trouble));
	pg->probe.over_tcp = false;
	if (!pg->probe.busy)
		pg_close(pg->probe.session);
	loop_timer_set(pg->probe.timer, -1);
}

static void on_timer(void *arg)
{
	probe_now(arg);
}

void probe_init(struct postgres *pg)
{
	pg->probe.session = pg_create(pg->loop);
	pg->probe.timer = loop_timer_create(pg->loop, on_timer, pg);
}

void probe_finish(struct postgres *pg)
{
	pg_destroy(pg->probe.session);
	loop_timer_destroy(pg->probe.timer);
}
