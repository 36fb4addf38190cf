/* The store that members agree through. Kubernetes implements it (dcs/kubernetes); another one would be one more folder
 * behind the same calls.
 *
 * What each call would be in etcd3, in Consul, and in ZooKeeper:
 *
 *   view, on_event      etcd3: range of the prefix, then a watch from its revision, progress notifications as heartbeat. Consul: blocking query on the prefix by its
 *                       index, waits shorter than the idle limit. ZooKeeper: children and data under a persistent recursive watch.
 *   heard               etcd3: any watch response. Consul: any answer. ZooKeeper: a ping's answer.
 *   dcs_refresh         etcd3: a linearizable range. Consul: ?consistent. ZooKeeper: sync() before the reads.
 *   acquire, renew,     etcd3: a txn that compares mod_revision of the leader key. Consul: KV put with ?cas=ModifyIndex. ZooKeeper: setData with the version that
 *   release             was read.
 *   the record          one JSON value with the same five fields. Expiry is judged by observers, by the ttl in the record, everywhere: the holder's deadline and the
 *                       observers' patience must rest on the same fields (safety.md 3). Where a Patroni beside us insists on the store's own expiry, the key is attached
 *                       to a lease, a session or an ephemeral node in addition, never instead.
 *   initialize, config, etcd3: a txn with create_revision 0 or the mod_revision read. Consul: ?cas=0 or the index. ZooKeeper: create, or setData with the version.
 *   history
 *   dcs_remove          etcd3: a delete of the range of the prefix. Consul: ?recurse. ZooKeeper: the nodes below the root, then the root.
 *   members             keys members/NAME with the same status JSON (ephemeral in ZooKeeper, bound to a lease or session in the others).
 *   events              none in the others: dcs_say does nothing.
 *   route               none in etcd3 and ZooKeeper. Consul: labels do it.
 *   labels              none in etcd3 and ZooKeeper: nothing routes by them. Consul: service registration with tags.
 *   versions going back etcd3: another cluster_id, or a revision below the highest seen. Consul: the index went down. ZooKeeper: the root's czxid changed.
 *
 * All calls are asynchronous: they complete exactly once, never before they return. A call retries by itself only what
 * contract 1.12 says, within `limit_ms`; whether to try again next turn is decided in core. Every write carries the
 * version it was decided on; a lock write without one is refused here. */
#ifndef HOWDAH_DCS_DCS_H
#define HOWDAH_DCS_DCS_H

#include "base/err.h"
#include "core/cluster.h"
#include "io/loop.h"

struct dcs;

enum dcs_event {
	DCS_VIEW_CHANGED,   /* something in the view that a decision may rest on */
	DCS_CONFIG_CHANGED, /* the text of `config` */
};

enum dcs_outcome {
	DCS_DONE,
	DCS_CONFLICT,  /* refused by the version: somebody else was first; the view has been or is being refreshed */
	DCS_REFUSED,   /* forbidden, or not acceptable: an answer came and it is no */
	DCS_NO_ANSWER, /* it may have happened, may happen later, or not */
	DCS_DENIED,    /* of a lock write: as NO_ANSWER, because we are not known or have no rights (401, 403) */
};

typedef void dcs_done(void *arg, enum dcs_outcome outcome, const char *text); /* text: what went wrong, "" when DONE */

struct dcs_callbacks {
	void (*on_event)(void *arg, enum dcs_event event);
	void (*on_lock_send)(void *arg,
			     const struct lease_send *send); /* before each send of a lock write: remember it */
	void *arg;
};

const struct cluster *dcs_view(const struct dcs *dcs); /* valid until the next return to the loop */
/* For people: what the store refuses us just now, or whose our objects are; "": nothing. */
const char *dcs_refusal(const struct dcs *dcs);
const char *dcs_config_text(const struct dcs *dcs);        /* the `config` annotation, "" when there is none */
const char *dcs_history_text(const struct dcs *dcs);       /* the `history` annotation, "[]" when there is none */
const char *dcs_failsafe_text(const struct dcs *dcs);      /* the `failsafe` annotation, "" when there is none */
const char *dcs_failsafe_uids_text(const struct dcs *dcs); /* howdah.io/failsafe-uids, "" when there is none */
const char *dcs_member_status_text(const struct dcs *dcs,
				   const char *name); /* a member's `status` annotation, "" when there is none */
