/* A write of anything but the lock: sent by the version it was decided on, looked at again after a 409, its refusals said once and then once a minute. */
#include "dcs/kubernetes/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct write {
	struct write *next;
	struct dcs *dcs;
	struct write_params params;
	char name[OBJECT_NAME_SIZE];
	bool is_new; /* it was to be created */
};

static const char *const feature_text[] = {
	[FEATURE_STATE] = "cluster state",
	[FEATURE_PODS] = "pod status and labels",
	[FEATURE_SERVICE] = "the -config Service",
	[FEATURE_EVICTION] = "eviction",
	[FEATURE_ROLLOUT] = "the roll-out",
	[FEATURE_ROUTE] = "the route",
	[FEATURE_RESIZE] = "change of resources in place",
};
static_assert(ARRAY_SIZE(feature_text) == FEATURE_COUNT, "a name for each feature");

static void write_destroy(struct write *write)
{
	for (struct write **at = &write->dcs->writes; *at != NULL; at = &(*at)->next)
		if (*at == write) {
			*at = write->next;
			break;
		}
	json_free(write->params.wanted);
	free(write);
}

static void write_end(struct write *write, enum dcs_outcome outcome, const char *text)
{
	struct write_params params = write->params;
	if (params.busy != NULL)
		*params.busy = false;
	write_destroy(write);
	params.done(params.arg, outcome, text);
}

void writes_cancel_all(struct dcs *dcs)
{
	while (dcs->writes != NULL)
		write_destroy(dcs->writes); /* its call is among the calls */
}

static const char *resource_text(const struct write *write)
{
	switch (write->params.feature) {
	case FEATURE_SERVICE:
		return "services";
	case FEATURE_EVICTION:
		return "pods/eviction";
	case FEATURE_RESIZE:
		return "pods/resize";
	default:
		return kind_text(write->dcs, write->params.kind);
	}
}

static const char *verb_text(const char *method)
{
	if (text_equal(method, "DELETE"))
		return "delete (deletecollection)";
	return text_equal(method, "POST") ? "create" : "patch";
}

void forbidden_say(struct dcs *dcs, enum feature feature, const char *text, const char *answer)
{
	complaint_say(&dcs->refused[feature], dcs->loop, "%s (%s)", text, answer);
	dcs_say(dcs, &(struct dcs_notice){ "Forbidden", text, true });
}

static void write_forbidden(struct write *write, const char *answer)
{
	struct dcs *dcs = write->dcs;
	char text[512];
	struct strbuf b;
	const char *verb = verb_text(write->params.method);
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "not allowed to %s %s in namespace %s", verb, resource_text(write), dcs->params.space);
	forbidden_say(dcs, write->params.feature, text, answer);
	write_end(write, DCS_REFUSED, text);
}

static bool is_as_wanted(const struct object *object, const struct json *wanted)
{
	if (object == NULL || wanted == NULL)
		return false;
	for (const struct json *item = json_first(wanted); item != NULL; item = json_next(item)) {
		const char *want = json_text(item), *have = object_annotation(object, json_key(item));
		if ((want == NULL) != (have == NULL) || (want != NULL && !text_equal(want, have)))
			return false;
	}
	return true;
}

/* No LIST of ours would show it: another cluster of the same scope, with other labels, lives in this namespace. */
static bool is_without_our_labels(const struct dcs *dcs, const struct http_answer *answer)
{
	struct err err;
	AUTO(json) struct json *object = json_parse(answer->body, answer->body_len, &err);
	const struct json *labels = json_get(json_get(object, "metadata"), "labels");
	for (int i = 0; i < dcs->params.label_count; i++) {
		const char *value = json_get_text(labels, dcs->params.labels[i].key);
		if (value == NULL || !text_equal(value, dcs->params.labels[i].value))
			return object != NULL;
	}
	return false;
}

static void write_taken(struct write *write)
{
	struct dcs *dcs = write->dcs;
	char text[512];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(
		&b,
		"%s \"%s\" exists and does not carry our labels (kubernetes.labels): another cluster with the scope "
		"\"%s\" lives in namespace %s. Choose another scope, or remove what is left of that one",
		resource_text(write), write->name, dcs->params.scope, dcs->params.space);
	complaint_say(&dcs->refused[write->params.feature], dcs->loop, "%s", text);
	dcs_say(dcs, &(struct dcs_notice){ "ScopeTaken", text, true });
	write_end(write, DCS_REFUSED, text);
}

