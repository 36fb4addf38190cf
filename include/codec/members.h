/* The cluster's members as one JSON document (contract 3.6): what GET /cluster answers and what `howdahctl list` shows. */
#ifndef HOWDAH_CODEC_MEMBERS_H
#define HOWDAH_CODEC_MEMBERS_H

#include "codec/json.h"
#include "core/cluster.h"

struct members_params {
	const struct member *members; /* sorted by name */
	int count;
	/* A member's status annotation, for what struct member does not hold: tags and the reasons for a restart; "" or
	 * NULL when there is none. The function may be NULL. */
	const char *(*status_text)(const void *arg, const char *name);
	const void *arg;
	const char *leader; /* who holds the lock now; "": nobody */
	bool standby_cluster, paused;
	const struct move *move; /* NULL, or what the failover object asks for; shown when it is scheduled */
	uint64_t optime_lsn;
	const char *scope;
};

struct json *members_document(const struct members_params *params); /* json_free it */

/* Puts what the member itself answered over what its pod said. */
void member_freshen(struct member *member, const struct peer_answer *answer);

/* The dynamic configuration makes it a standby cluster (contract 2.4). NULL is no configuration. */
bool config_is_standby_cluster(const struct json *dynamic);

#endif
