/* The lock's writes: one at a time, each by the version it was decided on, each send with a renewTime of its own (contract 1.12, safety.md rules 1 and 3).
 *
 * What an answer is worth for the deadline is not judged here: the object goes into the view, and the holder credits the send whose renewTime it finds there. */
#include "dcs/kubernetes/private.h"

#include "base/mutant.h"
#include "codec/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char lane[] = "lock";

static void lock_send(struct dcs *dcs);

static int64_t left_ms(const struct dcs *dcs)
{
	return dcs->lock.write.limit_ms - elapsed_most_ms(dcs->lock.started, loop_now(dcs->loop));
}

static bool time_is_over(const struct dcs *dcs)
{
	return left_ms(dcs) <= dcs->lock.write.limit_ms / 20;
}

static void lock_clear(struct lock *lock)
{
	free(lock->slots);
	free(lock->retain_slots);
	free(lock->positions);
	free(lock->timeline_token);
	free(lock->failsafe);
	free(lock->failsafe_uids);
	*lock = (struct lock){ .last_renew_us = lock->last_renew_us };
}

static void lock_end(struct dcs *dcs, enum dcs_outcome outcome, const char *text)
{
	dcs_done *done = dcs->lock.done;
	void *arg = dcs->lock.arg;
	assert(dcs->lock.call == NULL);
	lock_clear(&dcs->lock);
	done(arg, outcome, text);
}

/* Somebody else was first, so what we see is old: the stream may be dead without having ended (contract 1.11, kill). */
static void lock_lost(struct dcs *dcs, const char *text)
{
	if (!dcs->lock.create) /* a LIST would not show an object without our labels, and the next acquire needs it */
		watch_list_soon(&dcs->watches[KIND_STATE]);
	lock_end(dcs, DCS_CONFLICT, text);
}

void lock_finish(struct dcs *dcs)
{
	call_cancel(dcs->lock.call);
	lock_clear(&dcs->lock);
}

bool dcs_lock_busy(const struct dcs *dcs)
{
	return dcs->lock.work != LOCK_IDLE;
}

/* ---- what is sent ---- */

/* Later than every one before it, and not what the object says already: observers see a change of the record, never of a clock. */
static void next_renew_time(struct dcs *dcs, char *text, size_t size)
{
	struct lock *lock = &dcs->lock;
	const char *known = object_annotation(store_leader(dcs), "renewTime");
	lock->last_renew_us = most(loop_wall(dcs->loop).us, lock->last_renew_us + 1);
	wall_to_iso(lock->last_renew_us, text, size);
	if (known != NULL && text_equal(known, text))
		wall_to_iso(++lock->last_renew_us, text, size);
}

static void set_number(struct json *annotations, const char *key, long long value)
{
	char text[32];
	snprintf(text, sizeof(text), "%lld", value);
	json_set_text(annotations, key, text);
}

/* Taken off only where it is. */
static void set_ours(const struct dcs *dcs, struct json *annotations, const char *key, const char *text)
{
	if (text[0] != '\0' || object_annotation(store_leader(dcs), key) != NULL)
		annotation_set(annotations, key, text);
}

static void set_position(const struct dcs *dcs, struct json *annotations, const struct dcs_position *position)
{
	if (position->optime_lsn == 0)
		return;
	char text[32];
	snprintf(text, sizeof(text), "%llu", (unsigned long long)position->optime_lsn);
	json_set_text(annotations, "optime", text);
	annotation_set(annotations, "slots", position->slots);
	annotation_set(annotations, "retain_slots", position->retain_slots);
	set_ours(dcs, annotations, ANNOTATION_POSITIONS, position->positions);
}

static void set_timeline(struct json *annotations, const struct dcs_position *position)
{
	char text[160];
	struct strbuf b;
	if (position->timeline == 0)
		return;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%u", position->timeline);
	if (position->timeline_token[0] != '\0')
		strbuf_addf(&b, " %s", position->timeline_token);
	json_set_text(annotations, ANNOTATION_TIMELINE, text);
}

