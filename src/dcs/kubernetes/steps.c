/* The steps that bring a pod to the revision that its StatefulSet wants: each a write by the pod's version and uid. */
#include "dcs/kubernetes/private.h"

#include "base/mutant.h"

#include <string.h>

static const char *obstacle(const struct dcs *dcs, const struct object *pod)
{
	if (pod == NULL || pod->version == 0 || pod->uid[0] == '\0')
		return "the pod is not there, or has no version or uid to decide on";
	return dcs->rollout.set.known ? NULL : "it is not known what the StatefulSet wants";
}

static struct json *container_patch(const char *image)
{
	struct json *spec = json_new_object(), *list = json_new_array(), *item = json_new_object();
	json_set_text(item, "name", SIDECAR_NAME);
	json_set_text(item, "image", image);
	json_push(list, item);
	json_set(spec, "initContainers", list);
	return spec;
}

static void set_mark(struct json *metadata, const struct mark *mark)
{
	char text[sizeof(mark->revision) + sizeof(mark->container) + sizeof(MARK_RESOURCES)];
	struct strbuf b;
	struct json *annotations = json_new_object();
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%s %s%s", mark->revision, mark->container, mark->resources ? " " MARK_RESOURCES : "");
	json_set_text(annotations, ANNOTATION_SIDECAR, text);
	json_set(metadata, "annotations", annotations);
}

static struct json *mark_new(const struct rollout *r, const struct object *pod, bool resources)
{
	struct mark mark = { .resources = resources };
	struct json *metadata = json_new_object();
	const struct json *sidecar = item_named(json_path(pod->json, "spec.initContainers"), SIDECAR_NAME);
	const char *image = text_or_empty(json_get_text(sidecar, "image"));
	const char *id = text_or_empty(json_get_text(sidecar_status(pod), "containerID"));
	bool has_it = text_equal(image, r->image); /* by a person's hand: the kubelet has nothing to do */
	text_copy(mark.revision, sizeof(mark.revision), r->set.revision);
	if (!has_it && !text_copy(mark.container, sizeof(mark.container), id))
		mark.container[0] = '\0';
	set_mark(metadata, &mark);
	return metadata;
}

/* A restarted API server answers 403 until it has loaded its rules: only the second of these counts. */
static void on_resized(void *arg, enum dcs_outcome outcome, const char *text)
{
	struct dcs *dcs = arg;
	struct resize *resize = &dcs->rollout.resize;
	resize->is_open = false;
	if (outcome == DCS_REFUSED) {
		resize->is_forbidden = dcs->refused[FEATURE_RESIZE].on;
		resize->times_forbidden += resize->is_forbidden;
		resize->is_final = !resize->is_forbidden || resize->times_forbidden > 1;
		text_copy(resize->refusal, sizeof(resize->refusal), text);
		store_stale(dcs);
	}
	resize->done(resize->arg, outcome == DCS_REFUSED && resize->is_final ? DCS_CONFLICT : outcome, text);
}

static void resize_start(struct dcs *dcs, const struct object *pod, dcs_done *done, void *arg)
{
	struct rollout *r = &dcs->rollout;
	struct resize *resize = &r->resize;
	if (resize->is_open) {
		store_later(dcs, done, arg, DCS_CONFLICT, "resources are being changed already");
		return;
	}
	if (!text_equal(resize->revision, r->set.revision))
		*resize = (struct resize){ .is_open = false };
	text_copy(resize->revision, sizeof(resize->revision), r->set.revision);
	text_copy(resize->uid, sizeof(resize->uid), pod->uid);
	resize->is_final = false;
	resize->refusal[0] = '\0';
	resize->is_open = true;
	resize->done = done;
	resize->arg = arg;
	pod_write(dcs, pod, NULL, resources_patch(pod->json, wanted_spec(r)),
		  &(struct write_params){ .feature = FEATURE_RESIZE, .done = on_resized, .arg = dcs });
}

void dcs_change_pod(struct dcs *dcs, const char *member, dcs_done *done, void *arg)
{
	const struct object *pod = cache_find(&dcs->caches[KIND_PODS], member);
	const char *why = obstacle(dcs, pod);
	if (why == NULL && dcs->rollout.image[0] == '\0')
		why = "the StatefulSet has no container " SIDECAR_NAME " among its initContainers";
	if (why != NULL) {
		store_later(dcs, done, arg, DCS_REFUSED, why);
		return;
	}
	const struct member *seen = cluster_member(dcs_view(dcs), member);
	bool resources = seen != NULL && seen->change == CHANGE_RESOURCES;
	if (seen != NULL && seen->patched && seen->resize == RESIZE_WANTED)
		resize_start(dcs, pod, done, arg);
	else
		pod_write(dcs, pod, mark_new(&dcs->rollout, pod, resources), container_patch(dcs->rollout.image),
			  &(struct write_params){ .done = done, .arg = arg });
}

void dcs_tell_resize(const struct dcs *dcs, const char *member, char *text, size_t size)
{
	char all[2 * RESIZE_TEXT_SIZE];
	struct strbuf b, shorter;
	const struct resize *resize = &dcs->rollout.resize;
	const struct object *pod = cache_find(&dcs->caches[KIND_PODS], member);
	const struct member *seen = cluster_member(dcs_view(dcs), member);
	strbuf_init(&b, all, sizeof(all));
	strbuf_init(&shorter, text, size);
	if (pod == NULL || seen == NULL || !seen->patched || seen->resize == RESIZE_NONE)
		return;
	if (resources_are_asked(pod->json, wanted_spec(&dcs->rollout)))
		resources_tell(pod->json, &b);
	else if (resize->refusal[0] != '\0' && (seen->resize == RESIZE_REFUSED || text_equal(resize->uid, pod->uid)))
		strbuf_addf(&b, "the API refused to change them in place: %s", resize->refusal);
	strbuf_add_short(&shorter, all, size - 4);
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
	struct mark mark = mark_of(pod);
	json_set_text(labels, REVISION_LABEL, dcs->rollout.set.revision);
	json_set(metadata, "labels", labels);
	if (mark.resources) {
		mark.resources = false;
		set_mark(metadata, &mark);
	}
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