static void on_looked(void *arg, const struct http_answer *answer)
{
	struct write *write = arg;
	struct dcs *dcs = write->dcs;
	const struct object *object = NULL;
	if (answer_is_success(answer) && write->is_new && is_without_our_labels(dcs, answer)) {
		write_taken(write);
		return;
	}
	if (answer_is_success(answer))
		object = store_put_answer(dcs, write->params.kind, answer);
	else
		watch_list_soon(&dcs->watches[write->params.kind]);
	store_stale(dcs);
	if (is_as_wanted(object, write->params.wanted))
		write_end(write, DCS_DONE, "");
	else
		write_end(write, DCS_CONFLICT, "somebody else changed the object meanwhile");
}

static void write_look(struct write *write)
{
	struct dcs *dcs = write->dcs;
	char path[PATH_SIZE];
	object_path(dcs, write->params.kind, write->name, path, sizeof(path));
	struct call_params params = {
		.method = "GET",
		.path = path,
		.limit_ms = dcs->params.retry_timeout_ms,
		.done = on_looked,
		.arg = write,
	};
	call_start(dcs, &params);
}

static bool answer_is_none(const struct http_answer *answer)
{
	int status = answer->status;
	return status < 400 || status == 401 || status == 429 || status >= 500 || answer->retry_after_s >= 0;
}

static void write_done(struct write *write, const struct http_answer *answer)
{
	struct dcs *dcs = write->dcs;
	enum feature feature = write->params.feature;
	complaint_end(&dcs->refused[feature], feature_text[feature]);
	if (feature != FEATURE_SERVICE && feature != FEATURE_EVICTION)
		store_put_answer(dcs, write->params.kind, answer);
	write_end(write, DCS_DONE, "");
}

/* A PodDisruptionBudget says no to an eviction with 429. */
static bool is_against_budget(const struct write *write, const struct http_answer *answer)
{
	return write->params.feature == FEATURE_EVICTION && answer->status == 429;
}

/* An API without the subresource does not find it; one with it says which pod it did not find. */
static bool is_without_resize(const struct write *write, const struct http_answer *answer)
{
	struct err err;
	if (write->params.feature != FEATURE_RESIZE || answer->status != 404)
		return false;
	AUTO(json) struct json *status = json_parse(answer->body, answer->body_len, &err);
	const char *name = json_get_text(json_get(status, "details"), "name");
	return name == NULL || !text_equal(name, write->name);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
	struct write *write = arg;
	char text[256];
	answer_text(answer, text, sizeof(text));
	if (answer_is_success(answer)) {
		write_done(write, answer);
	} else if (answer->status == 409 && write->params.feature != FEATURE_SERVICE) {
		write_look(write);
	} else if (answer->status == 409 || is_against_budget(write, answer)) {
		write_end(write, DCS_CONFLICT, text);
	} else if (answer->status == 403) {
		write_forbidden(write, text);
	} else if (is_without_resize(write, answer)) {
		write_end(write, DCS_REFUSED, text);
	} else if (answer->status == 404) {
		watch_list_soon(&write->dcs->watches[write->params.kind]);
		write_end(write, DCS_CONFLICT, text);
	} else {
		write_end(write, answer_is_none(answer) ? DCS_NO_ANSWER : DCS_REFUSED, text);
	}
}

void write_start(struct dcs *dcs, const struct write_params *params)
{
	struct write *write = calloc(1, sizeof(*write));
	assert(write != NULL);
	*write = (struct write){ .next = dcs->writes, .dcs = dcs, .params = *params };
	text_copy(write->name, sizeof(write->name), params->name);
	write->is_new = text_equal(params->method, "POST");
	dcs->writes = write;
	if (params->busy != NULL)
		*params->busy = true;
	struct call_params call = {
		.method = params->method,
		.path = params->path,
		.body = params->body,
		.limit_ms = dcs->params.retry_timeout_ms,
		.once = !params->repeat,
		.done = on_answer,
		.arg = write,
	};
	call_start(dcs, &call);
}
