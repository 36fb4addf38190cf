/* Reading a cluster: the store once, then all members at the same time. Nothing waits for a fixed time. */
#include "snapshot.h"

#include "dcs/kubernetes.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STORE_LIMIT_MS = 5000 };

static const char agent_directory[] = "/etc/howdah";

struct reading {
	struct loop *loop;
	struct http_client *http;
	struct dcs *dcs;
	const struct config *config;
	struct snapshot *snapshot;
	bool insecure;
	int64_t ask_ms;
	int questions_open;
	bool store_failed;
	char complaint[256];
};

struct question {
	struct reading *reading;
	int member;
};

/* What was named must be there; what is looked for need not. NULL: the environment alone. */
static const char *config_path(const struct cli *cli, char *home_path, size_t size)
{
	const char *named = cli->options[CLI_CONFIG_FILE] != NULL ? cli->options[CLI_CONFIG_FILE]
								  : getenv("PATRONICTL_CONFIG_FILE");
	const char *home = getenv("HOME");
	if (text_is_empty(named))
		named = getenv("HOWDAH_CONFIG");
	if (!text_is_empty(named))
		return named;
	struct strbuf path;
	strbuf_init(&path, home_path, size);
	strbuf_addf(&path, "%s/.config/patroni/patronictl.yaml", home == NULL ? "" : home);
	if (strbuf_ok(&path) && access(home_path, R_OK) == 0)
		return home_path;
	return access(agent_directory, R_OK) == 0 ? agent_directory : NULL;
}

static bool environment_has_settings(void)
{
	for (char **variable = environ; *variable != NULL; variable++)
		if (strncmp(*variable, "PATRONI_", 8) == 0)
			return true;
	return false;
}

static bool no_store(struct err *err)
{
	return err_set(err, ERR_INPUT,
		       "Can not find suitable configuration of distributed configuration store\nAvailable "
		       "implementations: kubernetes");
}

bool cli_load_config(const struct cli *cli, struct config *config, struct err *err)
{
	char home_path[URL_SIZE];
	const char *path = config_path(cli, home_path, sizeof(home_path));
	if (path != NULL && access(path, R_OK) != 0)
		return err_set(
			err, ERR_INPUT,
			"Provided config file %s not existing or no read rights. Check the -c/--config-file parameter",
			path);
	if (path == NULL && !environment_has_settings())
		return no_store(err);
	if (!config_load(config, path, (const char *const *)environ, err))
		return false;
	if (config->has_kubernetes)
		return true;
	config_clear(config);
	return no_store(err);
}

/* ---- the members ---- */

static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

static struct http_tls member_tls(const struct reading *reading)
{
	const struct config *config = reading->config;
	const char *ca_file = or_null(config->ctl_cacert);
	return (struct http_tls){ .ca_file = ca_file != NULL ? ca_file : or_null(config->rest_cafile),
				  .cert_file = or_null(config->ctl_certfile),
				  .key_file = or_null(config->ctl_keyfile),
				  .key_password = or_null(config->ctl_keyfile_password),
				  .insecure = reading->insecure || config->ctl_insecure };
}

static void take_answer(struct snapshot *snapshot, int member, const struct http_answer *answer)
{
	struct err err;
	struct strbuf complaint;
	strbuf_init(&complaint, snapshot->complaints[member], sizeof(snapshot->complaints[member]));
	if (answer->status == 0) {
		strbuf_add(&complaint, answer->error == NULL ? "no answer" : answer->error);
		return;
	}
	snapshot->answers[member] = json_parse(answer->body, answer->body_len, &err);
	if (snapshot->answers[member] == NULL)
		strbuf_addf(&complaint, "HTTP %d without a status document", answer->status);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct question *question = arg;
	struct reading *reading = question->reading;
	take_answer(reading->snapshot, question->member, answer);
	free(question);
	if (--reading->questions_open == 0)
		loop_stop(reading->loop);
}

static void ask_member(struct reading *reading, int member)
{
	const char *url = reading->snapshot->cluster.members[member].api_url;
	if (url[0] == '\0')
		return;
	struct question *question = malloc(sizeof(*question));
	if (question == NULL)
		abort();
	*question = (struct question){ .reading = reading, .member = member };
	struct http_call_params params = { .method = "GET",
					   .url = url,
					   .tls = member_tls(reading),
					   .timeout_ms = reading->ask_ms,
					   .on_done = on_answer,
					   .arg = question };
	reading->questions_open++;
	http_call_start(reading->http, &params);
}

