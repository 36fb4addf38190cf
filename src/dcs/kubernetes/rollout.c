/* The StatefulSet that our pod belongs to, what its revisions differ by, and the three steps that bring a pod to the wanted one.
 *
 * It is polled by the leader alone: a GET now and then costs less than two more watches, caches and connections on every member,
 * and while the API forbids it, it is asked again just as slowly. What a pod has become is in the pods' watch anyway. */
#include "dcs/kubernetes/private.h"

#include "base/mutant.h"
#include "codec/units.h"

#include <stdlib.h>
#include <string.h>

#define SIDECAR "howdah" /* our container's name (pod.md 1) */
#define HASH    "controller-revision-hash"

struct look {
	struct dcs *dcs;
	char asked[NAME_SIZE]; /* the revision that is being fetched */
	dcs_done *done;
	void *arg;
};

/* ---- what a pod says ---- */

static const struct json *named(const struct json *list, const char *name)
{
	for (const struct json *item = json_first(list); item != NULL; item = json_next(item)) {
		const char *text = json_get_text(item, "name");
		if (text != NULL && text_equal(text, name))
			return item;
	}
	return NULL;
}

const struct json *pod_owner(const struct object *pod)
{
	const struct json *owners = pod != NULL ? json_path(pod->json, "metadata.ownerReferences") : NULL;
	for (const struct json *owner = json_first(owners); owner != NULL; owner = json_next(owner)) {
		const char *kind = json_get_text(owner, "kind");
		if (json_true(json_get(owner, "controller")) && kind != NULL && text_equal(kind, "StatefulSet"))
			return owner;
	}
	return NULL;
}

static bool same_owner(const struct json *a, const struct json *b)
{
	const char *x = json_get_text(a, "uid"), *y = json_get_text(b, "uid");
	return x != NULL && y != NULL && text_equal(x, y);
}

static const char *text_or_empty(const char *text)
{
	return text != NULL ? text : "";
}

/* howdah.io/sidecar: for which revision the image was replaced, and which container ran before; either may be empty. */
struct mark {
	char revision[NAME_SIZE], container[OBJECT_NAME_SIZE];
};

static struct mark mark_of(const struct object *pod)
{
	struct mark mark = { .revision = "" };
	const char *text = text_or_empty(object_annotation(pod, ANNOTATION_SIDECAR));
	size_t len = strcspn(text, " ");
	if (len >= sizeof(mark.revision))
		return mark;
	memcpy(mark.revision, text, len);
	if (text[len] == ' ' && !text_copy(mark.container, sizeof(mark.container), text + len + 1))
		mark.container[0] = '\0';
	return mark;
}

static const struct json *sidecar_status(const struct object *pod)
{
	return named(json_path(pod->json, "status.initContainerStatuses"), SIDECAR);
}

static bool is_replaced(const struct json *status, const struct mark *mark)
{
	const char *id = text_or_empty(json_get_text(status, "containerID"));
	return json_path(status, "state.running") != NULL && id[0] != '\0' && !text_equal(id, mark->container);
}

/* Both times are of one kubelet's clock. */
static int64_t away_ms(const struct json *status, const struct mark *mark)
{
	int64_t ended, began;
	const struct json *last = json_path(status, "lastState.terminated");
	const char *id = json_get_text(last, "containerID"), *end = json_get_text(last, "finishedAt");
	const char *start = json_get_text(json_path(status, "state.running"), "startedAt");
	bool ours = id != NULL && mark->container[0] != '\0' && text_equal(id, mark->container);
	if (!ours || end == NULL || start == NULL || !wall_from_iso(end, &ended) || !wall_from_iso(start, &began))
		return -1;
	return began > ended ? (began - ended) / 1000 : 0;
}

/* ---- what differs ---- */

/* UNKNOWN: not compared yet. */
static enum revision_change compared(const struct rollout *r, const char *revision)
{
	for (int i = 0; i < r->difference_count; i++)
		if (text_equal(r->differences[i].revision, revision))
			return r->differences[i].change;
	return CHANGE_UNKNOWN;
}

static void read_member(const struct rollout *r, const struct object *pod, struct member *member)
{
	struct mark mark = mark_of(pod);
	const struct json *status = sidecar_status(pod);
	bool marked = r->set.revision[0] != '\0' && text_equal(mark.revision, r->set.revision);
	member->change = compared(r, member->revision);
	if (r->set.known && text_equal(member->revision, r->set.revision))
		member->change = mark.revision[0] == '\0' || marked ? CHANGE_NONE : CHANGE_SIDECAR;
	bool labelled = member->change == CHANGE_NONE;
	member->patched = marked && !labelled;
	member->sidecar_replaced = marked && is_replaced(status, &mark);
	member->sidecar_pending = mark.revision[0] != '\0' && !is_replaced(status, &mark);
	member->sidecar_away_ms = marked && member->sidecar_replaced ? away_ms(status, &mark) : -1;
}

