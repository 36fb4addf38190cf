/* Objects as the API gave them, of one kind, by name. What may replace what is store.c's. */
#include "dcs/kubernetes/private.h"

#include "codec/status.h"

#include <stdlib.h>
#include <string.h>

const char *object_annotation(const struct object *object, const char *key)
{
	if (object == NULL)
		return NULL;
	return json_get_text(object->annotations, key);
}

const char *object_label(const struct object *object, const char *key)
{
	return json_get_text(object->labels, key);
}

static bool pod_is_ready(const struct json *pod)
{
	const struct json *conditions = json_path(pod, "status.conditions");
	for (const struct json *item = json_first(conditions); item != NULL; item = json_next(item)) {
		const char *type = json_get_text(item, "type"), *status = json_get_text(item, "status");
		if (type != NULL && status != NULL && text_equal(type, "Ready"))
			return text_equal(status, "True");
	}
	return false;
}

static void member_clear(struct member *member)
{
	memset(member, 0, sizeof(*member));
	member->state = STATE_UNKNOWN;
	member->failover_priority = 1;
	member->sidecar_away_ms = -1;
}

/* Every pod of the selector is a member, one without a status that can be read with empty data (contract 1.2). */
static void read_member(struct object *object, const char *role_label)
{
	struct member *member = &object->member;
	const char *status = object_annotation(object, "status"), *label = object_label(object, role_label);
	const char *revision = object_label(object, "controller-revision-hash");
	member_clear(member);
	if (status != NULL && !status_parse(member, status))
		member_clear(member);
	if (!text_copy(member->name, sizeof(member->name), object->name)) {
		member->name[0] = '\0';
		return;
	}
	text_copy(member->pod_uid, sizeof(member->pod_uid), object->uid);
	text_copy(member->role_label, sizeof(member->role_label), label != NULL ? label : "");
	member->replica_label = object_label(object, LABEL_REPLICAS) != NULL;
	text_copy(member->revision, sizeof(member->revision), revision != NULL ? revision : "");
	member->version = object->version;
	member->deleting = json_text(json_path(object->json, "metadata.deletionTimestamp")) != NULL;
	member->ready = pod_is_ready(object->json);
}

struct object *object_create(enum kind kind, struct json *json, const char *role_label)
{
	struct object *object = calloc(1, sizeof(*object));
	assert(object != NULL);
	object->json = json;
	const struct json *metadata = json_get(json, "metadata");
	const char *name = json_get_text(metadata, "name"), *uid = json_get_text(metadata, "uid");
	const char *version = json_get_text(metadata, "resourceVersion");
	object->annotations = json_get(metadata, "annotations");
	object->labels = json_get(metadata, "labels");
	if (text_is_empty(name) || !text_copy(object->name, sizeof(object->name), name)) {
		object_destroy(object);
		return NULL;
	}
	text_copy(object->uid, sizeof(object->uid), uid != NULL ? uid : "");
	if (version == NULL || !text_to_u64(version, &object->version))
		object->version = 0;
	if (kind == KIND_PODS)
		read_member(object, role_label);
	return object;
}

void object_destroy(struct object *object)
{
	if (object == NULL)
		return;
	json_free(object->json);
	free(object->text);
	free(object);
}

void object_keep_text(struct object *object, const char *text, size_t len)
{
	object->text = malloc(len);
	assert(object->text != NULL);
	memcpy(object->text, text, len);
	object->text_len = len;
}

/* Where the name is, or would have to be. */
static int place_of(const struct cache *cache, const char *name)
{
	int low = 0, high = cache->count;
	while (low < high) {
		int middle = (low + high) / 2;
		if (strcmp(cache->objects[middle]->name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool is_at(const struct cache *cache, int place, const char *name)
{
	return place < cache->count && text_equal(cache->objects[place]->name, name);
}

struct object *cache_find(const struct cache *cache, const char *name)
{
	int place = place_of(cache, name);
	return is_at(cache, place, name) ? cache->objects[place] : NULL;
}

const struct object *cache_find_text(const struct cache *cache, const char *text, size_t len)
{
	for (int i = 0; i < cache->count; i++) {
		const struct object *object = cache->objects[i];
		if (object->text != NULL && object->text_len == len && memcmp(object->text, text, len) == 0)
			return object;
	}
	return NULL;
}

bool cache_put(struct cache *cache, struct object *object)
{
	int place = place_of(cache, object->name);
	struct object **at = &cache->objects[place];
	if (is_at(cache, place, object->name)) {
		object_destroy(*at);
		*at = object;
		return true;
	}
	if (cache->count == OBJECTS_MAX) {
		object_destroy(object);
		return false;
	}
	memmove(at + 1, at, (size_t)(cache->count - place) * sizeof(*at));
	*at = object;
	cache->count++;
	return true;
}

struct object *cache_take(struct cache *cache, const char *name)
{
	int place = place_of(cache, name);
	if (!is_at(cache, place, name))
		return NULL;
	struct object **at = &cache->objects[place], *object = *at;
	cache->count--;
	memmove(at, at + 1, (size_t)(cache->count - place) * sizeof(*at));
	return object;
}

void cache_clear(struct cache *cache)
{
	for (int i = 0; i < cache->count; i++)
		object_destroy(cache->objects[i]);
	cache->count = 0;
}
