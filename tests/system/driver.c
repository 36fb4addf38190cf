/* The postgres layer by hand, for tests: acts come in as lines, what is sensed goes out as one JSON object a line.
 * usage: driver NAME DATA_DIR RUN_DIR PORT SUPERVISOR [SETTINGS]
 * SETTINGS is JSON: bin_dir, basebackup, parameters, recovery_conf and pg_hba as in `postgresql`, initdb: options besides the usual ones, and
 * ssl: what the replicator and the rewinder have in common. */
#include "base/log.h"
#include "postgres/gucs.h"
#include "postgres/postgres.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RENEW_MS = 300 };

struct driver {
	struct loop *loop;
	struct loop_io *input;
	struct loop_timer *renew;
	struct postgres *pg;
	struct config config;
	struct lease_token token;
	int64_t deadline_ms;
	char line[4096];
	size_t len;
};

static const char *const trees[] = { "unknown",   "down",    "starting", "standby",
				     "promoting", "primary", "stopping", "fencing" };
static const char *const dirs[] = { "unknown", "empty", "ok", "invalid", "unreadable", "marked" };
static const char *const jobs[] = { "none",          "initdb",  "post_bootstrap", "clone",  "start_standby",
				    "start_primary", "promote", "stop",           "follow", "aside",
				    "inspect",       "rewind",  "wipe",           "restore" };
static_assert(ARRAY_SIZE(jobs) == PG_JOB_COUNT, "a name for every job");

static void print_state(void *arg)
{
	struct driver *d = arg;
	const struct instance *in = postgres_instance(d->pg);
	const struct postgres_details *details = postgres_details(d->pg);
	AUTO(json) struct json *o = json_new_object();
	json_set_bool(o, "attached", in->attached);
	json_set_text(o, "tree", trees[in->tree]);
	json_set_bool(o, "writable", in->writable);
	json_set_bool(o, "nothing_left", in->nothing_left);
	json_set_bool(o, "crashed", in->crashed);
	json_set_bool(o, "fenced", in->fenced);
	json_set_bool(o, "deadline", instant_is_set(in->deadline));
	json_set_text(o, "token", in->token);
	json_set_text(o, "data", dirs[in->data]);
	json_set_text(o, "system_identifier", in->system_identifier);
	json_set_i64(o, "control", in->control);
	json_set_i64(o, "control_timeline", in->control_timeline);
	json_set_i64(o, "armed_timeline", in->armed_timeline);
	json_set_text(o, "armed_leader", in->armed_token.leader);
	json_set_bool(o, "was_primary", in->was_primary);
	json_set_i64(o, "server_version", in->server_version);
	json_set_bool(o, "answers", in->answers);
	json_set_bool(o, "in_recovery", in->in_recovery);
	json_set_i64(o, "timeline", in->timeline);
	json_set_i64(o, "write_lsn", (int64_t)in->write_lsn);
	json_set_i64(o, "receive_lsn", (int64_t)in->receive_lsn);
	json_set_i64(o, "replay_lsn", (int64_t)in->replay_lsn);
	json_set_bool(o, "streaming", in->streaming);
	json_set_text(o, "upstream", in->upstream);
	json_set_i64(o, "upstream_port", in->upstream_port);
	json_set_i64(o, "history", in->history.count);
	json_set_text(o, "job", jobs[in->job]);
	json_set_text(o, "failed_job", jobs[in->failed_job]);
	json_set_i64(o, "failures", in->failures);
	json_set_text(o, "failure", in->failure);
	json_set_bool(o, "can_rewind", in->can_rewind);
	json_set_bool(o, "standby_signal", in->has_standby_signal);
	json_set_i64(o, "clone_total", in->clone_total_bytes);
	json_set_i64(o, "clone_done", in->clone_done_bytes);
	json_set_i64(o, "clone_rate", in->clone_rate);
	json_set_i64(o, "replicas", details->replica_count);
	json_set_text(o, "slots", details->slots);
	json_set_text(o, "started", details->postmaster_start_time);
	json_set_text(o, "pending", details->pending_restart_reason);
	AUTO(text) char *text = json_print_text(o, JSON_COMPACT);
	printf("%s\n", text);
	fflush(stdout);
}

static void renew(void *arg)
{
	struct driver *d = arg;
	struct deadline_order order = {
		.at = instant_after_ms(loop_now(d->loop), d->deadline_ms),
		.token = d->token,
		.answered = true,
	};
	postgres_set_deadline(d->pg, &order);
	loop_timer_set(d->renew, RENEW_MS);
}

