/* Requests: who may ask, which namespace it is about, and how the answer goes out. */
#include "devkube/devkube.h"

#include "base/strbuf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 4 * HTTP_URI_MAX };

/* A request on its way: it may have to wait. */
struct job {
	struct job *next;
	struct devkube *dk;
	char method[8], path[PATH_SIZE], type[HTTP_TYPE_MAX];
	const char *query; /* in path */
	char *body;
	size_t body_len;
	struct http_reply *reply;
	struct loop_timer *timer;
};

/* ---- replies ---- */

static void reply_body(struct http_reply *reply, int status, const char *type, const struct api_text *text,
		       int64_t retry_after_s)
{
	char headers[64] = "";
	if (retry_after_s >= 0)
		snprintf(headers, sizeof(headers), "Retry-After: %lld\n", (long long)retry_after_s);
	http_reply_send(reply, &(struct http_response){ .status = status,
							.content_type = type,
							.body = text->text,
							.body_len = text->len,
							.extra_headers = headers });
}

void reply_text(struct http_reply *reply, int status, const char *type, const char *text)
{
	struct api_text *body = api_text_new(text, strlen(text));
	reply_body(reply, status, type, body, -1);
	api_text_drop(body);
}

void reply_refusal(struct http_reply *reply, int status, const char *reason, const char *message)
{
	struct api_response r;
	api_refuse(&r, status, reason, message);
	reply_body(reply, status, "application/json", r.body, -1);
	api_text_drop(r.body);
}

/* ---- namespaces ---- */

static int64_t now_us(void *arg)
{
	struct devkube *dk = arg;
	return loop_now(dk->loop).raw_us;
}

static int64_t wall_s(void *arg)
{
	struct devkube *dk = arg;
	return loop_wall(dk->loop).us / 1000000;
}

static uint32_t random_number(void *arg)
{
	struct devkube *dk = arg;
	return loop_random(dk->loop);
}

static struct space *space_create(struct devkube *dk, const char *name)
{
	struct space *space = calloc(1, sizeof(*space));
	assert(space);
	text_copy(space->name, sizeof(space->name), name);
	space->api = api_create(&(struct api_hooks){ .now_us = now_us,
						     .wall_s = wall_s,
						     .random = random_number,
						     .on_watch = stream_wake,
						     .arg = dk,
						     .number = ++dk->space_count });
	return space;
}

static void space_add(struct devkube *dk, const char *name)
{
	struct space *space = space_create(dk, name);
	space->next = dk->spaces;
	dk->spaces = space;
}

static void space_destroy(struct space *space)
{
	api_destroy(space->api);
	free(space);
}

static struct space *space_find(const struct devkube *dk, const char *name, size_t len)
{
	for (struct space *s = dk->spaces; s; s = s->next)
		if (strlen(s->name) == len && memcmp(s->name, name, len) == 0)
			return s;
	return NULL;
}

static void reply_space(struct http_reply *reply, int status, const char *name)
{
	char text[256];
	snprintf(text, sizeof(text),
		 "{\"kind\":\"Namespace\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"%s\"},\"status\":{\"phase\":"
		 "\"Active\"}}",
		 name);
	reply_text(reply, status, "application/json", text);
}

static void create_space(struct devkube *dk, const struct job *job)
{
	struct err err;
	AUTO(json) struct json *body = json_parse(job->body, job->body_len, &err);
	const char *name = json_get_text(json_get(body, "metadata"), "name");
	if (!name || name[0] == '\0' || strlen(name) >= SPACE_NAME_SIZE ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name)) {
		reply_refusal(job->reply, 422, "Invalid",
			      "metadata.name: up to 63 lower-case letters, digits and '-' are needed");
	} else if (space_find(dk, name, strlen(name))) {
		reply_refusal(job->reply, 409, "AlreadyExists", "namespaces: it already exists");
	} else {
		space_add(dk, name);
		reply_space(job->reply, 201, name);
	}
}

static void refuse_space(const struct job *job, const char *name, int len)
{
	char message[SPACE_NAME_SIZE + 64];
	snprintf(message, sizeof(message), "namespaces \"%.*s\" not found",
		 len < SPACE_NAME_SIZE ? len : SPACE_NAME_SIZE, name);
	reply_refusal(job->reply, 404, "NotFound", message);
}

/* ---- jobs ---- */

static void job_destroy(struct job *job)
{
	for (struct job **at = &job->dk->jobs; *at; at = &(*at)->next)
		if (*at == job) {
			*at = job->next;
			break;
		}
	loop_timer_destroy(job->timer);
	free(job->body);
	free(job);
}

static void job_ask(struct job *job, struct space *space)
{
	struct devkube *dk = job->dk;
	struct api_response r;
	struct api_request q = { .method = job->method,
				 .path = job->path,
				 .body = job->body,
				 .body_len = job->body_len,
				 .content_type = text_equal(job->method, "PATCH") ? job->type : NULL,
				 .author = dk };
	bool watches = strstr(job->query, "watch=") != NULL;
	if (watches && fault_strikes(dk, FAULT_EXPIRE, job->method, job->path))
		api_expire(space->api, &q, &r);
	else
		api_handle(space->api, &q, &r);
	if (fault_strikes(dk, FAULT_DROP_AFTER, job->method, job->path)) {
		http_reply_cut(job->reply);
		if (r.watch)
			api_watch_close(r.watch);
	} else if (r.watch) {
		stream_open(dk, r.watch, job->reply, job->query);
	} else {
		reply_body(job->reply, r.status, "application/json", r.body, r.retry_after_s);
	}
	api_text_drop(r.body);
}

