/* The EndpointSlices by which the primary's Service, which has no selector, finds the leader: one a family of addresses.
 *
 * Why a former leader never takes one back. A write follows three steps: the slice is read, then the lock is read and carries
 * our token, then the slice is written by the version that was read. Whoever leads after us took the lock after our look at
 * it, so it reads and writes the slice later than we read it. Its first write changes the slice in any case, because the slice
 * names the lease it was written under: a write of ours that is still under way has an older version from then on and is
 * refused, and until then it is overwritten. No clock has a part in it, a frozen member may go on wherever it stopped.
 * A slice that was deleted by hand meanwhile is the exception: then a create that is under way may land, until the leader's next
 * look.
 *
 * A leader that gives the lock to somebody, or dies, leaves the slice as it is: the next one replaces it in one write, while an
 * empty one would make kube-proxy wait for a second before it takes the next change up. Where nobody is known to take over it
 * is emptied: clients are refused at once instead of waiting for an address that another pod may get. */
#include "dcs/kubernetes/private.h"

#include "base/mutant.h"

#include <string.h>

enum { TRIES_MAX = 4 }; /* of one slice, each after somebody else's change */

#define GROUP_PATH  "/apis/discovery.k8s.io/v1/namespaces/"
#define OUR_CONTROL "howdah.io"

static const char *const family_types[] = { [FAMILY_IPV4] = "IPv4", [FAMILY_IPV6] = "IPv6" };
static const char *const family_endings[] = { [FAMILY_IPV4] = "-ipv4", [FAMILY_IPV6] = "-ipv6" };
static_assert(ARRAY_SIZE(family_types) == FAMILY_COUNT, "every family has a type");
static_assert(ARRAY_SIZE(family_endings) == FAMILY_COUNT, "every family has a name");

static void slice_look(struct dcs *dcs);

/* ---- what is wanted ---- */

static enum family family_of(const char *address)
{
	return strchr(address, ':') != NULL ? FAMILY_IPV6 : FAMILY_IPV4;
}

/* The address that is configured, else one of the pod's; NULL: the pod has none of this family. */
static const char *own_address(const struct dcs *dcs, enum family family)
{
	const char *first = leader_ip(dcs, "");
	const struct object *pod = store_own_pod(dcs);
	if (first[0] != '\0' && family_of(first) == family)
		return first;
	const struct json *others = pod != NULL ? json_path(pod->json, "status.podIPs") : NULL;
	for (const struct json *item = json_first(others); item != NULL; item = json_next(item)) {
		const char *ip = json_get_text(item, "ip");
		if (ip != NULL && family_of(ip) == family)
			return ip;
	}
	return NULL;
}

static void slice_name(const struct dcs *dcs, enum family family, char *name, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, name, size);
	strbuf_addf(&b, "%s%s", dcs->service_name, family_endings[family]);
}

static struct json *endpoint_new(const struct dcs *dcs, const char *address)
{
	struct json *endpoint = json_new_object(), *addresses = json_new_array(), *conditions = json_new_object();
	struct json *target = json_new_object();
	const struct object *pod = store_own_pod(dcs);
	json_push(addresses, json_new_text(address));
	json_set(endpoint, "addresses", addresses);
	json_set_bool(conditions, "ready", true); /* the lock is what counts, not whether the kubelet agrees */
	json_set(endpoint, "conditions", conditions);
	json_set_text(target, "kind", "Pod");
	json_set_text(target, "namespace", dcs->params.space);
	json_set_text(target, "name", dcs->params.name);
	json_set_text(target, "uid", store_own_uid(dcs));
	json_set(endpoint, "targetRef", target);
	const char *node = json_get_text(json_get(pod->json, "spec"), "nodeName");
	if (!text_is_empty(node))
		json_set_text(endpoint, "nodeName", node);
	return endpoint;
}