void rollout_read(const struct dcs *dcs, struct cluster *cluster)
{
	const struct json *owner = pod_owner(store_own_pod(dcs));
	const char *state = object_annotation(store_config(dcs), ANNOTATION_ROLLOUT);
	cluster->set = dcs->rollout.set;
	cluster->rollout_paused = !text_is_empty(state);
	for (int i = 0; i < cluster->member_count; i++) {
		struct member *member = &cluster->members[i];
		const struct object *pod = cache_find(&dcs->caches[KIND_PODS], member->name);
		member->owned = owner != NULL && pod != NULL && same_owner(owner, pod_owner(pod));
		if (member->owned)
			read_member(&dcs->rollout, pod, member);
	}
}

static void blank_image(struct json *template)
{
	struct json *sidecar = (struct json *)named(json_path(template, "spec.initContainers"), SIDECAR);
	if (sidecar != NULL)
		json_set_text(sidecar, "image", "");
}

/* A revision that is gone, or cannot be understood, differs by more: whoever carries it is made anew. */
static enum revision_change compare(const struct json *have, const struct json *want)
{
	const struct json *a = json_path(have, "data.spec.template"), *b = json_path(want, "data.spec.template");
	if (!json_is_object(a) || !json_is_object(b))
		return CHANGE_MORE;
	AUTO(json) struct json *x = json_copy(a);
	AUTO(json) struct json *y = json_copy(b);
	if (named(json_path(x, "spec.initContainers"), SIDECAR) == NULL)
		return CHANGE_MORE;
	if (!mutant(46)) {
		blank_image(x);
		blank_image(y);
	}
	return json_equal(x, y) ? CHANGE_SIDECAR : CHANGE_MORE;
}

/* ---- the look ---- */

static void look_end(struct look *look, enum dcs_outcome outcome, const char *text)
{
	struct look copy = *look;
	struct dcs *dcs = look->dcs;
	free(look);
	dcs->rollout.look = NULL;
	store_stale(dcs);
	copy.done(copy.arg, outcome, text);
}

static void look_failed(struct look *look, const struct http_answer *answer, const char *what)
{
	struct dcs *dcs = look->dcs;
	char why[256], text[ERR_TEXT_MAX];
	struct strbuf b;
	bool forbidden = answer->status == 403;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%s%s in namespace %s%s%s", forbidden ? "not allowed to get " : "", what, dcs->params.space,
		    forbidden ? "" : ": ", forbidden ? "" : answer_text(answer, why, sizeof(why)));
	dcs->rollout.set.forbidden = forbidden;
	if (answer->status == 404)
		dcs->rollout.set.known = false;
	if (forbidden)
		complaint_say(&dcs->refused[FEATURE_ROLLOUT], dcs->loop, "no roll-out: %s", text);
	look_end(look, forbidden ? DCS_REFUSED : DCS_NO_ANSWER, text);
}

static void look_get(struct look *look, const char *kind, const char *name,
		     void (*done)(void *arg, const struct http_answer *answer))
{
	struct dcs *dcs = look->dcs;
	char path[PATH_SIZE];
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "/apis/apps/v1/namespaces/%s/%s/%s", dcs->params.space, kind, name);
	struct call_params params = {
		.method = "GET", .path = path, .limit_ms = dcs->params.retry_timeout_ms, .done = done, .arg = look
	};
	call_start(dcs, &params);
}

/* NULL: every pod's revision was compared. */
static const char *not_compared(const struct dcs *dcs)
{
	const struct rollout *r = &dcs->rollout;
	const struct cache *pods = &dcs->caches[KIND_PODS];
	const struct json *owner = pod_owner(store_own_pod(dcs));
	for (int i = 0; i < pods->count; i++) {
		const char *revision = object_label(pods->objects[i], HASH);
		if (revision == NULL || revision[0] == '\0' || strlen(revision) >= NAME_SIZE ||
		    !same_owner(owner, pod_owner(pods->objects[i])))
			continue;
		if (!text_equal(revision, r->set.revision) && compared(r, revision) == CHANGE_UNKNOWN)
			return revision;
	}
	return NULL;
}

static void look_on(struct look *look);

