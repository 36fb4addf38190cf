/* WATCH: what of the log a stream may see, in the words of its own selector. */
#include "api_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool selector_matches(const char *selector, const struct revision *revision)
{
	char term[SELECTOR_SIZE + 2];
	if (!revision)
		return false;
	while (*selector) {
		size_t len = strcspn(selector, ",");
		term[0] = ',';
		memcpy(term + 1, selector, len);
		term[len + 1] = ',';
		term[len + 2] = '\0';
		if (!strstr(revision->labels, term))
			return false;
		selector += len + (selector[len] == ',');
	}
	return true;
}

struct api_watch *watch_open(struct api *api, const struct api_request *request, const char *kind, uint64_t version)
{
	struct api_watch *w = calloc(1, sizeof(*w));
	assert(w && api->watch_count < WATCHES_MAX);
	*w = (struct api_watch){ .api = api, .server = request->server };
	text_copy(w->kind, sizeof(w->kind), kind);
	for (w->next = api->log_first; w->next < api->log_next; w->next++)
		if (api->log[w->next % LOG_SIZE].version > version)
			break;
	api->watches[api->watch_count++] = w;
	return w;
}

void api_watch_bind(struct api_watch *watch, void *watcher)
{
	watch->watcher = watcher;
}

void watch_notify(struct api *api, const char *kind)
{
	for (int i = 0; i < api->watch_count; i++) {
		struct api_watch *w = api->watches[i];
		if (w->watcher && !w->ended && strcmp(w->kind, kind) == 0)
			api->hooks.on_watch(api->hooks.arg, w->watcher);
	}
}

void api_end_watches(struct api *api, int server)
{
	for (int i = 0; i < api->watch_count; i++) {
		struct api_watch *w = api->watches[i];
		if (w->ended || (server >= 0 && w->server != server))
			continue;
		w->ended = true;
		if (w->watcher)
			api->hooks.on_watch(api->hooks.arg, w->watcher);
	}
}

/* EVENT_TYPES: nothing for this stream. */
static enum event_type type_for(const struct api_watch *w, const struct log_event *e)
{
	if (strcmp(e->kind, w->kind) != 0)
		return EVENT_TYPES;
	bool before = selector_matches(w->selector, e->before), after = selector_matches(w->selector, e->after);
	if (after)
		return before ? EVENT_MODIFIED : EVENT_ADDED;
	return before ? EVENT_DELETED : EVENT_TYPES;
}

static struct api_text *event_line(struct log_event *e, enum event_type type)
{
	static const char *const names[] = { "ADDED", "MODIFIED", "DELETED" };
	static char memory[256 * 1024];
	if (!e->lines[type]) {
		const struct api_text *object = (e->after ? e->after : e->last)->text;
		struct strbuf b;
		strbuf_init(&b, memory, sizeof(memory));
		strbuf_addf(&b, "{\"type\":\"%s\",\"object\":", names[type]);
		strbuf_add_bytes(&b, object->text, object->len);
		strbuf_add(&b, "}\n");
		assert(strbuf_ok(&b));
		e->lines[type] = api_text_new(memory, b.len);
	}
	return api_text_ref(e->lines[type]);
}

/* What fell out of the log cannot be sent any more: the server ends such a stream. */
static bool still_in_log(struct api_watch *w)
{
	if (w->next < w->api->log_first)
		w->ended = true;
	return w->next >= w->api->log_first && w->next < w->api->log_next;
}

struct api_text *api_watch_next(struct api_watch *w)
{
	struct api *api = w->api;
	int64_t now = api->hooks.now_us(api->hooks.arg);
	if (w->ended) {
		struct api_text *last = w->last;
		w->last = NULL;
		return last;
	}
	while (still_in_log(w)) {
		struct log_event *e = &api->log[w->next % LOG_SIZE];
		if (e->at_us + api->lag_us[w->server] > now)
			break;
		w->next++;
		enum event_type type = type_for(w, e);
		if (type != EVENT_TYPES)
			return event_line(e, type);
	}
	return NULL;
}

int64_t api_watch_due_us(const struct api_watch *w)
{
	const struct api *api = w->api;
	if (w->ended || w->next < api->log_first)
		return api->hooks.now_us(api->hooks.arg);
	for (uint64_t i = w->next; i < api->log_next; i++)
		if (strcmp(api->log[i % LOG_SIZE].kind, w->kind) == 0)
			return api->log[i % LOG_SIZE].at_us + api->lag_us[w->server];
	return INT64_MAX;
}

bool api_watch_ended(const struct api_watch *w)
{
	return w->ended && !w->last;
}

struct api_text *api_watch_bookmark(struct api_watch *w)
{
	char text[256];
	const struct api *api = w->api;
	if (!w->bookmarks || w->ended || w->next < api->log_first)
		return NULL;
	uint64_t version = w->next < api->log_next ? api->log[w->next % LOG_SIZE].version - 1 : api->version;
	int n = snprintf(text, sizeof(text),
			 "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"Bookmark\",\"apiVersion\":\"v1\",\"metadata\":"
			 "{\"resourceVersion\":\"%" PRIu64 "\",\"creationTimestamp\":null}}}\n",
			 version);
	return api_text_new(text, (size_t)n);
}

void api_watch_close(struct api_watch *w)
{
	struct api *api = w->api;
	for (int i = 0; i < api->watch_count; i++)
		if (api->watches[i] == w)
			api->watches[i] = api->watches[--api->watch_count];
	api_text_drop(w->last);
	free(w);
}
