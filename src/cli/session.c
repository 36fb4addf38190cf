/* One loop, one store, one HTTP client; each call runs the loop until its answer is there. */
#include "session.h"

#include "dcs/kubernetes.h"

#include <stdlib.h>
#include <string.h>

enum { STORE_LIMIT_MS = 5000, CONNECT_MS = 5000 };

static const char *or_null(const char *text)
{
	return text[0] != '\0' ? text : NULL;
}

/* ---- requests to members ---- */

static struct http_tls member_tls(const struct session *session)
{
	const struct config *config = &session->config;
	const char *ca_file = or_null(config->ctl_cacert);
	return (struct http_tls){ .ca_file = ca_file != NULL ? ca_file : or_null(config->rest_cafile),
				  .cert_file = or_null(config->ctl_certfile),
				  .key_file = or_null(config->ctl_keyfile),
				  .key_password = or_null(config->ctl_keyfile_password),
				  .insecure = session->cli->options[CLI_INSECURE] != NULL || config->ctl_insecure };
}

static struct http_call_params call_params(const struct session *session, const char *method, const char *url)
{
	const struct config *config = &session->config;
	return (struct http_call_params){ .method = method,
					  .url = url,
					  .tls = member_tls(session),
					  .user = or_null(config->ctl_user),
					  .password = config->ctl_user[0] != '\0' ? config->ctl_password : NULL };
}

struct asking {
	struct session *session;
	int open;
};

struct question {
	struct asking *asking;
	int member;
};

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
	struct asking *asking = question->asking;
	take_answer(asking->session->snapshot, question->member, answer);
	free(question);
	if (--asking->open == 0)
		loop_stop(asking->session->loop);
}

static void ask_member(struct asking *asking, int member, int64_t limit_ms)
{
	struct session *session = asking->session;
	const char *url = session->snapshot->cluster.members[member].api_url;
	if (url[0] == '\0')
		return;
	struct question *question = malloc(sizeof(*question));
	if (question == NULL)
		abort();
	*question = (struct question){ .asking = asking, .member = member };
	struct http_call_params params = call_params(session, "GET", url);
	params.timeout_ms = limit_ms;
	params.on_done = on_answer;
	params.arg = question;
	asking->open++;
	http_call_start(session->http, &params);
}

void session_ask(struct session *session, int64_t limit_ms)
{
	struct asking asking = { .session = session };
	snapshot_forget_answers(session->snapshot);
	for (int i = 0; i < session->snapshot->cluster.member_count; i++)
		ask_member(&asking, i, limit_ms);
	if (asking.open > 0)
		loop_run(session->loop);
}

struct waiting {
	struct loop *loop;
	int status;
	char *text;
};

static void on_request_done(void *arg, const struct http_answer *answer)
{
	struct waiting *waiting = arg;
	const char *text = answer->status == 0 ? answer->error : answer->body;
	waiting->status = answer->status;
	waiting->text = strdup(text == NULL ? "no answer" : text);
	if (waiting->text == NULL)
		abort();
	loop_stop(waiting->loop);
}

/* http://10.0.0.1:8008/patroni -> http://10.0.0.1:8008/restart */
static bool request_url(const struct member_request *request, char *url, size_t size)
{
	struct strbuf b;
	const char *api = request->member->api_url, *host = strstr(api, "://");
	strbuf_init(&b, url, size);
	if (host == NULL)
		return false;
	strbuf_add_bytes(&b, api, (size_t)(strchrnul(host + 3, '/') - api));
	strbuf_addf(&b, "/%s", request->path);
	return strbuf_ok(&b);
}

int session_request(struct session *session, const struct member_request *request, char **text)
{
	char url[URL_SIZE + NAME_SIZE];
	struct waiting waiting = { .loop = session->loop };
	if (!request_url(request, url, sizeof(url))) {
		*text = strdup("the member has published no address of its API");
		return 0;
	}
	AUTO(text) char *body = request->body == NULL ? NULL : json_print_text(request->body, JSON_SPACED);
	struct http_call_params params = call_params(session, request->method, url);
	params.body = body;
	params.content_type = body != NULL ? "application/json" : NULL;
	params.timeout_ms = request->limit_ms != 0 ? request->limit_ms : REQUEST_MS;
	params.connect_timeout_ms = CONNECT_MS;
	params.on_done = on_request_done;
	params.arg = &waiting;
	http_call_start(session->http, &params);
	loop_run(session->loop);
	*text = waiting.text;
	return waiting.status;
}

/* ---- time ---- */

static void on_timer(void *arg)
{
	loop_stop(arg);
}

void session_pass(struct session *session, int64_t ms)
{
	loop_timer_set(session->timer, ms);
	loop_run(session->loop);
}

struct instant session_now(struct session *session)
{
	return loop_now(session->loop);
}

/* ---- the store ---- */

struct store_answer {
	struct loop *loop;
	enum dcs_outcome outcome;
	char text[256];
};

static void on_store_done(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct store_answer *answer = arg;
	answer->outcome = outcome;
	text_copy(answer->text, sizeof(answer->text), text);
	loop_stop(answer->loop);
}

static char *copied(const char *text)
{
	char *copy = strdup(text);
	if (copy == NULL)
		abort();
	return copy;
}

