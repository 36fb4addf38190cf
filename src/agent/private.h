/* What the files of the agent share. */
#ifndef HOWDAH_AGENT_PRIVATE_H
#define HOWDAH_AGENT_PRIVATE_H

#include "agent/agent.h"
#include "base/strbuf.h"
#include "core/slots.h"
#include "dcs/dcs.h"
#include "io/http_client.h"
#include "io/http_server.h"
#include "postgres/postgres.h"
#include "rest/rest.h"

/* The contract's level, which peers parse and act on; our own is howdah_version (pod.md 3). */
#define CONTRACT_VERSION "4.1.4"

enum {
	AGAIN_MS = 1000,
	WAITING_MAX = 64,
	STATUS_SIZE = 4096,
	SLOTS_TEXT_SIZE = MEMBERS_MAX * (NAME_SIZE + 1) + 1,
	ROLLOUT_TEXT_SIZE = 1024
};

struct peer_call { /* one question to one member */
	struct agent *agent;
	struct http_call *call; /* NULL: none is on its way */
	char name[NAME_SIZE];
	struct instant sent;
};

struct seen_instance { /* what of an instance's change does not wait */
	enum pg_tree tree;
	enum pg_job job;
	int answers, in_recovery, crashed;
	struct instant deadline;
};

/* What our pod should say, beside what the configuration says. */
struct status_source {
	uint64_t lsn, replay_lsn, receive_lsn; /* the last two: 0: not said */
	enum member_state state;
	enum member_role role;
	int label;
	uint32_t timeline;          /* 0: not said */
	char replication_state[24]; /* "": not said */
	bool has_lsn, checkpoint_is_pending, pending_restart, paused, replica_label;
	char none[3];
	char rollout[ROLLOUT_TEXT_SIZE];                           /* JSON object; "": none */
	char scheduled_restart[256], pending_restart_reason[1024]; /* JSON objects; "": none */
};
static_assert(sizeof(struct status_source) == 3 * 8 + 4 * 4 + 24 + 4 + 4 + ROLLOUT_TEXT_SIZE + 256 + 1024,
	      "no padding: it is compared bytewise");

struct rollout_words {                          /* for people */
	char step[NAME_SIZE * 2], refusal[256]; /* the last one; what was said to it */
	enum action action;                     /* of the last one */
	char report[ROLLOUT_TEXT_SIZE];         /* JSON object; "": there is nothing to say */
	int said;                               /* the row that was last logged */
};

struct agent {
	struct seen_instance seen;
	struct loop *loop;
	struct config config;
	char config_path[URL_SIZE];
	struct http_client *http;
	struct dcs *dcs;
	struct postgres *pg;
	struct http_server *rest;
	struct loop_timer *timer;
	struct self self;
	struct plan plan;
	int fenced_by;          /* the guard's row of the turn before */
	const char *fenced_why; /* NULL: not by us */
	struct notices *notices;
	struct {
		int open, members;     /* requests; members at the last look */
		struct instant looked; /* unset: it is due */
	} volumes;
	struct instant turned;        /* the last turn */
	struct lease_token refreshed; /* the token for which a consistent read is on its way */

	bool config_known; /* the store's configuration was applied, or there is none */
	bool object_seen;  /* there was a leader object at the last turn */
	struct wall dcs_seen;
	struct peer_call calls[MEMBERS_MAX + 1]; /* the last one: of a holder whose pod is gone */
	int calls_open;
	struct {
		char uid[UID_SIZE], name[NAME_SIZE], api_url[URL_SIZE];
	} holder;         /* of the lock, as its pod was last seen */
	char *beginnings; /* that self.beginning was read from, for this timeline; NULL: not yet */
	uint32_t beginnings_timeline;
	struct status_source said;   /* what status and essential were made of */
	bool said_is_old;            /* ... under another configuration */
	char status[STATUS_SIZE];    /* what our pod should say */
	char essential[STATUS_SIZE]; /* the same without positions: a change is written at once */
	char essential_written[STATUS_SIZE];
	struct instant published, publish_failed, store_failed, labels_failed;
	bool store_open;                         /* a write of the cluster's state is on its way */
	int labels_open;                         /* writes of other pods' labels that are on their way */
	char slots[SLOTS_TEXT_SIZE];             /* member slots that the server was told to have, a name a line */
	bool slots_of_primary;                   /* ... as a primary */
	struct instant slots_synced;             /* when */
	struct kept_slots kept_slots;            /* of a primary */
	struct http_reply *waiting[WAITING_MAX]; /* who asked for the status and waits for the server's answer */
	int waiting_count;
	struct instant waiting_since; /* when the last of them asked */
	struct loop_timer *waiting_timer;
	struct peer_call failsafe_calls[2 * MEMBERS_MAX];
	size_t failsafe_open;                /* questions of the present round without an answer */
	char *failsafe_urls, *failsafe_uids; /* as last written; NULL: not written */
	char failsafe_asked[4096];           /* the pods of the present round: lines "name uid" */
	char failsafe_agreed[4096];          /* of the last one in which all agreed */
	bool failsafe_refused, failsafe_said;
	int64_t failsafe_for_ms;
	bool callback_running, callback_role_seen,
		callback_restarts; /* as of the last turn that callbacks were told of */
	enum member_role callback_role;
	struct orders *orders;
	char move_why[ERR_TEXT_MAX]; /* why we cleared the last wish to move the lead; "": it was done */
	const char *restart_why;     /* why the last restart that was asked for was dropped; NULL: it was not */
	const char *copy_why;        /* the same of the last new copy */
	struct rollout_words rollout;
	bool clone_from_leader; /* the next clone, by a person's word */
	const char *const *environment;
	bool watches_files, was_paused;
	bool cache_is_right; /* the file beside the data says what is in force */
	struct instant cache_failed;
	enum { NAME_UNKNOWN, NAME_ASKED, NAME_FREE, NAME_TAKEN } name_state;
	struct http_call *name_call; /* NULL: none is on its way */
	loop_fn *on_refused;
	void *on_refused_arg;
	uint64_t config_stamp, tls_stamp;
	struct loop_timer *reload_timer, *look_timer;
	struct recorder *recorder; /* NULL: none */
	struct rest_counters counters;
};