/* The StatefulSet: with it the slice goes, or the Service of a later cluster of this name would still lead to our address. */
static struct json *owners_new(const struct json *owner)
{
	static const char *const keys[] = { "apiVersion", "kind", "name", "uid" };
	struct json *owners = json_new_array(), *copy = json_new_object();
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		json_set_text(copy, keys[i], json_get_text(owner, keys[i]));
	json_push(owners, copy);
	return owners;
}

static struct json *slice_wanted(const struct dcs *dcs)
{
	const struct route *route = &dcs->route;
	char name[OBJECT_NAME_SIZE], token[96];
	struct json *annotations = json_new_object(), *endpoints = json_new_array();
	const char *address = own_address(dcs, route->family);
	const struct json *owner = pod_owner(store_own_pod(dcs));
	slice_name(dcs, route->family, name, sizeof(name));
	lease_token_to_text(&route->token, token, sizeof(token));
	json_set_text(annotations, ANNOTATION_LEASE, token);
	struct json *body = body_new(dcs, name, annotations, 0);
	struct json *metadata = (struct json *)json_get(body, "metadata");
	struct json *labels = (struct json *)json_get(metadata, "labels");
	json_set_text(labels, "kubernetes.io/service-name", dcs->service_name);
	json_set_text(labels, "endpointslice.kubernetes.io/managed-by", OUR_CONTROL);
	if (owner != NULL)
		json_set(metadata, "ownerReferences", owners_new(owner));
	json_set_text(body, "addressType", family_types[route->family]);
	if (address != NULL)
		json_push(endpoints, endpoint_new(dcs, address));
	json_set(body, "endpoints", endpoints);
	json_set(body, "ports", ports_new(&dcs->params));
	return body;
}

/* Whether everything that is wanted is there; the API fills in what we leave away, and others may add labels. */
static bool covers(const struct json *have, const struct json *want)
{
	if (json_is_array(want) && json_count(have) != json_count(want))
		return false;
	if (!json_is_array(want) && !json_is_object(want))
		return have != NULL && json_equal(have, want);
	const struct json *at = json_first(have);
	for (const struct json *item = json_first(want); item != NULL; item = json_next(item)) {
		if (!covers(json_is_array(want) ? at : json_get(have, json_key(item)), item))
			return false;
		at = at != NULL ? json_next(at) : NULL;
	}
	return true;
}

/* ---- how it ends ---- */

static void route_end(struct dcs *dcs, enum dcs_outcome outcome, const char *text)
{
	struct route *route = &dcs->route;
	assert(route->open);
	route->open = false;
	json_free(route->wanted);
	route->wanted = NULL;
	if (outcome == DCS_DONE)
		complaint_end(&dcs->refused[FEATURE_ROUTE], "the route");
	route->done(route->arg, outcome, text);
}

static void route_failed(struct dcs *dcs, const struct http_answer *answer, const char *verb)
{
	int status = answer->status;
	char why[256], text[512];
	struct strbuf b;
	bool unanswered = status < 400 || status == 401 || status == 429 || status >= 500;
	answer_text(answer, why, sizeof(why));
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%s %s endpointslices in namespace %s: the Service %s does not follow the leader",
		    status == 403 ? "not allowed to" : "could not", verb, dcs->params.space, dcs->service_name);
	if (status == 403)
		forbidden_say(dcs, FEATURE_ROUTE, text, why);
	else
		complaint_say(&dcs->refused[FEATURE_ROUTE], dcs->loop, "%s (%s)", text, why);
	route_end(dcs, unanswered ? DCS_NO_ANSWER : DCS_REFUSED, text);
}

/* ---- the steps ---- */

/* The collection's, without a name. */
static void slice_path(const struct dcs *dcs, enum family family, char *path, size_t size)
{
	char name[OBJECT_NAME_SIZE] = "";
	struct strbuf b;
	if (family != FAMILY_COUNT)
		slice_name(dcs, family, name, sizeof(name));
	strbuf_init(&b, path, size);
	strbuf_addf(&b, GROUP_PATH "%s/endpointslices%s%s", dcs->params.space, name[0] != '\0' ? "/" : "", name);
	assert(strbuf_ok(&b));
}