static struct json *held_annotations(const struct dcs *dcs, const char *renew_time)
{
	const struct lock *lock = &dcs->lock;
	struct json *annotations = json_new_object();
	json_set_text(annotations, "leader", lock->token.leader);
	set_number(annotations, "ttl", (long long)lock->write.ttl_ms / 1000);
	json_set_text(annotations, "renewTime", renew_time);
	json_set_text(annotations, "acquireTime", lock->token.acquire_time);
	set_number(annotations, "transitions", (long long)lock->token.transitions);
	if (lock->work == LOCK_RENEW)
		set_position(dcs, annotations, &lock->write.position);
	annotation_set(annotations, ANNOTATION_HOLDER_UID, store_own_uid(dcs));
	if (lock->write.failsafe != NULL)
		annotation_set(annotations, "failsafe", lock->write.failsafe);
	if (lock->write.failsafe_uids != NULL)
		annotation_set(annotations, ANNOTATION_FAILSAFE, lock->write.failsafe_uids);
	if (lock->work == LOCK_ACQUIRE) { /* the last holder's; our timeline begins with the promotion */
		json_set_text(annotations, ANNOTATION_TIMELINE, NULL);
		set_ours(dcs, annotations, ANNOTATION_HEIR, "");
	}
	set_timeline(annotations, &lock->write.position);
	if (lock->write.claim_timeline != 0)
		set_number(annotations, ANNOTATION_NEXT, lock->write.claim_timeline);
	return annotations;
}

static char *held_body(const struct dcs *dcs, const char *renew_time)
{
	const struct lock *lock = &dcs->lock;
	struct json *annotations = held_annotations(dcs, renew_time);
	if (lock->create)
		body_drop_nulls(annotations);
	struct json *body =
		body_new(dcs, dcs->leader_name, annotations, lock->create || mutant(10) ? 0 : lock->version);
	struct json *subsets = subsets_wanted(dcs, store_own_pod(dcs), leader_ip(dcs, lock->pod_ip),
					      lock->create ? NULL : store_leader(dcs));
	if (subsets != NULL)
		json_set(body, "subsets", subsets);
	return body_text(body);
}

/* The first send of an acquire names the lease; its repeats are the same lease. */
static void name_lease(struct lock *lock, const char *renew_time)
{
	if (lock->work == LOCK_ACQUIRE && lock->token.acquire_time[0] == '\0')
		text_copy(lock->token.acquire_time, sizeof(lock->token.acquire_time), renew_time);
}

/* The planted bug: a repeat that says what the first send said, and is what the holder counts from. */
static void announce_as_first(struct dcs *dcs, const struct lease_send *send)
{
	for (int i = 1; i < LEASE_SENDS_MAX && dcs->callbacks.on_lock_send != NULL; i++)
		dcs->callbacks.on_lock_send(dcs->callbacks.arg, send);
}

/* Last thing before each send. The start is read when nothing but handing over is left to do. */
static char *prepare_send(void *arg)
{
	struct dcs *dcs = arg;
	struct lock *lock = &dcs->lock;
	struct lease_send send = { .ttl_ms = lock->write.ttl_ms };
	next_renew_time(dcs, send.renew_time, sizeof(send.renew_time));
	bool as_first = mutant(3) && lock->send_count > 0;
	if (as_first)
		text_copy(send.renew_time, sizeof(send.renew_time), lock->renew_times[0]);
	text_copy(lock->renew_times[lock->send_count++ % LOCK_SENDS_MAX], TIME_SIZE, send.renew_time);
	name_lease(lock, send.renew_time);
	char *body = held_body(dcs, send.renew_time);
	send.token = lock->token;
	send.start = loop_now(dcs->loop);
	if (as_first)
		announce_as_first(dcs, &send);
	if (dcs->callbacks.on_lock_send != NULL)
		dcs->callbacks.on_lock_send(dcs->callbacks.arg, &send);
	return body;
}

/* Where the route leads from the release on. kube-proxy follows a first change of the object at once, be it of annotations alone, and
 * another one a second later: so the heir's address goes with the release, not with the heir's own write. Where nobody is known to take
 * over, clients are refused at once (contract 1.4). */
