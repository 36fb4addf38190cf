/* The store: objects, their revisions, the log of changes. */
#include "api_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct api_text *api_text_new(const char *text, size_t len)
{
	struct api_text *t = malloc(sizeof(*t) + len + 1);
	assert(t);
	t->refs = 1;
	t->len = len;
	memcpy(t->text, text, len);
	t->text[len] = '\0';
	return t;
}

struct api_text *api_text_ref(struct api_text *text)
{
	text->refs++;
	return text;
}

void api_text_drop(struct api_text *text)
{
	if (text && --text->refs == 0)
		free(text);
}

void revision_drop(struct revision *revision)
{
	if (!revision || --revision->refs > 0)
		return;
	api_text_drop(revision->text);
	free(revision->labels);
	free(revision);
}

static struct revision *revision_ref(struct revision *revision)
{
	if (revision)
		revision->refs++;
	return revision;
}

static char *labels_text(const struct json *tree)
{
	char memory[2048];
	struct strbuf b;
	strbuf_init(&b, memory, sizeof(memory));
	strbuf_add_char(&b, ',');
	const struct json *labels = json_path(tree, "metadata.labels");
	for (const struct json *l = json_first(labels); l; l = json_next(l))
		strbuf_addf(&b, "%s=%s,", json_key(l), json_text(l) ? json_text(l) : "");
	assert(strbuf_ok(&b));
	return strdup(memory);
}

static struct revision *revision_new(const struct json *tree, uint64_t version)
{
	static char memory[256 * 1024];
	struct strbuf b;
	struct revision *r = calloc(1, sizeof(*r));
	assert(r);
	strbuf_init(&b, memory, sizeof(memory));
	json_print(tree, JSON_COMPACT, &b);
	assert(strbuf_ok(&b));
	*r = (struct revision){
		.refs = 1, .version = version, .labels = labels_text(tree), .text = api_text_new(memory, b.len)
	};
	return r;
}

struct object *object_find(const struct api *api, const char *kind, const char *name)
{
	for (int i = 0; i < api->count; i++)
		if (strcmp(api->objects[i].name, name) == 0 && strcmp(api->objects[i].kind, kind) == 0)
			return (struct object *)&api->objects[i];
	return NULL;
}

static void log_event_clear(struct log_event *e)
{
	revision_drop(e->before);
	revision_drop(e->after);
	revision_drop(e->last);
	for (int i = 0; i < EVENT_TYPES; i++)
		api_text_drop(e->lines[i]);
	*e = (struct log_event){ 0 };
}

static void log_add(struct api *api, const struct object *o, struct revision *before, bool deleted)
{
	if (api->log_next - api->log_first == LOG_SIZE) {
		struct log_event *oldest = &api->log[api->log_first++ % LOG_SIZE];
		api->compacted = oldest->version;
		log_event_clear(oldest);
	}
	struct log_event *e = &api->log[api->log_next++ % LOG_SIZE];
	*e = (struct log_event){ .version = api->version, .at_us = api->hooks.now_us(api->hooks.arg) };
	text_copy(e->kind, sizeof(e->kind), o->kind);
	e->before = before;
	e->after = deleted ? NULL : revision_ref(o->now);
	e->last = deleted ? revision_ref(o->now) : NULL;
}

static struct json *metadata(struct json *tree)
{
	return (struct json *)json_get(tree, "metadata");
}

/* A new state of an object, its tree being changed already. `before`: NULL for a new one. */
static void commit(struct api *api, struct object *o, const struct api_change *change)
{
	char version[24];
	struct revision *before = o->now;
	snprintf(version, sizeof(version), "%" PRIu64, ++api->version);
	json_set_text(metadata(o->tree), "resourceVersion", version);
	o->now = revision_new(o->tree, api->version);
	log_add(api, o, before, change->deleted);
	api->writes += change->author != NULL;
	if (api->hooks.on_change) {
		struct api_change c = *change;
		c.kind = o->kind;
		c.name = o->name;
		c.object = o->tree;
		api->hooks.on_change(api->hooks.arg, &c);
	}
	watch_notify(api, o->kind);
}

