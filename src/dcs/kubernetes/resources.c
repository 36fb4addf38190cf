/* Resources that change under running containers: cpu and memory, by the `resize` subresource of pods (Kubernetes 1.33). What else
 * containers may ask for is fixed for the life of their pod, and nothing that was given can be taken away. */
#include "dcs/kubernetes/private.h"

#include "codec/units.h"

/* Of a pod's spec, and what its kubelet says of each. */
static const struct {
	const char *spec, *status;
} lists[] = {
	{ "containers", "containerStatuses" },
	{ "initContainers", "initContainerStatuses" },
};

static const char *const bounds[] = { "requests", "limits" }, *const kinds[] = { "cpu", "memory" };

const struct json *item_named(const struct json *list, const char *name)
{
	for (const struct json *item = json_first(list); name != NULL && item != NULL; item = json_next(item)) {
		const char *text = json_get_text(item, "name");
		if (text != NULL && text_equal(text, name))
			return item;
	}
	return NULL;
}

/* An init container that has ended needs nothing any more. */
static bool goes_on(size_t list, const struct json *container)
{
	const char *policy = json_get_text(container, "restartPolicy");
	return text_equal(lists[list].spec, "containers") || (policy != NULL && text_equal(policy, "Always"));
}

/* A request that is not given is the limit, as the API fills it in. NULL: none. */
static const char *amount(const struct json *container, const char *bound, const char *kind)
{
	const struct json *resources = json_get(container, "resources");
	const char *text = json_get_text(json_get(resources, bound), kind);
	return text != NULL ? text : json_get_text(json_get(resources, "limits"), kind);
}

/* 1Gi and 1024Mi are the same. */
static bool same_amount(const char *a, const char *b)
{
	int64_t x, y;
	if (a == NULL || b == NULL)
		return a == b;
	return text_equal(a, b) || (units_quantity_milli(a, &x) && units_quantity_milli(b, &y) && x == y);
}

/* ---- templates ---- */

static bool restarts(const struct json *container)
{
	const struct json *policies = json_get(container, "resizePolicy");
	for (const struct json *item = json_first(policies); item != NULL; item = json_next(item)) {
		const char *policy = json_get_text(item, "restartPolicy");
		if (policy != NULL && !text_equal(policy, "NotRequired"))
			return true;
	}
	return false;
}

static bool container_may_change(const struct json *have, const struct json *want)
{
	bool same = true;
	for (size_t b = 0; b < ARRAY_SIZE(bounds); b++)
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			const char *now = amount(have, bounds[b], kinds[k]), *then = amount(want, bounds[b], kinds[k]);
			if (now != NULL && then == NULL)
				return false;
			same = same && same_amount(now, then);
		}
	return same || !restarts(want);
}

bool resources_may_change(const struct json *have, const struct json *want)
{
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		const struct json *from = json_get(have, lists[l].spec), *to = json_get(want, lists[l].spec);
		for (const struct json *item = json_first(to); item != NULL; item = json_next(item)) {
			const struct json *other = item_named(from, json_get_text(item, "name"));
			if (other != NULL && goes_on(l, item) && !container_may_change(other, item))
				return false;
		}
	}
	return true;
}

static void remove_empty(struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);
	if (value != NULL && json_first(value) == NULL)
		json_remove(object, key);
}

static void blank_container(struct json *container)
{
	struct json *resources = (struct json *)json_get(container, "resources");
	for (size_t b = 0; b < ARRAY_SIZE(bounds); b++) {
		struct json *amounts = (struct json *)json_get(resources, bounds[b]);
		for (size_t k = 0; k < ARRAY_SIZE(kinds) && amounts != NULL; k++)
			json_remove(amounts, kinds[k]);
		if (resources != NULL)
			remove_empty(resources, bounds[b]);
	}
	remove_empty(container, "resources");
}

void resources_blank(struct json *spec)
{
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		const struct json *containers = json_get(spec, lists[l].spec);
		for (const struct json *item = json_first(containers); item != NULL; item = json_next(item))
			if (goes_on(l, item))
				blank_container((struct json *)item);
	}
}

/* ---- a pod ---- */

