/* Metrics in Prometheus' text format. Names, types and order of the first 26 are the contract's. */
#include "metrics.h"

#include "codec/units.h"
#include "documents.h"

#include <inttypes.h>
#include <string.h>

enum format {
	AS_NUMBER,
	AS_VERSION, /* six digits */
	AS_SECONDS, /* from microseconds */
	AS_INFO,    /* 1, with our version as a further label */
};

enum metric_id {
	METRIC_VERSION,
	METRIC_RUNNING,
	METRIC_START_TIME,
	METRIC_PRIMARY,
	METRIC_LOCATION,
	METRIC_STANDBY_LEADER,
	METRIC_REPLICA,
	METRIC_SYNC_STANDBY,
	METRIC_QUORUM_STANDBY,
	METRIC_RECEIVED,
	METRIC_REPLAYED,
	METRIC_REPLAYED_AT,
	METRIC_REPLAY_PAUSED,
	METRIC_STREAMING,
	METRIC_IN_ARCHIVE_RECOVERY,
	METRIC_SERVER_VERSION,
	METRIC_UNLOCKED,
	METRIC_FAILSAFE_ACTIVE,
	METRIC_FAILSAFE_ENABLED,
	METRIC_FAILSAFE_MEMBER,
	METRIC_TIMELINE,
	METRIC_DCS_LAST_SEEN,
	METRIC_PENDING_RESTART,
	METRIC_PAUSED,
	METRIC_STATE,
	METRIC_FAILOVER_PRIORITY,
	METRIC_INFO,
	METRIC_LEASE_LEFT,
	METRIC_TURNS,
	METRIC_LOCK_WRITES,
	METRIC_LOCK_WRITE_FAILURES,
	METRIC_PROMOTIONS,
	METRIC_FENCES,
	METRIC_WATCH_RESTARTS,
	METRIC_STALL,
	METRIC_RESTART_AT,
	METRIC_SWITCHOVER_AT,
	METRIC_COUNT
};

