/* The store as a whole: its life, what comes into the caches and by which rule, who is told. */
#include "dcs/kubernetes/private.h"

#include "base/log.h"

#include <stdlib.h>
#include <string.h>

/* ---- events and completions: all through the loop ---- */

static void tell(struct dcs *dcs, bool *flag, enum dcs_event event)
{
	bool on = *flag;
	*flag = false;
	if (on && dcs->callbacks.on_event != NULL)
		dcs->callbacks.on_event(dcs->callbacks.arg, event);
}

static void on_timer(void *arg)
{
	struct dcs *dcs = arg;
	struct later *list = dcs->laters;
	dcs->laters = NULL;
	while (list != NULL) {
		struct later *later = list;
		list = later->next;
		later->done(later->arg, later->outcome, later->text);
		free(later);
	}
	tell(dcs, &dcs->config_changed, DCS_CONFIG_CHANGED);
	tell(dcs, &dcs->view_changed, DCS_VIEW_CHANGED);
}

void store_later(struct dcs *dcs, dcs_done *done, void *arg, enum dcs_outcome outcome, const char *text)
{
	struct later *later = calloc(1, sizeof(*later)), **at = &dcs->laters;
	assert(later != NULL);
	*later = (struct later){ .done = done, .arg = arg, .outcome = outcome };
	text_copy(later->text, sizeof(later->text), text);
	while (*at != NULL)
		at = &(*at)->next;
	*at = later;
	loop_timer_set(dcs->timer, 0);
}

void store_heard(struct dcs *dcs)
{
	dcs->view->cluster.heard = loop_now(dcs->loop);
}

void store_stale(struct dcs *dcs)
{
	dcs->view->stale = true;
	dcs->view_changed = true;
	loop_timer_set(dcs->timer, 0);
}

/* ---- what is where ---- */

const struct object *store_leader(const struct dcs *dcs)
{
	return cache_find(&dcs->caches[KIND_STATE], dcs->leader_name);
}

const struct object *store_config(const struct dcs *dcs)
{
	return cache_find(&dcs->caches[KIND_STATE], dcs->config_name);
}

const struct object *store_failover(const struct dcs *dcs)
{
	return cache_find(&dcs->caches[KIND_STATE], dcs->failover_name);
}

const struct object *store_own_pod(const struct dcs *dcs)
{
	return dcs->params.name[0] != '\0' ? cache_find(&dcs->caches[KIND_PODS], dcs->params.name) : NULL;
}

const char *store_own_uid(const struct dcs *dcs)
{
	const struct object *pod = store_own_pod(dcs);
	if (dcs->params.pod_uid[0] != '\0')
		return dcs->params.pod_uid;
	return pod != NULL ? pod->uid : "";
}

/* ---- what comes in ---- */

/* Versions and positions move all the time; nothing is decided on them at once. */
static bool member_differs(const struct object *old, const struct object *new)
{
	struct member a = old->member, b = new->member;
	a.version = b.version = 0;
	a.xlog_lsn = b.xlog_lsn = a.receive_lsn = b.receive_lsn = a.replay_lsn = b.replay_lsn = 0;
	return memcmp(&a, &b, sizeof(a)) != 0;
}

static bool annotation_differs(const struct object *old, const struct object *new, const char *key)
{
	const char *a = object_annotation(old, key), *b = object_annotation(new, key);
	return a == NULL || b == NULL ? a != b : !text_equal(a, b);
}

/* old or new may be NULL. */
static void note_change(struct dcs *dcs, enum kind kind, const struct object *old, const struct object *new)
{
	const char *name = new != NULL ? new->name : old->name;
	dcs->view->stale = true;
	if (kind == KIND_PODS) {
		if (old == NULL || new == NULL || member_differs(old, new))
			store_stale(dcs);
		return;
	}
	bool is_config = text_equal(name, dcs->config_name);
	if (is_config || text_equal(name, dcs->leader_name) || text_equal(name, dcs->failover_name))
		store_stale(dcs);
	if (is_config && annotation_differs(old, new, "config"))
		dcs->config_changed = true;
}

void store_put(struct dcs *dcs, enum kind kind, struct object *object)
{
	struct cache *cache = &dcs->caches[kind];
	const struct object *old = cache_find(cache, object->name);
	if (old != NULL && object->version <= old->version) {
		object_destroy(object);
		return;
	}
	note_change(dcs, kind, old, object);
	if (!cache_put(cache, object))
		log_warning("more than %d %s match the labels: one is ignored", OBJECTS_MAX, kind_text(dcs, kind));
}