static struct json *subsets_after_release(const struct dcs *dcs, const struct object *leader)
{
	const char *heir = dcs->lock.write.heir;
	const struct object *pod = heir[0] != '\0' ? cache_find(&dcs->caches[KIND_PODS], heir) : NULL;
	if (pod != NULL)
		return subsets_wanted(dcs, pod, pod_ip(pod), leader);
	bool routed = dcs->params.use_endpoints && json_count(json_get(leader->json, "subsets")) > 0;
	return routed ? json_new_array() : NULL;
}

static char *release_body(const struct dcs *dcs, const struct object *leader)
{
	const struct lock *lock = &dcs->lock;
	struct json *annotations = json_new_object();
	json_set_text(annotations, "leader", NULL);
	set_position(dcs, annotations, &lock->write.position);
	json_set_text(annotations, ANNOTATION_HOLDER_UID, NULL);
	set_ours(dcs, annotations, ANNOTATION_HEIR, lock->write.heir);
	set_timeline(annotations, &lock->write.position);
	struct json *body = body_new(dcs, dcs->leader_name, annotations, mutant(10) ? 0 : lock->version);
	struct json *subsets = subsets_after_release(dcs, leader);
	if (subsets != NULL)
		json_set(body, "subsets", subsets);
	return body_text(body);
}

/* ---- what the answer means ---- */

/* Nothing that says whether the write was or will be done, or that it may be tried again as it is: 403 comes from an API server without its roles yet (safety.md L21). */
static bool answer_is_none(const struct http_answer *answer)
{
	int status = answer->status;
	return status < 400 || status == 429 || status >= 500 || answer->retry_after_s >= 0;
}

static bool one_of_ours(const struct lock *lock, const struct lease_record *record)
{
	int known = lock->send_count < LOCK_SENDS_MAX ? lock->send_count : LOCK_SENDS_MAX;
	for (int i = 0; i < known; i++)
		if (text_equal(lock->renew_times[i], record->renew_time))
			return lease_token_matches(&lock->token, record);
	return false;
}

static void send_once_more(struct dcs *dcs, const struct object *leader)
{
	struct lock *lock = &dcs->lock;
	if (lock->repeated || time_is_over(dcs)) {
		lock_end(dcs, DCS_NO_ANSWER, "the leader object changes faster than we can write it");
		return;
	}
	lock->repeated = true;
	lock->create = leader == NULL;
	lock->version = leader != NULL ? leader->version : 0;
	lock_send(dcs);
}

/* The object as it is after a 409. An acquire is never repeated on a version it was not decided on. */
static void judge(struct dcs *dcs, const struct object *leader)
{
	struct lock *lock = &dcs->lock;
	struct lease_object seen;
	view_read_record(leader, &seen);
	if (one_of_ours(lock, &seen.record))
		lock_end(dcs, DCS_DONE, "");
	else if (lock->work == LOCK_ACQUIRE && mutant(9))
		send_once_more(dcs, leader);
	else if (lock->work == LOCK_ACQUIRE)
		lock_lost(dcs, "somebody else was first");
	else if (!lease_token_matches(&lock->token, &seen.record))
		lock_lost(dcs, "the lock is somebody else's");
	else if (!lock->create && seen.version == lock->version)
		lock_lost(dcs, "refused by the version that the object has");
	else
		send_once_more(dcs, leader);
}

static void forget_leader(struct dcs *dcs)
{
	const struct object *leader = store_leader(dcs);
	if (leader == NULL)
		return;
	struct object *gone = cache_take(&dcs->caches[KIND_STATE], leader->name);
	object_destroy(gone);
	store_stale(dcs);
}

/* Whoever holds the lease may write the object again when it was decided so; after its T somebody else may have led and be gone from sight with it. */
static bool may_create(const struct dcs *dcs)
{
	struct instant until = dcs->lock.write.create_until;
	return instant_is_set(until) && left_least_ms(until, loop_now(dcs->loop)) > 0;
}

static void on_missing(struct dcs *dcs)
{
	forget_leader(dcs);
	lock_lost(dcs, "the leader object is gone");
}

static void on_looked(void *arg, const struct http_answer *answer)
{
	struct dcs *dcs = arg;
	char text[256];
	dcs->lock.call = NULL;
	if (answer->status == 404) {
		on_missing(dcs);
		return;
	}
	const struct object *leader = answer_is_success(answer) ? store_put_answer(dcs, KIND_STATE, answer) : NULL;
	store_stale(dcs);
	if (leader == NULL)
		lock_end(dcs, DCS_NO_ANSWER, answer_text(answer, text, sizeof(text)));
	else
		judge(dcs, leader);
}