static const struct metric {
	const char *name;
	bool counts; /* a counter; else a gauge */
	enum format format;
	int since; /* of PostgreSQL, where an older server has none; 0: always there */
	const char *text;
	const char *note; /* a further comment line, or NULL */
} metrics[] = {
	[METRIC_VERSION] = { "patroni_version", .format = AS_VERSION,
			     .text = "Level of Patroni's interface that this agent keeps, two digits a part." },
	[METRIC_RUNNING] = { "patroni_postgres_running", .text = "1 while PostgreSQL runs and answers." },
	[METRIC_START_TIME] = { "patroni_postmaster_start_time", .format = AS_SECONDS,
				.text = "When PostgreSQL started, seconds since 1970; 0 when unknown." },
	[METRIC_PRIMARY] = { "patroni_primary", .text = "1 while PostgreSQL here is a primary." },
	[METRIC_LOCATION] = { "patroni_xlog_location", true,
			      .text = "WAL position of the primary in bytes; 0 on a standby." },
	[METRIC_STANDBY_LEADER] = { "patroni_standby_leader", .text = "1 while this member leads a standby cluster." },
	[METRIC_REPLICA] = { "patroni_replica", .text = "1 while PostgreSQL here is a replica." },
	[METRIC_SYNC_STANDBY] = { "patroni_sync_standby", .text = "1 while this member is a synchronous standby." },
	[METRIC_QUORUM_STANDBY] = { "patroni_quorum_standby",
				    .text = "1 while this member is a standby of the quorum." },
	[METRIC_RECEIVED] = { "patroni_xlog_received_location", true,
			      .text = "WAL position received by the standby in bytes; 0 on a primary." },
	[METRIC_REPLAYED] = { "patroni_xlog_replayed_location", true,
			      .text = "WAL position replayed by the standby in bytes; 0 on a primary." },
	[METRIC_REPLAYED_AT] = { "patroni_xlog_replayed_timestamp", .format = AS_SECONDS,
				 .text = "Commit time of the last transaction replayed, seconds since 1970; 0 when "
					 "unknown." },
	[METRIC_REPLAY_PAUSED] = { "patroni_xlog_paused", .text = "1 while replay is paused." },
	[METRIC_STREAMING] = { "patroni_postgres_streaming", .since = 90600,
			       .text = "1 while the standby receives WAL by streaming." },
	[METRIC_IN_ARCHIVE_RECOVERY] = { "patroni_postgres_in_archive_recovery", .since = 90600,
					 .text = "1 while the standby restores WAL from the archive." },
	[METRIC_SERVER_VERSION] = { "patroni_postgres_server_version",
				    .text = "PostgreSQL's server_version_num; 0 when unknown." },
	[METRIC_UNLOCKED] = { "patroni_cluster_unlocked", .text = "1 while nobody is known to hold the lock." },
	[METRIC_FAILSAFE_ACTIVE] = { "patroni_failsafe_mode_is_active",
				     .text = "1 while the primary goes on by its peers' word instead of the store's." },
	[METRIC_FAILSAFE_ENABLED] = { "patroni_failsafe_mode_enabled",
				      .text = "1 while failsafe mode protects the cluster." },
	[METRIC_FAILSAFE_MEMBER] = { "patroni_failsafe_member", .text = "1 while failsafe mode counts this member." },
	[METRIC_TIMELINE] = { "patroni_postgres_timeline", .text = "Timeline of PostgreSQL here; 0 when unknown." },
	[METRIC_DCS_LAST_SEEN] = { "patroni_dcs_last_seen",
				   .text = "When the store was last heard, seconds since 1970." },
	[METRIC_PENDING_RESTART] = { "patroni_pending_restart",
				     .text = "1 while a changed parameter waits for a restart." },
	[METRIC_PAUSED] = { "patroni_is_paused", .text = "1 while automatic failover is off." },
	[METRIC_STATE] = { "patroni_postgres_state", .text = "State of PostgreSQL here, by number; -1 when unknown.",
			   .note = "0=initdb, 1=initdb_failed, 2=custom_bootstrap, 3=custom_bootstrap_failed, "
				   "4=creating_replica, 5=running, 6=starting, "
				   "7=bootstrap_starting, 8=start_failed, 9=restarting, 10=restart_failed, "
				   "11=stopping, 12=stopped, 13=stop_failed, 14=crashed" },
	[METRIC_FAILOVER_PRIORITY] = { "patroni_failover_priority",
				       .text = "Effective failover_priority; 0 for a member that never leads." },
	[METRIC_INFO] = { "howdah_info", .format = AS_INFO, .text = "Always 1; the version is a label." },
	[METRIC_LEASE_LEFT] = { "howdah_lease_left_seconds", .format = AS_SECONDS,
				.text = "Time until PostgreSQL is killed here unless the lock is renewed; 0 without "
					"the lock." },
	[METRIC_TURNS] = { "howdah_turns_total", true, .text = "Turns of the agent: looks at everything it knows." },
	[METRIC_LOCK_WRITES] = { "howdah_lock_writes_total", true, .text = "Writes of the lock that were started." },
	[METRIC_LOCK_WRITE_FAILURES] = { "howdah_lock_write_failures_total", true,
					 .text = "Writes of the lock that failed or had no answer." },
	[METRIC_PROMOTIONS] = { "howdah_promotions_total", true,
				.text = "Promotions and starts as a primary asked for by this agent." },
	[METRIC_FENCES] = { "howdah_fences_total", true,
			    .text = "Times that PostgreSQL was killed here to keep it from being a second primary." },
	[METRIC_WATCH_RESTARTS] = { "howdah_watch_restarts_total", true,
				    .text = "Watches of the store that had to be opened anew." },
	[METRIC_STALL] = { "howdah_loop_stall_seconds_max", .format = AS_SECONDS,
			   .text = "How late the agent's loop ran at the most since the agent started." },
	[METRIC_RESTART_AT] = { "howdah_scheduled_restart_timestamp_seconds", .format = AS_SECONDS,
				.text = "When PostgreSQL here is to be restarted, seconds since 1970; 0 when nothing "
					"is "
					"planned." },
	[METRIC_SWITCHOVER_AT] = { "howdah_scheduled_switchover_timestamp_seconds", .format = AS_SECONDS,
				   .text = "When the leader is to hand over, seconds since 1970; 0 when nothing is "
					   "planned." },
};
static_assert(ARRAY_SIZE(metrics) == METRIC_COUNT, "a row for each metric");
static_assert(METRIC_INFO == 26, "the contract's come first");
static_assert(STATE_CRASHED == 14 && STATE_UNKNOWN == 15, "the note lists the states");

static int64_t time_us(const char *text)
{
	int64_t us;
	return wall_from_iso(text, &us) ? us : 0;
}

static void server_values(const struct rest_view *view, const struct rest_facts *facts,
			  int64_t values[static METRIC_COUNT])
{
	const struct postgres_details *details = view->details;
	bool standby = facts->sql && !facts->primary;
	values[METRIC_RUNNING] = facts->running;
	values[METRIC_START_TIME] = facts->sql ? time_us(details->postmaster_start_time) : 0;
	values[METRIC_PRIMARY] = facts->role == ROLE_PRIMARY;
	values[METRIC_LOCATION] = (int64_t)facts->location;
	values[METRIC_STANDBY_LEADER] = facts->role == ROLE_STANDBY_LEADER;
	values[METRIC_REPLICA] = facts->role == ROLE_REPLICA;
	values[METRIC_RECEIVED] = (int64_t)facts->received;
	values[METRIC_REPLAYED] = (int64_t)facts->replayed;
	values[METRIC_REPLAYED_AT] = standby ? time_us(details->replayed_timestamp) : 0;
	values[METRIC_REPLAY_PAUSED] = standby && details->replay_paused;
	values[METRIC_STREAMING] = strcmp(facts->replication_state, "streaming") == 0;
	values[METRIC_IN_ARCHIVE_RECOVERY] = strcmp(facts->replication_state, "in archive recovery") == 0;
	values[METRIC_SERVER_VERSION] = facts->sql ? view->instance->server_version : 0;
	values[METRIC_TIMELINE] = facts->timeline;
	values[METRIC_PENDING_RESTART] = details->pending_restart;
	values[METRIC_STATE] =
		view->state == STATE_UNKNOWN || strcmp(facts->state, "unknown") == 0 ? -1 : (int64_t)view->state;
}