/* Also when the object only lost our labels. An older end does not concern what was created since. */
void store_remove(struct dcs *dcs, enum kind kind, const struct object *object)
{
	struct cache *cache = &dcs->caches[kind];
	const struct object *old = cache_find(cache, object->name);
	if (old == NULL || object->version < old->version)
		return;
	note_change(dcs, kind, old, NULL);
	object_destroy(cache_take(cache, object->name));
}

void store_replace(struct dcs *dcs, enum kind kind, struct cache *with)
{
	struct cache *cache = &dcs->caches[kind];
	for (int i = 0; i < cache->count; i++)
		if (cache_find(with, cache->objects[i]->name) == NULL)
			note_change(dcs, kind, cache->objects[i], NULL);
	for (int i = 0; i < with->count; i++)
		note_change(dcs, kind, cache_find(cache, with->objects[i]->name), with->objects[i]);
	cache_clear(cache);
	*cache = *with;
	dcs->view->config_read = false;
	store_stale(dcs);
}

static void note_written(struct watch *watch, uint64_t version)
{
	if (version > watch->written)
		watch->written = version;
}

static const struct object *put_answer(struct dcs *dcs, enum kind kind, const char *text, size_t len)
{
	struct err err;
	struct watch *watch = &dcs->watches[kind];
	struct json *root = json_parse(text, len, &err);
	struct object *object = root != NULL ? object_create(kind, root, dcs->params.role_label) : NULL;
	if (object == NULL)
		return NULL;
	object_keep_text(object, text, len);
	char name[OBJECT_NAME_SIZE];
	text_copy(name, sizeof(name), object->name);
	uint64_t version = object->version;
	const struct object *old = cache_find(&dcs->caches[kind], name);
	if (old != NULL && old->version > version)
		watch_list_soon(watch); /* the watch is ahead, or versions went back: a LIST tells which */
	note_written(watch, version);
	store_put(dcs, kind, object);
	return cache_find(&dcs->caches[kind], name);
}

bool store_knows(const struct dcs *dcs, enum kind kind, const char *text, size_t len)
{
	return cache_find_text(&dcs->caches[kind], text, len) != NULL;
}

const struct object *store_put_answer(struct dcs *dcs, enum kind kind, const struct http_answer *answer)
{
	size_t len = answer->body_len;
	while (len > 0 && answer->body[len - 1] == '\n')
		len--; /* the stream's text of the same object ends without it */
	const struct object *known = cache_find_text(&dcs->caches[kind], answer->body, len);
	if (known == NULL)
		return put_answer(dcs, kind, answer->body, len);
	note_written(&dcs->watches[kind], known->version);
	return known;
}

/* ---- refresh ---- */

static void waiter_end(struct waiter *waiter, enum dcs_outcome outcome, const char *text)
{
	struct waiter copy = *waiter, **at = &waiter->dcs->waiters;
	while (*at != waiter)
		at = &(*at)->next;
	*at = waiter->next;
	loop_timer_destroy(waiter->timer);
	free(waiter);
	if (copy.done != NULL)
		copy.done(copy.arg, outcome, text);
}

static void on_waiter_timer(void *arg)
{
	waiter_end(arg, DCS_NO_ANSWER, "the API did not list everything in time");
}

/* Through the loop: whoever is told may ask for the next thing at once. */
void store_listed(struct dcs *dcs, enum kind kind)
{
	struct waiter *next;
	for (struct waiter *waiter = dcs->waiters; waiter != NULL; waiter = next) {
		next = waiter->next;
		waiter->missing[kind] = false;
		if (waiter->missing[KIND_PODS] || waiter->missing[KIND_STATE])
			continue;
		store_later(dcs, waiter->done, waiter->arg, DCS_DONE, "");
		waiter->done = NULL;
		waiter_end(waiter, DCS_DONE, "");
	}
}

/* A LIST that is on its way began before this call: it is dropped for a new one. */
void dcs_refresh(struct dcs *dcs, int64_t limit_ms, dcs_done *done, void *arg)
{
	struct waiter *waiter = calloc(1, sizeof(*waiter));
	assert(waiter != NULL);
	*waiter = (struct waiter){ .next = dcs->waiters, .dcs = dcs, .done = done, .arg = arg };
	waiter->timer = loop_timer_create(dcs->loop, on_waiter_timer, waiter);
	loop_timer_set(waiter->timer, limit_ms);
	dcs->waiters = waiter;
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		waiter->missing[kind] = true;
		dcs->watches[kind].backoff = (struct backoff){ 0 };
		watch_list_now(&dcs->watches[kind]);
	}
}

/* ---- what it shows ---- */

const struct cluster *dcs_view(const struct dcs *dcs)
{
	if (dcs->view->stale)
		view_build(dcs);
	return &dcs->view->cluster;
}

