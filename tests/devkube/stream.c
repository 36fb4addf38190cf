/* WATCH over HTTP: lines as they become visible, bookmarks, and the end that the client has set. */
#include "devkube/devkube.h"

#include "base/strbuf.h"

#include <stdlib.h>
#include <string.h>

enum {
	LIFE_MIN_MS = 1800 * 1000, /* a stream whose client sets no end gets one, up to twice this */
	BOOKMARK_MS = 60 * 1000,
	LAST_BOOKMARK_MS = 2000, /* before the end, there is one more */
};

struct stream {
	struct stream *next;
	struct devkube *dk;
	struct api_watch *watch;
	struct http_reply *reply;
	struct loop_timer *pump, *bookmark, *end;
	struct instant ends_at;
};

static void stream_free(struct stream *s)
{
	for (struct stream **at = &s->dk->streams; *at; at = &(*at)->next)
		if (*at == s) {
			*at = s->next;
			break;
		}
	api_watch_close(s->watch);
	loop_timer_destroy(s->pump);
	loop_timer_destroy(s->bookmark);
	loop_timer_destroy(s->end);
	free(s);
}

static void stream_end(void *arg)
{
	struct stream *s = arg;
	http_reply_end(s->reply);
	stream_free(s);
}

static void give(struct stream *s, struct api_text *line)
{
	if (line)
		http_reply_write(s->reply, line->text, line->len);
	api_text_drop(line);
}

static void on_pump(void *arg)
{
	struct stream *s = arg;
	struct api_text *line;
	if (watches_are_silent(s->dk)) {
		if (api_watch_due_us(s->watch) != INT64_MAX)
			s->dk->faults[FAULT_SILENCE_WATCHES].struck++;
		return;
	}
	while ((line = api_watch_next(s->watch)) != NULL)
		give(s, line);
	if (api_watch_ended(s->watch))
		stream_end(s);
}

/* Not at once: the store is in the middle of a change. */
void stream_wake(UNUSED void *arg, void *stream)
{
	struct stream *s = stream;
	loop_timer_set(s->pump, 0);
}

static void plan_bookmark(struct stream *s)
{
	int64_t left_ms = left_least_ms(s->ends_at, loop_now(s->dk->loop));
	int64_t delay_ms = left_ms - LAST_BOOKMARK_MS < BOOKMARK_MS ? left_ms - LAST_BOOKMARK_MS : BOOKMARK_MS;
	loop_timer_set(s->bookmark, delay_ms > 0 ? delay_ms : 1000);
}

static void on_bookmark(void *arg)
{
	struct stream *s = arg;
	if (!watches_are_silent(s->dk))
		give(s, api_watch_bookmark(s->watch));
	plan_bookmark(s);
}

static int64_t life_ms(struct devkube *dk, const char *query)
{
	static const char key[] = "timeoutSeconds=";
	char text[16];
	int64_t s;
	const char *at = strstr(query, key);
	if (at) {
		size_t len = strcspn(at + strlen(key), "&");
		struct strbuf b;
		strbuf_init(&b, text, sizeof(text));
		strbuf_add_bytes(&b, at + strlen(key), len);
		if (text_to_i64(text, &s) && s > 0 && s <= INT32_MAX)
			return s * 1000;
	}
	return LIFE_MIN_MS + loop_random(dk->loop) % LIFE_MIN_MS;
}

void stream_open(struct devkube *dk, struct api_watch *watch, struct http_reply *reply, const char *query)
{
	int64_t life = life_ms(dk, query);
	struct stream *s = calloc(1, sizeof(*s));
	assert(s);
	*s = (struct stream){ .next = dk->streams, .dk = dk, .watch = watch, .reply = reply };
	dk->streams = s;
	s->pump = loop_timer_create(dk->loop, on_pump, s);
	s->bookmark = loop_timer_create(dk->loop, on_bookmark, s);
	s->end = loop_timer_create(dk->loop, stream_end, s);
	s->ends_at = instant_after_ms(loop_now(dk->loop), life);
	loop_timer_set(s->end, life);
	plan_bookmark(s);
	http_reply_begin(reply, &(struct http_response){ .status = 200, .content_type = "application/json" },
			 stream_end, s);
	api_watch_bind(watch, s);
	stream_wake(NULL, s);
}

int streams_cut(struct devkube *dk)
{
	int count = 0;
	for (; dk->streams; count++) {
		http_reply_cut(dk->streams->reply);
		stream_free(dk->streams);
	}
	return count;
}

void streams_wake(struct devkube *dk)
{
	for (struct stream *s = dk->streams; s; s = s->next)
		stream_wake(NULL, s);
}
