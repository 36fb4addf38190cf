/* What a member says of itself on its pod: the status annotation and the labels that people and Services go by (contract 1.8, 1.9). */
#include "dcs/kubernetes/private.h"

#include "base/mutant.h"

#include <string.h>

/* A standby leader may have a label value of its own. */
static const char *leader_value(const struct dcs *dcs, const struct json *status)
{
	const char *role = json_get_text(status, "role");
	if (role != NULL && text_equal(role, "standby_leader"))
		return dcs->params.standby_leader_value;
	return dcs->params.leader_value;
}

struct roles {
	const char *role, *tmp_role; /* NULL: the label goes */
};

static struct roles roles_of(const struct dcs *dcs, const struct dcs_member_write *write, const struct json *status)
{
	switch (write->label) {
	case LABEL_LEADER:
		return (struct roles){ leader_value(dcs, status), "primary" };
	case LABEL_REPLICA:
		return (struct roles){ dcs->params.follower_value, "replica" };
	case LABEL_OTHER:
		return (struct roles){ write->other_label, write->other_label };
	case LABEL_NONE:
		break;
	}
	return (struct roles){ NULL, NULL };
}

static void set_roles(const struct dcs *dcs, struct json *labels, struct roles roles)
{
	json_set_text(labels, dcs->params.role_label, roles.role);
	if (dcs->params.tmp_role_label[0] != '\0')
		json_set_text(labels, dcs->params.tmp_role_label, roles.tmp_role);
}

static struct json *labels_wanted(const struct dcs *dcs, const struct dcs_member_write *write,
				  const struct json *status)
{
	const struct kubernetes_params *params = &dcs->params;
	struct json *labels = json_new_object();
	set_roles(dcs, labels, roles_of(dcs, write, status));
	json_set_text(labels, LABEL_REPLICAS, write->serves_replicas ? "true" : NULL);
	for (int i = 0; i < params->bootstrap_label_count; i++)
		json_set_text(labels, params->bootstrap_labels[i].key,
			      write->bootstrapping ? params->bootstrap_labels[i].value : NULL);
	return labels;
}

static bool labels_are_there(const struct object *pod, const struct json *labels)
{
	for (const struct json *item = json_first(labels); item != NULL; item = json_next(item)) {
		const char *want = json_text(item), *have = object_label(pod, json_key(item));
		if ((want == NULL) != (have == NULL) || (want != NULL && !text_equal(want, have)))
			return false;
	}
	return true;
}

static bool status_is_there(const struct object *pod, const struct json *status)
{
	struct err err;
	const char *text = object_annotation(pod, "status");
	if (text == NULL)
		return false;
	AUTO(json) struct json *have = json_parse(text, strlen(text), &err);
	return have != NULL && json_equal(have, status);
}

/* By version and uid: a label that lands late would route to a pod that is the leader no more (safety.md S18). */
void pod_write(struct dcs *dcs, const struct object *pod, struct json *more, struct json *spec,
	       const struct write_params *how)
{
	char path[PATH_SIZE];
	struct json *body = json_new_object(), *metadata = json_new_object();
	struct strbuf b;
	char version[32];
	json_set_text(metadata, "namespace", dcs->params.space);
	json_set_text(metadata, "name", pod->name);
	for (const struct json *item = json_first(more); item != NULL; item = json_next(item))
		json_set(metadata, json_key(item), json_copy(item));
	json_free(more);
	strbuf_init(&b, version, sizeof(version));
	strbuf_addf(&b, "%llu", (unsigned long long)pod->version);
	if (!mutant(29))
		json_set_text(metadata, "resourceVersion", version);
	json_set_text(metadata, "uid", pod->uid);
	json_set(body, "metadata", metadata);
	if (spec != NULL)
		json_set(body, "spec", spec);
	struct write_params params = *how;
	if (params.feature != FEATURE_RESIZE)
		params.feature = FEATURE_PODS;
	object_path(dcs, KIND_PODS, pod->name, path, sizeof(path));
	strbuf_init(&b, path + strlen(path), sizeof(path) - strlen(path));
	strbuf_add(&b, params.feature == FEATURE_RESIZE ? "/resize" : "");
	params.kind = KIND_PODS;
	params.method = "PATCH";
	params.path = path;
	params.name = pod->name;
	params.body = body_text(body);
	write_start(dcs, &params);
}

static const char *pod_obstacle(const struct object *pod)
{
	if (pod == NULL)
		return "the pod was not seen yet";
	if (pod->version == 0 || pod->uid[0] == '\0')
		return "the pod has no version or uid to decide on";
	return NULL;
}

static struct json *member_metadata(struct json *labels, const char *status)
{
	struct json *metadata = json_new_object(), *annotations = json_new_object();
	json_set(metadata, "labels", labels);
	json_set_text(annotations, "status", status);
	json_set(metadata, "annotations", annotations);
	return metadata;
}

void dcs_write_member(struct dcs *dcs, const struct dcs_member_write *write, dcs_done *done, void *arg)
{
	const struct object *pod = store_own_pod(dcs);
	const char *why = pod_obstacle(pod);
	struct err err;
	service_ensure(dcs);
	AUTO(json) struct json *status = json_parse(write->status, strlen(write->status), &err);
	if (why == NULL && dcs->params.pod_uid[0] == '\0')
		text_copy(dcs->params.pod_uid, sizeof(dcs->params.pod_uid), pod->uid);
	if (why == NULL && !text_equal(dcs->params.pod_uid, pod->uid))
		why = "the pod of our name is another one: ours was deleted";
	if (why == NULL && dcs->member_busy)
		why = "another write of our pod is on its way";
	if (why == NULL && status == NULL)
		why = "the status is no JSON";
	if (why != NULL) {
		store_later(dcs, done, arg, DCS_REFUSED, why);
		return;
	}
	struct json *labels = labels_wanted(dcs, write, status);
	if (labels_are_there(pod, labels) && status_is_there(pod, status)) {
		json_free(labels);
		store_later(dcs, done, arg, DCS_DONE, "");
		return;
	}
	pod_write(dcs, pod, member_metadata(labels, write->status), NULL,
		  &(struct write_params){ .busy = &dcs->member_busy, .done = done, .arg = arg });
}

void dcs_take_label_off(struct dcs *dcs, const char *member, dcs_done *done, void *arg)
{
	const struct object *pod = cache_find(&dcs->caches[KIND_PODS], member);
	const char *why = pod_obstacle(pod);
	if (why != NULL) {
		store_later(dcs, done, arg, DCS_REFUSED, why);
		return;
	}
	struct json *metadata = json_new_object(), *labels = json_new_object();
	set_roles(dcs, labels, (struct roles){ NULL, NULL });
	json_set(metadata, "labels", labels);
	pod_write(dcs, pod, metadata, NULL, &(struct write_params){ .done = done, .arg = arg });
}
