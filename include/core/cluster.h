/* The cluster as the store shows it and as its members answer, in fixed-size values: what decisions are made on. */
#ifndef HOWDAH_CORE_CLUSTER_H
#define HOWDAH_CORE_CLUSTER_H

#include "core/history.h"
#include "core/lease.h"
#include "core/order.h"

/* Contract 1.8.1; the order is that of the metric. */
enum member_state {
	STATE_INITDB,
	STATE_INITDB_FAILED,
	STATE_CUSTOM_BOOTSTRAP,
	STATE_CUSTOM_BOOTSTRAP_FAILED,
	STATE_CREATING_REPLICA,
	STATE_RUNNING,
	STATE_STARTING,
	STATE_BOOTSTRAP_STARTING,
	STATE_START_FAILED,
	STATE_RESTARTING,
	STATE_RESTART_FAILED,
	STATE_STOPPING,
	STATE_STOPPED,
	STATE_STOP_FAILED,
	STATE_CRASHED,
	STATE_UNKNOWN,
	STATE_COUNT
};

enum member_role {
	ROLE_UNINITIALIZED,
	ROLE_REPLICA,
	ROLE_PRIMARY,
	ROLE_STANDBY_LEADER,
	ROLE_DEMOTED,
	ROLE_PROMOTED,
	ROLE_COUNT
};

const char *member_state_text(enum member_state state);
enum member_state member_state_from_text(const char *text); /* STATE_UNKNOWN for anything else */
const char *member_role_text(enum member_role role);
enum member_role member_role_from_text(
	const char *text); /* "master" is primary; ROLE_UNINITIALIZED for anything else */

/* How a pod differs from what its StatefulSet wants. */
enum revision_change {
	CHANGE_UNKNOWN, /* the revisions were not compared yet */
	CHANGE_NONE,
	CHANGE_SIDECAR,   /* only the image of its sidecar */
	CHANGE_RESOURCES, /* only that, and cpu and memory of its containers */
	CHANGE_MORE,
	CHANGE_COUNT
};

/* How far it is with the resources of its containers, where they differ from what is wanted. */
enum resize_state {
	RESIZE_NONE,    /* there is nothing (more) to change */
	RESIZE_WANTED,  /* it was not asked for yet */
	RESIZE_PENDING, /* it was, and the kubelet has yet to do it */
	RESIZE_REFUSED, /* by the store for this revision, or by the pod's kubelet for good */
	RESIZE_COUNT
};

/* A member as its pod says: labels, status annotation. Old news: a dead one keeps what it last said (contract trap 1).
 */
struct member {
	char name[NAME_SIZE];
	char pod_uid[UID_SIZE];
	uint64_t version;           /* of the pod */
	char role_label[NAME_SIZE]; /* "": none */
	bool replica_label;         /* howdah.io/replica, by which the replicas' Service finds it */
	bool deleting, ready;       /* deletionTimestamp is set; the Ready condition */
	bool has_status;            /* the rest was understood */
	bool is_howdah;             /* its status carries howdah_version */
	enum member_state state;
	enum member_role role;
	char api_url[URL_SIZE]; /* ends in /patroni; "": unknown */
	char conn_host[HOST_SIZE];
	int conn_port;
	uint32_t timeline;
	uint64_t xlog_lsn;
	uint64_t receive_lsn, replay_lsn;
	char replication_state[24];
	char member_version[24];
	bool nofailover, clonefrom, noloadbalance, nostream, checkpoint_pending, pending_restart, paused;
	bool position_told;    /* the leader tells the positions, in the write that tells its own */
	bool failsafe_named;   /* the leader object counts on this very pod in failsafe mode */
	int failover_priority; /* 1 when it says nothing */
	char replicatefrom[NAME_SIZE];
	bool owned;               /* by the StatefulSet that our own pod belongs to */
	char revision[NAME_SIZE]; /* its controller-revision-hash; "": none */
	enum revision_change change;
	bool patched;          /* its sidecar has the wanted image by now, and its revision does not say so yet */
	bool sidecar_replaced; /* ... and runs with it */
	bool sidecar_pending;  /* it got some image, wanted then or now, and still runs with the one before */
	enum resize_state resize;
	int64_t sidecar_away_ms; /* how long that took, where it was replaced for the wanted revision; -1: unknown */
};