static void send(struct dcs *dcs, const char *method, char *body,
		 void (*done)(void *arg, const struct http_answer *answer))
{
	char path[PATH_SIZE];
	bool creates = text_equal(method, "POST");
	slice_path(dcs, creates ? FAMILY_COUNT : dcs->route.family, path, sizeof(path));
	call_start(dcs, &(struct call_params){ .method = method,
					       .path = path,
					       .body = body,
					       .limit_ms = dcs->params.retry_timeout_ms,
					       .done = done,
					       .arg = dcs });
}

static void set_version(struct json *metadata, uint64_t version)
{
	char text[32];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%llu", (unsigned long long)version);
	json_set_text(metadata, "resourceVersion", text);
}

static void next_family(struct dcs *dcs)
{
	struct route *route = &dcs->route;
	json_free(route->wanted);
	route->wanted = NULL;
	route->tries = 0;
	if (++route->family == FAMILY_COUNT) {
		route_end(dcs, DCS_DONE, "");
		return;
	}
	slice_look(dcs);
}

static void note_version(struct dcs *dcs, const struct json *slice)
{
	const char *text = json_get_text(json_get(slice, "metadata"), "resourceVersion");
	uint64_t *version = &dcs->route.slices[dcs->route.family].version;
	if (text == NULL || !text_to_u64(text, version))
		*version = 0;
}

static void on_written(void *arg, const struct http_answer *answer)
{
	struct dcs *dcs = arg;
	struct err err;
	bool existed = dcs->route.slices[dcs->route.family].version != 0;
	bool others = answer->status == 409 || (answer->status == 404 && existed);
	if (others && dcs->route.tries < TRIES_MAX) {
		slice_look(dcs);
	} else if (others) {
		route_end(dcs, DCS_CONFLICT, "the slice changes faster than it can be written");
	} else if (!answer_is_success(answer)) {
		route_failed(dcs, answer, existed ? "patch" : "create");
	} else {
		AUTO(json) struct json *slice = json_parse(answer->body, answer->body_len, &err);
		note_version(dcs, slice);
		next_family(dcs);
	}
}

static char *slice_body(const struct dcs *dcs)
{
	uint64_t version = dcs->route.slices[dcs->route.family].version;
	struct json *body = json_copy(dcs->route.wanted);
	if (version != 0 && !mutant(49))
		set_version((struct json *)json_get(body, "metadata"), version);
	return body_text(body);
}

static bool is_still_ours(const struct dcs *dcs, const struct object *leader)
{
	struct lease_object seen;
	view_read_record(leader, &seen);
	return lease_token_matches(&dcs->route.token, &seen.record) || mutant(50);
}

static void on_lock_read(void *arg, const struct http_answer *answer)
{
	struct dcs *dcs = arg;
	const struct object *leader = answer_is_success(answer) ? store_put_answer(dcs, KIND_STATE, answer) : NULL;
	if (leader == NULL && answer->status != 404) {
		route_end(dcs, DCS_NO_ANSWER, "the lock could not be read");
		return;
	}
	if (leader == NULL || !is_still_ours(dcs, leader)) {
		route_end(dcs, DCS_CONFLICT, "the lock is not ours any more");
		return;
	}
	bool exists = dcs->route.slices[dcs->route.family].version != 0;
	send(dcs, exists ? "PATCH" : "POST", slice_body(dcs), on_written);
}

static void lock_read(struct dcs *dcs)
{
	char path[PATH_SIZE];
	object_path(dcs, KIND_STATE, dcs->leader_name, path, sizeof(path));
	call_start(dcs, &(struct call_params){ .method = "GET",
					       .path = path,
					       .limit_ms = dcs->params.retry_timeout_ms,
					       .done = on_lock_read,
					       .arg = dcs });
}