static void on_revision(void *arg, const struct http_answer *answer)
{
	struct look *look = arg;
	struct rollout *r = &look->dcs->rollout;
	struct err err;
	bool wanted = text_equal(look->asked, r->set.revision);
	if (!answer_is_success(answer) && (answer->status != 404 || wanted)) {
		look_failed(look, answer, "controllerrevisions");
		return;
	}
	struct json *revision = answer_is_success(answer) ? json_parse(answer->body, answer->body_len, &err) : NULL;
	if (wanted) {
		json_free(r->wanted);
		r->wanted = revision != NULL ? revision : json_new_object();
	} else {
		struct difference *d = &r->differences[r->difference_count++];
		text_copy(d->revision, sizeof(d->revision), look->asked);
		d->change = compare(revision, r->wanted);
		json_free(revision);
	}
	look_on(look);
}

/* The wanted revision first, then those that pods carry, one after the other. */
static void look_on(struct look *look)
{
	struct rollout *r = &look->dcs->rollout;
	const char *other = r->set.known ? not_compared(look->dcs) : NULL;
	if (other == NULL || r->difference_count == (int)ARRAY_SIZE(r->differences)) {
		complaint_end(&look->dcs->refused[FEATURE_ROLLOUT], "the roll-out");
		look_end(look, DCS_DONE, "");
		return;
	}
	text_copy(look->asked, sizeof(look->asked), r->wanted == NULL ? r->set.revision : other);
	look_get(look, "controllerrevisions", look->asked, on_revision);
}

static int64_t number_or(const struct json *number, int64_t otherwise)
{
	int64_t value;
	return json_i64(number, &value) ? value : otherwise;
}

/* What was compared with another revision is forgotten. */
static void take_revision(struct rollout *r, const char *revision)
{
	if (text_equal(r->set.revision, revision))
		return;
	r->difference_count = 0;
	json_free(r->wanted);
	r->wanted = NULL;
	if (!text_copy(r->set.revision, sizeof(r->set.revision), revision))
		r->set.revision[0] = '\0';
}

static void take_set(struct dcs *dcs, const struct json *root)
{
	struct rollout *r = &dcs->rollout;
	const struct json *spec = json_get(root, "spec"), *status = json_get(root, "status");
	const char *strategy = json_get_text(json_get(spec, "updateStrategy"), "type");
	int64_t generation = number_or(json_path(root, "metadata.generation"), 0);
	const struct json *sidecar = named(json_path(spec, "template.spec.initContainers"), SIDECAR);
	take_revision(r, text_or_empty(json_get_text(status, "updateRevision")));
	r->set.forbidden = false;
	r->set.looked = loop_now(dcs->loop);
	r->set.on_delete = strategy != NULL && text_equal(strategy, "OnDelete");
	r->set.replicas = (int)number_or(json_get(spec, "replicas"), 1);
	r->set.first = (int)number_or(json_path(spec, "ordinals.start"), 0);
	if (!text_copy(r->image, sizeof(r->image), text_or_empty(json_get_text(sidecar, "image"))))
		r->image[0] = '\0';
	bool seen = number_or(json_get(status, "observedGeneration"), -1) == generation;
	r->set.known = seen && r->set.revision[0] != '\0';
}

static void on_set(void *arg, const struct http_answer *answer)
{
	struct look *look = arg;
	struct err err;
	AUTO(json)
	struct json *root = answer_is_success(answer) ? json_parse(answer->body, answer->body_len, &err) : NULL;
	if (root == NULL) {
		look_failed(look, answer, "statefulsets");
		return;
	}
	take_set(look->dcs, root);
	look_on(look);
}

void dcs_look_at_rollout(struct dcs *dcs, dcs_done *done, void *arg)
{
	const char *name = json_get_text(pod_owner(store_own_pod(dcs)), "name");
	struct rollout *r = &dcs->rollout;
	if (r->look != NULL || name == NULL || !text_copy(r->set.name, sizeof(r->set.name), name)) {
		store_later(dcs, done, arg, DCS_REFUSED,
			    r->look != NULL ? "it is being looked at" : "our pod belongs to no StatefulSet");
		return;
	}
	r->look = calloc(1, sizeof(*r->look));
	assert(r->look != NULL);
	*r->look = (struct look){ .dcs = dcs, .done = done, .arg = arg };
	look_get(r->look, "statefulsets", r->set.name, on_set);
}

void rollout_finish(struct dcs *dcs)
{
	free(dcs->rollout.look);
	json_free(dcs->rollout.wanted);
}

/* ---- the steps ---- */

