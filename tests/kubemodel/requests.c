/* Requests and their answers. Codes, reasons and shapes are those of kube-apiserver, see tests/devkube. */
#include "kubemodel/api_private.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GRACE_S = 30, QUERY_VALUE_SIZE = 64 };

static const char STRATEGIC_PATCH[] = "application/strategic-merge-patch+json",
		  MERGE_PATCH[] = "application/merge-patch+json";

struct target {
	char space[API_NAME_SIZE], name[API_NAME_SIZE], part[API_KIND_SIZE];
	const struct kind *kind; /* NULL: none is named so */
	const char *query;       /* "" none */
};

/* ---- what is asked for ---- */

static bool take_part(const char **at, char *part, size_t size)
{
	size_t len = strcspn(*at, "/?");
	if (len >= size)
		return false;
	memcpy(part, *at, len);
	part[len] = '\0';
	*at += len;
	if (**at == '/')
		(*at)++;
	return true;
}

/* The version of the API that a path begins with; NULL: none of those here. */
static const char *take_version(const char **path)
{
	static const struct {
		const char *head, *version;
	} versions[] = {
		{ "/api/v1/namespaces/", "v1" },
		{ "/apis/apps/v1/namespaces/", "apps/v1" },
		{ "/apis/discovery.k8s.io/v1/namespaces/", "discovery.k8s.io/v1" },
	};
	for (size_t i = 0; i < ARRAY_SIZE(versions); i++)
		if (strncmp(*path, versions[i].head, strlen(versions[i].head)) == 0) {
			*path += strlen(versions[i].head);
			return versions[i].version;
		}
	return NULL;
}

static bool target_parse(struct target *t, const char *path)
{
	char kind[API_KIND_SIZE];
	const char *version = take_version(&path);
	if (!version || !take_part(&path, t->space, sizeof(t->space)) || !take_part(&path, kind, sizeof(kind)) ||
	    !take_part(&path, t->name, sizeof(t->name)) || !take_part(&path, t->part, sizeof(t->part)))
		return false;
	t->query = *path == '?' ? path + 1 : "";
	t->kind = kind_find(kind);
	bool of_pods =
		text_equal(t->part, "status") || text_equal(t->part, "eviction") || text_equal(t->part, "resize");
	bool has_part = t->part[0] == '\0' || (text_equal(kind, "pods") && of_pods);
	return t->kind && text_equal(t->kind->version, version) && has_part && (*path == '\0' || *path == '?');
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 32) - 'a' + 10;
}

/* A value of the query, percent-decoded; "" when it is not there. False: it does not fit. */
static bool query_get(const char *query, const char *key, char *value, size_t size)
{
	size_t n = 0, len = strlen(key);
	value[0] = '\0';
	for (const char *at = query; at && *at; at = strchr(at, '&'), at = at ? at + 1 : NULL) {
		if (strncmp(at, key, len) != 0 || at[len] != '=')
			continue;
		for (at += len + 1; *at && *at != '&' && n + 1 < size; at++) {
			bool escaped = *at == '%' && at[1] && at[2];
			value[n++] = escaped ? (char)(hex(at[1]) * 16 + hex(at[2])) : *at;
			at += escaped ? 2 : 0;
		}
		value[n] = '\0';
		return *at == '\0' || *at == '&';
	}
	return true;
}

static bool query_is_true(const struct target *t, const char *key)
{
	char value[QUERY_VALUE_SIZE];
	return query_get(t->query, key, value, sizeof(value)) &&
	       (value[0] == 't' || value[0] == 'T' || value[0] == '1');
}

/* ---- answers ---- */

struct refusal {
	int status;
	const char *reason; /* NULL: none */
	const char *message;
	bool names_object; /* in its details */
};

static void answer_json(struct api_response *r, int status, struct json *tree)
{
	AUTO(text) char *text = json_print_text(tree, JSON_COMPACT);
	r->status = status;
	r->body = api_text_new(text, strlen(text));
	json_free(tree);
}

static struct json *status_new(const char *status)
{
	struct json *tree = json_new_object();
	json_set_text(tree, "kind", "Status");
	json_set_text(tree, "apiVersion", "v1");
	json_set(tree, "metadata", json_new_object());
	json_set_text(tree, "status", status);
	return tree;
}

