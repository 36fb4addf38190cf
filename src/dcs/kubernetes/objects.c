/* Names, paths and bodies of the objects, byte for byte by contract 1.1 to 1.5. */
#include "dcs/kubernetes/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void make_name(const char *scope, const char *ending, char name[static OBJECT_NAME_SIZE])
{
	struct strbuf b;
	strbuf_init(&b, name, OBJECT_NAME_SIZE);
	strbuf_add(&b, scope);
	strbuf_add(&b, ending);
	for (char *c = name; *c != '\0'; c++)
		if (*c == '/')
			*c = '-';
}

void object_names_init(struct dcs *dcs)
{
	make_name(dcs->params.scope, dcs->params.use_endpoints ? "" : "-leader", dcs->leader_name);
	make_name(dcs->params.scope, "", dcs->service_name);
	make_name(dcs->params.scope, "-config", dcs->config_name);
	make_name(dcs->params.scope, "-failover", dcs->failover_name);
}

const char *kind_text(const struct dcs *dcs, enum kind kind)
{
	if (kind == KIND_PODS)
		return "pods";
	return dcs->params.use_endpoints ? "endpoints" : "configmaps";
}

void object_path(const struct dcs *dcs, enum kind kind, const char *name, char *path, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, path, size);
	strbuf_addf(&b, "/api/v1/namespaces/%s/%s", dcs->params.space, kind_text(dcs, kind));
	if (name != NULL)
		strbuf_addf(&b, "/%s", name);
	assert(strbuf_ok(&b));
}

static void add_encoded(struct strbuf *to, const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	for (; *text != '\0'; text++)
		if (strchr(plain, *text) != NULL)
			strbuf_add_char(to, *text);
		else
			strbuf_addf(to, "%%%02X", (unsigned char)*text);
}

void selector_encode(const struct dcs *dcs, struct strbuf *to)
{
	const struct kubernetes_params *params = &dcs->params;
	for (int i = 0; i < params->label_count; i++) {
		strbuf_add(to, i > 0 ? "%2C" : "");
		add_encoded(to, params->labels[i].key);
		strbuf_add(to, "%3D");
		add_encoded(to, params->labels[i].value);
	}
}

static struct json *labels_new(const struct dcs *dcs)
{
	struct json *labels = json_new_object();
	for (int i = 0; i < dcs->params.label_count; i++)
		json_set_text(labels, dcs->params.labels[i].key, dcs->params.labels[i].value);
	return labels;
}

struct json *body_new(const struct dcs *dcs, const char *name, struct json *annotations, uint64_t version)
{
	struct json *body = json_new_object(), *metadata = json_new_object();
	char text[32];
	json_set_text(metadata, "namespace", dcs->params.space);
	json_set_text(metadata, "name", name);
	json_set(metadata, "labels", labels_new(dcs));
	if (annotations != NULL)
		json_set(metadata, "annotations", annotations);
	if (version != 0) {
		snprintf(text, sizeof(text), "%llu", (unsigned long long)version);
		json_set_text(metadata, "resourceVersion", text);
	}
	json_set(body, "metadata", metadata);
	return body;
}

void body_drop_nulls(struct json *annotations)
{
	const struct json *item = json_first(annotations);
	while (item != NULL)
		if (json_is_null(item)) {
			json_remove(annotations, json_key(item));
			item = json_first(annotations);
		} else {
			item = json_next(item);
		}
}

void annotation_set(struct json *annotations, const char *key, const char *text)
{
	json_set_text(annotations, key, text_is_empty(text) ? NULL : text);
}

char *body_text(struct json *body)
{
	char *text = json_print_text(body, JSON_SPACED);
	json_free(body);
	return text;
}

/* ---- subsets of the leader object (Endpoints mode, contract 1.4) ---- */

const char *pod_ip(const struct object *pod)
{
	const char *ip = pod != NULL ? json_get_text(json_get(pod->json, "status"), "podIP") : NULL;
	return ip != NULL ? ip : "";
}

const char *leader_ip(const struct dcs *dcs, const char *given)
{
	if (given[0] != '\0')
		return given;
	return dcs->params.pod_ip[0] != '\0' ? dcs->params.pod_ip : pod_ip(store_own_pod(dcs));
}