static struct snapshot *read_snapshot(const struct session *session)
{
	struct snapshot *snapshot = snapshot_create();
	snapshot->cluster = *dcs_view(session->dcs);
	snapshot->config_text = copied(dcs_config_text(session->dcs));
	snapshot->history_text = copied(dcs_history_text(session->dcs));
	snapshot->now = loop_wall(session->loop);
	snapshot->endpoints = session->config.kubernetes.use_endpoints;
	text_copy(snapshot->scope, sizeof(snapshot->scope), session->config.scope);
	for (int i = 0; i < snapshot->cluster.member_count; i++)
		snapshot->status_texts[i] =
			copied(dcs_member_status_text(session->dcs, snapshot->cluster.members[i].name));
	return snapshot;
}

bool session_refresh(struct session *session, struct err *err)
{
	struct store_answer answer = { .loop = session->loop };
	dcs_refresh(session->dcs, STORE_LIMIT_MS, on_store_done, &answer);
	loop_run(session->loop);
	if (answer.outcome != DCS_DONE)
		return err_set(err, ERR_NO_ANSWER, "the cluster %s cannot be read: %s", session->config.scope,
			       answer.text[0] != '\0' ? answer.text : "the API server did not answer");
	snapshot_destroy(session->snapshot);
	session->snapshot = read_snapshot(session);
	return true;
}

struct snapshot *session_take_snapshot(struct session *session)
{
	struct snapshot *snapshot = session->snapshot;
	session->snapshot = NULL;
	return snapshot;
}

static bool written(struct store_answer *answer, const char *what, struct err *err)
{
	static const enum err_kind kinds[] = { [DCS_DONE] = ERR_NONE,
					       [DCS_CONFLICT] = ERR_CONFLICT,
					       [DCS_REFUSED] = ERR_FORBIDDEN,
					       [DCS_NO_ANSWER] = ERR_NO_ANSWER,
					       [DCS_DENIED] = ERR_FORBIDDEN };
	loop_run(answer->loop);
	return answer->outcome == DCS_DONE || err_set(err, kinds[answer->outcome], "%s: %s", what, answer->text);
}

bool session_write_config(struct session *session, const char *text, struct err *err)
{
	struct store_answer answer = { .loop = session->loop };
	uint64_t version = session->snapshot->cluster.config_object_version;
	dcs_write_config(session->dcs, text, version, on_store_done, &answer);
	return written(&answer, "the configuration was not changed", err);
}

bool session_write_move(struct session *session, const struct move *move, struct err *err)
{
	struct store_answer answer = { .loop = session->loop };
	dcs_write_move(session->dcs, move, on_store_done, &answer);
	return written(&answer, "the request could not be put into the store", err);
}

bool session_pause_rollout(struct session *session, bool paused, struct err *err)
{
	struct store_answer answer = { .loop = session->loop };
	dcs_pause_rollout(session->dcs, paused, on_store_done, &answer);
	return written(&answer, paused ? "roll-outs were not paused" : "roll-outs were not resumed", err);
}

bool session_remove(struct session *session, struct err *err)
{
	struct store_answer answer = { .loop = session->loop };
	dcs_remove(session->dcs, on_store_done, &answer);
	return written(&answer, "the cluster was not removed", err);
}

/* ---- life ---- */

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

static bool start(struct session *session, struct err *err)
{
	struct kubernetes_params params;
	struct dcs_callbacks callbacks = { .on_event = ignore_event, .on_lock_send = ignore_lock_send };
	session->loop = loop_create(err);
	if (session->loop == NULL)
		return false;
	session->timer = loop_timer_create(session->loop, on_timer, session->loop);
	session->http = http_client_create(session->loop, "howdahctl/" HOWDAH_VERSION);
	kubernetes_params_from_config(&params, &session->config);
	params.name[0] = '\0'; /* a reader, and one that comes as everybody else does */
	params.bypass_api_service = false;
	session->dcs = kubernetes_create(session->loop, session->http, &params, &callbacks, err);
	return session->dcs != NULL && session_refresh(session, err);
}

static bool set_scope(struct session *session, const char *scope, struct err *err)
{
	struct config *config = &session->config;
	if (scope == NULL && session->cli->name_count > 0)
		scope = session->cli->names[0];
	if (scope != NULL && !text_copy(config->scope, sizeof(config->scope), scope))
		return err_set(err, ERR_INPUT, "the cluster name %s is longer than %d characters", scope,
			       NAME_SIZE - 1);
	if (config->scope[0] == '\0')
		return err_set(err, ERR_INPUT, "which cluster? No name was given, and the configuration has no scope");
	return true;
}

struct session *session_open(const struct cli *cli, const char *scope, struct err *err)
{
	struct session *session = calloc(1, sizeof(*session));
	if (session == NULL)
		abort();
	session->cli = cli;
	if (!cli_load_config(cli, &session->config, err)) {
		free(session);
		return NULL;
	}
	if (set_scope(session, scope, err) && start(session, err))
		return session;
	session_close(session);
	return NULL;
}

void session_close(struct session *session)
{
	if (session == NULL)
		return;
	dcs_destroy(session->dcs);
	http_client_destroy(session->http);
	if (session->loop != NULL)
		loop_timer_destroy(session->timer);
	loop_destroy(session->loop);
	snapshot_destroy(session->snapshot);
	config_clear(&session->config);
	free(session);
}

struct snapshot *snapshot_read(const struct cli *cli, const char *scope, int64_t ask_ms, struct err *err)
{
	struct session *session = session_open(cli, scope, err);
	if (session == NULL)
		return NULL;
	if (ask_ms > 0)
		session_ask(session, ask_ms);
	struct snapshot *snapshot = session_take_snapshot(session);
	session_close(session);
	return snapshot;
}
