/* Faults on command. POST /devkube/faults {"fault": NAME, ...} arms one or does it at once, {"fault": "none"} disarms all;
 * GET says of each how often it is still to strike and how often it did. */
#include "devkube/devkube.h"

#include "base/strbuf.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

enum { MS_MAX = 3600 * 1000, COUNT_MAX = 1000000, FREEZE_AFTER_MS = 50 /* the answer to the command is out by then */ };

/* False: it cannot be done now; err says why. */
typedef bool begin_fault(struct devkube *dk, struct armed *fault, struct err *err);
static begin_fault begin_cut, begin_silence, begin_freeze, begin_save, begin_restore, begin_forget;

enum { TAKES_COUNT = 1, TAKES_MS = 2, TAKES_STATUS = 4 };

static const struct {
	const char *name;
	int takes;
	begin_fault *begin; /* NULL: it waits for requests */
} kinds[] = {
	[FAULT_DROP_BEFORE] = { "drop_before", TAKES_COUNT, NULL },
	[FAULT_DROP_AFTER] = { "drop_after", TAKES_COUNT, NULL },
	[FAULT_DELAY] = { "delay", TAKES_COUNT | TAKES_MS, NULL },
	[FAULT_REFUSE] = { "refuse", TAKES_COUNT | TAKES_STATUS, NULL },
	[FAULT_EXPIRE] = { "expire", TAKES_COUNT, NULL },
	[FAULT_CUT_WATCHES] = { "cut_watches", 0, begin_cut },
	[FAULT_SILENCE_WATCHES] = { "silence_watches", TAKES_MS, begin_silence },
	[FAULT_FREEZE] = { "freeze", TAKES_MS, begin_freeze },
	[FAULT_SAVE] = { "save", 0, begin_save },
	[FAULT_RESTORE] = { "restore", 0, begin_restore },
	[FAULT_FORGET] = { "forget", 0, begin_forget },
};
static_assert(ARRAY_SIZE(kinds) == FAULT_KINDS, "a row a fault");

static const int64_t statuses[] = { 403, 409, 429, 500, 503 };

bool fault_strikes(struct devkube *dk, enum fault fault, const char *method, const char *path)
{
	struct armed *a = &dk->faults[fault];
	if (a->left == 0 || (a->method[0] && !text_equal(a->method, method)) ||
	    (a->path[0] && strstr(path, a->path) == NULL))
		return false;
	a->left--;
	a->struck++;
	return true;
}

bool watches_are_silent(const struct devkube *dk)
{
	return loop_timer_is_set(dk->silence);
}

/* ---- those that happen at once ---- */

static bool begin_cut(struct devkube *dk, struct armed *fault, UNUSED struct err *err)
{
	fault->struck += streams_cut(dk);
	return true;
}

static bool begin_silence(struct devkube *dk, struct armed *fault, UNUSED struct err *err)
{
	loop_timer_set(dk->silence, fault->ms);
	return true;
}

static bool begin_freeze(struct devkube *dk, UNUSED struct armed *fault, UNUSED struct err *err)
{
	loop_timer_set(dk->freeze, FREEZE_AFTER_MS);
	return true;
}

static bool begin_save(struct devkube *dk, struct armed *fault, UNUSED struct err *err)
{
	for (struct space *s = dk->spaces; s; s = s->next)
		api_snapshot(s->api);
	fault->struck++;
	return true;
}

/* Namespaces made since then stay. */
static bool begin_restore(struct devkube *dk, struct armed *fault, struct err *err)
{
	if (dk->faults[FAULT_SAVE].struck == 0)
		return err_set(err, ERR_INPUT, "fault: restore needs a save before it");
	for (struct space *s = dk->spaces; s; s = s->next)
		api_restore(s->api);
	fault->struck++;
	return true;
}

static bool begin_forget(struct devkube *dk, struct armed *fault, UNUSED struct err *err)
{
	for (struct space *s = dk->spaces; s; s = s->next)
		api_compact(s->api);
	fault->struck++;
	return true;
}

static void on_silence_over(void *arg)
{
	streams_wake(arg);
}

/* As a stopped process: the kernel goes on to accept connections, and nobody answers. */
static void on_freeze(void *arg)
{
	struct devkube *dk = arg;
	int64_t ms = dk->faults[FAULT_FREEZE].ms;
	struct timespec left = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };
	while (nanosleep(&left, &left) != 0)
		continue;
	dk->faults[FAULT_FREEZE].struck++;
}

/* ---- commands ---- */

static const struct number {
	const char *key;
	int64_t least, most;
	size_t place; /* in struct armed */
} numbers[] = {
	{ "count", 1, COUNT_MAX, offsetof(struct armed, left) },
	{ "ms", 1, MS_MAX, offsetof(struct armed, ms) },
	{ "status", 0, 999, offsetof(struct armed, status) },
	{ "retry_after_s", 0, 3600, offsetof(struct armed, retry_after_s) },
};