struct json *ports_new(const struct kubernetes_params *params)
{
	struct json *ports = json_new_array();
	for (int i = 0; i < params->port_count; i++) {
		struct json *port = json_new_object();
		json_set_i64(port, "port", params->ports[i].port);
		if (params->ports[i].name[0] != '\0')
			json_set_text(port, "name", params->ports[i].name);
		if (params->ports[i].protocol[0] != '\0')
			json_set_text(port, "protocol", params->ports[i].protocol);
		json_push(ports, port);
	}
	return ports;
}

/* An absent name equals an empty one, an absent protocol TCP. */
static const char *text_or(const struct json *object, const char *key, const char *fallback)
{
	const char *text = json_get_text(object, key);
	return text_is_empty(text) ? fallback : text;
}

static bool port_is_same(const struct json *a, const struct json *b)
{
	int64_t number_a = 0, number_b = 0;
	return json_i64(json_get(a, "port"), &number_a) && json_i64(json_get(b, "port"), &number_b) &&
	       number_a == number_b && text_equal(text_or(a, "name", ""), text_or(b, "name", "")) &&
	       text_equal(text_or(a, "protocol", "TCP"), text_or(b, "protocol", "TCP"));
}

/* One port is compared with the one port; several are looked up by their names. */
static bool ports_are_same(const struct json *have, const struct json *want)
{
	if (json_count(have) != json_count(want))
		return false;
	for (const struct json *w = json_first(want); w != NULL; w = json_next(w)) {
		bool found = false;
		for (const struct json *h = json_first(have); h != NULL && !found; h = json_next(h))
			found = port_is_same(h, w);
		if (!found)
			return false;
	}
	return true;
}

static bool subsets_match(const struct json *subsets, const char *ip, const struct json *ports)
{
	const struct json *subset = json_first(subsets), *addresses = json_get(subset, "addresses");
	if (json_count(subsets) != 1 || json_count(addresses) != 1)
		return false;
	const char *address = json_get_text(json_first(addresses), "ip");
	return address != NULL && text_equal(address, ip) && ports_are_same(json_get(subset, "ports"), ports);
}

static struct json *target_new(const struct dcs *dcs, const struct object *pod)
{
	struct json *target = json_new_object();
	char version[32];
	snprintf(version, sizeof(version), "%llu", (unsigned long long)pod->version);
	json_set_text(target, "kind", "Pod");
	json_set_text(target, "uid", pod->uid);
	json_set_text(target, "namespace", dcs->params.space);
	json_set_text(target, "name", pod->name);
	json_set_text(target, "resourceVersion", version);
	return target;
}

/* The targetRef of an address that is there already. */
static const struct json *known_target(const struct json *subsets, const char *ip, const char *name)
{
	for (const struct json *subset = json_first(subsets); subset != NULL; subset = json_next(subset))
		for (const struct json *address = json_first(json_get(subset, "addresses")); address != NULL;
		     address = json_next(address)) {
			const struct json *target = json_get(address, "targetRef");
			if (text_equal(text_or(address, "ip", ""), ip) && text_equal(text_or(target, "name", ""), name))
				return target;
		}
	return NULL;
}

static struct json *address_new(const struct dcs *dcs, const struct object *pod, const char *ip,
				const struct json *subsets)
{
	struct json *address = json_new_object();
	json_set_text(address, "ip", ip);
	if (pod == NULL)
		return address;
	const struct json *spec = json_get(pod->json, "spec"), *target = known_target(subsets, ip, pod->name);
	json_set_text(address, "hostname", json_get_text(spec, "hostname"));
	json_set_text(address, "nodeName", json_get_text(spec, "nodeName"));
	json_set(address, "targetRef", target != NULL ? json_copy(target) : target_new(dcs, pod));
	return address;
}

struct json *subsets_wanted(const struct dcs *dcs, const struct object *pod, const char *ip,
			    const struct object *leader)
{
	const struct json *subsets = leader != NULL ? json_get(leader->json, "subsets") : NULL;
	if (!dcs->params.use_endpoints || ip[0] == '\0')
		return NULL;
	struct json *ports = ports_new(&dcs->params);
	if (subsets_match(subsets, ip, ports)) {
		json_free(ports);
		return NULL;
	}
	struct json *list = json_new_array(), *subset = json_new_object(), *addresses = json_new_array();
	json_push(addresses, address_new(dcs, pod, ip, subsets));
	json_set(subset, "addresses", addresses);
	json_set(subset, "ports", ports);
	json_push(list, subset);
	return list;
}