/* One GET by name: also of an object that lost our labels and is in no LIST (safety.md L4). */
static void lock_look(struct dcs *dcs)
{
	char path[PATH_SIZE];
	if (time_is_over(dcs)) {
		lock_end(dcs, DCS_NO_ANSWER, "refused by the version, and no time is left to look why");
		return;
	}
	object_path(dcs, KIND_STATE, dcs->leader_name, path, sizeof(path));
	struct call_params params = {
		.method = "GET",
		.path = path,
		.lane = lane,
		.limit_ms = left_ms(dcs),
		.repeat_forbidden = dcs->lock.work == LOCK_RENEW,
		.done = on_looked,
		.arg = dcs,
	};
	dcs->lock.call = call_start(dcs, &params);
}

static void on_written(struct dcs *dcs, const struct http_answer *answer)
{
	const struct object *leader = store_put_answer(dcs, KIND_STATE, answer);
	store_stale(dcs);
	if (leader == NULL)
		lock_end(dcs, DCS_NO_ANSWER, "the answer holds no object");
	else
		lock_end(dcs, DCS_DONE, "");
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct dcs *dcs = arg;
	char text[256];
	dcs->lock.call = NULL;
	if (answer_is_success(answer))
		on_written(dcs, answer);
	else if (answer->status == 409 && dcs->lock.work == LOCK_RELEASE)
		lock_lost(dcs, "the leader object was changed by somebody else");
	else if (answer->status == 409)
		lock_look(dcs);
	else if (answer->status == 404)
		on_missing(dcs);
	else if (answer->status == 401 || answer->status == 403)
		lock_end(dcs, DCS_DENIED, answer_text(answer, text, sizeof(text)));
	else if (answer_is_none(answer))
		lock_end(dcs, DCS_NO_ANSWER, answer_text(answer, text, sizeof(text)));
	else
		lock_end(dcs, DCS_REFUSED, answer_text(answer, text, sizeof(text)));
}

/* ---- the calls ---- */

static void lock_send(struct dcs *dcs)
{
	struct lock *lock = &dcs->lock;
	char path[PATH_SIZE];
	object_path(dcs, KIND_STATE, lock->create ? NULL : dcs->leader_name, path, sizeof(path));
	struct call_params params = {
		.method = lock->create ? "POST" : "PATCH",
		.path = path,
		.lane = lane,
		.limit_ms = left_ms(dcs),
		.once = lock->work == LOCK_RELEASE,
		.repeat_forbidden = lock->work == LOCK_RENEW,
		.prepare = lock->work == LOCK_RELEASE ? NULL : prepare_send,
		.body = lock->work == LOCK_RELEASE ? release_body(dcs, store_leader(dcs)) : NULL,
		.done = on_answer,
		.arg = dcs,
	};
	lock->call = call_start(dcs, &params);
}

static char *copy_of(const char *text)
{
	char *copy = strdup(text != NULL ? text : "");
	assert(copy != NULL);
	return copy;
}

static void lock_begin(struct dcs *dcs, enum lock_work work, const struct dcs_lock_write *write)
{
	struct lock *lock = &dcs->lock;
	lock->work = work;
	lock->write = *write;
	lock->token = write->token;
	lock->started = loop_now(dcs->loop);
	lock->slots = copy_of(write->position.slots);
	lock->retain_slots = copy_of(write->position.retain_slots);
	lock->positions = copy_of(write->position.positions);
	lock->timeline_token = copy_of(write->position.timeline_token);
	lock->failsafe = write->failsafe != NULL ? copy_of(write->failsafe) : NULL;
	lock->failsafe_uids = write->failsafe_uids != NULL ? copy_of(write->failsafe_uids) : NULL;
	text_copy(lock->pod_ip, sizeof(lock->pod_ip), write->pod_ip != NULL ? write->pod_ip : "");
	lock->write.pod_ip = lock->pod_ip;
	lock->write.position.slots = lock->slots;
	lock->write.position.retain_slots = lock->retain_slots;
	lock->write.position.positions = lock->positions;
	lock->write.position.timeline_token = lock->timeline_token;
	lock->write.failsafe = lock->failsafe;
	lock->write.failsafe_uids = lock->failsafe_uids;
}

