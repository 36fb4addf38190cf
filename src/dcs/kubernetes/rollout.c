/* The StatefulSet that our pod belongs to, and what its pods differ by from what it wants.
 *
 * It is polled by the leader alone: a GET now and then costs less than two more watches, caches and connections on every member,
 * and while the API forbids it, it is asked again just as slowly. What a pod has become is in the pods' watch anyway. */
#include "dcs/kubernetes/private.h"

#include "base/mutant.h"
#include "codec/units.h"

#include <stdlib.h>
#include <string.h>

struct look {
	struct dcs *dcs;
	char asked[NAME_SIZE]; /* the revision that is being fetched */
	dcs_done *done;
	void *arg;
};

/* ---- what a pod says ---- */

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

const char *text_or_empty(const char *text)
{
	return text != NULL ? text : "";
}

/* Up to a space, and past it; what is too long counts as "". */
static const char *take_word(const char *text, char *word, size_t size)
{
	size_t len = strcspn(text, " ");
	if (len < size)
		memcpy(word, text, len);
	word[len < size ? len : 0] = '\0';
	return text + len + (text[len] == ' ');
}

struct mark mark_of(const struct object *pod)
{
	struct mark mark;
	const char *text = text_or_empty(object_annotation(pod, ANNOTATION_SIDECAR));
	text = take_word(text, mark.revision, sizeof(mark.revision));
	text = take_word(text, mark.container, sizeof(mark.container));
	mark.resources = text_equal(text, MARK_RESOURCES);
	return mark;
}

const struct json *sidecar_status(const struct object *pod)
{
	return item_named(json_path(pod->json, "status.initContainerStatuses"), SIDECAR_NAME);
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
	if (r->set.known && text_equal(revision, r->set.revision))
		return CHANGE_NONE;
	for (int i = 0; i < r->difference_count; i++)
		if (text_equal(r->differences[i].revision, revision))
			return r->differences[i].change;
	return CHANGE_UNKNOWN;
}

/* A pod that was changed in place has something of two revisions. */
static enum revision_change change_of(const struct rollout *r, const char *revision, const struct mark *mark)
{
	enum revision_change made = compared(r, revision);
	enum revision_change changed = mark->revision[0] != '\0' ? compared(r, mark->revision) : CHANGE_NONE;
	if (made == CHANGE_UNKNOWN || changed == CHANGE_UNKNOWN)
		return CHANGE_UNKNOWN;
	if (mark->resources && changed < CHANGE_RESOURCES)
		changed = CHANGE_RESOURCES;
	return changed > made ? changed : made;
}

const struct json *wanted_spec(const struct rollout *r)
{
	return json_path(r->wanted, "data.spec.template.spec");
}

static bool is_resize_refused(const struct rollout *r, const struct object *pod)
{
	const struct resize *last = &r->resize;
	return last->is_final && text_equal(last->revision, r->set.revision) &&
	       (last->is_forbidden || text_equal(last->uid, pod->uid));
}

static enum resize_state resize_of(const struct rollout *r, const struct object *pod, enum revision_change change)
{
	const struct json *want = wanted_spec(r);
	if (change != CHANGE_RESOURCES)
		return RESIZE_NONE;
	if (!resources_are_asked(pod->json, want))
		return is_resize_refused(r, pod) ? RESIZE_REFUSED : RESIZE_WANTED;
	if (resources_are_given(pod->json, want))
		return RESIZE_NONE;
	return resources_are_infeasible(pod->json) ? RESIZE_REFUSED : RESIZE_PENDING;
}

static void read_member(const struct rollout *r, const struct object *pod, struct member *member)
{
	struct mark mark = mark_of(pod);
	const struct json *status = sidecar_status(pod);
	bool marked = r->set.revision[0] != '\0' && text_equal(mark.revision, r->set.revision);
	member->change = change_of(r, member->revision, &mark);
	member->patched = marked && member->change != CHANGE_NONE;
	member->resize = resize_of(r, pod, member->change);
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
	struct json *sidecar = (struct json *)item_named(json_path(template, "spec.initContainers"), SIDECAR_NAME);
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
	if (item_named(json_path(x, "spec.initContainers"), SIDECAR_NAME) == NULL)
		return CHANGE_MORE;
	if (!mutant(46)) {
		blank_image(x);
		blank_image(y);
	}
	if (json_equal(x, y))
		return CHANGE_SIDECAR;
	if (!resources_may_change(json_get(a, "spec"), json_get(b, "spec")) || mutant(53))
		return CHANGE_MORE;
	resources_blank((struct json *)json_get(x, "spec"));
	resources_blank((struct json *)json_get(y, "spec"));
	return json_equal(x, y) ? CHANGE_RESOURCES : CHANGE_MORE;
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

static bool is_to_be_compared(const struct rollout *r, const char *revision)
{
	return !text_is_empty(revision) && strlen(revision) < NAME_SIZE && compared(r, revision) == CHANGE_UNKNOWN;
}

/* A revision that a pod was made of, or changed to in place. False: every one was compared. */
static bool find_not_compared(const struct dcs *dcs, char revision[static NAME_SIZE])
{
	const struct rollout *r = &dcs->rollout;
	const struct cache *pods = &dcs->caches[KIND_PODS];
	const struct json *owner = pod_owner(store_own_pod(dcs));
	for (int i = 0; i < pods->count; i++) {
		const struct mark mark = mark_of(pods->objects[i]);
		const char *made_of = object_label(pods->objects[i], REVISION_LABEL);
		bool made = is_to_be_compared(r, made_of);
		if (!same_owner(owner, pod_owner(pods->objects[i])) || (!made && !is_to_be_compared(r, mark.revision)))
			continue;
		text_copy(revision, NAME_SIZE, made ? made_of : mark.revision);
		return true;
	}
	return false;
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
	char other[NAME_SIZE];
	bool found = r->set.known && find_not_compared(look->dcs, other);
	if (!found || r->difference_count == (int)ARRAY_SIZE(r->differences)) {
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
	const struct json *sidecar = item_named(json_path(spec, "template.spec.initContainers"), SIDECAR_NAME);
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