static void agent_values(const struct rest_view *view, const struct rest_facts *facts,
			 int64_t values[static METRIC_COUNT])
{
	const struct rest_counters *counters = &view->counters;
	const struct settings *settings = &view->config->settings;
	values[METRIC_VERSION] = 40104;
	values[METRIC_UNLOCKED] = facts->unlocked;
	values[METRIC_DCS_LAST_SEEN] = view->dcs_last_seen.us / 1000000;
	values[METRIC_PAUSED] = facts->paused;
	values[METRIC_FAILOVER_PRIORITY] = settings->nofailover ? 0 : settings->failover_priority;
	values[METRIC_INFO] = 1;
	values[METRIC_LEASE_LEFT] = view->leads ? counters->lease_left_ms * 1000 : 0;
	values[METRIC_TURNS] = (int64_t)counters->turns;
	values[METRIC_LOCK_WRITES] = (int64_t)counters->lock_writes;
	values[METRIC_LOCK_WRITE_FAILURES] = (int64_t)counters->lock_write_failures;
	values[METRIC_PROMOTIONS] = (int64_t)counters->promotions;
	values[METRIC_FENCES] = (int64_t)counters->fences;
	values[METRIC_WATCH_RESTARTS] = (int64_t)counters->watch_restarts;
	values[METRIC_STALL] = counters->stall_us_max;
}

static bool counts_us(const struct rest_view *view)
{
	AUTO(json) struct json *members = document_failsafe(view);
	return json_get(members, view->config->name) != NULL;
}

static void order_values(const struct rest_view *view, const struct rest_facts *facts,
			 int64_t values[static METRIC_COUNT])
{
	const struct move *move = &view->cluster->move;
	values[METRIC_FAILSAFE_ACTIVE] = view->failsafe_active;
	values[METRIC_FAILSAFE_ENABLED] = facts->failsafe_enabled;
	values[METRIC_FAILSAFE_MEMBER] = counts_us(view);
	values[METRIC_RESTART_AT] = view->scheduled_restart == NULL ? 0 : view->scheduled_restart->at_us;
	values[METRIC_SWITCHOVER_AT] = move->asked && move->at_us > 0 ? move->at_us : 0;
}

static void print_seconds(int64_t us, struct strbuf *to)
{
	if (us == 0)
		strbuf_add(to, "0");
	else
		strbuf_addf(to, "%s%" PRId64 ".%06" PRId64, us < 0 ? "-" : "", (us < 0 ? -us : us) / 1000000,
			    (us < 0 ? -us : us) % 1000000);
}

static void print_value(enum format format, int64_t value, struct strbuf *to)
{
	if (format == AS_SECONDS)
		print_seconds(value, to);
	else
		strbuf_addf(to, format == AS_VERSION ? "%06" PRId64 : "%" PRId64, value);
}

/* Backslash, quote and line end are all that a label value may not hold as they are. */
static void print_label(const char *name, const char *value, struct strbuf *to)
{
	strbuf_addf(to, "%s=\"", name);
	for (; *value != '\0'; value++) {
		if (*value == '\\' || *value == '"')
			strbuf_add_char(to, '\\');
		if (*value == '\n')
			strbuf_add(to, "\\n");
		else
			strbuf_add_char(to, *value);
	}
	strbuf_add_char(to, '"');
}

static void print_metric(const struct metric *metric, const struct config *config, int64_t value, struct strbuf *to)
{
	strbuf_addf(to, "# HELP %s %s\n", metric->name, metric->text);
	if (metric->note != NULL)
		strbuf_addf(to, "# %s\n", metric->note);
	strbuf_addf(to, "# TYPE %s %s\n%s{", metric->name, metric->counts ? "counter" : "gauge", metric->name);
	print_label("scope", config->scope, to);
	strbuf_add_char(to, ',');
	print_label("name", config->name, to);
	if (metric->format == AS_INFO)
		strbuf_add(to, ",version=\"" HOWDAH_VERSION "\"");
	strbuf_add(to, "} ");
	print_value(metric->format, value, to);
	strbuf_add_char(to, '\n');
}

void metrics_print(const struct rest_view *view, struct strbuf *to)
{
	struct rest_facts facts = rest_facts(view);
	int64_t values[METRIC_COUNT] = { 0 };
	server_values(view, &facts, values);
	agent_values(view, &facts, values);
	order_values(view, &facts, values);
	for (int i = 0; i < METRIC_COUNT; i++)
		if (metrics[i].since == 0 || view->instance->server_version >= metrics[i].since)
			print_metric(&metrics[i], view->config, values[i], to);
}

void metrics_print_reference(struct strbuf *to)
{
	strbuf_add(to, "| metric | type | meaning |\n|---|---|---|\n");
	for (int i = 0; i < METRIC_COUNT; i++)
		strbuf_addf(to, "| `%s` | %s | %s |\n", metrics[i].name, metrics[i].counts ? "counter" : "gauge",
			    metrics[i].text);
}