void dcs_destroy(struct dcs *dcs);                    /* takes NULL; open calls are dropped without completing */

/* Reads everything again, consistently (a quorum read: no resourceVersion parameter), and completes when the view rests
 * on it. */
void dcs_refresh(struct dcs *dcs, int64_t limit_ms, dcs_done *done, void *arg);

/* ---- the lock: one write at a time, on a connection of its own ---- */

struct dcs_position {               /* rides on every renewal and on a release */
	uint64_t optime_lsn;        /* 0: not written */
	const char *slots;          /* compact JSON object, or "" for none */
	const char *retain_slots;   /* JSON array, or "" for none */
	const char *positions;      /* howdah.io/positions: {"member": [received, replayed]}, "": none */
	uint32_t timeline;          /* howdah.io/timeline: the one we lead on ... */
	const char *timeline_token; /* ... and the token it began with; "" when unknown */
};

struct dcs_lock_write {
	int64_t ttl_ms;              /* whole seconds */
	int64_t limit_ms;            /* for the whole call, retries included */
	struct lease_token token;    /* renew: ours; acquire: ignored */
	uint64_t version;            /* acquire: of the leader object decided on; 0: there was none */
	uint32_t claim_timeline;     /* howdah.io/next-timeline; 0: left as it is */
	struct instant create_until; /* renew: a missing object is made anew only before this; unset: never */
	bool clears_route;           /* release: nobody is known to take over: the route leads nowhere from now on */
	char heir[NAME_SIZE];        /* release: howdah.io/heir, who has everything and is to be next; "": nobody */
	const char *failsafe;        /* acquire, renew: JSON of failsafe mode's members; NULL: left as it is */
	const char *failsafe_uids;   /* with it: howdah.io/failsafe-uids, which pod each of them is */
	const char *pod_ip;          /* for the subsets of Endpoints mode; "" unknown */
	struct dcs_position position;
};

bool dcs_lock_busy(const struct dcs *dcs); /* a lock write is on its way: another one would be refused */
void dcs_acquire(struct dcs *dcs, const struct dcs_lock_write *write, dcs_done *done, void *arg);
void dcs_renew(struct dcs *dcs, const struct dcs_lock_write *write, dcs_done *done,
	       void *arg); /* CONFLICT: the lock is not ours any more */
void dcs_release(struct dcs *dcs, const struct dcs_lock_write *write, dcs_done *done,
		 void *arg); /* sent once, never repeated (safety.md S15) */

/* ---- cluster-wide state: by the version of the config object in the view ---- */

/* `initialize` "" where there is none, or where the pod that began is gone; names us as the initializer. */
void dcs_initialize_begin(struct dcs *dcs, dcs_done *done, void *arg);
void dcs_initialize_cancel(struct dcs *dcs, dcs_done *done, void *arg); /* only while it is "" and ours */
void dcs_initialize_finish(struct dcs *dcs, const char *system_identifier,
			   const char *config_text /* or NULL: leave it */, dcs_done *done, void *arg);
bool dcs_initialize_is_ours(const struct dcs *dcs); /* "" and begun by this pod */
/* The whole `config` annotation, if the config object still has that version (0: there is none); else CONFLICT. */
void dcs_write_config(struct dcs *dcs, const char *config_text, uint64_t version, dcs_done *done, void *arg);
/* The failover object; a move that asks for nothing clears it. */
void dcs_write_move(struct dcs *dcs, const struct move *move, dcs_done *done, void *arg);
/* howdah.io/lease-ttl: before a lock write may carry a longer ttl; it outlives the leader object. */
void dcs_note_lease_ttl(struct dcs *dcs, int64_t ttl_s, dcs_done *done, void *arg);
void dcs_write_history(struct dcs *dcs, const char *history_text, const char *beginnings_text, dcs_done *done,
		       void *arg);