static struct json *details_new(const struct target *t, const char *kind)
{
	struct json *details = json_new_object();
	if (t->name[0])
		json_set_text(details, "name", t->name);
	json_set_text(details, "kind", kind);
	return details;
}

static struct json *refusal_tree(const struct refusal *refusal, const struct target *t)
{
	struct json *tree = status_new("Failure");
	json_set_text(tree, "message", refusal->message);
	if (refusal->reason)
		json_set_text(tree, "reason", refusal->reason);
	if (refusal->names_object)
		json_set(tree, "details",
			 details_new(t, text_equal(refusal->reason, "Invalid") ? t->kind->name : t->kind->plural));
	json_set_i64(tree, "code", refusal->status);
	return tree;
}

static void refuse(struct api_response *r, const struct target *t, struct refusal refusal)
{
	answer_json(r, refusal.status, refusal_tree(&refusal, t));
}

static void refuse_named(struct api_response *r, const struct target *t, int status, const char *reason,
			 const char *format)
{
	char message[2 * API_NAME_SIZE + 256];
	snprintf(message, sizeof(message), format, t->kind->plural, t->name);
	refuse(r, t, (struct refusal){ status, reason, message, true });
}

static void refuse_missing(struct api_response *r, const struct target *t)
{
	refuse_named(r, t, 404, "NotFound", "%s \"%s\" not found");
}

static void refuse_invalid(struct api_response *r, const struct target *t, const char *what)
{
	char message[2 * API_NAME_SIZE + 256];
	snprintf(message, sizeof(message), "%s \"%s\" is invalid: %s", t->kind->name, t->name, what);
	refuse(r, t, (struct refusal){ 422, "Invalid", message, true });
}

static void refuse_bad(struct api_response *r, const struct target *t, const char *message)
{
	refuse(r, t, (struct refusal){ 400, "BadRequest", message, false });
}

void api_refuse(struct api_response *r, int status, const char *reason, const char *message)
{
	*r = (struct api_response){ .retry_after_s = -1 };
	refuse(r, NULL, (struct refusal){ status, reason, message, false });
}

static void refuse_unknown(struct api_response *r)
{
	api_refuse(r, 404, "NotFound", "the server could not find the requested resource");
}

static void answer_object(struct api_response *r, int status, const struct object *o)
{
	r->status = status;
	r->body = api_text_ref(o->now->text);
}

/* ---- GET ---- */

static bool is_selected(const struct object *o, const struct target *t, const char *selector)
{
	return strcmp(o->kind, t->kind->plural) == 0 && selector_matches(selector, o->now);
}

static void answer_list(struct api *api, const struct target *t, const char *selector, struct api_response *r)
{
	struct strbuf b;
	size_t size = 256;
	int n = 0;
	for (int i = 0; i < api->count; i++)
		size += is_selected(&api->objects[i], t, selector) ? api->objects[i].now->text->len : 0;
	AUTO(text) char *memory = malloc(size);
	assert(memory);
	strbuf_init(&b, memory, size);
	strbuf_addf(&b,
		    "{\"kind\":\"%s%s\",\"apiVersion\":\"%s\",\"metadata\":{\"resourceVersion\":\"%" PRIu64
		    "\"},\"items\":[",
		    t->kind->name, "List", t->kind->version, api->version);
	for (int i = 0; i < api->count; i++) {
		const struct revision *now = api->objects[i].now;
		if (!is_selected(&api->objects[i], t, selector))
			continue;
		strbuf_add(&b, n++ > 0 ? ",{" : "{");
		strbuf_add_bytes(&b, now->text->text + now->head_len, now->text->len - now->head_len);
	}
	strbuf_add(&b, "]}");
	assert(strbuf_ok(&b));
	r->status = 200;
	r->body = api_text_new(memory, b.len);
}

static bool selector_of(const struct target *t, char *selector, struct api_response *r)
{
	if (query_get(t->query, "labelSelector", selector, SELECTOR_SIZE) && selector_is_valid(selector))
		return true;
	refuse_bad(r, t, "unable to parse requirement: only a=b, a==b, a!=b, a and !a are understood here");
	return false;
}