static void job_in_space(struct job *job, const char *name)
{
	size_t len = strcspn(name, "/?");
	struct space *space = space_find(job->dk, name, len);
	bool creates = text_equal(job->method, "POST");
	if (name[len] == '/' && (space || !creates))
		job_ask(job, space ? space : job->dk->nowhere);
	else if (!space)
		refuse_space(job, name, (int)len);
	else
		reply_space(job->reply, 200, space->name);
}

/* What follows on the name of a group of its own and "namespaces/"; NULL: it is none that exists here. */
static const char *after_group(const char *path)
{
	static const char *const heads[] = { "/apis/apps/v1/namespaces/", "/apis/discovery.k8s.io/v1/namespaces/" };
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++)
		if (strncmp(path, heads[i], strlen(heads[i])) == 0)
			return path + strlen(heads[i]);
	return NULL;
}

static void job_run(void *arg)
{
	static const char spaces[] = "/api/v1/namespaces";
	struct job *job = arg;
	size_t len = strlen(spaces);
	bool in_spaces = strncmp(job->path, spaces, len) == 0;
	const char *of_group = after_group(job->path);
	if (of_group)
		job_in_space(job, of_group);
	else if (in_spaces && job->path[len] == '/')
		job_in_space(job, job->path + len + 1);
	else if (in_spaces && text_equal(job->method, "POST"))
		create_space(job->dk, job);
	else
		reply_refusal(job->reply, 404, "NotFound", "the server could not find the requested resource");
	job_destroy(job);
}

static struct job *job_create(struct devkube *dk, const struct http_request *request)
{
	struct strbuf path;
	struct job *job = calloc(1, sizeof(*job));
	assert(job);
	*job = (struct job){ .next = dk->jobs, .dk = dk, .body_len = request->body_len, .reply = request->reply };
	dk->jobs = job;
	text_copy(job->method, sizeof(job->method), request->method);
	text_copy(job->type, sizeof(job->type), request->content_type);
	strbuf_init(&path, job->path, sizeof(job->path));
	strbuf_addf(&path, "%s?", request->path);
	job->query = job->path + path.len;
	strbuf_add(&path, request->query);
	assert(strbuf_ok(&path));
	job->body = strndup(request->body, request->body_len);
	assert(job->body);
	job->timer = loop_timer_create(dk->loop, job_run, job);
	return job;
}

static void refuse_by_fault(const struct armed *fault, struct http_reply *reply)
{
	struct api_response r;
	api_refuse(&r, (int)fault->status, "Fault", "refused by command");
	reply_body(reply, r.status, "application/json", r.body, fault->retry_after_s);
	api_text_drop(r.body);
}

static void take_request(struct devkube *dk, const struct http_request *request)
{
	if (fault_strikes(dk, FAULT_DROP_BEFORE, request->method, request->path)) {
		http_reply_cut(request->reply);
	} else if (fault_strikes(dk, FAULT_REFUSE, request->method, request->path)) {
		refuse_by_fault(&dk->faults[FAULT_REFUSE], request->reply);
	} else {
		struct job *job = job_create(dk, request);
		if (fault_strikes(dk, FAULT_DELAY, request->method, request->path))
			loop_timer_set(job->timer, dk->faults[FAULT_DELAY].ms);
		else
			job_run(job);
	}
}

static bool is_authorised(const struct devkube *dk, const struct http_request *request)
{
	return strncmp(request->authorization, "Bearer ", 7) == 0 && text_equal(request->authorization + 7, dk->token);
}

static const struct {
	const char *path, *type, *text;
} open_to_all[] = {
	{ "/healthz", "text/plain", "ok" },
	{ "/livez", "text/plain", "ok" },
	{ "/readyz", "text/plain", "ok" },
	{ "/version", "application/json", "{\"major\":\"1\",\"minor\":\"34\",\"gitVersion\":\"v1.34.0-devkube\"}" },
};

void devkube_handle(void *arg, const struct http_request *request)
{
	struct devkube *dk = arg;
	for (size_t i = 0; i < ARRAY_SIZE(open_to_all); i++)
		if (text_equal(request->path, open_to_all[i].path)) {
			reply_text(request->reply, 200, open_to_all[i].type, open_to_all[i].text);
			return;
		}
	if (!is_authorised(dk, request))
		reply_refusal(request->reply, 401, "Unauthorized", "Unauthorized");
	else if (text_equal(request->path, "/devkube/faults"))
		faults_handle(dk, request);
	else
		take_request(dk, request);
}

/* ---- life ---- */

void devkube_init(struct devkube *dk, struct loop *loop)
{
	dk->loop = loop;
	dk->nowhere = space_create(dk, "");
	space_add(dk, "default");
	faults_init(dk);
}

void devkube_finish(struct devkube *dk)
{
	streams_cut(dk);
	while (dk->jobs) {
		http_reply_cut(dk->jobs->reply);
		job_destroy(dk->jobs);
	}
	faults_finish(dk);
	while (dk->spaces) {
		struct space *space = dk->spaces;
		dk->spaces = space->next;
		space_destroy(space);
	}
	space_destroy(dk->nowhere);
}