/* Of a family that our pod has no address of: nothing to take away. */
static bool is_needless(struct dcs *dcs, bool missing)
{
	bool needless = missing && json_first(json_get(dcs->route.wanted, "endpoints")) == NULL;
	dcs->route.slices[dcs->route.family].needless = needless;
	return needless;
}

static void on_looked(void *arg, const struct http_answer *answer)
{
	struct dcs *dcs = arg;
	struct err err;
	bool missing = answer->status == 404;
	if (!missing && !answer_is_success(answer)) {
		route_failed(dcs, answer, "get");
		return;
	}
	AUTO(json) struct json *slice = missing ? NULL : json_parse(answer->body, answer->body_len, &err);
	note_version(dcs, slice);
	if (is_needless(dcs, missing) || (slice != NULL && covers(slice, dcs->route.wanted)))
		next_family(dcs);
	else
		lock_read(dcs);
}

/* Ours, and not one that took its place. */
static bool own_pod_is_there(const struct dcs *dcs)
{
	const struct object *pod = store_own_pod(dcs);
	return pod != NULL && text_equal(pod->uid, store_own_uid(dcs));
}

static void slice_look(struct dcs *dcs)
{
	struct route *route = &dcs->route;
	if (route->slices[route->family].needless) {
		next_family(dcs);
		return;
	}
	if (!own_pod_is_there(dcs)) { /* it may have gone since the last step */
		route_end(dcs, DCS_CONFLICT, "our own pod is gone");
		return;
	}
	route->tries++;
	if (route->wanted == NULL)
		route->wanted = slice_wanted(dcs);
	send(dcs, "GET", NULL, on_looked);
}

/* ---- the calls ---- */

static const char *obstacle(const struct dcs *dcs)
{
	if (dcs->route.open)
		return "another write of the route is on its way";
	if (!own_pod_is_there(dcs))
		return "our own pod was not seen yet, or is another one";
	if (leader_ip(dcs, "")[0] == '\0')
		return "our pod has no address yet";
	return NULL;
}

void dcs_write_route(struct dcs *dcs, const struct lease_token *token, dcs_done *done, void *arg)
{
	struct route *route = &dcs->route;
	const char *why = obstacle(dcs);
	if (!dcs->params.use_slices || why != NULL) {
		store_later(dcs, done, arg, why != NULL ? DCS_CONFLICT : DCS_REFUSED,
			    why != NULL ? why : "the route is no object of its own");
		return;
	}
	if (memcmp(&route->token, token, sizeof(*token)) != 0)
		memset(route->slices, 0, sizeof(route->slices));
	route->token = *token;
	route->open = true;
	route->family = FAMILY_IPV4;
	route->tries = 0;
	route->done = done;
	route->arg = arg;
	slice_look(dcs);
}

static void on_cleared(void *arg UNUSED, const struct http_answer *answer UNUSED)
{
}

/* By the version that we wrote: nobody else's is emptied. Sent once, beside the release. */
void route_clear(struct dcs *dcs)
{
	for (int f = 0; f < FAMILY_COUNT && !dcs->route.open; f++) {
		char path[PATH_SIZE];
		uint64_t version = dcs->route.slices[f].version;
		if (version == 0)
			continue;
		struct json *body = json_new_object(), *metadata = json_new_object();
		set_version(metadata, version);
		json_set(body, "metadata", metadata);
		json_set(body, "endpoints", json_new_array());
		slice_path(dcs, (enum family)f, path, sizeof(path));
		call_start(dcs, &(struct call_params){ .method = "PATCH",
						       .path = path,
						       .body = body_text(body),
						       .limit_ms = dcs->params.retry_timeout_ms,
						       .once = true,
						       .done = on_cleared,
						       .arg = dcs });
	}
}

void route_finish(struct dcs *dcs)
{
	json_free(dcs->route.wanted);
}
