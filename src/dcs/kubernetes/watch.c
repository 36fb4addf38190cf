/* LIST and WATCH of one kind. A LIST is a quorum read (no resourceVersion parameter) and is what the cache rests on;
 * the WATCH that follows adds to it. When a stream ends, for whatever reason, everything is listed again: a store that
 * was restored meanwhile would not say so on the stream. */
#include "dcs/kubernetes/private.h"

#include "base/log.h"
#include "base/mutant.h"

#include <stdlib.h>
#include <string.h>

enum {
	JITTER_MS = 1000,        /* all members lose their streams at the same moment when an API server restarts */
	TAKEN_FOR_OPEN_MS = 500, /* a refusal comes sooner; an accepted stream may have nothing to say for a minute */
	IDLE_DEFAULT_MS = 180 * 1000, /* bookmarks come about once a minute */
	MISSING_MS = 1000,            /* the leader object is not there: it is looked for so often ... */
	GAP_MS = 4000, /* ... and may have come and gone when it was not for so long; less than any ttl */
};

static void watch_open(struct watch *watch);
static void on_list_timer(void *arg);
static void on_open_timer(void *arg);
static void on_missing_timer(void *arg);

void watch_init(struct watch *watch, struct dcs *dcs, enum kind kind)
{
	watch->dcs = dcs;
	watch->kind = kind;
	watch->list_timer = loop_timer_create(dcs->loop, on_list_timer, watch);
	watch->open_timer = loop_timer_create(dcs->loop, on_open_timer, watch);
	watch->missing_timer = loop_timer_create(dcs->loop, on_missing_timer, watch);
	watch->line_memory = malloc(WATCH_LINE_MAX + 1);
	assert(watch->line_memory != NULL);
	strbuf_init(&watch->line, watch->line_memory, WATCH_LINE_MAX + 1);
}

static void drop_call(struct watch *watch)
{
	if (watch->call != NULL)
		http_call_cancel(watch->call);
	watch->call = NULL;
	loop_timer_set(watch->open_timer, -1);
	loop_timer_set(watch->list_timer, -1);
}

void watch_finish(struct watch *watch)
{
	if (watch->dcs == NULL)
		return;
	drop_call(watch);
	loop_timer_destroy(watch->list_timer);
	loop_timer_destroy(watch->open_timer);
	loop_timer_destroy(watch->missing_timer);
	free(watch->line_memory);
}

static const char *watch_kind_text(const struct watch *watch)
{
	return kind_text(watch->dcs, watch->kind);
}

static void make_path(const struct watch *watch, const char *more, char *path, size_t size)
{
	struct strbuf b;
	object_path(watch->dcs, watch->kind, NULL, path, size);
	strbuf_init(&b, path + strlen(path), size - strlen(path));
	strbuf_add(&b, "?labelSelector=");
	selector_encode(watch->dcs, &b);
	strbuf_add(&b, more);
	assert(strbuf_ok(&b));
}

static void wait_for_list(struct watch *watch, int64_t delay_ms)
{
	watch->state = WATCH_WAITING;
	loop_timer_set(watch->open_timer, -1);
	loop_timer_set(watch->list_timer, delay_ms);
}

void watch_list_soon(struct watch *watch)
{
	if (!loop_timer_is_set(watch->list_timer))
		loop_timer_set(watch->list_timer, loop_random(watch->dcs->loop) % (JITTER_MS + 1));
}

/* ---- LIST ---- */

static void list_failed(struct watch *watch, const char *why)
{
	int64_t delay = backoff_next_ms(&watch->backoff, watch->dcs->loop);
	complaint_say(&watch->complaint, watch->dcs->loop, "list of %s failed: %s", watch_kind_text(watch), why);
	wait_for_list(watch, delay);
}

static void cache_fill(struct watch *watch, struct json *items, struct cache *cache)
{
	struct dcs *dcs = watch->dcs;
	for (const struct json *item = json_first(items), *next; item != NULL; item = next) {
		next = json_next(item);
		struct object *object = object_create(watch->kind, json_take(items, item), dcs->params.role_label);
		if (object == NULL)
			continue;
		const struct object *old = cache_find(&dcs->caches[watch->kind], object->name);
		if (mutant(35) && old != NULL && old->version > object->version)
			object_destroy(object);
		else if (!cache_put(cache, object))
			complaint_say(&watch->complaint, dcs->loop,
				      "more than %d %s match the labels: the rest is ignored", OBJECTS_MAX,
				      watch_kind_text(watch));
	}
}

/* With the planted bug, what a LIST shows older than we know it stays as we know it. */
static void keep_newer(struct watch *watch, struct cache *cache)
{
	struct cache *known = &watch->dcs->caches[watch->kind];
	for (int i = known->count - 1; i >= 0; i--) {
		const char *name = known->objects[i]->name;
		if (cache_find(cache, name) == NULL)
			cache_put(cache, cache_take(known, name));
	}
}

