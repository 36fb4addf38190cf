/* How a patch changes an object. */
#include "kubemodel/api_private.h"

#include <string.h>

static const struct {
	const char *list, *key;
} keyed_lists[] = {
	{ "conditions", "type" },
	{ "containers", "name" },
	{ "initContainers", "name" },
	{ "ownerReferences", "uid" },
	{ "ephemeralContainers", "name" },
	{ "podIPs", "ip" },
	{ "volumes", "name" },
	{ "env", "name" },
	{ "volumeMounts", "mountPath" },
};

static const char *key_of_list(const char *list)
{
	for (size_t i = 0; i < ARRAY_SIZE(keyed_lists); i++)
		if (text_equal(keyed_lists[i].list, list))
			return keyed_lists[i].key;
	return NULL;
}

static const struct json *find_item(const struct json *list, const char *key, const struct json *like)
{
	const char *wanted = json_get_text(like, key);
	for (const struct json *item = json_first(list); wanted && item; item = json_next(item))
		if (json_get_text(item, key) && text_equal(json_get_text(item, key), wanted))
			return item;
	return NULL;
}

/* What the patch names comes first, then what else was there. */
static struct json *merge_lists(const struct json *old, const struct json *patch, const char *key)
{
	struct json *merged = json_new_array();
	for (const struct json *item = json_first(patch); item; item = json_next(item)) {
		const struct json *known = find_item(old, key, item);
		struct json *both = known ? json_copy(known) : json_new_object();
		merge_patch(both, item, true);
		json_push(merged, both);
	}
	for (const struct json *item = json_first(old); item; item = json_next(item))
		if (!find_item(patch, key, item))
			json_push(merged, json_copy(item));
	return merged;
}

static struct json *merge_value(const struct json *old, const struct json *item, bool strategic)
{
	const char *key = strategic ? key_of_list(json_key(item)) : NULL;
	if (json_is_object(item)) {
		struct json *merged = json_is_object(old) ? json_copy(old) : json_new_object();
		merge_patch(merged, item, strategic);
		return merged;
	}
	if (json_is_array(item) && key && json_is_array(old))
		return merge_lists(old, item, key);
	return json_copy(item);
}

static bool is_empty(const struct json *value)
{
	return json_is_null(value) || ((json_is_object(value) || json_is_array(value)) && !json_first(value));
}

void merge_patch(struct json *into, const struct json *patch, bool strategic)
{
	for (const struct json *item = json_first(patch); item; item = json_next(item)) {
		struct json *merged = merge_value(json_get(into, json_key(item)), item, strategic);
		if (is_empty(merged)) {
			json_remove(into, json_key(item));
			json_free(merged);
		} else {
			json_set(into, json_key(item), merged);
		}
	}
}