/* What a template says nothing of may have been filled in by others, and is left alone. */
static bool container_has(const struct json *have, const struct json *want)
{
	for (size_t b = 0; b < ARRAY_SIZE(bounds); b++)
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
			const char *wanted = amount(want, bounds[b], kinds[k]);
			if (wanted != NULL && !same_amount(amount(have, bounds[b], kinds[k]), wanted))
				return false;
		}
	return true;
}

static bool lists_have(const struct json *part, bool status, const struct json *want)
{
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		const struct json *to = json_get(want, lists[l].spec);
		const struct json *from = json_get(part, status ? lists[l].status : lists[l].spec);
		for (const struct json *item = json_first(to); item != NULL; item = json_next(item))
			if (goes_on(l, item) && !container_has(item_named(from, json_get_text(item, "name")), item))
				return false;
	}
	return true;
}

bool resources_are_asked(const struct json *pod, const struct json *want)
{
	return lists_have(json_get(pod, "spec"), false, want);
}

static const struct json *condition(const struct json *pod, const char *type)
{
	const struct json *conditions = json_path(pod, "status.conditions");
	for (const struct json *item = json_first(conditions); item != NULL; item = json_next(item)) {
		const char *is = json_get_text(item, "type"), *status = json_get_text(item, "status");
		if (is != NULL && text_equal(is, type) && status != NULL && text_equal(status, "True"))
			return item;
	}
	return NULL;
}

/* Pods have no generation before Kubernetes 1.33, and kubelets told none that they had seen. */
static bool kubelet_has_seen(const struct json *pod)
{
	int64_t generation, seen;
	return !json_i64(json_path(pod, "metadata.generation"), &generation) ||
	       !json_i64(json_path(pod, "status.observedGeneration"), &seen) || seen >= generation;
}

bool resources_are_given(const struct json *pod, const struct json *want)
{
	return kubelet_has_seen(pod) && condition(pod, "PodResizePending") == NULL &&
	       condition(pod, "PodResizeInProgress") == NULL && lists_have(json_get(pod, "status"), true, want);
}

bool resources_are_infeasible(const struct json *pod)
{
	const char *reason = json_get_text(condition(pod, "PodResizePending"), "reason");
	return kubelet_has_seen(pod) && reason != NULL && text_equal(reason, "Infeasible");
}

void resources_tell(const struct json *pod, struct strbuf *to)
{
	const struct json *pending = condition(pod, "PodResizePending");
	if (pending == NULL)
		pending = condition(pod, "PodResizeInProgress");
	const char *reason = json_get_text(pending, "reason"), *message = json_get_text(pending, "message");
	strbuf_addf(to, "its kubelet has not changed them");
	if (!text_is_empty(reason))
		strbuf_addf(to, ": %s", reason);
	if (!text_is_empty(message))
		strbuf_addf(to, ": %s", message);
}

static struct json *container_patch(const struct json *want)
{
	struct json *container = json_new_object(), *resources = json_new_object();
	for (size_t b = 0; b < ARRAY_SIZE(bounds); b++) {
		struct json *amounts = json_new_object();
		for (size_t k = 0; k < ARRAY_SIZE(kinds); k++)
			if (amount(want, bounds[b], kinds[k]) != NULL)
				json_set_text(amounts, kinds[k], amount(want, bounds[b], kinds[k]));
		json_set(resources, bounds[b], amounts);
	}
	json_set_text(container, "name", json_get_text(want, "name"));
	json_set(container, "resources", resources);
	return container;
}

struct json *resources_patch(const struct json *pod, const struct json *want)
{
	struct json *spec = json_new_object();
	for (size_t l = 0; l < ARRAY_SIZE(lists); l++) {
		const struct json *to = json_get(want, lists[l].spec),
				  *from = json_get(json_get(pod, "spec"), lists[l].spec);
		struct json *list = json_new_array();
		for (const struct json *item = json_first(to); item != NULL; item = json_next(item))
			if (goes_on(l, item) && !container_has(item_named(from, json_get_text(item, "name")), item))
				json_push(list, container_patch(item));
		json_set(spec, lists[l].spec, list);
		remove_empty(spec, lists[l].spec);
	}
	return spec;
}
