/* Events of our pod, for people (core/v1). Best effort, and nobody waits for them: one request at a time, on connections of
 * its own, whose answers say nothing of the store to anybody; so many in a burst, then one every few seconds; what is said
 * again is counted up; what finds no room is dropped. Forbidden: said once, and tried again every minute. */
#include "dcs/kubernetes/private.h"

#include "codec/units.h"

#include <stdio.h>
#include <string.h>

enum {
	REQUEST_MS = 5000,
	BURST = 10,           /* requests at once ... */
	REFILL_MS = 5000,     /* ... and one more after so long */
	AGAIN_MS = 5000,      /* after a request that failed */
	TRIES_MAX = 3,        /* ... and no more of that event */
	COUNT_MS = 60 * 1000, /* between two requests that only count up */
	FORBIDDEN_MS = 60 * 1000,
	UNKNOWN_MS = 1000,       /* until our pod's uid is known */
	FORGET_MS = 3600 * 1000, /* the API keeps them for an hour: the same said later is another event */
};

static int64_t age_ms(const struct dcs *dcs, struct instant at)
{
	return instant_is_set(at) ? elapsed_least_ms(at, loop_now(dcs->loop)) : INT64_MAX;
}

static bool is_pending(const struct event *event)
{
	return event->count > event->sent;
}

/* ---- what is to be said ---- */

static struct event *find_same(struct dcs *dcs, const struct dcs_notice *notice, const char *text)
{
	for (int i = 0; i < EVENTS_MAX; i++) {
		struct event *event = &dcs->events.list[i];
		if (event->count > 0 && event->is_warning == notice->is_warning && text_equal(event->text, text) &&
		    text_equal(event->reason, notice->reason) && age_ms(dcs, event->last) < FORGET_MS)
			return event;
	}
	return NULL;
}

/* A free place, else that of the one which was last said longest ago; never of what is still to be said. NULL: none. */
static struct event *take_place(struct dcs *dcs)
{
	struct event *oldest = NULL;
	for (int i = 0; i < EVENTS_MAX; i++) {
		struct event *event = &dcs->events.list[i];
		if (event->count == 0)
			return event;
		if (!is_pending(event) && event != dcs->events.sending &&
		    (oldest == NULL || age_ms(dcs, event->last) > age_ms(dcs, oldest->last)))
			oldest = event;
	}
	return oldest;
}

static void pump_soon(struct dcs *dcs, int64_t ms)
{
	loop_timer_set(dcs->events.timer, ms);
}

void dcs_say(struct dcs *dcs, const struct dcs_notice *notice)
{
	char text[sizeof(dcs->events.list[0].text)];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	strbuf_add_short(&b, notice->text, sizeof(text) - 4);
	struct event *event = find_same(dcs, notice, text);
	if (dcs->params.name[0] == '\0' || (event == NULL && (event = take_place(dcs)) == NULL))
		return;
	if (!text_equal(event->text, text) || !text_equal(event->reason, notice->reason) ||
	    age_ms(dcs, event->last) >= FORGET_MS) {
		*event = (struct event){ .is_warning = notice->is_warning, .first_us = loop_wall(dcs->loop).us };
		text_copy(event->reason, sizeof(event->reason), notice->reason);
		text_copy(event->text, sizeof(event->text), text);
	}
	event->count++;
	event->last = loop_now(dcs->loop);
	event->last_us = loop_wall(dcs->loop).us;
	if (!dcs->events.is_waiting)
		pump_soon(dcs, 0);
}

/* ---- the requests ---- */

static void set_time(struct json *body, const char *key, int64_t us)
{
	char text[TIME_SIZE];
	wall_to_iso(us - us % 1000000, text, sizeof(text)); /* whole seconds, as metav1.Time */
	json_set_text(body, key, text);
}

static struct json *new_metadata(struct dcs *dcs, struct event *event)
{
	struct json *metadata = json_new_object();
	struct strbuf b;
	strbuf_init(&b, event->name, sizeof(event->name));
	strbuf_addf(&b, "%s.%llx%04x", dcs->params.name, (unsigned long long)event->last_us,
		    (unsigned)loop_random(dcs->loop) & 0xFFFF);
	json_set_text(metadata, "name", event->name);
	json_set_text(metadata, "namespace", dcs->params.space);
	return metadata;
}

static struct json *about_our_pod(const struct dcs *dcs)
{
	struct json *about = json_new_object();
	json_set_text(about, "apiVersion", "v1");
	json_set_text(about, "kind", "Pod");
	json_set_text(about, "name", dcs->params.name);
	json_set_text(about, "namespace", dcs->params.space);
	json_set_text(about, "uid", store_own_uid(dcs));
	return about;
}

static struct json *new_body(struct dcs *dcs, struct event *event)
{
	struct json *body = json_new_object(), *source = json_new_object();
	json_set(body, "metadata", new_metadata(dcs, event));
	json_set(body, "involvedObject", about_our_pod(dcs));
	json_set_text(body, "reason", event->reason);
	json_set_text(body, "message", event->text);
	json_set_text(body, "type", event->is_warning ? "Warning" : "Normal");
	set_time(body, "firstTimestamp", event->first_us);
	json_set_text(source, "component", "howdah");
	json_set(body, "source", source);
	json_set_text(body, "reportingComponent", "howdah");
	json_set_text(body, "reportingInstance", dcs->params.name);
	return body;
}