/* The LIST may be older than the answer of a write of ours that came while it was on its way: it would show the past as the present. */
static bool list_is_behind(const struct watch *watch, uint64_t version)
{
	return watch->written > version;
}

/* NULL: the answer is no list that a WATCH could go on from. */
static struct json *list_read(struct watch *watch, const struct http_answer *answer, uint64_t *version)
{
	char text[256];
	struct err err = { .text = "the answer is no list with a resourceVersion" };
	struct json *root = NULL;
	if (answer_is_success(answer))
		root = json_parse(answer->body, answer->body_len, &err);
	else
		text_copy(err.text, sizeof(err.text), answer_text(answer, text, sizeof(text)));
	const char *at = json_get_text(json_get(root, "metadata"), "resourceVersion");
	if (at != NULL && text_to_u64(at, version) && text_copy(watch->version, sizeof(watch->version), at))
		return root;
	json_free(root);
	list_failed(watch, err.text);
	return NULL;
}

/* What came and went between the last word of a stream and the LIST after it is never seen. A stream that says nothing may have been
 * dead all the time; whoever makes a leader object anew is not writable for a whole ttl, so that a short gap does not count. */
static void note_asked(struct watch *watch)
{
	if (!instant_is_set(watch->heard) || elapsed_most_ms(watch->heard, watch->asked) > GAP_MS)
		watch->unbroken = watch->asked;
	watch->heard = watch->asked;
}

static bool list_take(struct watch *watch, const struct http_answer *answer)
{
	uint64_t version;
	AUTO(json) struct json *root = list_read(watch, answer, &version);
	if (root == NULL)
		return false;
	if (list_is_behind(watch, version)) {
		watch_list_now(watch);
		return false;
	}
	struct cache cache = { .count = 0 };
	cache_fill(watch, (struct json *)json_get(root, "items"), &cache);
	if (mutant(35))
		keep_newer(watch, &cache);
	note_asked(watch);
	store_replace(watch->dcs, watch->kind, &cache);
	return true;
}

static bool lacks_leader(const struct watch *watch)
{
	const char *initialize = object_annotation(store_config(watch->dcs), "initialize");
	return watch->kind == KIND_STATE && store_leader(watch->dcs) == NULL && !text_is_empty(initialize);
}

static void look_for_leader(struct watch *watch)
{
	if (lacks_leader(watch))
		loop_timer_set(watch->missing_timer, MISSING_MS);
}

static void on_missing_timer(void *arg)
{
	struct watch *watch = arg;
	if (lacks_leader(watch) && watch->state == WATCH_OPEN)
		watch_list_now(watch);
}

static void on_list_done(void *arg, const struct http_answer *answer)
{
	struct watch *watch = arg;
	watch->call = NULL;
	client_note_answer(watch->dcs, answer);
	if (!list_take(watch, answer))
		return;
	watch->listed = true;
	watch_open(watch);
	store_listed(watch->dcs, watch->kind);
	look_for_leader(watch);
	if (mutant(7))
		watch->dcs->view->cluster.heard = watch->asked;
}

void watch_list_now(struct watch *watch)
{
	struct dcs *dcs = watch->dcs;
	char path[PATH_SIZE];
	drop_call(watch);
	watch->state = WATCH_LISTING;
	watch->asked = loop_now(dcs->loop);
	watch->written = 0;
	watch->broken = false;
	make_path(watch, "", path, sizeof(path));
	struct request request = {
		.method = "GET",
		.path = path,
		.timeout_ms = client_try_ms(dcs, dcs->params.retry_timeout_ms),
		.body_max = LIST_BODY_MAX,
		.on_done = on_list_done,
		.arg = watch,
	};
	watch->call = client_start(dcs, &request);
}

static void on_list_timer(void *arg)
{
	watch_list_now(arg);
}

/* ---- WATCH ---- */

/* Not ended here: the HTTP client is inside a callback of this very call. */
static void stream_is_broken(struct watch *watch, const char *why)
{
	log_info("watch of %s: %s; listing again", watch_kind_text(watch), why);
	watch->broken = true;
	watch_list_soon(watch);
}

static void stream_is_open(struct watch *watch)
{
	loop_timer_set(watch->open_timer, -1);
	watch->state = WATCH_OPEN;
	watch->backoff = (struct backoff){ 0 };
	complaint_end(&watch->complaint, watch_kind_text(watch));
	if (!watch->opened) {
		watch->opened = true;
		store_stale(watch->dcs);
	}
}

static void on_open_timer(void *arg)
{
	stream_is_open(arg);
}

/* The object in {"type":"MODIFIED","object":{...}}, as API servers write it; NULL: the line looks otherwise. */
static const char *object_text(const char *line, size_t len, size_t *object_len)
{
	static const char *const heads[] = { "{\"type\":\"MODIFIED\",\"object\":", "{\"type\":\"ADDED\",\"object\":" };
	for (size_t i = 0; i < ARRAY_SIZE(heads); i++) {
		size_t head = strlen(heads[i]);
		if (len <= head || memcmp(line, heads[i], head) != 0 || line[len - 1] != '}')
			continue;
		*object_len = len - head - 1;
		return line + head;
	}
	return NULL;
}

