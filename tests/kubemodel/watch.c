/* WATCH: what of the log a stream may see, in the words of its own selector. */
#include "api_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One requirement on ",a=b,c=d,": a=b, a==b, a!=b, a or !a. */
static bool term_matches(const char *term, size_t len, const char *labels)
{
	char text[SELECTOR_SIZE + 4];
	struct strbuf b;
	bool negated = term[0] == '!';
	const char *equal = memchr(term, '=', len);
	size_t key_len = equal ? (size_t)(equal - term) : len;
	if (negated)
		term++, key_len--, len--;
	else if (equal && key_len > 0 && term[key_len - 1] == '!')
		negated = true, key_len--;
	strbuf_init(&b, text, sizeof(text));
	strbuf_add_char(&b, ',');
	strbuf_add_bytes(&b, term, key_len);
	strbuf_add_char(&b, '=');
	if (equal) {
		equal += equal[1] == '=' ? 2 : 1;
		strbuf_add_bytes(&b, equal, (size_t)(term + len - equal));
		strbuf_add_char(&b, ',');
	}
	return (strstr(labels, text) != NULL) != negated;
}

bool selector_matches(const char *selector, const struct revision *revision)
{
	if (!revision)
		return false;
	while (*selector) {
		size_t len = strcspn(selector, ",");
		if (!term_matches(selector, len, revision->labels))
			return false;
		selector += len + (selector[len] == ',');
	}
	return true;
}

/* What term_matches() understands; the rest of the grammar (in, notin, <, >) is not here. */
bool selector_is_valid(const char *selector)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./";
	while (*selector) {
		const char *at = selector + (*selector == '!');
		size_t key = strspn(at, allowed);
		bool negated_key = at > selector;
		at += key;
		if (*at == '=' || (*at == '!' && at[1] == '=')) {
			if (negated_key)
				return false;
			at += at[1] == '=' ? 2 : 1;
			at += strspn(at, allowed);
		}
		if (key == 0 || (*at != ',' && *at != '\0'))
			return false;
		selector = at + (*at == ',');
	}
	return true;
}

struct api_watch *watch_open(struct api *api, const struct api_request *request, const char *kind, uint64_t version)
{
	struct api_watch *w = calloc(1, sizeof(*w));
	assert(w && api->watch_count < WATCHES_MAX);
	*w = (struct api_watch){ .api = api, .server = request->server, .since = version };
	text_copy(w->kind, sizeof(w->kind), kind);
	for (w->next = api->log_first; w->next < api->log_next; w->next++)
		if (api->log[w->next % LOG_SIZE].version > version)
			break;
	api->watches[api->watch_count++] = w;
	return w;
}

void watch_show_present(struct api_watch *w)
{
	for (int i = 0; i < w->api->count; i++)
		if (strcmp(w->api->objects[i].kind, w->kind) == 0 &&
		    selector_matches(w->selector, w->api->objects[i].now))
			w->present[w->present_count++] = revision_ref(w->api->objects[i].now);
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
	if (strcmp(e->kind, w->kind) != 0 || e->version <= w->since)
		return EVENT_TYPES;
	bool before = selector_matches(w->selector, e->before), after = selector_matches(w->selector, e->after);
	if (after)
		return before ? EVENT_MODIFIED : EVENT_ADDED;
	return before ? EVENT_DELETED : EVENT_TYPES;
}

static struct api_text *line_of(const char *type, const char *object, size_t len)
{
	char head[64];
	int n = snprintf(head, sizeof(head), "{\"type\":\"%s\",\"object\":", type);
	struct api_text *start = api_text_join(head, (size_t)n, object, len);
	struct api_text *line = api_text_join(start->text, start->len, "}\n", 2);
	api_text_drop(start);
	return line;
}

/* An object that leaves a selection is shown as it was, with the version at which it left. */
static struct api_text *left_line(const struct log_event *e)
{
	struct err err;
	char version[24];
	AUTO(json) struct json *tree = json_parse(e->before->text->text, e->before->text->len, &err);
	assert(tree);
	snprintf(version, sizeof(version), "%" PRIu64, e->version);
	json_set_text(metadata_of(tree), "resourceVersion", version);
	AUTO(text) char *text = json_print_text(tree, JSON_COMPACT);
	return line_of("DELETED", text, strlen(text));
}

static struct api_text *event_line(struct log_event *e, enum event_type type)
{
	static const char *const names[] = { "ADDED", "MODIFIED", "DELETED" };
	if (!e->lines[type] && type == EVENT_DELETED && e->after) {
		e->lines[type] = left_line(e);
	} else if (!e->lines[type]) {
		const struct api_text *object = (e->after ? e->after : e->last)->text;
		e->lines[type] = line_of(names[type], object->text, object->len);
	}
	return api_text_ref(e->lines[type]);
}

static struct api_text *present_line(struct api_watch *w)
{
	struct revision *r = w->present[w->present_next++];
	struct api_text *line = line_of("ADDED", r->text->text, r->text->len);
	revision_drop(r);
	return line;
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
	if (w->present_next < w->present_count)
		return present_line(w);
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
	if (w->ended || w->next < api->log_first || w->present_next < w->present_count)
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
	if (!w->bookmarks || w->ended || w->next < api->log_first || w->present_next < w->present_count)
		return NULL;
	uint64_t version = w->next < api->log_next ? api->log[w->next % LOG_SIZE].version - 1 : api->version;
	int n = snprintf(text, sizeof(text),
			 "{\"type\":\"BOOKMARK\",\"object\":{\"kind\":\"%s\",\"apiVersion\":\"v1\",\"metadata\":"
			 "{\"resourceVersion\":\"%" PRIu64 "\"}}}\n",
			 kind_find(w->kind)->name, version);
	return api_text_new(text, (size_t)n);
}

void api_watch_close(struct api_watch *w)
{
	struct api *api = w->api;
	for (int i = 0; i < api->watch_count; i++)
		if (api->watches[i] == w)
			api->watches[i] = api->watches[--api->watch_count];
	while (w->present_next < w->present_count)
		revision_drop(w->present[w->present_next++]);
	api_text_drop(w->last);
	free(w);
}