static void note_failure(struct dcs *dcs, struct event *event, const struct http_answer *answer)
{
	struct events *events = &dcs->events;
	char text[256];
	if (answer->status == 403) {
		complaint_say(&events->forbidden, dcs->loop, "not allowed to create events in namespace %s (%s)",
			      dcs->params.space, answer_text(answer, text, sizeof(text)));
		events->tokens = 0;
		events->not_before = instant_after_ms(loop_now(dcs->loop), FORBIDDEN_MS);
		return;
	}
	if (answer->status == 404) /* the API has forgotten it */
		event->name[0] = '\0';
	if (++event->tries >= TRIES_MAX)
		event->sent = event->count;
	events->not_before = instant_after_ms(loop_now(dcs->loop), AGAIN_MS);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct dcs *dcs = arg;
	struct events *events = &dcs->events;
	struct event *event = events->sending;
	events->call = NULL;
	events->sending = NULL;
	if (answer_is_success(answer)) {
		complaint_end(&events->forbidden, "telling by events");
		event->sent = events->sending_count;
		event->tries = 0;
		event->told = loop_now(dcs->loop);
		event->exists = true;
	} else {
		event->exists = event->exists && answer->status != 404;
		note_failure(dcs, event, answer);
	}
	pump_soon(dcs, 0);
}

static void send_event(struct dcs *dcs, struct event *event)
{
	char path[PATH_SIZE];
	struct strbuf b;
	struct events *events = &dcs->events;
	struct json *body = event->exists ? json_new_object() : new_body(dcs, event);
	json_set_i64(body, "count", event->count);
	set_time(body, "lastTimestamp", event->last_us);
	AUTO(text) char *text = body_text(body);
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "/api/v1/namespaces/%s/events%s%s", dcs->params.space, event->exists ? "/" : "",
		    event->exists ? event->name : "");
	struct request request = {
		.method = event->exists ? "PATCH" : "POST",
		.path = path,
		.body = text,
		.lane = "events",
		.timeout_ms = REQUEST_MS,
		.on_done = on_answer,
		.arg = dcs,
	};
	events->sending = event;
	events->sending_count = event->count;
	events->tokens--;
	events->call = client_start(dcs, &request);
}

/* ---- which, and when ---- */

static void refill(struct dcs *dcs)
{
	struct events *events = &dcs->events;
	int64_t since = age_ms(dcs, events->refilled);
	int64_t more = least(since / REFILL_MS, BURST);
	if (more == 0)
		return;
	events->tokens = (int)least(events->tokens + more, BURST);
	events->refilled = loop_now(dcs->loop);
}

/* In how long it may be sent; what the API has already heard waits for more of its kind. */
static int64_t event_wait_ms(const struct dcs *dcs, const struct event *event)
{
	if (!is_pending(event))
		return INT64_MAX;
	return event->exists ? most(COUNT_MS - age_ms(dcs, event->told), 0) : 0;
}

static struct event *choose(struct dcs *dcs, int64_t *wait_ms)
{
	struct event *chosen = NULL;
	*wait_ms = INT64_MAX;
	for (int i = 0; i < EVENTS_MAX; i++) {
		struct event *event = &dcs->events.list[i];
		int64_t wait = event_wait_ms(dcs, event);
		bool sooner = wait < *wait_ms;
		if (wait == INT64_MAX || (!sooner && (wait > *wait_ms || event->last_us >= chosen->last_us)))
			continue;
		chosen = event;
		*wait_ms = wait;
	}
	return chosen;
}

static int64_t obstacle_ms(const struct dcs *dcs)
{
	const struct events *events = &dcs->events;
	if (store_own_uid(dcs)[0] == '\0')
		return UNKNOWN_MS;
	if (instant_is_set(events->not_before) && left_least_ms(events->not_before, loop_now(dcs->loop)) > 0)
		return left_least_ms(events->not_before, loop_now(dcs->loop));
	return events->tokens > 0 ? 0 : REFILL_MS;
}

static void pump(void *arg)
{
	struct dcs *dcs = arg;
	int64_t wait_ms;
	struct events *events = &dcs->events;
	events->is_waiting = false;
	if (events->call != NULL)
		return;
	refill(dcs);
	struct event *event = choose(dcs, &wait_ms);
	if (event == NULL)
		return;
	int64_t obstacle = obstacle_ms(dcs);
	if (wait_ms == 0 && obstacle == 0) {
		send_event(dcs, event);
		return;
	}
	events->is_waiting = obstacle > 0; /* nothing that is said meanwhile goes sooner */
	pump_soon(dcs, most(wait_ms, obstacle));
}

void events_init(struct dcs *dcs)
{
	dcs->events.timer = loop_timer_create(dcs->loop, pump, dcs);
	dcs->events.tokens = BURST;
	dcs->events.refilled = loop_now(dcs->loop);
}

void events_finish(struct dcs *dcs)
{
	if (dcs->events.call != NULL)
		http_call_cancel(dcs->events.call);
	loop_timer_destroy(dcs->events.timer);
}