static void handle_list(struct api *api, const struct target *t, struct api_response *r)
{
	char value[QUERY_VALUE_SIZE], selector[SELECTOR_SIZE];
	uint64_t version = 0;
	query_get(t->query, "resourceVersion", value, sizeof(value));
	if (value[0] && !text_to_u64(value, &version)) {
		refuse_bad(r, t, "invalid resource version: resourceVersion: not a number");
	} else if (version > api->version) {
		refuse(r, t, (struct refusal){ 504, "Timeout", "Timeout: Too large resource version", false });
		r->retry_after_s = 1;
	} else if (selector_of(t, selector, r)) {
		answer_list(api, t, selector, r);
	}
}

static void refuse_expired(struct api *api, const struct target *t, struct api_response *r, uint64_t version)
{
	char message[128];
	snprintf(message, sizeof(message), "too old resource version: %" PRIu64 " (%" PRIu64 ")", version,
		 api->version);
	struct refusal refusal = { 410, "Expired", message, false };
	if (!r->watch) {
		refuse(r, t, refusal);
		return;
	}
	struct json *event = json_new_object();
	json_set_text(event, "type", "ERROR");
	json_set(event, "object", refusal_tree(&refusal, t));
	AUTO(text) char *text = json_print_text(event, JSON_COMPACT);
	json_free(event);
	r->watch->last = api_text_join(text, strlen(text), "\n", 1);
	r->watch->ended = true;
}

static void handle_watch(struct api *api, const struct api_request *q, const struct target *t, struct api_response *r)
{
	char value[QUERY_VALUE_SIZE], selector[SELECTOR_SIZE];
	uint64_t version = 0;
	query_get(t->query, "resourceVersion", value, sizeof(value));
	if (value[0] && !text_to_u64(value, &version)) {
		refuse(r, t, (struct refusal){ 500, NULL, "resourceVersion is not a number", false });
		return;
	}
	if (!selector_of(t, selector, r))
		return;
	bool expired = version > 0 && version < api->compacted;
	if (expired && api->hooks.refuses_expired && api->hooks.refuses_expired(api->hooks.arg)) {
		refuse_expired(api, t, r, version);
		return;
	}
	r->status = 200;
	r->watch = watch_open(api, q, t->kind->plural, version > 0 ? version : api->version);
	text_copy(r->watch->selector, sizeof(r->watch->selector), selector);
	r->watch->bookmarks = query_is_true(t, "allowWatchBookmarks");
	if (expired)
		refuse_expired(api, t, r, version);
	else if (version == 0)
		watch_show_present(r->watch);
}

void api_expire(struct api *api, const struct api_request *request, struct api_response *response)
{
	struct target t;
	uint64_t compacted = api->compacted;
	api->compacted = UINT64_MAX;
	*response = (struct api_response){ .retry_after_s = -1 };
	if (target_parse(&t, request->path))
		handle_watch(api, request, &t, response);
	else
		refuse_unknown(response);
	api->compacted = compacted;
}

static void handle_get(struct api *api, const struct api_request *q, const struct target *t, struct api_response *r)
{
	const struct object *o = model_find(api, t->kind->plural, t->name);
	if (!t->name[0] && query_is_true(t, "watch"))
		handle_watch(api, q, t, r);
	else if (!t->name[0])
		handle_list(api, t, r);
	else if (o)
		answer_object(r, 200, o);
	else
		refuse_missing(r, t);
}

/* ---- PATCH and POST ---- */

static const char *text_of_meta(const struct json *tree, const char *key)
{
	return json_get_text(json_get(tree, "metadata"), key);
}

static bool texts_only(const struct json *tree, const char *map)
{
	for (const struct json *i = json_first(json_get(json_get(tree, "metadata"), map)); i; i = json_next(i))
		if (!json_is_text(i) && !json_is_null(i))
			return false;
	return true;
}

static bool maps_are_texts(const struct json *tree)
{
	return texts_only(tree, "annotations") && texts_only(tree, "labels");
}

static void fill_in(const struct json *ports, const char *key, const char *value)
{
	for (const struct json *p = json_first(ports); p; p = json_next(p))
		if (!json_get(p, key))
			json_set_text((struct json *)p, key, value);
}

