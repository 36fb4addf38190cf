/* Volumes that grow: the request of a PersistentVolumeClaim is raised, never lowered. The claim template of a StatefulSet
 * cannot be changed, the claims made from it can. */
#include "dcs/kubernetes/private.h"

#include "codec/units.h"

#include <stdlib.h>
#include <string.h>

enum { CLAIM_NAME_SIZE = 254, QUANTITY_SIZE = 40 };

struct growth {
	struct dcs *dcs;
	char claim[CLAIM_NAME_SIZE], size[QUANTITY_SIZE], before[QUANTITY_SIZE];
	dcs_done *done;
	void *arg;
};

static void end(struct growth *growth, enum dcs_outcome outcome, const char *text)
{
	struct growth copy = *growth;
	free(growth);
	copy.done(copy.arg, outcome, text);
}

static void refuse(struct growth *growth, const struct http_answer *answer)
{
	char why[256], text[600];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%s: %s", growth->claim, answer_text(answer, why, sizeof(why)));
	end(growth, answer->status == 0 ? DCS_NO_ANSWER : DCS_REFUSED, text);
}

static void claim_path(const struct growth *growth, char *path, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, path, size);
	strbuf_addf(&b, "/api/v1/namespaces/%s/persistentvolumeclaims/%s", growth->dcs->params.space, growth->claim);
}

static void send(struct growth *growth, const char *method, char *body,
		 void (*done)(void *arg, const struct http_answer *answer))
{
	char path[PATH_SIZE];
	claim_path(growth, path, sizeof(path));
	struct call_params params = { .method = method,
				      .path = path,
				      .body = body,
				      .limit_ms = growth->dcs->params.retry_timeout_ms,
				      .done = done,
				      .arg = growth };
	call_start(growth->dcs, &params);
}

static void on_patched(void *arg, const struct http_answer *answer)
{
	struct growth *growth = arg;
	char text[CLAIM_NAME_SIZE + 3 * QUANTITY_SIZE];
	struct strbuf b;
	if (!answer_is_success(answer)) {
		refuse(growth, answer);
		return;
	}
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%s: %s -> %s", growth->claim, growth->before, growth->size);
	end(growth, DCS_DONE, text);
}

static char *patch_body(const char *size)
{
	struct json *body = json_new_object(), *spec = json_new_object(), *resources = json_new_object(),
		    *requests = json_new_object();
	json_set_text(requests, "storage", size);
	json_set(resources, "requests", requests);
	json_set(spec, "resources", resources);
	json_set(body, "spec", spec);
	return body_text(body);
}

static void on_read(void *arg, const struct http_answer *answer)
{
	struct growth *growth = arg;
	struct err err;
	int64_t has, wanted;
	if (!answer_is_success(answer)) {
		refuse(growth, answer);
		return;
	}
	AUTO(json) struct json *claim = json_parse(answer->body, answer->body_len, &err);
	const char *before = json_text(json_path(claim, "spec.resources.requests.storage"));
	bool known = before != NULL && text_copy(growth->before, sizeof(growth->before), before) &&
		     units_quantity(before, &has);
	if (!known)
		end(growth, DCS_REFUSED, "the claim says no size");
	else if (!units_quantity(growth->size, &wanted) || has >= wanted)
		end(growth, DCS_DONE, "");
	else
		send(growth, "PATCH", patch_body(growth->size), on_patched);
}

void dcs_grow_claim(struct dcs *dcs, const char *claim, const char *size, dcs_done *done, void *arg)
{
	int64_t bytes;
	struct growth *growth = calloc(1, sizeof(*growth));
	assert(growth != NULL);
	*growth = (struct growth){ .dcs = dcs, .done = done, .arg = arg };
	bool fits = text_copy(growth->claim, sizeof(growth->claim), claim) &&
		    text_copy(growth->size, sizeof(growth->size), size) && units_quantity(size, &bytes);
	if (fits) {
		send(growth, "GET", NULL, on_read);
		return;
	}
	free(growth);
	store_later(dcs, done, arg, DCS_REFUSED, "howdah.expand_claims: a size looks like 20Gi or 500G");
}