struct situation agent_situation(const struct agent *agent);
void agent_wake(struct agent *agent);     /* something changed: turn soon */
void agent_wake_now(struct agent *agent); /* something changed that a failover waits for */

/* sense.c: everything that a turn looks at, into agent->self */
void agent_sense(struct agent *agent, struct instant now);
const struct member *agent_own_member(const struct agent *agent);

/* effects.c */
void agent_act(struct agent *agent, enum action action);

/* lock.c: effectors of the lock */
void agent_acquire(struct agent *agent);
void agent_renew(struct agent *agent);
void agent_release(struct agent *agent);
void agent_cap_deadline(struct agent *agent);
void agent_set_deadline(struct agent *agent);
void agent_forget_lease(struct agent *agent);
void agent_refresh(struct agent *agent);
void agent_on_lock_send(void *arg, const struct lease_send *send);
void agent_credit(struct agent *agent, struct instant now);
void agent_resume_lease(struct agent *agent);

/* peers.c */
void agent_ask_peers(struct agent *agent);
void agent_cancel_peers(struct agent *agent);

struct http_tls agent_peer_tls(const struct agent *agent); /* what members show each other */
const char *agent_peer_user(const struct agent *agent);    /* NULL: none */
const char *agent_peer_password(const struct agent *agent);

/* failsafe.c */
void agent_name_failsafe_members(struct agent *agent);
void agent_forget_failsafe_members(struct agent *agent);
bool agent_failsafe_covers_lock(const struct agent *agent); /* all whom the lock names have agreed */
void agent_ask_failsafe(struct agent *agent);
void agent_cancel_failsafe(struct agent *agent);
bool agent_take_failsafe_ping(struct agent *agent, const struct failsafe_ping *ping); /* false: refused */

/* publish.c: own pod, labels of others, history */
const char *agent_rest_scheme(const struct agent *agent);
/* SCHEME://HOST:PORT/PATH, IPv6 in brackets */
void agent_add_url(struct json *to, const char *key, const char *scheme, const struct config_address *at,
		   const char *path);
void agent_build_status(struct agent *agent);
void agent_publish(struct agent *agent);
bool agent_label_is_right(const struct agent *agent, const struct member *own);
void agent_store_done(void *arg, enum dcs_outcome outcome, const char *text);
void agent_take_labels_off(struct agent *agent);
void agent_write_history(struct agent *agent);

/* route.c */
void agent_write_route(struct agent *agent);

/* rollout.c */
void agent_sense_rollout(struct agent *agent);
void agent_look_at_rollout(struct agent *agent);
void agent_change_pod(struct agent *agent);
void agent_set_revision(struct agent *agent);
void agent_evict(struct agent *agent);
void agent_hand_over(struct agent *agent);

/* notices.c: what people are told, in the log and as Events */
struct notices *notices_create(void);
void notices_destroy(struct notices *notices); /* takes NULL */
void agent_notices_turn(struct agent *agent);
const char *agent_problem(const struct agent *agent); /* the first that was told and still holds; NULL: none */
void agent_notice(struct agent *agent, bool is_warning, const char *reason, const char *format, ...) PRINTF_LIKE(4, 5);

/* volumes.c */
void agent_volumes_turn(struct agent *agent);

/* name.c */
bool agent_name_is_free(struct agent *agent); /* false: that is being found out, or it is not */
void agent_cancel_name(struct agent *agent);

/* cache.c */
/* What is in force until the store is read. */
MUST_CHECK bool agent_begin_config(struct config *config, struct err *err);
void agent_keep_config(struct agent *agent);

/* callbacks.c */
void agent_callbacks_turn(struct agent *agent);

/* orders.c: what people asked for */
struct orders *orders_create(void);
void orders_destroy(struct orders *orders); /* takes NULL; every one that is open is answered */
/* Answers now or later; `answer` is taken over. */
void orders_take(struct agent *agent, struct http_reply *reply, struct rest_answer *answer);
void orders_turn(struct agent *agent);
void orders_tell_lost(struct agent *agent); /* at the first look at the store; later it does nothing */
void agent_drop_restart(struct agent *agent, const char *why);

/* reload.c */
void agent_start_reload(struct agent *agent);
void agent_stop_reload(struct agent *agent);
void agent_reload_soon(struct agent *agent);
void agent_apply_times(struct agent *agent); /* the settings have changed: the store and PostgreSQL take them up */

/* slots.c */
void agent_sense_slots(struct agent *agent, struct instant now);
void agent_sync_slots(struct agent *agent);
void agent_retained_slots(const struct agent *agent, struct strbuf *to); /* JSON array; nothing: none */

/* rest.c */
void agent_send(struct http_reply *reply, const struct rest_answer *answer);
struct http_server *agent_start_rest(struct agent *agent, struct err *err);
void agent_stop_rest(struct agent *agent);
void agent_rest_probed(struct agent *agent); /* the server may have answered: so may we */

/* recorder.c */
struct recorder *recorder_open(const char *run_dir, struct err *err);
void recorder_close(struct recorder *recorder); /* takes NULL */
void recorder_turn(struct recorder *recorder, const struct situation *s, const struct plan *plan,
		   struct wall wall); /* takes NULL */

#endif