static bool take_number(const struct json *command, const struct number *n, struct armed *a, struct err *err)
{
	const struct json *value = json_get(command, n->key);
	int64_t *out = (int64_t *)((char *)a + n->place);
	if (value && (!json_i64(value, out) || *out < n->least || *out > n->most)) {
		AUTO(text) char *text = json_print_text(value, JSON_COMPACT);
		return err_set(err, ERR_INPUT, "%s: %s is not allowed: a number from %lld to %lld", n->key, text,
			       (long long)n->least, (long long)n->most);
	}
	return true;
}

static bool status_is_allowed(int64_t status, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (statuses[i] == status)
			return true;
	return err_set(err, ERR_INPUT, "status: %lld is not allowed: 403, 409, 429, 500 or 503", (long long)status);
}

static bool take_filter(const struct json *command, const char *key, char *text, size_t size, struct err *err)
{
	const struct json *value = json_get(command, key);
	if (value && (!json_text(value) || !text_copy(text, size, json_text(value))))
		return err_set(err, ERR_INPUT, "%s: it is no text of less than %zu bytes", key, size);
	return true;
}

static bool find_kind(const struct json *command, enum fault *fault, struct err *err)
{
	const char *name = json_get_text(command, "fault");
	struct strbuf b;
	for (int i = 0; name && i < FAULT_KINDS; i++)
		if (text_equal(kinds[i].name, name)) {
			*fault = (enum fault)i;
			return true;
		}
	err->kind = ERR_INPUT;
	strbuf_init(&b, err->text, sizeof(err->text));
	strbuf_addf(&b, "fault: \"%.64s\" is unknown: none", name ? name : "");
	for (int i = 0; i < FAULT_KINDS; i++)
		strbuf_addf(&b, ", %s", kinds[i].name);
	return false;
}

static bool read_command(const struct json *command, int takes, struct armed *a, struct err *err)
{
	*a = (struct armed){ .left = 1, .retry_after_s = -1, .struck = a->struck };
	for (size_t i = 0; i < ARRAY_SIZE(numbers); i++)
		if (!take_number(command, &numbers[i], a, err))
			return false;
	if (!take_filter(command, "method", a->method, sizeof(a->method), err) ||
	    !take_filter(command, "path", a->path, sizeof(a->path), err))
		return false;
	if ((takes & TAKES_MS) && a->ms == 0)
		return err_set(err, ERR_INPUT, "ms: it is missing: a number from 1 to %d", MS_MAX);
	if (!(takes & TAKES_COUNT))
		a->left = 0;
	return !(takes & TAKES_STATUS) || status_is_allowed(a->status, err);
}

static void disarm_all(struct devkube *dk)
{
	for (int i = 0; i < FAULT_KINDS; i++)
		dk->faults[i].left = 0;
	loop_timer_set(dk->freeze, -1);
	if (watches_are_silent(dk))
		loop_timer_set(dk->silence, 0);
}

static bool take_command(struct devkube *dk, const struct http_request *request, struct err *err)
{
	enum fault fault;
	AUTO(json) struct json *command = json_parse(request->body, request->body_len, err);
	if (!command)
		return false;
	const char *name = json_get_text(command, "fault");
	if (name && text_equal(name, "none")) {
		disarm_all(dk);
		return true;
	}
	if (!find_kind(command, &fault, err))
		return false;
	struct armed armed = dk->faults[fault];
	if (!read_command(command, kinds[fault].takes, &armed, err))
		return false;
	dk->faults[fault] = armed;
	return !kinds[fault].begin || kinds[fault].begin(dk, &dk->faults[fault], err);
}

static void reply_counts(const struct devkube *dk, struct http_reply *reply)
{
	struct json *counts = json_new_object();
	for (int i = 0; i < FAULT_KINDS; i++) {
		struct json *one = json_new_object();
		json_set_i64(one, "left", dk->faults[i].left);
		json_set_i64(one, "struck", dk->faults[i].struck);
		json_set(counts, kinds[i].name, one);
	}
	AUTO(text) char *text = json_print_text(counts, JSON_COMPACT);
	json_free(counts);
	reply_text(reply, 200, "application/json", text);
}

void faults_handle(struct devkube *dk, const struct http_request *request)
{
	struct err err = { 0 };
	if (text_equal(request->method, "POST") && !take_command(dk, request, &err))
		reply_refusal(request->reply, 400, "BadRequest", err.text);
	else if (text_equal(request->method, "POST") || text_equal(request->method, "GET"))
		reply_counts(dk, request->reply);
	else
		reply_refusal(request->reply, 405, "MethodNotAllowed", "POST and GET are allowed here");
}

void faults_init(struct devkube *dk)
{
	dk->silence = loop_timer_create(dk->loop, on_silence_over, dk);
	dk->freeze = loop_timer_create(dk->loop, on_freeze, dk);
}

void faults_finish(struct devkube *dk)
{
	loop_timer_destroy(dk->silence);
	loop_timer_destroy(dk->freeze);
}