/* The API fills in what was left away; a patch that leaves it away again then changes nothing. */
static void fill_in_ports(struct json *tree)
{
	for (const struct json *s = json_first(json_get(tree, "subsets")); s; s = json_next(s))
		fill_in(json_get(s, "ports"), "protocol", "TCP");
	if (!json_get(tree, "addressType"))
		return;
	fill_in(json_get(tree, "ports"), "name", "");
	fill_in(json_get(tree, "ports"), "protocol", "TCP");
}

static void keep_resources(struct json *spec, const char *list)
{
	if (!json_get(spec, list))
		return;
	struct json *kept = json_new_array();
	for (const struct json *item = json_first(json_get(spec, list)); item; item = json_next(item)) {
		struct json *container = json_new_object();
		json_set_text(container, "name", json_get_text(item, "name"));
		if (json_get(item, "resources"))
			json_set(container, "resources", json_copy(json_get(item, "resources")));
		json_push(kept, container);
	}
	json_set(spec, list, kept);
}

/* Status and resources are changed under their own paths only, and nothing else there. */
static void keep_part(struct json *patch, const struct target *t)
{
	if (text_equal(t->part, "resize")) {
		json_remove(patch, "metadata");
		keep_resources((struct json *)json_get(patch, "spec"), "containers");
		keep_resources((struct json *)json_get(patch, "spec"), "initContainers");
	}
	if (text_equal(t->part, "status"))
		json_remove(patch, "spec");
	else if (text_equal(t->kind->plural, "pods"))
		json_remove(patch, "status");
}

/* Preconditions in a patch's metadata; they are no part of what is merged. False: it was refused. */
static bool conditions_hold(const struct object *o, const struct target *t, struct json *patch, struct api_response *r)
{
	uint64_t version = o->now->version;
	const char *asked = text_of_meta(patch, "resourceVersion"), *uid = text_of_meta(patch, "uid"),
		   *name = text_of_meta(patch, "name");
	if (!text_is_empty(asked) && !text_to_u64(asked, &version))
		refuse(r, t, (struct refusal){ 500, NULL, "resourceVersion is not a number", false });
	else if (version != o->now->version)
		refuse_named(r, t, 409, "Conflict",
			     "Operation cannot be fulfilled on %s \"%s\": the object has been modified; please apply "
			     "your changes to the latest version and try again");
	else if (!text_is_empty(uid) && !text_equal(uid, text_of_meta(o->tree, "uid")))
		refuse_invalid(r, t, "metadata.uid: Invalid value: field is immutable");
	else if (!text_is_empty(name) && !text_equal(name, o->name))
		refuse_bad(r, t, "the name of the object does not match the name on the URL");
	else if (!maps_are_texts(patch))
		refuse_invalid(r, t, "patch: annotations and labels are texts");
	else
		return true;
	return false;
}

static void apply_patch(struct api *api, const struct api_request *q, const struct target *t, struct json *patch,
			struct object *o)
{
	static const char *const fixed[] = { "resourceVersion", "uid", "namespace", "name", "creationTimestamp" };
	bool strategic = !q->content_type || strncmp(q->content_type, MERGE_PATCH, strlen(MERGE_PATCH)) != 0;
	for (size_t i = 0; json_get(patch, "metadata") && i < ARRAY_SIZE(fixed); i++)
		json_remove(metadata_of(patch), fixed[i]);
	json_remove(patch, "kind");
	json_remove(patch, "apiVersion");
	keep_part(patch, t);
	struct json *changed = json_copy(o->tree);
	merge_patch(changed, patch, strategic);
	fill_in_ports(changed);
	if (json_equal(changed, o->tree)) {
		json_free(changed);
		return;
	}
	json_free(o->tree);
	o->tree = changed;
	model_commit(api, o, &(struct api_change){ .author = q->author });
}

/* Quality of service, quota, an API that does not know it: whatever may stand in the way. */
static bool may_be_resized(struct api *api, const struct target *t, struct api_response *r)
{
	if (!text_equal(t->part, "resize") || api->resize_status == 0)
		return true;
	api->rollout_refusals++;
	api->resize_refusals++;
	if (api->resize_status == 422)
		refuse_invalid(r, t, "spec: Invalid value: Pod QOS Class may not change as a result of resizing");
	else
		api_refuse(r, api->resize_status, "NotFound", "the server could not find the requested resource");
	return false;
}

