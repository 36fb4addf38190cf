/* Writes of the config object (initialize, config, history: contract 1.5), of the failover object (1.6) and the headless Service that keeps the Endpoints objects alive. */
#include "dcs/kubernetes/private.h"

#include <string.h>

/* By the version in the view; where there is no object, by creating it, which only one can. */
static void state_write(struct dcs *dcs, const char *name, struct json *annotations, struct write_params *params)
{
	const struct object *object = cache_find(&dcs->caches[KIND_STATE], name);
	char path[PATH_SIZE];
	object_path(dcs, KIND_STATE, object != NULL ? name : NULL, path, sizeof(path));
	if (object == NULL)
		body_drop_nulls(annotations);
	params->feature = FEATURE_STATE;
	params->kind = KIND_STATE;
	params->method = object != NULL ? "PATCH" : "POST";
	params->path = path;
	params->name = name;
	params->wanted = params->repeat ? json_copy(annotations) : NULL;
	params->body = body_text(body_new(dcs, name, annotations, object != NULL ? object->version : 0));
	write_start(dcs, params);
}

static void config_write(struct dcs *dcs, struct json *annotations, struct write_params *params)
{
	state_write(dcs, dcs->config_name, annotations, params);
}

/* Why nothing may be decided on the config object yet; NULL: it may. */
static const char *config_obstacle(const struct dcs *dcs)
{
	const struct object *config = store_config(dcs);
	if (!dcs->watches[KIND_STATE].listed)
		return "the store was not read yet";
	if (config != NULL && config->version == 0)
		return "the config object has no version to decide on";
	return NULL;
}

static bool refused(struct dcs *dcs, const char *why, dcs_done *done, void *arg)
{
	if (why != NULL)
		store_later(dcs, done, arg, DCS_REFUSED, why);
	return why != NULL;
}

static bool initialize_is(const struct object *config, const char *value)
{
	const char *text = object_annotation(config, "initialize");
	return text != NULL && text_equal(text, value);
}

static bool begun_by_us(const struct dcs *dcs, const struct object *config)
{
	const char *by = object_annotation(config, ANNOTATION_INITIALIZER), *uid = store_own_uid(dcs);
	return uid[0] != '\0' && by != NULL && text_equal(by, uid) && initialize_is(config, "");
}

bool dcs_initialize_is_ours(const struct dcs *dcs)
{
	return begun_by_us(dcs, store_config(dcs));
}

void dcs_initialize_begin(struct dcs *dcs, dcs_done *done, void *arg)
{
	const char *uid = store_own_uid(dcs), *why = config_obstacle(dcs);
	if (why == NULL && uid[0] == '\0')
		why = "our own pod was not seen yet";
	if (refused(dcs, why, done, arg))
		return;
	if (object_annotation(store_config(dcs), "initialize") != NULL && !dcs_view(dcs)->initializer_gone) {
		store_later(dcs, done, arg, DCS_CONFLICT, "the cluster is initialised, or being so, already");
		return;
	}
	struct json *annotations = json_new_object();
	json_set_text(annotations, "initialize", "");
	json_set_text(annotations, ANNOTATION_INITIALIZER, uid);
	config_write(dcs, annotations, &(struct write_params){ .repeat = true, .done = done, .arg = arg });
}

void dcs_initialize_cancel(struct dcs *dcs, dcs_done *done, void *arg)
{
	if (refused(dcs, config_obstacle(dcs), done, arg))
		return;
	if (!dcs_initialize_is_ours(dcs)) {
		store_later(dcs, done, arg, DCS_CONFLICT, "the cluster is not being initialised by this pod");
		return;
	}
	struct json *annotations = json_new_object();
	json_set_text(annotations, "initialize", NULL);
	json_set_text(annotations, ANNOTATION_INITIALIZER, NULL);
	config_write(dcs, annotations, &(struct write_params){ .repeat = true, .done = done, .arg = arg });
}

void dcs_initialize_finish(struct dcs *dcs, const char *system_identifier, const char *config_text, dcs_done *done,
			   void *arg)
{
	if (refused(dcs, config_obstacle(dcs), done, arg))
		return;
	struct json *annotations = json_new_object();
	if (config_text != NULL)
		json_set_text(annotations, "config", config_text);
	json_set_text(annotations, "initialize", system_identifier);
	json_set_text(annotations, ANNOTATION_INITIALIZER, NULL);
	config_write(dcs, annotations, &(struct write_params){ .repeat = true, .done = done, .arg = arg });
}

void dcs_write_config(struct dcs *dcs, const char *config_text, uint64_t version, dcs_done *done, void *arg)
{
	const struct object *config = store_config(dcs);
	if (refused(dcs, config_obstacle(dcs), done, arg))
		return;
	if ((config != NULL ? config->version : 0) != version) {
		store_later(dcs, done, arg, DCS_CONFLICT, "the configuration was changed by somebody else meanwhile");
		return;
	}
	struct json *annotations = json_new_object();
	json_set_text(annotations, "config", config_text);
	config_write(dcs, annotations, &(struct write_params){ .repeat = true, .done = done, .arg = arg });
}

