/* The Kubernetes store: Endpoints or ConfigMaps, watched, changed by compare-and-swap. Facts: contract 1. */
#ifndef HOWDAH_DCS_KUBERNETES_H
#define HOWDAH_DCS_KUBERNETES_H

#include "codec/config.h"
#include "dcs/dcs.h"
#include "io/http_client.h"

enum { KUBERNETES_PORTS_MAX = 8, KUBERNETES_LABELS_MAX = 17, KUBERNETES_SERVERS_MAX = 8 };

struct kubernetes_label {
	char key[128], value[NAME_SIZE];
};

struct kubernetes_params {
	char name[NAME_SIZE];                    /* of this member = of its pod; "": a reader only (howdahctl) */
	char pod_uid[UID_SIZE];                  /* "": taken from the pod when it is first seen */
	char scope[NAME_SIZE], space[NAME_SIZE]; /* scope, namespace */
	int label_count;
	struct kubernetes_label labels[KUBERNETES_LABELS_MAX]; /* in the order of the configuration, the scope label
								  last unless it is among them */
	int bootstrap_label_count;
	struct kubernetes_label bootstrap_labels[KUBERNETES_LABELS_MAX];
	char role_label[128], leader_value[NAME_SIZE], follower_value[NAME_SIZE], standby_leader_value[NAME_SIZE];
	char tmp_role_label[128]; /* "": none */
	bool use_endpoints, bypass_api_service;
	bool use_slices; /* the leader writes the EndpointSlices of the Service that is named like the scope */
	char pod_ip[HOST_SIZE];
	int port_count;
	struct {
		char name[NAME_SIZE], protocol[8];
		int port;
	} ports[KUBERNETES_PORTS_MAX];
	int retriable_code_count;
	int retriable_codes[16];                       /* beside 500, 503, 504 */
	char ca_file[URL_SIZE];                        /* "": the service account's */
	char kubeconfig[URL_SIZE], context[NAME_SIZE]; /* for out of cluster; "": by the contract's rule */
	char service_account_dir[URL_SIZE];            /* "": /var/run/secrets/kubernetes.io/serviceaccount */
	int64_t default_ttl_s, retry_timeout_ms, loop_wait_ms;
	int64_t watch_idle_ms; /* a stream without an event or bookmark for this long is taken for dead; 0: 180 s */
};

void kubernetes_params_from_config(struct kubernetes_params *params, const struct config *config);

/* Connects lazily; fails only on what the configuration says (no kubeconfig, unreadable token), naming the file. */
struct dcs *kubernetes_create(struct loop *loop, struct http_client *http, const struct kubernetes_params *params,
			      const struct dcs_callbacks *callbacks, struct err *err);
void kubernetes_set_times(struct dcs *dcs, int64_t default_ttl_s, int64_t retry_timeout_ms, int64_t loop_wait_ms);

#endif
