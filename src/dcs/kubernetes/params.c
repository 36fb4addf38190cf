/* From the configuration to what the store needs. */
#include "dcs/kubernetes.h"

#include "base/strbuf.h"

#include <string.h>

/* Beside whatever labels several clusters of a namespace share: the one that tells them apart (contract 1.2). */
static void set_scope_label(struct kubernetes_params *p, const struct config *c)
{
	int at = 0;
	while (at < p->label_count && strcmp(p->labels[at].key, c->kubernetes.scope_label) != 0)
		at++;
	if (at == p->label_count)
		p->label_count++;
	text_copy(p->labels[at].key, sizeof(p->labels[at].key), c->kubernetes.scope_label);
	text_copy(p->labels[at].value, sizeof(p->labels[at].value), c->scope);
}

static_assert((int)KUBERNETES_LABELS_MAX > (int)CONFIG_LABELS_MAX, "one more than the configuration may name");

static void copy_labels(struct kubernetes_params *p, const struct config *c)
{
	p->label_count = c->kubernetes.label_count;
	for (int i = 0; i < p->label_count; i++) {
		text_copy(p->labels[i].key, sizeof(p->labels[i].key), c->kubernetes.labels[i].key);
		text_copy(p->labels[i].value, sizeof(p->labels[i].value), c->kubernetes.labels[i].value);
	}
	set_scope_label(p, c);
	p->bootstrap_label_count = c->kubernetes.bootstrap_label_count;
	for (int i = 0; i < p->bootstrap_label_count; i++) {
		text_copy(p->bootstrap_labels[i].key, sizeof(p->bootstrap_labels[i].key),
			  c->kubernetes.bootstrap_labels[i].key);
		text_copy(p->bootstrap_labels[i].value, sizeof(p->bootstrap_labels[i].value),
			  c->kubernetes.bootstrap_labels[i].value);
	}
}

void kubernetes_params_from_config(struct kubernetes_params *p, const struct config *c)
{
	*p = (struct kubernetes_params){ .use_endpoints = c->kubernetes.use_endpoints,
					 .use_slices = c->settings.route == ROUTE_SLICE,
					 .bypass_api_service = c->kubernetes.bypass_api_service,
					 .port_count = c->kubernetes.port_count,
					 .retriable_code_count = c->kubernetes.retriable_code_count,
					 .default_ttl_s = c->settings.ttl_ms / 1000,
					 .retry_timeout_ms = c->settings.retry_timeout_ms,
					 .loop_wait_ms = c->settings.loop_wait_ms };
	text_copy(p->name, sizeof(p->name), c->name);
	text_copy(p->scope, sizeof(p->scope), c->scope);
	text_copy(p->space, sizeof(p->space), c->kubernetes.space);
	text_copy(p->role_label, sizeof(p->role_label), c->kubernetes.role_label);
	text_copy(p->leader_value, sizeof(p->leader_value), c->kubernetes.leader_value);
	text_copy(p->follower_value, sizeof(p->follower_value), c->kubernetes.follower_value);
	text_copy(p->standby_leader_value, sizeof(p->standby_leader_value), c->kubernetes.standby_leader_value);
	text_copy(p->tmp_role_label, sizeof(p->tmp_role_label), c->kubernetes.tmp_role_label);
	text_copy(p->pod_ip, sizeof(p->pod_ip), c->kubernetes.pod_ip);
	text_copy(p->ca_file, sizeof(p->ca_file), c->kubernetes.ca_file);
	text_copy(p->service_account_dir, sizeof(p->service_account_dir), c->service_account_dir);
	text_copy(p->context, sizeof(p->context), c->kubernetes.context);
	memcpy(p->retriable_codes, c->kubernetes.retriable_codes, sizeof(p->retriable_codes));
	copy_labels(p, c);
	for (int i = 0; i < p->port_count; i++) {
		text_copy(p->ports[i].name, sizeof(p->ports[i].name), c->kubernetes.ports[i].name);
		text_copy(p->ports[i].protocol, sizeof(p->ports[i].protocol), c->kubernetes.ports[i].protocol);
		p->ports[i].port = c->kubernetes.ports[i].port;
	}
	if (p->use_slices && p->port_count == 0) {
		p->port_count = 1;
		p->ports[0].port = c->pg_connect.port;
	}
}