static const char *obstacle(const struct dcs *dcs, const struct object *pod)
{
	if (pod == NULL || pod->version == 0 || pod->uid[0] == '\0')
		return "the pod is not there, or has no version or uid to decide on";
	return dcs->rollout.set.known ? NULL : "it is not known what the StatefulSet wants";
}

static struct json *container_patch(const char *image)
{
	struct json *spec = json_new_object(), *list = json_new_array(), *item = json_new_object();
	json_set_text(item, "name", SIDECAR);
	json_set_text(item, "image", image);
	json_push(list, item);
	json_set(spec, "initContainers", list);
	return spec;
}

static struct json *mark_new(const struct rollout *r, const struct object *pod)
{
	char text[NAME_SIZE + OBJECT_NAME_SIZE];
	struct strbuf b;
	struct json *metadata = json_new_object(), *annotations = json_new_object();
	const struct json *sidecar = named(json_path(pod->json, "spec.initContainers"), SIDECAR);
	const char *image = text_or_empty(json_get_text(sidecar, "image"));
	const char *id = text_or_empty(json_get_text(sidecar_status(pod), "containerID"));
	bool has_it = text_equal(image, r->image); /* by a person's hand: the kubelet has nothing to do */
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%s %s", r->set.revision, has_it ? "" : id);
	json_set_text(annotations, ANNOTATION_SIDECAR, strbuf_ok(&b) ? text : r->set.revision);
	json_set(metadata, "annotations", annotations);
	return metadata;
}

void dcs_patch_sidecar(struct dcs *dcs, const char *member, dcs_done *done, void *arg)
{
	const struct object *pod = cache_find(&dcs->caches[KIND_PODS], member);
	const char *why = obstacle(dcs, pod);
	if (why == NULL && dcs->rollout.image[0] == '\0')
		why = "the StatefulSet has no container " SIDECAR " among its initContainers";
	if (why != NULL) {
		store_later(dcs, done, arg, DCS_REFUSED, why);
		return;
	}
	pod_write(dcs, pod, mark_new(&dcs->rollout, pod), container_patch(dcs->rollout.image),
		  &(struct write_params){ .done = done, .arg = arg });
}

void dcs_set_revision(struct dcs *dcs, const char *member, dcs_done *done, void *arg)
{
	const struct object *pod = cache_find(&dcs->caches[KIND_PODS], member);
	const char *why = obstacle(dcs, pod);
	if (why != NULL) {
		store_later(dcs, done, arg, DCS_REFUSED, why);
		return;
	}
	struct json *metadata = json_new_object(), *labels = json_new_object();
	json_set_text(labels, HASH, dcs->rollout.set.revision);
	json_set(metadata, "labels", labels);
	pod_write(dcs, pod, metadata, NULL, &(struct write_params){ .done = done, .arg = arg });
}

static struct json *eviction_new(const struct dcs *dcs, const struct object *pod)
{
	struct json *body = json_new_object(), *metadata = json_new_object();
	struct json *options = json_new_object(), *conditions = json_new_object();
	char version[32];
	struct strbuf b;
	strbuf_init(&b, version, sizeof(version));
	strbuf_addf(&b, "%llu", (unsigned long long)pod->version);
	json_set_text(body, "apiVersion", "policy/v1");
	json_set_text(body, "kind", "Eviction");
	json_set_text(metadata, "name", pod->name);
	json_set_text(metadata, "namespace", dcs->params.space);
	json_set(body, "metadata", metadata);
	if (!mutant(28)) {
		json_set_text(conditions, "uid", pod->uid);
		json_set_text(conditions, "resourceVersion", version);
	}
	json_set(options, "preconditions", conditions);
	json_set(body, "deleteOptions", options);
	return body;
}

/* Sent once: what was not answered is decided on again. */
void dcs_evict(struct dcs *dcs, const char *member, dcs_done *done, void *arg)
{
	const struct object *pod = cache_find(&dcs->caches[KIND_PODS], member);
	const char *why = obstacle(dcs, pod);
	char path[PATH_SIZE];
	struct strbuf b;
	if (why != NULL) {
		store_later(dcs, done, arg, DCS_REFUSED, why);
		return;
	}
	object_path(dcs, KIND_PODS, pod->name, path, sizeof(path));
	strbuf_init(&b, path + strlen(path), sizeof(path) - strlen(path));
	strbuf_add(&b, "/eviction");
	write_start(dcs, &(struct write_params){ .feature = FEATURE_EVICTION,
						 .kind = KIND_PODS,
						 .method = "POST",
						 .path = path,
						 .name = pod->name,
						 .body = body_text(eviction_new(dcs, pod)),
						 .done = done,
						 .arg = arg });
}