/* ---- the store ---- */

static char *copied(const char *text)
{
	char *copy = strdup(text);
	if (copy == NULL)
		abort();
	return copy;
}

static void keep_store(struct reading *reading)
{
	struct snapshot *snapshot = reading->snapshot;
	snapshot->cluster = *dcs_view(reading->dcs);
	snapshot->config_text = copied(dcs_config_text(reading->dcs));
	snapshot->history_text = copied(dcs_history_text(reading->dcs));
	snapshot->now = loop_wall(reading->loop);
	for (int i = 0; i < snapshot->cluster.member_count; i++)
		snapshot->status_texts[i] =
			copied(dcs_member_status_text(reading->dcs, snapshot->cluster.members[i].name));
}

static void on_refreshed(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct reading *reading = arg;
	reading->store_failed = outcome != DCS_DONE;
	text_copy(reading->complaint, sizeof(reading->complaint), text);
	if (!reading->store_failed) {
		keep_store(reading);
		for (int i = 0; reading->ask_ms > 0 && i < reading->snapshot->cluster.member_count; i++)
			ask_member(reading, i);
	}
	if (reading->questions_open == 0)
		loop_stop(reading->loop);
}

static void ignore_event(void *arg, enum dcs_event event)
{
	(void)arg;
	(void)event;
}

static void ignore_lock_send(void *arg, const struct lease_send *send)
{
	(void)arg;
	(void)send;
}

static bool read_store(struct reading *reading, struct err *err)
{
	struct kubernetes_params params;
	struct dcs_callbacks callbacks = { .on_event = ignore_event, .on_lock_send = ignore_lock_send };
	kubernetes_params_from_config(&params, reading->config);
	params.name[0] = '\0'; /* a reader */
	reading->dcs = kubernetes_create(reading->loop, reading->http, &params, &callbacks, err);
	if (reading->dcs == NULL)
		return false;
	dcs_refresh(reading->dcs, STORE_LIMIT_MS, on_refreshed, reading);
	loop_run(reading->loop);
	if (reading->store_failed)
		return err_set(err, ERR_NO_ANSWER, "the cluster %s cannot be read: %s", reading->config->scope,
			       reading->complaint[0] != '\0' ? reading->complaint : "the API server did not answer");
	return true;
}

static bool read_all(struct reading *reading, struct err *err)
{
	reading->loop = loop_create(err);
	if (reading->loop == NULL)
		return false;
	reading->http = http_client_create(reading->loop, "howdahctl/" HOWDAH_VERSION);
	bool done = read_store(reading, err);
	dcs_destroy(reading->dcs);
	http_client_destroy(reading->http);
	loop_destroy(reading->loop);
	return done;
}

bool cli_scope(const struct cli *cli, char scope[static NAME_SIZE], struct err *err)
{
	static struct config config; /* large */
	if (cli->name_count > 0)
		return text_copy(scope, NAME_SIZE, cli->names[0]) ||
		       err_set(err, ERR_INPUT, "the cluster name %s is longer than %d characters", cli->names[0],
			       NAME_SIZE - 1);
	if (!cli_load_config(cli, &config, err))
		return false;
	text_copy(scope, NAME_SIZE, config.scope);
	config_clear(&config);
	return true;
}

struct snapshot *snapshot_read(const struct cli *cli, const char *scope, int64_t ask_ms, struct err *err)
{
	static struct config config; /* large */
	if (!cli_load_config(cli, &config, err))
		return NULL;
	struct snapshot *snapshot = snapshot_create();
	struct reading reading = { .config = &config,
				   .snapshot = snapshot,
				   .insecure = cli->options[CLI_INSECURE] != NULL,
				   .ask_ms = ask_ms };
	bool done = text_copy(config.scope, sizeof(config.scope), scope);
	if (!done)
		err_set(err, ERR_INPUT, "the cluster name %s is longer than %d characters", scope, NAME_SIZE - 1);
	text_copy(snapshot->scope, sizeof(snapshot->scope), config.scope);
	snapshot->endpoints = config.kubernetes.use_endpoints;
	done = done && read_all(&reading, err);
	config_clear(&config);
	if (done)
		return snapshot;
	snapshot_destroy(snapshot);
	return NULL;
}