static const char *text_or(const char *text, const char *otherwise)
{
	return text != NULL ? text : otherwise;
}

const char *dcs_refusal(const struct dcs *dcs)
{
	for (size_t i = 0; i < FEATURE_COUNT; i++)
		if (dcs->refused[i].on)
			return dcs->refused[i].text;
	return dcs->events.forbidden.text;
}

const char *dcs_config_text(const struct dcs *dcs)
{
	return text_or(object_annotation(store_config(dcs), "config"), "");
}

const char *dcs_history_text(const struct dcs *dcs)
{
	return text_or(object_annotation(store_config(dcs), "history"), "[]");
}

const char *dcs_failsafe_text(const struct dcs *dcs)
{
	return text_or(object_annotation(store_leader(dcs), "failsafe"), "");
}

const char *dcs_failsafe_uids_text(const struct dcs *dcs)
{
	return text_or(object_annotation(store_leader(dcs), ANNOTATION_FAILSAFE), "");
}

const char *dcs_beginnings_text(const struct dcs *dcs)
{
	return text_or(object_annotation(store_config(dcs), ANNOTATION_TIMELINES), "{}");
}

const char *dcs_member_status_text(const struct dcs *dcs, const char *name)
{
	return text_or(object_annotation(cache_find(&dcs->caches[KIND_PODS], name), "status"), "");
}

/* ---- life ---- */

static void default_text(char *text, size_t size, const char *value)
{
	if (text[0] == '\0')
		text_copy(text, size, value);
}

static void fill_defaults(struct kubernetes_params *params)
{
	default_text(params->space, sizeof(params->space), "default");
	default_text(params->role_label, sizeof(params->role_label), "role");
	default_text(params->leader_value, sizeof(params->leader_value), "primary");
	default_text(params->standby_leader_value, sizeof(params->standby_leader_value), "primary");
	default_text(params->follower_value, sizeof(params->follower_value), "replica");
	if (params->port_count == 0) {
		params->port_count = 1;
		params->ports[0].port = 5432;
	}
	if (params->retry_timeout_ms <= 0)
		params->retry_timeout_ms = 10000;
	if (params->loop_wait_ms <= 0)
		params->loop_wait_ms = 10000;
}

struct dcs *kubernetes_create(struct loop *loop, struct http_client *http, const struct kubernetes_params *params,
			      const struct dcs_callbacks *callbacks, struct err *err)
{
	struct dcs *dcs = calloc(1, sizeof(*dcs));
	assert(dcs != NULL);
	*dcs = (struct dcs){ .loop = loop, .http = http, .params = *params, .callbacks = *callbacks };
	fill_defaults(&dcs->params);
	object_names_init(dcs);
	dcs->view = calloc(1, sizeof(*dcs->view));
	assert(dcs->view != NULL);
	dcs->view->stale = true;
	dcs->timer = loop_timer_create(loop, on_timer, dcs);
	events_init(dcs);
	if (!client_init(dcs, err)) {
		dcs_destroy(dcs);
		return NULL;
	}
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		watch_init(&dcs->watches[kind], dcs, (enum kind)kind);
		watch_list_now(&dcs->watches[kind]);
	}
	bypass_init(dcs);
	return dcs;
}

void kubernetes_set_times(struct dcs *dcs, int64_t default_ttl_s, int64_t retry_timeout_ms, int64_t loop_wait_ms)
{
	dcs->params.default_ttl_s = default_ttl_s;
	dcs->params.retry_timeout_ms = retry_timeout_ms;
	dcs->params.loop_wait_ms = loop_wait_ms;
}

static void drop_waiting(struct dcs *dcs)
{
	while (dcs->waiters != NULL) {
		dcs->waiters->done = NULL;
		waiter_end(dcs->waiters, DCS_NO_ANSWER, "");
	}
	while (dcs->laters != NULL) {
		struct later *later = dcs->laters;
		dcs->laters = later->next;
		free(later);
	}
}

void dcs_destroy(struct dcs *dcs)
{
	if (dcs == NULL)
		return;
	bypass_finish(dcs);
	events_finish(dcs);
	lock_finish(dcs);
	writes_cancel_all(dcs);
	calls_cancel_all(dcs);
	rollout_finish(dcs);
	route_finish(dcs);
	drop_waiting(dcs);
	for (int kind = 0; kind < KIND_COUNT; kind++) {
		watch_finish(&dcs->watches[kind]);
		cache_clear(&dcs->caches[kind]);
	}
	loop_timer_destroy(dcs->timer);
	access_finish(&dcs->client.access);
	free(dcs->view);
	free(dcs);
}
