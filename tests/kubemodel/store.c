/* The store: objects, their revisions, the log of changes, and what an administrator does to them. */
#include "api_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { WALL_UNKNOWN_S = 1767225600 }; /* 2026-01-01 */

/* Those that exist here. */
static const struct kind kinds[] = {
	{ "configmaps", "ConfigMap", "v1" },
	{ "endpoints", "Endpoints", "v1" },
	{ "events", "Event", "v1" },
	{ "pods", "Pod", "v1" },
	{ "services", "Service", "v1" },
	{ "statefulsets", "StatefulSet", "apps/v1" },
	{ "controllerrevisions", "ControllerRevision", "apps/v1" },
	{ "endpointslices", "EndpointSlice", "discovery.k8s.io/v1" },
};

const struct kind *kind_find(const char *plural)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		if (text_equal(kinds[i].plural, plural))
			return &kinds[i];
	return NULL;
}

struct api_text *api_text_new(const char *text, size_t len)
{
	return api_text_join(text, len, "", 0);
}

struct api_text *api_text_join(const char *head, size_t head_len, const char *rest, size_t rest_len)
{
	struct api_text *t = malloc(sizeof(*t) + head_len + rest_len + 1);
	assert(t);
	t->refs = 1;
	t->len = head_len + rest_len;
	memcpy(t->text, head, head_len);
	memcpy(t->text + head_len, rest, rest_len);
	t->text[t->len] = '\0';
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

struct revision *revision_ref(struct revision *revision)
{
	if (revision)
		revision->refs++;
	return revision;
}

static char *labels_text(const struct json *tree)
{
	const struct json *labels = json_path(tree, "metadata.labels");
	struct strbuf b;
	size_t size = 2;
	for (const struct json *l = json_first(labels); l; l = json_next(l))
		size += strlen(json_key(l)) + strlen(json_text(l) ? json_text(l) : "") + 2;
	char *text = malloc(size);
	assert(text);
	strbuf_init(&b, text, size);
	strbuf_add_char(&b, ',');
	for (const struct json *l = json_first(labels); l; l = json_next(l))
		strbuf_addf(&b, "%s=%s,", json_key(l), json_text(l) ? json_text(l) : "");
	assert(strbuf_ok(&b));
	return text;
}

/* Kind and apiVersion are in front, where a list can leave them away. */
static struct revision *revision_new(const struct object *o, uint64_t version)
{
	char head[128];
	AUTO(text) char *body = json_print_text(o->tree, JSON_COMPACT);
	size_t body_len = strlen(body);
	const struct kind *kind = kind_find(o->kind);
	int n = snprintf(head, sizeof(head), "{\"kind\":\"%s\",\"apiVersion\":\"%s\",", kind->name, kind->version);
	struct revision *r = calloc(1, sizeof(*r));
	assert(r && n > 0 && (size_t)n < sizeof(head) && body_len > 2);
	*r = (struct revision){ .refs = 1, .version = version, .labels = labels_text(o->tree), .head_len = (size_t)n };
	r->text = api_text_join(head, (size_t)n, body + 1, body_len - 1);
	return r;
}

struct object *model_find(const struct api *api, const char *kind, const char *name)
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

struct json *metadata_of(struct json *tree)
{
	return (struct json *)json_get(tree, "metadata");
}

/* A new state of an object, its tree being changed already. */
void model_commit(struct api *api, struct object *o, const struct api_change *change)
{
	char version[24];
	struct revision *before = o->now;
	snprintf(version, sizeof(version), "%" PRIu64, ++api->version);
	json_set_text(metadata_of(o->tree), "resourceVersion", version);
	o->now = revision_new(o, api->version);
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

static struct object *model_add(struct api *api, const char *kind, struct json *tree)
{
	const char *name = json_get_text(json_get(tree, "metadata"), "name");
	if (!name || api->count == OBJECTS_MAX || !kind_find(kind))
		return NULL;
	struct object *o = &api->objects[api->count++];
	*o = (struct object){ .tree = tree };
	text_copy(o->kind, sizeof(o->kind), kind);
	bool fits = text_copy(o->name, sizeof(o->name), name);
	assert(fits);
	json_remove(tree, "kind");
	json_remove(tree, "apiVersion");
	return o;
}

void model_set_time(struct api *api, struct json *metadata, const char *key)
{
	char text[32];
	time_t now = (time_t)(api->hooks.wall_s ? api->hooks.wall_s(api->hooks.arg) : WALL_UNKNOWN_S);
	struct tm tm;
	gmtime_r(&now, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_set_text(metadata, key, text);
}

struct object *model_create(struct api *api, const char *kind, struct json *tree, void *author)
{
	char uid[40];
	struct object *o = model_add(api, kind, tree);
	if (!o) {
		json_free(tree);
		return NULL;
	}
	if (!json_get_text(metadata_of(tree), "uid")) {
		snprintf(uid, sizeof(uid), "%08" PRIx32 "-0000-4000-8000-%012" PRIx64, api->hooks.number, ++api->uid);
		json_set_text(metadata_of(tree), "uid", uid);
	}
	model_set_time(api, metadata_of(tree), "creationTimestamp");
	model_commit(api, o, &(struct api_change){ .created = true, .author = author });
	return o;
}

void model_remove(struct api *api, struct object *o, void *author)
{
	model_commit(api, o, &(struct api_change){ .deleted = true, .author = author });
	json_free(o->tree);
	revision_drop(o->now);
	*o = api->objects[--api->count];
}

/* ---- the administrator ---- */

bool api_put(struct api *api, const char *kind, const char *text)
{
	struct err err;
	struct json *tree = json_parse(text, strlen(text), &err);
	assert(tree);
	if (model_find(api, kind, json_get_text(json_get(tree, "metadata"), "name"))) {
		json_free(tree);
		return false;
	}
	return model_create(api, kind, tree, NULL) != NULL;
}

bool api_patch(struct api *api, const char *kind, const char *name, const char *merge)
{
	struct err err;
	struct object *o = model_find(api, kind, name);
	AUTO(json) struct json *patch = json_parse(merge, strlen(merge), &err);
	assert(patch);
	if (!o || !json_merge(o->tree, patch))
		return false;
	model_commit(api, o, &(struct api_change){ .author = NULL });
	return true;
}

bool api_delete(struct api *api, const char *kind, const char *name)
{
	struct object *o = model_find(api, kind, name);
	if (o)
		model_remove(api, o, NULL);
	return o != NULL;
}

const struct json *api_get(const struct api *api, const char *kind, const char *name)
{
	const struct object *o = model_find(api, kind, name);
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

void api_set_lag(struct api *api, int server, int64_t lag_us)
{
	api->lag_us[server] = lag_us;
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
		if (model_find(api, s->objects[i].kind, s->objects[i].name))
			continue;
		struct object *o = model_add(api, s->objects[i].kind, json_copy(s->objects[i].tree));
		uint64_t version = 0;
		if (!text_to_u64(json_get_text(json_get(o->tree, "metadata"), "resourceVersion"), &version))
			abort();
		o->now = revision_new(o, version);
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