static struct object *object_add(struct api *api, const char *kind, struct json *tree)
{
	const char *name = json_get_text(json_get(tree, "metadata"), "name");
	if (!name || api->count == OBJECTS_MAX)
		return NULL;
	struct object *o = &api->objects[api->count++];
	*o = (struct object){ .tree = tree };
	text_copy(o->kind, sizeof(o->kind), kind);
	text_copy(o->name, sizeof(o->name), name);
	return o;
}

/* Takes the tree over. */
static struct object *object_create(struct api *api, const char *kind, struct json *tree, void *author)
{
	char uid[40];
	struct object *o = object_add(api, kind, tree);
	if (!o) {
		json_free(tree);
		return NULL;
	}
	if (!json_get_text(metadata(tree), "uid")) {
		snprintf(uid, sizeof(uid), "00000000-0000-4000-8000-%012" PRIx64, ++api->uid);
		json_set_text(metadata(tree), "uid", uid);
	}
	json_set_text(metadata(tree), "creationTimestamp", "2026-01-01T00:00:00Z");
	commit(api, o, &(struct api_change){ .created = true, .author = author });
	return o;
}

static void object_remove(struct api *api, struct object *o, void *author)
{
	commit(api, o, &(struct api_change){ .deleted = true, .author = author });
	json_free(o->tree);
	revision_drop(o->now);
	*o = api->objects[--api->count];
}

/* ---- requests ---- */

struct target {
	char kind[API_KIND_SIZE], name[API_NAME_SIZE];
	const char *query; /* "" none */
};

static bool take_part(const char **at, char *part, size_t size)
{
	size_t len = strcspn(*at, "/?");
	if (len >= size)
		return false;
	memcpy(part, *at, len);
	part[len] = '\0';
	*at += len;
	if (**at == '/')
		(*at)++;
	return true;
}