static bool is_known_patch(const char *type)
{
	return !type || strncmp(type, STRATEGIC_PATCH, strlen(STRATEGIC_PATCH)) == 0 ||
	       strncmp(type, MERGE_PATCH, strlen(MERGE_PATCH)) == 0;
}

static void handle_patch(struct api *api, const struct api_request *q, const struct target *t, struct api_response *r)
{
	struct err err = { .text = "no body" };
	struct object *o = model_find(api, t->kind->plural, t->name);
	AUTO(json) struct json *patch = q->body ? json_parse(q->body, q->body_len, &err) : NULL;
	if (!is_known_patch(q->content_type))
		refuse(r, t, (struct refusal){ 415, "UnsupportedMediaType", "415: Unsupported Media Type", false });
	else if (!o)
		refuse_missing(r, t);
	else if (!json_is_object(patch))
		refuse_bad(r, t, patch ? "a patch is an object" : err.text);
	else if (conditions_hold(o, t, patch, r) && may_be_resized(api, t, r)) {
		apply_patch(api, q, t, patch, o);
		answer_object(r, 200, o);
	}
}

/* Lower-case letters, digits, '-' and '.', beginning and ending with a letter or digit. */
static bool is_good_name(const char *name)
{
	static const char ends[] = "abcdefghijklmnopqrstuvwxyz0123456789",
			  all[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";
	size_t len = strlen(name);
	return len > 0 && len < API_NAME_SIZE && strspn(name, all) == len && strchr(ends, name[0]) &&
	       strchr(ends, name[len - 1]);
}

/* False: it was refused. */
static bool may_be_created(const struct api *api, struct target *t, const struct json *tree, struct api_response *r)
{
	const char *name = text_of_meta(tree, "name"), *space = text_of_meta(tree, "namespace");
	if (!text_is_empty(name))
		text_copy(t->name, sizeof(t->name), name);
	if (!json_is_object(tree))
		refuse_bad(r, t, "the object provided is unrecognized: it is no JSON object");
	else if (!maps_are_texts(tree))
		refuse_bad(r, t, "it cannot be handled: annotations and labels are texts");
	else if (!text_is_empty(space) && !text_equal(space, t->space))
		refuse_bad(r, t,
			   "the namespace of the provided object does not match the namespace sent on the request");
	else if (!text_is_empty(text_of_meta(tree, "resourceVersion")))
		refuse(r, t,
		       (struct refusal){ 500, NULL, "resourceVersion should not be set on objects to be created",
					 false });
	else if (text_is_empty(name))
		refuse_invalid(r, t, "metadata.name: Required value: name or generateName is required");
	else if (!is_good_name(name))
		refuse_invalid(r, t, "metadata.name: Invalid value: a lowercase RFC 1123 subdomain is needed");
	else if (model_find(api, t->kind->plural, name))
		refuse_named(r, t, 409, "AlreadyExists", "%s \"%s\" already exists");
	else if (api->count == OBJECTS_MAX)
		refuse(r, t, (struct refusal){ 500, "InternalError", "the store is full", false });
	else
		return true;
	return false;
}

/* A null in a map of texts becomes "". */
static void fill_in_texts(struct json *tree, const char *map)
{
	struct json *texts = (struct json *)json_get(json_get(tree, "metadata"), map);
	for (const struct json *i = json_first(texts), *next; i; i = next) {
		next = json_next(i);
		if (json_is_null(i))
			json_set_text(texts, json_key(i), "");
	}
}

static void prepare_new(struct json *tree, const struct target *t)
{
	json_remove(metadata_of(tree), "uid");
	json_set_text(metadata_of(tree), "namespace", t->space);
	fill_in_texts(tree, "annotations");
	fill_in_texts(tree, "labels");
	fill_in_ports(tree);
	if (!text_equal(t->kind->plural, "pods"))
		return;
	struct json *status = json_new_object();
	json_set_text(status, "phase", "Pending");
	json_set_text(status, "qosClass", "BestEffort");
	json_set(tree, "status", status);
}

/* Events live for an hour in a real store; here the oldest one makes room. */
static void forget_old_events(struct api *api, void *author)
{
	enum { EVENTS_MOST = 64 };
	struct object *oldest = NULL;
	int count = 0;
	for (int i = 0; i < api->count; i++) {
		struct object *o = &api->objects[i];
		if (!text_equal(o->kind, "events"))
			continue;
		count++;
		if (!oldest || o->now->version < oldest->now->version)
			oldest = o;
	}
	if (count >= EVENTS_MOST)
		model_remove(api, oldest, author);
}

static void handle_post(struct api *api, const struct api_request *q, struct target *t, struct api_response *r)
{
	struct err err;
	struct json *body = q->body ? json_parse(q->body, q->body_len, &err) : NULL;
	if (text_equal(t->kind->plural, "events"))
		forget_old_events(api, q->author);
	if (!may_be_created(api, t, body, r)) {
		json_free(body);
		return;
	}
	struct json *tree = json_new_object();
	merge_patch(tree, body, false); /* what is empty goes away */
	for (int i = 0; i < 2; i++) {
		const char *map = i == 0 ? "annotations" : "labels";
		const struct json *texts = json_get(json_get(body, "metadata"), map);
		if (json_is_object(texts) && json_first(texts))
			json_set(metadata_of(tree), map, json_copy(texts));
	}
	json_free(body);
	prepare_new(tree, t);
	answer_object(r, 201, model_create(api, t->kind->plural, tree, q->author ? q->author : api));
}

/* ---- DELETE ---- */

/* A pod on a node is gone when its kubelet says so, which is a second deletion with no time left. */
static bool is_marked_only(const struct object *o, const struct json *options)
{
	int64_t grace_s = GRACE_S;
	const char *node = json_get_text(json_get(o->tree, "spec"), "nodeName");
	return text_equal(o->kind, "pods") && !text_is_empty(node) &&
	       (!json_i64(json_get(options, "gracePeriodSeconds"), &grace_s) || grace_s > 0);
}

static void mark_deleted(struct api *api, const struct api_request *q, struct object *o)
{
	if (text_of_meta(o->tree, "deletionTimestamp"))
		return;
	model_set_time(api, metadata_of(o->tree), "deletionTimestamp");
	json_set_i64(metadata_of(o->tree), "deletionGracePeriodSeconds", GRACE_S);
	model_commit(api, o, &(struct api_change){ .author = q->author });
}

static void answer_deleted(struct api_response *r, const struct target *t, const struct object *o)
{
	struct json *status = status_new("Success"), *details = details_new(t, t->kind->plural);
	json_set_text(details, "uid", text_of_meta(o->tree, "uid"));
	json_set(status, "details", details);
	answer_json(r, 200, status);
}

static void delete_selected(struct api *api, const struct api_request *q, const struct target *t,
			    struct api_response *r)
{
	char selector[SELECTOR_SIZE];
	if (!selector_of(t, selector, r))
		return;
	answer_list(api, t, selector, r);
	for (int i = api->count - 1; i >= 0; i--)
		if (is_selected(&api->objects[i], t, selector))
			model_remove(api, &api->objects[i], q->author);
}

static void handle_delete(struct api *api, const struct api_request *q, const struct target *t, struct api_response *r)
{
	struct err err;
	AUTO(json) struct json *options = q->body && q->body_len > 0 ? json_parse(q->body, q->body_len, &err) : NULL;
	struct object *o = model_find(api, t->kind->plural, t->name);
	if (!t->name[0]) {
		delete_selected(api, q, t, r);
	} else if (!o) {
		refuse_missing(r, t);
	} else if (is_marked_only(o, options)) {
		mark_deleted(api, q, o);
		answer_object(r, 200, o);
	} else {
		if (text_equal(o->kind, "pods"))
			answer_object(r, 200, o);
		else
			answer_deleted(r, t, o);
		model_remove(api, o, q->author);
	}
}

/* ---- eviction ---- */

/* Without preconditions the pod of that name, whichever it is. */
static bool may_be_evicted(const struct object *o, const struct json *body)
{
	const struct json *conditions = json_path(body, "deleteOptions.preconditions");
	const char *uid = json_get_text(conditions, "uid"), *version = json_get_text(conditions, "resourceVersion");
	uint64_t number = 0;
	if (uid && !text_equal(uid, text_of_meta(o->tree, "uid")))
		return false;
	return !version || (text_to_u64(version, &number) && number == o->now->version);
}

static void handle_eviction(struct api *api, const struct api_request *q, const struct target *t,
			    struct api_response *r)
{
	struct err err;
	AUTO(json) struct json *body = q->body ? json_parse(q->body, q->body_len, &err) : NULL;
	struct object *o = model_find(api, t->kind->plural, t->name);
	if (!o) {
		refuse_missing(r, t);
	} else if (!may_be_evicted(o, body)) {
		refuse_named(
			r, t, 409, "Conflict",
			"Operation cannot be fulfilled on %s \"%s\": a precondition of the eviction does not hold");
	} else if (api->budget_spent) {
		api->rollout_refusals++;
		refuse(r, t,
		       (struct refusal){ 429, "TooManyRequests",
					 "Cannot evict pod as it would violate the pod's disruption budget.", false });
	} else {
		struct json *status = status_new("Success");
		json_set_i64(status, "code", 201);
		if (is_marked_only(o, json_get(body, "deleteOptions")))
			mark_deleted(api, q, o);
		else
			model_remove(api, o, q->author);
		answer_json(r, 201, status);
	}
}

/* ---- all of them ---- */

static bool is_of_rollout(const struct target *t)
{
	return text_equal(t->kind->version, "apps/v1") || text_equal(t->part, "eviction") ||
	       text_equal(t->part, "resize");
}

static bool is_forbidden(struct api *api, const struct target *t, struct api_response *r)
{
	if (!api->rollout_forbidden || !is_of_rollout(t))
		return false;
	api->rollout_refusals++;
	api->resize_refusals += text_equal(t->part, "resize");
	refuse_named(r, t, 403, "Forbidden", "%s \"%s\" is forbidden: no rights to this");
	return true;
}

void api_set_rollout(struct api *api, bool forbidden, bool budget_spent)
{
	api->rollout_forbidden = forbidden;
	api->budget_spent = budget_spent;
}

void api_set_resize(struct api *api, int status)
{
	api->resize_status = status;
}

long api_resize_refusals(const struct api *api)
{
	return api->resize_refusals;
}

long api_rollout_refusals(const struct api *api)
{
	return api->rollout_refusals;
}

void api_set_storm(struct api *api, int status, int per_mille, int64_t retry_after_s)
{
	api->storm_status = status;
	api->storm_per_mille = per_mille;
	api->storm_retry_after_s = retry_after_s;
}

long api_storm_hits(const struct api *api)
{
	return api->storm_hits;
}

static bool storm_strikes(struct api *api, struct api_response *r)
{
	if (api->storm_per_mille == 0 || api->hooks.random(api->hooks.arg) % 1000 >= (uint32_t)api->storm_per_mille)
		return false;
	api->storm_hits++;
	api_refuse(r, api->storm_status, "Storm", "not now");
	r->retry_after_s = api->storm_retry_after_s;
	return true;
}

void api_handle(struct api *api, const struct api_request *request, struct api_response *response)
{
	struct target t;
	*response = (struct api_response){ .retry_after_s = -1 };
	if (storm_strikes(api, response))
		return;
	if (!target_parse(&t, request->path))
		refuse_unknown(response);
	else if (is_forbidden(api, &t, response))
		return;
	else if (text_equal(t.part, "eviction") && strcmp(request->method, "POST") == 0)
		handle_eviction(api, request, &t, response);
	else if (strcmp(request->method, "GET") == 0)
		handle_get(api, request, &t, response);
	else if (strcmp(request->method, "PATCH") == 0 && t.name[0])
		handle_patch(api, request, &t, response);
	else if (strcmp(request->method, "POST") == 0 && !t.name[0])
		handle_post(api, request, &t, response);
	else if (strcmp(request->method, "DELETE") == 0 && !t.part[0])
		handle_delete(api, request, &t, response);
	else
		api_refuse(response, 405, "MethodNotAllowed",
			   "the server does not allow this method on the requested resource");
}