/* Whether a write may begin at all; if not, done is told why. */
static bool may_begin(struct dcs *dcs, const struct dcs_lock_write *write, dcs_done *done, void *arg)
{
	const char *why = NULL;
	if (dcs_lock_busy(dcs))
		why = "another write of the lock is on its way";
	else if (dcs->params.name[0] == '\0')
		why = "only a member may write the lock";
	else if (write->ttl_ms < 1000 || write->ttl_ms % 1000 != 0)
		why = "ttl is no positive whole number of seconds";
	if (why != NULL)
		store_later(dcs, done, arg, DCS_REFUSED, why);
	return why == NULL;
}

static int64_t next_transitions(const struct dcs *dcs)
{
	struct lease_object seen;
	view_read_record(store_leader(dcs), &seen);
	if (seen.record.transitions < 0)
		return 0;
	return seen.record.transitions + !text_equal(seen.record.leader, dcs->params.name);
}

void dcs_acquire(struct dcs *dcs, const struct dcs_lock_write *write, dcs_done *done, void *arg)
{
	struct lock *lock = &dcs->lock;
	if (!may_begin(dcs, write, done, arg))
		return;
	lock_begin(dcs, LOCK_ACQUIRE, write);
	lock->done = done;
	lock->arg = arg;
	lock->token = (struct lease_token){ .transitions = next_transitions(dcs) };
	text_copy(lock->token.leader, sizeof(lock->token.leader), dcs->params.name);
	lock->version = write->version;
	lock->create = write->version == 0;
	lock_send(dcs);
}

/* Whether the cached object lets the holder write; NULL: yes, else why not. */
static const char *holder_obstacle(const struct object *leader, const struct lease_token *token,
				   enum dcs_outcome *outcome)
{
	struct lease_object seen;
	view_read_record(leader, &seen);
	*outcome = DCS_CONFLICT;
	if (token->leader[0] == '\0')
		return "the lock is not ours";
	if (leader != NULL && !lease_token_matches(token, &seen.record))
		return "the lock is somebody else's";
	*outcome = DCS_REFUSED;
	if (leader != NULL && leader->version == 0)
		return "the leader object has no version to decide on";
	return NULL;
}

void dcs_renew(struct dcs *dcs, const struct dcs_lock_write *write, dcs_done *done, void *arg)
{
	struct lock *lock = &dcs->lock;
	const struct object *leader = store_leader(dcs);
	enum dcs_outcome outcome;
	if (!may_begin(dcs, write, done, arg))
		return;
	const char *why = holder_obstacle(leader, &write->token, &outcome);
	if (why != NULL) {
		store_later(dcs, done, arg, outcome, why);
		return;
	}
	lock_begin(dcs, LOCK_RENEW, write);
	lock->done = done;
	lock->arg = arg;
	lock->create = leader == NULL;
	lock->version = leader != NULL ? leader->version : 0;
	if (lock->create && !may_create(dcs)) {
		lock_clear(lock);
		store_later(dcs, done, arg, DCS_CONFLICT, "the leader object is gone, and the lease has run out");
		return;
	}
	lock_send(dcs);
}

void dcs_release(struct dcs *dcs, const struct dcs_lock_write *write, dcs_done *done, void *arg)
{
	struct lock *lock = &dcs->lock;
	const struct object *leader = store_leader(dcs);
	enum dcs_outcome outcome;
	if (!may_begin(dcs, write, done, arg))
		return;
	const char *why = holder_obstacle(leader, &write->token, &outcome);
	if (why == NULL && leader == NULL)
		why = "there is no leader object";
	if (why != NULL) {
		store_later(dcs, done, arg, leader == NULL ? DCS_CONFLICT : outcome, why);
		return;
	}
	lock_begin(dcs, LOCK_RELEASE, write);
	lock->done = done;
	lock->arg = arg;
	lock->version = leader->version;
	lock_send(dcs);
	if (write->clears_route)
		route_clear(dcs);
}