static bool target_parse(struct target *t, const char *path)
{
	char space[API_NAME_SIZE];
	const char *prefix = "/api/v1/namespaces/";
	if (strncmp(path, prefix, strlen(prefix)) != 0)
		return false;
	path += strlen(prefix);
	if (!take_part(&path, space, sizeof(space)) || !take_part(&path, t->kind, sizeof(t->kind)) ||
	    !take_part(&path, t->name, sizeof(t->name)))
		return false;
	t->query = *path == '?' ? path + 1 : "";
	return t->kind[0] != '\0';
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

/* A value of the query, percent-decoded; "" when it is not there. */
static void query_get(const char *query, const char *key, char *value, size_t size)
{
	size_t n = 0, len = strlen(key);
	value[0] = '\0';
	for (const char *at = query; at && *at; at = strchr(at, '&'), at = at ? at + 1 : NULL) {
		if (strncmp(at, key, len) != 0 || at[len] != '=')
			continue;
		for (at += len + 1; *at && *at != '&' && n + 1 < size; at++) {
			bool escaped = *at == '%' && at[1] && at[2];
			value[n++] = escaped ? (char)(hex(at[1]) * 16 + hex(at[2])) : *at;
			at += escaped ? 2 : 0;
		}
		value[n] = '\0';
		return;
	}
}

static void answer_status(struct api_response *r, int status, const char *reason, const char *message)
{
	char text[512];
	int n = snprintf(text, sizeof(text),
			 "{\"kind\":\"Status\",\"apiVersion\":\"v1\",\"metadata\":{},\"status\":\"Failure\","
			 "\"message\":\"%s\",\"reason\":\"%s\",\"code\":%d}",
			 message, reason, status);
	r->status = status;
	r->body = api_text_new(text, (size_t)n);
}

static void answer_object(struct api_response *r, int status, const struct object *o)
{
	r->status = status;
	r->body = api_text_ref(o->now->text);
}

static void handle_list(struct api *api, const struct target *t, struct api_response *r)
{
	static char memory[1024 * 1024];
	char selector[SELECTOR_SIZE];
	struct strbuf b;
	int n = 0;
	query_get(t->query, "labelSelector", selector, sizeof(selector));
	strbuf_init(&b, memory, sizeof(memory));
	strbuf_addf(&b,
		    "{\"kind\":\"List\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"%" PRIu64
		    "\"},\"items\":[",
		    api->version);
	for (int i = 0; i < api->count; i++) {
		const struct object *o = &api->objects[i];
		if (strcmp(o->kind, t->kind) != 0 || !selector_matches(selector, o->now))
			continue;
		if (n++ > 0)
			strbuf_add_char(&b, ',');
		strbuf_add_bytes(&b, o->now->text->text, o->now->text->len);
	}
	strbuf_add(&b, "]}");
	assert(strbuf_ok(&b));
	r->status = 200;
	r->body = api_text_new(memory, b.len);
}

static void handle_get(struct api *api, const struct api_request *q, const struct target *t, struct api_response *r)
{
	char value[64];
	uint64_t version = 0;
	if (t->name[0]) {
		const struct object *o = object_find(api, t->kind, t->name);
		if (o)
			answer_object(r, 200, o);
		else
			answer_status(r, 404, "NotFound", "not found");
		return;
	}
	query_get(t->query, "watch", value, sizeof(value));
	if (value[0] == '\0' || strcmp(value, "false") == 0) {
		handle_list(api, t, r);
		return;
	}
	query_get(t->query, "resourceVersion", value, sizeof(value));
	bool known = text_to_u64(value, &version) && version >= api->compacted && version <= api->version;
	if (!known && api->hooks.random(api->hooks.arg) % 2 == 0) {
		answer_status(r, 410, "Expired", "too old resource version");
		return;
	}
	r->status = 200;
	r->watch = watch_open(api, q, t->kind, version);
	query_get(t->query, "labelSelector", r->watch->selector, sizeof(r->watch->selector));
	query_get(t->query, "allowWatchBookmarks", value, sizeof(value));
	r->watch->bookmarks = value[0] == 't' || value[0] == 'T' || value[0] == '1';
	if (known)
		return;
	static const char gone[] = "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,"
				   "\"reason\":\"Expired\",\"message\":\"too old resource version\"}}\n";
	r->watch->last = api_text_new(gone, sizeof(gone) - 1);
	r->watch->ended = true;
}

/* Preconditions in a patch's metadata; they are no part of what is merged. */
static bool conditions_hold(const struct object *o, struct json *patch)
{
	struct json *meta = metadata(patch);
	char version[24];
	snprintf(version, sizeof(version), "%" PRIu64, o->now->version);
	const char *asked = json_get_text(meta, "resourceVersion"), *uid = json_get_text(meta, "uid");
	bool hold = (!asked || asked[0] == '\0' || strcmp(asked, version) == 0) &&
		    (!uid || strcmp(uid, json_get_text(json_get(o->tree, "metadata"), "uid")) == 0);
	if (meta) {
		json_remove(meta, "resourceVersion");
		json_remove(meta, "uid");
		json_remove(meta, "namespace");
	}
	return hold;
}

static void handle_patch(struct api *api, const struct api_request *q, const struct target *t, struct api_response *r)
{
	struct err err;
	struct object *o = object_find(api, t->kind, t->name);
	AUTO(json) struct json *patch = q->body ? json_parse(q->body, q->body_len, &err) : NULL;
	if (!patch) {
		answer_status(r, 400, "BadRequest", "no JSON");
	} else if (!o) {
		answer_status(r, 404, "NotFound", "not found");
	} else if (!conditions_hold(o, patch)) {
		answer_status(r, 409, "Conflict", "the object has been modified");
	} else {
		if (json_merge(o->tree, patch))
			commit(api, o, &(struct api_change){ .author = q->author });
		answer_object(r, 200, o);
	}
}

static void handle_post(struct api *api, const struct api_request *q, const struct target *t, struct api_response *r)
{
	struct err err;
	struct json *tree = q->body ? json_parse(q->body, q->body_len, &err) : NULL;
	const char *name = json_get_text(json_get(tree, "metadata"), "name");
	if (!name) {
		json_free(tree);
		answer_status(r, 422, "Invalid", "no name");
		return;
	}
	if (object_find(api, t->kind, name)) {
		json_free(tree);
		answer_status(r, 409, "AlreadyExists", "already exists");
		return;
	}
	json_remove(metadata(tree), "resourceVersion");
	json_remove(metadata(tree), "uid");
	const struct object *o = object_create(api, t->kind, tree, q->author ? q->author : api);
	if (o)
		answer_object(r, 201, o);
	else
		answer_status(r, 500, "InternalError", "full");
}

static void handle_delete(struct api *api, const struct api_request *q, const struct target *t, struct api_response *r)
{
	struct object *o = object_find(api, t->kind, t->name);
	if (!o) {
		answer_status(r, 404, "NotFound", "not found");
		return;
	}
	answer_object(r, 200, o);
	object_remove(api, o, q->author);
}

static bool storm_strikes(struct api *api, struct api_response *r)
{
	if (api->storm_per_mille == 0 || api->hooks.random(api->hooks.arg) % 1000 >= (uint32_t)api->storm_per_mille)
		return false;
	api->storm_hits++;
	answer_status(r, api->storm_status, "Storm", "not now");
	r->retry_after_s = api->storm_retry_after_s;
	return true;
}

void api_handle(struct api *api, const struct api_request *request, struct api_response *response)
{
	struct target t;
	*response = (struct api_response){ .retry_after_s = -1 };
	if (storm_strikes(api, response))
		return;
	if (!target_parse(&t, request->path))
		answer_status(response, 404, "NotFound", "no such path");
	else if (strcmp(request->method, "GET") == 0)
		handle_get(api, request, &t, response);
	else if (strcmp(request->method, "PATCH") == 0)
		handle_patch(api, request, &t, response);
	else if (strcmp(request->method, "POST") == 0)
		handle_post(api, request, &t, response);
	else if (strcmp(request->method, "DELETE") == 0)
		handle_delete(api, request, &t, response);
	else
		answer_status(response, 405, "MethodNotAllowed", "not allowed");
}

/* ---- the administrator ---- */

bool api_put(struct api *api, const char *kind, const char *text)
{
	struct err err;
	struct json *tree = json_parse(text, strlen(text), &err);
	assert(tree);
	if (object_find(api, kind, json_get_text(json_get(tree, "metadata"), "name"))) {
		json_free(tree);
		return false;
	}
	return object_create(api, kind, tree, NULL) != NULL;
}

bool api_patch(struct api *api, const char *kind, const char *name, const char *merge)
{
	struct err err;
	struct object *o = object_find(api, kind, name);
	AUTO(json) struct json *patch = json_parse(merge, strlen(merge), &err);
	assert(patch);
	if (!o || !json_merge(o->tree, patch))
		return false;
	commit(api, o, &(struct api_change){ .author = NULL });
	return true;
}

bool api_delete(struct api *api, const char *kind, const char *name)
{
	struct object *o = object_find(api, kind, name);
	if (o)
		object_remove(api, o, NULL);
	return o != NULL;
}

const struct json *api_get(const struct api *api, const char *kind, const char *name)
{
	const struct object *o = object_find(api, kind, name);
	return o ? o->tree : NULL;
}

const struct json *api_next(const struct api *api, const char *kind, const struct json *after)
{
	bool passed = after == NULL;
	for (int i = 0; i < api->count; i++) {
		if (passed && strcmp(api->objects[i].kind, kind) == 0)
			return api->objects[i].tree;
		passed |= api->objects[i].tree == after;
	}
	return NULL;
}

uint64_t api_version(const struct api *api)
{
	return api->version;
}

long api_writes(const struct api *api)
{
	return api->writes;
}

long api_storm_hits(const struct api *api)
{
	return api->storm_hits;
}

void api_set_lag(struct api *api, int server, int64_t lag_us)
{
	api->lag_us[server] = lag_us;
}

void api_set_storm(struct api *api, int status, int per_mille, int64_t retry_after_s)
{
	api->storm_status = status;
	api->storm_per_mille = per_mille;
	api->storm_retry_after_s = retry_after_s;
}

static void log_clear(struct api *api)
{
	while (api->log_first < api->log_next)
		log_event_clear(&api->log[api->log_first++ % LOG_SIZE]);
}

void api_compact(struct api *api)
{
	api_end_watches(api, -1);
	log_clear(api);
	api->compacted = api->version;
}

static void snapshot_clear(struct snapshot *s)
{
	for (int i = 0; i < s->count; i++)
		json_free(s->objects[i].tree);
	*s = (struct snapshot){ 0 };
}

void api_snapshot(struct api *api)
{
	struct snapshot *s = &api->snapshot;
	snapshot_clear(s);
	s->version = api->version;
	s->count = api->count;
	s->taken = true;
	for (int i = 0; i < api->count; i++) {
		s->objects[i] = api->objects[i];
		s->objects[i].tree = json_copy(api->objects[i].tree);
		s->objects[i].now = NULL;
	}
}

static const char *uid_of(const struct json *tree)
{
	return json_get_text(json_get(tree, "metadata"), "uid");
}

/* Pods that were made since then stay as they are: their controllers would have made them again. */
static bool is_newer_pod(const struct snapshot *s, const struct object *o)
{
	for (int i = 0; i < s->count; i++)
		if (strcmp(s->objects[i].kind, o->kind) == 0 && strcmp(s->objects[i].name, o->name) == 0)
			return strcmp(o->kind, "pods") == 0 && strcmp(uid_of(s->objects[i].tree), uid_of(o->tree)) != 0;
	return strcmp(o->kind, "pods") == 0;
}

bool api_restore(struct api *api)
{
	struct snapshot *s = &api->snapshot;
	int kept = 0;
	if (!s->taken)
		return false;
	api_end_watches(api, -1);
	log_clear(api);
	for (int i = 0; i < api->count; i++) {
		struct object *o = &api->objects[i];
		if (is_newer_pod(s, o)) {
			api->objects[kept++] = *o;
			continue;
		}
		json_free(o->tree);
		revision_drop(o->now);
	}
	api->count = kept;
	for (int i = 0; i < s->count; i++) {
		if (object_find(api, s->objects[i].kind, s->objects[i].name))
			continue;
		struct object *o = object_add(api, s->objects[i].kind, json_copy(s->objects[i].tree));
		uint64_t version = 0;
		if (!text_to_u64(json_get_text(json_get(o->tree, "metadata"), "resourceVersion"), &version))
			abort();
		o->now = revision_new(o->tree, version);
		if (api->hooks.on_change)
			api->hooks.on_change(
				api->hooks.arg,
				&(struct api_change){ .kind = o->kind, .name = o->name, .object = o->tree });
	}
	api->version = s->version;
	api->compacted = api->version;
	return true;
}

struct api *api_create(const struct api_hooks *hooks)
{
	struct api *api = calloc(1, sizeof(*api));
	assert(api);
	api->hooks = *hooks;
	api->version = 1000;
	return api;
}

void api_destroy(struct api *api)
{
	assert(api->watch_count == 0);
	log_clear(api);
	snapshot_clear(&api->snapshot);
	for (int i = 0; i < api->count; i++) {
		json_free(api->objects[i].tree);
		revision_drop(api->objects[i].now);
	}
	free(api);
}