enum { LACKS_SIZE = 112 };

/* What a member answered to GET /patroni. */
struct peer_answer {
	char name[NAME_SIZE];
	struct instant asked;    /* when the last question ended */
	struct instant answered; /* when the last question that got an answer was sent; it is at least that young */
	bool silent;             /* the last question ended without an answer */
	bool in_recovery;        /* contract 5.10 */
	bool streaming;
	enum member_state state;
	uint32_t timeline;
	uint64_t received_lsn, replayed_lsn, lsn; /* lsn: the larger, or its position as a primary */
	enum member_role role;
	bool nofailover;
	int failover_priority;
	bool failsafe_active;             /* it stands back for a primary that cannot reach the store */
	char failsafe_free_uid[UID_SIZE]; /* the pod that answers, if no primary counts on it; "": it does not say so */
	char lacks[LACKS_SIZE];           /* rejoin_lacks() of it; "": nothing, or it does not say */
	bool sees_leader;                 /* it says that somebody holds the lock (not cluster_unlocked) */
	char given_back
		[LEASE_TEXT_SIZE]; /* the record that it held, and of which it says that it gave it back; "": none */
	uint64_t given_back_lsn;   /* ... and where its PostgreSQL ended; 0: it does not say so */
};

enum initialize_state { INITIALIZE_ABSENT, INITIALIZE_RUNNING /* "" */, INITIALIZE_DONE, INITIALIZE_UNREADABLE };

/* The StatefulSet that our own pod belongs to, as it was last looked at. */
struct wanted_set {
	bool known;     /* ... and its controller has seen what it wants */
	bool forbidden; /* the last look was refused */
	bool on_delete; /* it leaves the replacing of pods to us */
	struct instant looked;
	int replicas, first;                       /* how many, and the number of the first */
	char name[NAME_SIZE], revision[NAME_SIZE]; /* revision: the update revision */
};

struct cluster {
	bool loaded;          /* both lists were read at least once and their watches are open */
	struct instant heard; /* last answer or watch event of the API, of any kind */
	struct lease_object leader;
	uint64_t optime_lsn;       /* of the leader object */
	char heir[NAME_SIZE];      /* howdah.io/heir: to whom the lock was given when it was released; "": nobody */
	struct move move;          /* what the failover object asks for */
	char slots[1024];          /* `slots` annotation as it is; "" none */
	char holder_uid[UID_SIZE]; /* howdah.io/holder-uid; "" none */
	bool failsafe_known;       /* the leader object names members of failsafe mode */
	uint32_t begun_timeline;   /* the largest of which howdah.io/timelines says how it began; 0: none */
	uint32_t claimed_timeline; /* howdah.io/next-timeline: what its holder will promote to; 0: it does not say */
	char leader_beginning[96]; /* the lease with which leader_timeline began; "": it does not say */
	uint32_t leader_timeline;  /* howdah.io/timeline of the leader object; 0: it does not say */
	enum initialize_state initialize;
	bool initializer_gone;              /* with INITIALIZE_RUNNING: no pod is left that began it */
	char system_identifier[SYSID_SIZE]; /* with INITIALIZE_DONE */
	int64_t lease_ttl_s; /* howdah.io/lease-ttl: no lease has a longer ttl than this; 0: it does not say */
	uint64_t config_object_version; /* of the config object; 0: it does not exist */
	bool has_config;                /* its `config` annotation exists and is an object */
	bool has_history;
	bool rollout_paused; /* howdah.io/rollout of the config object */
	struct wanted_set set;
	struct history history;
	int member_count;
	struct member members[MEMBERS_MAX]; /* sorted by name */
};

const struct member *cluster_member(const struct cluster *cluster, const char *name); /* NULL: none */
void copy_member_name(char to[static NAME_SIZE], const struct member *member);        /* NULL: "" */

/* Contract 5.22: last entry's timeline + 1, 1 for an empty history, 0 unknown; or begun_timeline, where numbers were passed over. */
uint32_t cluster_timeline(const struct cluster *cluster);

/* `postgres-0` -> `postgres_0`, as contract 2.8 says. */
void slot_name_from_member(const char *member, char *slot, size_t size);

#endif