/* 0: it is not renewed any more, what is armed stays. */
static void set_deadline(struct driver *d, const char *ms)
{
	int64_t value;
	if (!text_to_i64(ms, &value))
		return;
	d->deadline_ms = value;
	loop_timer_set(d->renew, value == 0 ? -1 : 0);
}

static struct upstream upstream_of(char *const words[])
{
	struct upstream upstream = { .port = 0 };
	int64_t port = 0;
	if (words[1] == NULL || words[2] == NULL || words[3] == NULL || !text_to_i64(words[2], &port))
		return upstream;
	text_copy(upstream.host, sizeof(upstream.host), words[1]);
	text_copy(upstream.member, sizeof(upstream.member), words[3]);
	upstream.port = (int)port;
	return upstream;
}

static void set_parameter(struct driver *d, const char *name, const char *value)
{
	const struct json *before = json_get(d->config.postgresql, "parameters");
	struct json *parameters = before == NULL ? json_new_object() : json_copy(before);
	json_set_text(parameters, name, value);
	json_set(d->config.postgresql, "parameters", parameters);
	postgres_reload(d->pg);
}

static void set_password(struct driver *d, const char *password)
{
	text_copy(d->config.replication.password, sizeof(d->config.replication.password), password);
	text_copy(d->config.superuser.password, sizeof(d->config.superuser.password), password);
	text_copy(d->config.rewind.password, sizeof(d->config.rewind.password), password);
	postgres_reload(d->pg);
}

static void sync_slots(struct driver *d, char *const words[])
{
	static char names[MEMBERS_MAX][NAME_SIZE];
	int count = 0;
	for (int i = 1; words[i] != NULL && count < MEMBERS_MAX; i++)
		text_copy(names[count++], NAME_SIZE, words[i]);
	postgres_sync_slots(d->pg, (const char(*)[NAME_SIZE])names, count);
}

/* To the number that was claimed; to the next one when none was. */
static void promote(struct driver *d, const char *claimed)
{
	int64_t timeline = (int64_t)postgres_instance(d->pg)->newest_timeline + 1;
	if (claimed == NULL || text_to_i64(claimed, &timeline))
		postgres_promote(d->pg, &d->token, (uint32_t)timeline);
}

/* set KEY JSON: below `postgresql`; local JSON: the local configuration. The text may have blanks in it. */
static bool set_tree(struct driver *d, const char *line)
{
	char key[64];
	struct err err;
	bool local = strncmp(line, "local ", 6) == 0;
	if (!local && strncmp(line, "set ", 4) != 0)
		return false;
	line = strchr(line, ' ') + 1;
	size_t len = local ? 0 : strcspn(line, " ");
	snprintf(key, sizeof(key), "%.*s", (int)len, line);
	line += len;
	struct json *value = json_parse(line, strlen(line), &err);
	if (value == NULL)
		exit(3);
	if (local)
		d->config.local = value;
	else
		json_set(d->config.postgresql, key, value);
	postgres_reload(d->pg);
	print_state(d);
	return true;
}

static bool act_by_hand(struct driver *d, char *const words[])
{
	const char *verb = words[0];
	struct upstream upstream = upstream_of(words);
	if (text_equal(verb, "rewind"))
		postgres_rewind(d->pg, &upstream);
	else if (text_equal(verb, "wipe"))
		postgres_wipe(d->pg);
	else if (text_equal(verb, "callback") && words[1] != NULL && words[2] != NULL)
		postgres_callback(d->pg, words[1], words[2]);
	else if (text_equal(verb, "sync_passwords"))
		postgres_sync_passwords(d->pg);
	else if (text_equal(verb, "stop_after_checkpoint"))
		postgres_stop_after_checkpoint(d->pg);
	else if (text_equal(verb, "lease")) /* the next one: the deadline is of it from its next renewal on */
		d->token.transitions++;
	else
		return false;
	return true;
}

static bool act_on_cluster(struct driver *d, char *const words[])
{
	const char *verb = words[0];
	struct upstream upstream = upstream_of(words);
	if (text_equal(verb, "clone"))
		postgres_clone(d->pg, &upstream, false);
	else if (text_equal(verb, "standby"))
		postgres_start_standby(d->pg, &upstream);
	else if (text_equal(verb, "follow"))
		postgres_follow(d->pg, &upstream);
	else if (text_equal(verb, "slots"))
		sync_slots(d, words);
	else if (text_equal(verb, "primary"))
		postgres_start_primary(d->pg, &d->token);
	else if (text_equal(verb, "promote"))
		promote(d, words[1]);
	else if (text_equal(verb, "param") && words[1] != NULL && words[2] != NULL)
		set_parameter(d, words[1], words[2]);
	else if (text_equal(verb, "password") && words[1] != NULL)
		set_password(d, words[1]);
	else if (text_equal(verb, "deadline") && words[1] != NULL)
		set_deadline(d, words[1]);
	else
		return false;
	return true;
}