const char *dcs_beginnings_text(
	const struct dcs *dcs); /* howdah.io/timelines: {"2":"<lease token>",...}, "{}" when there is none */

/* All objects of the cluster but its pods, for good, at one blow and whatever their versions; for howdahctl. */
void dcs_remove(struct dcs *dcs, dcs_done *done, void *arg);

/* ---- members ---- */

struct dcs_member_write {
	const char *status; /* compact JSON, contract 1.8 */
	enum { LABEL_NONE, LABEL_LEADER, LABEL_REPLICA, LABEL_OTHER } label;
	const char *other_label; /* with LABEL_OTHER */
	bool serves_replicas;    /* the label howdah.io/replica, by which the replicas' Service finds pods, is on */
	bool bootstrapping;      /* bootstrap_labels are on */
};

/* Nothing is sent, and DONE follows, when the pod already says all that. */
void dcs_write_member(struct dcs *dcs, const struct dcs_member_write *write, dcs_done *done, void *arg);

/* Takes the leader's label off another member's pod, by its version and uid. */
void dcs_take_label_off(struct dcs *dcs, const char *member, dcs_done *done, void *arg);

/* ---- the route, where it is an object of its own (core: ROUTE_SLICE); elsewhere the call is refused ---- */

/* Looks at it, and makes it name our pod and this lease unless it does. The lock is read after it and before the write, which
 * carries its version: whoever has lost the lock changes nothing that a later holder wrote. CONFLICT: the lock is not ours any
 * more, or it was changed by others meanwhile. REFUSED: the store forbids it, for now. */
void dcs_write_route(struct dcs *dcs, const struct lease_token *token, dcs_done *done, void *arg);

/* ---- the roll-out (core/rollout.h), where members are pods of a StatefulSet; elsewhere every call is refused ---- */

/* Reads the StatefulSet and the ControllerRevisions that its pods differ by; the view's `set` and members show what came of it. */
void dcs_look_at_rollout(struct dcs *dcs, dcs_done *done, void *arg);
/* The steps: by the version and uid of the pod in the view, and for the revision that the set wants. CONFLICT: not now; of an
 * eviction also because of a PodDisruptionBudget. */
/* The first write that the live pod lacks: the image of its sidecar, then the resources of its containers. */
void dcs_change_pod(struct dcs *dcs, const char *member, dcs_done *done, void *arg);
void dcs_set_revision(struct dcs *dcs, const char *member, dcs_done *done, void *arg); /* its revision label */
void dcs_evict(struct dcs *dcs, const char *member, dcs_done *done, void *arg);
/* For people: why the resources of this member's containers are not as they are wanted; "": they are, or nobody has tried. */
enum { RESIZE_TEXT_SIZE = 256 };
void dcs_tell_resize(const struct dcs *dcs, const char *member, char *text, size_t size);
/* howdah.io/rollout of the config object. */
void dcs_pause_rollout(struct dcs *dcs, bool paused, dcs_done *done, void *arg);

/* Raises the request of a PersistentVolumeClaim; one that asks for as much or more is left alone. The text of DONE: what was changed, "" for
 * nothing; of REFUSED what the store says. Elsewhere it is refused. */
void dcs_grow_claim(struct dcs *dcs, const char *claim, const char *size, dcs_done *done, void *arg);

/* ---- events, for people ---- */

struct dcs_notice {
	const char *reason; /* one word in CamelCase: Promoted */
	const char *text;   /* a sentence; more than 500 bytes are cut */
	bool is_warning;
};

/* About our own pod. Best effort: sent some time later, beside everything else, counted up when it is said again, dropped when
 * there is too much to say or the store does not take it. */
void dcs_say(struct dcs *dcs, const struct dcs_notice *notice);

#endif