static struct object *read_object(struct watch *watch, struct json *event, const struct strbuf *line)
{
	size_t len;
	struct json *json = json_take(event, json_get(event, "object"));
	struct object *object = object_create(watch->kind, json, watch->dcs->params.role_label);
	const char *text = object_text(line->text, line->len, &len);
	if (object == NULL)
		stream_is_broken(watch, "an object without a name");
	else if (text != NULL)
		object_keep_text(object, text, len);
	return object;
}

static void take_object(struct watch *watch, struct object *object, bool deleted)
{
	if (object == NULL)
		return;
	if (!deleted) {
		store_put(watch->dcs, watch->kind, object);
		return;
	}
	store_remove(watch->dcs, watch->kind, object);
	object_destroy(object);
	look_for_leader(watch);
}

static void take_error(struct watch *watch, const struct json *status)
{
	const char *message = json_get_text(status, "message");
	stream_is_broken(watch, message != NULL ? message : "an error without a message");
}

static void take_event(struct watch *watch, const struct strbuf *line)
{
	struct err err;
	AUTO(json) struct json *event = json_parse(line->text, line->len, &err);
	const char *type = json_get_text(event, "type");
	const struct json *object = json_get(event, "object");
	int64_t code;
	if (type == NULL || !json_is_object(object))
		stream_is_broken(watch, event == NULL ? err.text : "an event without type or object");
	else if (text_equal(type, "ERROR") || (json_i64(json_get(object, "code"), &code) && code == 410))
		take_error(watch, object);
	else if (text_equal(type, "ADDED") || text_equal(type, "MODIFIED"))
		take_object(watch, read_object(watch, event, line), false);
	else if (text_equal(type, "DELETED"))
		take_object(watch, read_object(watch, event, line), true);
	else if (!text_equal(type, "BOOKMARK"))
		log_warning("watch of %s: an event of unknown type %s", watch_kind_text(watch), type);
}

static void take_line(struct watch *watch, const struct strbuf *line)
{
	size_t len;
	const char *text = object_text(line->text, line->len, &len);
	if (text == NULL || !store_knows(watch->dcs, watch->kind, text, len))
		take_event(watch, line);
}

static void end_line(struct watch *watch)
{
	if (!strbuf_ok(&watch->line))
		stream_is_broken(watch, "an event of more than 1 MiB");
	else if (watch->line.len > 0)
		take_line(watch, &watch->line);
	strbuf_init(&watch->line, watch->line_memory, WATCH_LINE_MAX + 1);
}

static void on_watch_data(void *arg, const char *data, size_t len)
{
	struct watch *watch = arg;
	store_heard(watch->dcs);
	watch->heard = loop_now(watch->dcs->loop);
	if (watch->state == WATCH_OPENING)
		stream_is_open(watch);
	while (len > 0 && !watch->broken) {
		const char *end = memchr(data, '\n', len);
		size_t part = end != NULL ? (size_t)(end - data) : len;
		strbuf_add_bytes(&watch->line, data, part);
		if (end == NULL)
			return;
		end_line(watch);
		data += part + 1;
		len -= part + 1;
	}
}

static void on_watch_done(void *arg, const struct http_answer *answer)
{
	struct watch *watch = arg;
	struct dcs *dcs = watch->dcs;
	char text[256];
	bool was_open = watch->state == WATCH_OPEN;
	watch->call = NULL;
	client_note_answer(dcs, answer);
	answer_text(answer, text, sizeof(text));
	if (was_open) {
		log_debug("watch of %s ended: %s", watch_kind_text(watch), text);
		wait_for_list(watch, loop_random(dcs->loop) % (JITTER_MS + 1));
		return;
	}
	complaint_say(&watch->complaint, dcs->loop, "watch of %s failed: %s", watch_kind_text(watch), text);
	wait_for_list(watch, backoff_next_ms(&watch->backoff, dcs->loop));
}

static void watch_open(struct watch *watch)
{
	struct dcs *dcs = watch->dcs;
	char path[PATH_SIZE], more[128];
	struct strbuf b;
	strbuf_init(&b, more, sizeof(more));
	strbuf_addf(&b, "&watch=True&allowWatchBookmarks=true&resourceVersion=%s", watch->version);
	make_path(watch, more, path, sizeof(path));
	strbuf_init(&watch->line, watch->line_memory, WATCH_LINE_MAX + 1);
	watch->state = WATCH_OPENING;
	loop_timer_set(watch->open_timer, TAKEN_FOR_OPEN_MS);
	struct request request = {
		.method = "GET",
		.path = path,
		.idle_timeout_ms = dcs->params.watch_idle_ms > 0 ? dcs->params.watch_idle_ms : IDLE_DEFAULT_MS,
		.on_data = on_watch_data,
		.on_done = on_watch_done,
		.arg = watch,
	};
	watch->call = client_start(dcs, &request);
}