/* What the parameters' table says for the version that runs, one JSON object: name to [type, min, max, unit, words]. */
static void print_rules(struct driver *d)
{
	static const char *const types[] = { "bool", "bool_enum", "enum", "int", "real", "text" };
	int version = postgres_instance(d->pg)->server_version;
	AUTO(json) struct json *o = json_new_object();
	for (int i = 0; i < guc_rules_count; i++) {
		const struct guc_rule *rule = &guc_rules[i];
		if (guc_rule_find(rule->name, version) != rule)
			continue;
		struct json *row = json_new_array();
		json_push(row, json_new_text(types[rule->type]));
		json_push(row, json_new_double(rule->min));
		json_push(row, json_new_double(rule->max));
		json_push(row, json_new_text(rule->unit == NULL ? "" : rule->unit));
		json_push(row, json_new_text(rule->words == NULL ? "" : rule->words));
		json_set(o, rule->name, row);
	}
	for (int i = 0; i < recovery_rules_count; i++)
		json_set(o, recovery_rules[i].name, json_new_null());
	AUTO(text) char *text = json_print_text(o, JSON_COMPACT);
	printf("%s\n", text);
	fflush(stdout);
}

static void act(struct driver *d, char *const words[])
{
	const char *verb = words[0];
	if (verb == NULL)
		return;
	if (text_equal(verb, "rules")) {
		print_rules(d);
		return;
	}
	if (act_on_cluster(d, words) || act_by_hand(d, words))
		; /* done */
	else if (text_equal(verb, "initdb"))
		postgres_initdb(d->pg);
	else if (text_equal(verb, "stop"))
		postgres_stop(d->pg, words[1] != NULL);
	else if (text_equal(verb, "post_bootstrap"))
		postgres_post_bootstrap(d->pg);
	else if (text_equal(verb, "bootstrap_done"))
		postgres_bootstrap_done(d->pg);
	else if (text_equal(verb, "aside"))
		postgres_move_aside(d->pg);
	else if (text_equal(verb, "cancel"))
		postgres_cancel_job(d->pg);
	else if (text_equal(verb, "checkpoint"))
		postgres_checkpoint(d->pg);
	else if (text_equal(verb, "probe"))
		postgres_probe(d->pg);
	else if (text_equal(verb, "quit"))
		loop_stop(d->loop);
	else if (!text_equal(verb, "state"))
		fprintf(stderr, "unknown: %s\n", verb);
	print_state(d);
}

static void take_line(struct driver *d, char *line)
{
	char *words[16] = { NULL };
	if (set_tree(d, line))
		return;
	for (int i = 0; i < 15 && (words[i] = strsep(&line, " ")) != NULL; i++)
		;
	act(d, words);
}

static void on_input(void *arg, UNUSED int ready)
{
	struct driver *d = arg;
	ssize_t n = read(STDIN_FILENO, d->line + d->len, sizeof(d->line) - 1 - d->len);
	if (n <= 0) {
		loop_stop(d->loop);
		return;
	}
	d->len += (size_t)n;
	d->line[d->len] = '\0';
	for (char *end; (end = strchr(d->line, '\n')) != NULL;) {
		*end = '\0';
		take_line(d, d->line);
		d->len -= (size_t)(end + 1 - d->line);
		memmove(d->line, end + 1, d->len + 1);
	}
}

static void set_text(char *to, size_t size, const char *from)
{
	if (!text_copy(to, size, from))
		exit(2);
}

static const char usual[] = "{\"initdb\": [\"data-checksums\", \"no-sync\", {\"auth-host\": \"scram-sha-256\"}],"
			    " \"pg_hba\": [\"host replication replicator 127.0.0.1/32 scram-sha-256\","
			    " \"host all all 127.0.0.1/32 scram-sha-256\"]}";

static void set_local(struct config *config, const struct json *settings)
{
	struct err err;
	struct json *bootstrap = json_parse(usual, strlen(usual), &err), *initdb = json_new_array();
	const struct json *const lists[] = { json_get(bootstrap, "initdb"), json_get(settings, "initdb") };
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++)
		for (const struct json *item = json_first(lists[i]); item != NULL; item = json_next(item))
			json_push(initdb, json_copy(item));
	json_set(bootstrap, "initdb", initdb);
	config->local = json_new_object();
	json_set(config->local, "bootstrap", bootstrap);
}