/* Kept although empty: an object without a request in it is no request (contract 1.6). */
void dcs_write_move(struct dcs *dcs, const struct move *move, dcs_done *done, void *arg)
{
	const struct object *object = store_failover(dcs);
	const char *obstacle = !dcs->watches[KIND_STATE].listed ? "the store was not read yet" : NULL;
	if (refused(dcs, obstacle, done, arg))
		return;
	if (object == NULL && !move->asked) {
		store_later(dcs, done, arg, DCS_DONE, "");
		return;
	}
	struct json *annotations = json_new_object();
	json_set_text(annotations, "leader", move->leader[0] != '\0' ? move->leader : NULL);
	json_set_text(annotations, "member", move->candidate[0] != '\0' ? move->candidate : NULL);
	json_set_text(annotations, "scheduled_at", move->scheduled_at[0] != '\0' ? move->scheduled_at : NULL);
	state_write(dcs, dcs->failover_name, annotations,
		    &(struct write_params){ .repeat = true, .done = done, .arg = arg });
}

void dcs_note_lease_ttl(struct dcs *dcs, int64_t ttl_s, dcs_done *done, void *arg)
{
	char text[24];
	struct strbuf b;
	if (refused(dcs, config_obstacle(dcs), done, arg))
		return;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%lld", (long long)ttl_s);
	struct json *annotations = json_new_object();
	json_set_text(annotations, ANNOTATION_LEASE_TTL, text);
	config_write(dcs, annotations, &(struct write_params){ .repeat = true, .done = done, .arg = arg });
}

void dcs_write_history(struct dcs *dcs, const char *history_text, const char *beginnings_text, dcs_done *done,
		       void *arg)
{
	if (refused(dcs, config_obstacle(dcs), done, arg))
		return;
	struct json *annotations = json_new_object();
	json_set_text(annotations, "history", history_text);
	if (!text_is_empty(beginnings_text))
		json_set_text(annotations, ANNOTATION_TIMELINES, beginnings_text);
	config_write(dcs, annotations, &(struct write_params){ .done = done, .arg = arg });
}

void dcs_pause_rollout(struct dcs *dcs, bool paused, dcs_done *done, void *arg)
{
	if (refused(dcs, config_obstacle(dcs), done, arg))
		return;
	struct json *annotations = json_new_object();
	json_set_text(annotations, ANNOTATION_ROLLOUT, paused ? "paused" : NULL);
	config_write(dcs, annotations, &(struct write_params){ .repeat = true, .done = done, .arg = arg });
}

/* By the selector, as a collection: what carries the labels of this cluster and nothing else (contract 1.1). */
void dcs_remove(struct dcs *dcs, dcs_done *done, void *arg)
{
	char path[PATH_SIZE];
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "/api/v1/namespaces/%s/%s?labelSelector=", dcs->params.space, kind_text(dcs, KIND_STATE));
	selector_encode(dcs, &b);
	assert(dcs->params.label_count > 0); /* without a selector all of the namespace would go */
	if (refused(dcs, strbuf_ok(&b) ? NULL : "the labels of the cluster are too long", done, arg))
		return;
	write_start(dcs, &(struct write_params){ .feature = FEATURE_STATE,
						 .kind = KIND_STATE,
						 .method = "DELETE",
						 .path = path,
						 .name = "",
						 .repeat = true,
						 .done = done,
						 .arg = arg });
}

/* ---- the Service (Endpoints mode) ---- */

/* Made by somebody before (409) or by the chart, without our right to do it (403): either way it is not ours to try again. */
static void on_service_done(void *arg, enum dcs_outcome outcome, const char *text UNUSED)
{
	struct dcs *dcs = arg;
	dcs->service_done = outcome != DCS_NO_ANSWER;
}

void service_ensure(struct dcs *dcs)
{
	char path[PATH_SIZE];
	struct strbuf b;
	if (!dcs->params.use_endpoints || dcs->service_done || dcs->service_busy)
		return;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "/api/v1/namespaces/%s/services", dcs->params.space);
	struct json *body = body_new(dcs, dcs->config_name, NULL, 0), *spec = json_new_object();
	json_set_text(spec, "clusterIP", "None");
	json_set(body, "spec", spec);
	write_start(dcs, &(struct write_params){ .feature = FEATURE_SERVICE,
						 .kind = KIND_STATE,
						 .method = "POST",
						 .path = path,
						 .name = dcs->config_name,
						 .body = body_text(body),
						 .busy = &dcs->service_busy,
						 .done = on_service_done,
						 .arg = dcs });
}