static void set_postgresql(struct config *config, const struct json *settings)
{
	static const char *const keys[] = { "basebackup", "parameters", "recovery_conf", "pg_hba" };
	config->postgresql = json_new_object();
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (json_get(settings, keys[i]) != NULL)
			json_set(config->postgresql, keys[i], json_copy(json_get(settings, keys[i])));
	if (json_get_text(settings, "bin_dir") != NULL)
		set_text(config->bin_dir, sizeof(config->bin_dir), json_get_text(settings, "bin_dir"));
}

static void set_application(struct config *config, const struct json *settings)
{
	if (json_get(settings, "app_user") != NULL) {
		set_text(config->app_user, sizeof(config->app_user), json_get_text(settings, "app_user"));
		set_text(config->app_password, sizeof(config->app_password), json_get_text(settings, "app_password"));
		set_text(config->app_database, sizeof(config->app_database), json_get_text(settings, "app_database"));
	}
	if (json_get(settings, "howdah") != NULL)
		json_set(config->local, "howdah", json_copy(json_get(settings, "howdah")));
}

static void set_ssl(struct config_auth *auth, const struct json *ssl)
{
	if (ssl == NULL)
		return;
	set_text(auth->sslmode, sizeof(auth->sslmode), json_get_text(ssl, "mode"));
	set_text(auth->sslcert, sizeof(auth->sslcert), json_get_text(ssl, "cert"));
	set_text(auth->sslkey, sizeof(auth->sslkey), json_get_text(ssl, "key"));
	set_text(auth->sslpassword, sizeof(auth->sslpassword), json_get_text(ssl, "password"));
}

static void configure(struct config *config, char *argv[])
{
	struct err err;
	int64_t port;
	const char *text = argv[6] == NULL ? "{}" : argv[6];
	AUTO(json) struct json *settings = json_parse(text, strlen(text), &err);
	if (!text_to_i64(argv[4], &port) || settings == NULL)
		exit(2);
	set_local(config, settings);
	set_postgresql(config, settings);
	set_application(config, settings);
	config->dynamic = json_new_object();
	config->settings = (struct settings){ .ttl_ms = 15000, .loop_wait_ms = 1000, .use_slots = true };
	set_text(config->name, sizeof(config->name), argv[1]);
	set_text(config->scope, sizeof(config->scope), "demo");
	set_text(config->data_dir, sizeof(config->data_dir), argv[2]);
	set_text(config->config_dir, sizeof(config->config_dir), argv[2]);
	set_text(config->run_dir, sizeof(config->run_dir), argv[3]);
	set_text(config->supervisor, sizeof(config->supervisor), argv[5]);
	set_text(config->config_base_name, sizeof(config->config_base_name), "postgresql");
	snprintf(config->pgpass, sizeof(config->pgpass), "%.200s/pgpass", argv[3]);
	set_text(config->pg_listen.host, sizeof(config->pg_listen.host), "127.0.0.1");
	config->pg_listen.port = (int)port;
	set_text(config->superuser.username, sizeof(config->superuser.username), "postgres");
	set_text(config->superuser.password, sizeof(config->superuser.password), "geheim-super");
	set_text(config->replication.username, sizeof(config->replication.username), "replicator");
	set_text(config->replication.password, sizeof(config->replication.password), "geheim: re'pl\\");
	set_text(config->rewind.username, sizeof(config->rewind.username), "rewinder");
	set_text(config->rewind.password, sizeof(config->rewind.password), "geheim-rewind");
	set_ssl(&config->replication, json_get(settings, "ssl"));
	set_ssl(&config->rewind, json_get(settings, "ssl"));
}

int main(int argc, char *argv[])
{
	static struct driver d;
	struct err err = { .kind = ERR_NONE };
	if (argc != 6 && argc != 7)
		return 2;
	log_set_level(LOG_DEBUG);
	configure(&d.config, argv);
	d.loop = loop_create(&err);
	d.token = (struct lease_token){ .acquire_time = "2026-01-01T00:00:00+00:00", .transitions = 7 };
	set_text(d.token.leader, sizeof(d.token.leader), argv[1]);
	if (d.loop == NULL) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	struct postgres_params params = {
		.config = &d.config,
		.generation = (uint64_t)loop_now(d.loop).boot_us,
		.on_change = print_state,
		.arg = &d,
	};
	d.pg = postgres_create(d.loop, &params, &err);
	d.renew = loop_timer_create(d.loop, renew, &d);
	d.input = loop_io_create(d.loop, STDIN_FILENO, on_input, &d);
	loop_io_want(d.input, LOOP_READ);
	loop_run(d.loop);
	loop_io_destroy(d.input);
	loop_timer_destroy(d.renew);
	postgres_destroy(d.pg);
	loop_destroy(d.loop);
	return 0;
}
