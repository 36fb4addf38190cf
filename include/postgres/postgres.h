/* One PostgreSQL, driven through the supervisor and by SQL: senses (struct instance) and acts. The simulator has a
 * model behind the same calls.
 *
 * Acts are asynchronous and report back only by changing what is sensed (job, failures, tree ...); `on_change` says
 * that something did. One job at a time: an act that cannot start now fails at once through the same way. Nobody but
 * the two gates in core (may_become_writable, may_release) decides about writability; the supervisor checks again. */
#ifndef HOWDAH_POSTGRES_POSTGRES_H
#define HOWDAH_POSTGRES_POSTGRES_H

#include "codec/config.h"
#include "core/details.h"
#include "core/instance.h"
#include "io/loop.h"

struct postgres;

struct postgres_params {
	const struct config *config;  /* borrowed; postgres_reload after it changed */
	uint64_t generation;          /* of this agent, for the supervisor: larger than any earlier one's */
	void (*on_change)(void *arg); /* through the loop, never from inside a call */
	void (*on_probed)(void *arg); /* or NULL: a probe has ended, also one that changed nothing */
	void *arg;
};

/* In a pod: puts a passwd file into RUN_DIR, and the supervisor's program to RUN_DIR/bin, from where the PostgreSQL container runs it. Before the REST
 * API answers, because the kubelet starts that container then. A running supervisor goes on as it is. */
MUST_CHECK bool postgres_place_supervisor(const struct config *config, struct err *err);

struct postgres *postgres_create(struct loop *loop, const struct postgres_params *params, struct err *err);
void postgres_destroy(struct postgres *pg); /* takes NULL; PostgreSQL and the supervisor go on */
const struct instance *postgres_instance(const struct postgres *pg);

/* Whom to follow. */
struct upstream {
	char member[NAME_SIZE]; /* "": nobody (a standby without upstream) */
	char host[HOST_SIZE];
	int port;
};

/* ---- the deadline ---- */

struct deadline_order {
	struct instant at; /* T; unset: disarm, only when nothing can be writable */
	struct lease_token token;
	bool answered;  /* the API has answered a lock write of this agent */
	bool unguarded; /* the cluster is paused: the supervisor acts on nothing by itself */
};
/* Gives the supervisor T. Completes by instance.deadline, token and unguarded. */
void postgres_set_deadline(struct postgres *pg, const struct deadline_order *order);
void postgres_fence(struct postgres *pg);   /* SIGKILL to everything, now */
void postgres_term_go(struct postgres *pg); /* the container may end */

/* ---- jobs ---- */

void postgres_initdb(
	struct postgres *pg); /* into an empty directory; marks it as this attempt's until postgres_bootstrap_done */
/* The same by bootstrap.METHOD.command; its recovery, if it has one, ends in a promotion after postgres_start_primary. */
void postgres_restore(struct postgres *pg);
/* Into an empty directory, by postgresql.create_replica_methods in their order; `from` nobody: by those that need no leader;
 * `basebackup`: by pg_basebackup alone. */
void postgres_clone(struct postgres *pg, const struct upstream *from, bool basebackup);
void postgres_start_standby(struct postgres *pg, const struct upstream *upstream);
void postgres_start_primary(
	struct postgres *pg,
	const struct lease_token *token); /* writes the armed marker first; local_only while bootstrapping */
/* To exactly that timeline: the numbers between ours and it are made unusable, then the armed marker, then the supervisor's PROMOTE. */
void postgres_promote(struct postgres *pg, const struct lease_token *token, uint32_t timeline);
/* The marker of a standby: the timeline it streams, and the lease with which that began. Blocks for one small file. */
void postgres_mark_timeline(struct postgres *pg, uint32_t timeline, const struct lease_token *token);
void postgres_stop(struct postgres *pg,
		   bool immediate); /* fast or immediate; escalates by settings.primary_stop_timeout if set */
/* Fast, after a CHECKPOINT of at most half a minute: what is stopped to be started again is away for a shorter time. */
void postgres_stop_after_checkpoint(struct postgres *pg);
void postgres_follow(struct postgres *pg,
		     const struct upstream *upstream); /* a running standby: rewrite, reload or restart */
void postgres_post_bootstrap(struct postgres *pg);     /* roles and their rights on a new primary */
void postgres_bootstrap_done(
	struct postgres *pg);                  /* initialize was written: the directory is nobody's attempt any more */
void postgres_move_aside(struct postgres *pg); /* the whole data directory to DIR.failed.TIME (.failed.TIME/ inside a
						  mount point); what this attempt made and marked is removed instead */
/* Onto the history of `from` (contract 5.12): the server is down. What ended uncleanly is brought to a clean end in single-user
 * mode first, what is ready to be archived is archived, WAL that pg_rewind misses is fetched with restore_command. Under
 * a marker until it has succeeded (safety.md S14). */
void postgres_rewind(struct postgres *pg, const struct upstream *from);
/* The whole data directory, its tablespaces and a pg_wal elsewhere are removed: only where a person or a setting asked for it. */
void postgres_wipe(struct postgres *pg);
void postgres_cancel_job(struct postgres *pg); /* kills what a running initdb or clone started; other jobs go on */
void postgres_reload(struct postgres *pg);     /* the configuration changed: files are rewritten, the server reloads */

/* Member slots on a primary (contract 5.13): exactly these physical slots exist afterwards, other people's are left
 * alone. */
void postgres_sync_slots(struct postgres *pg, const char (*slots)[NAME_SIZE], int count);
void postgres_checkpoint(struct postgres *pg); /* after a promotion; asynchronous, instance.control_timeline shows it */

/* ---- other people's programs and passwords ---- */

/* Runs postgresql.callbacks.ACTION with `ACTION ROLE SCOPE` (contract 5.17) beside PostgreSQL, if there is one; one at a time:
 * a running one is killed with its children. `before_stop` and `pre_promote` belong to the jobs stop and promote. */
void postgres_callback(struct postgres *pg, const char *action, const char *role);
/* On a primary: the passwords of superuser, replication and rewind role become those of the configuration (a SCRAM verifier
 * made here, never the clear text in a statement). Nothing is sent when none has changed since the last success. */
void postgres_sync_passwords(struct postgres *pg);

/* ---- sensing ---- */

void postgres_probe(
	struct postgres *pg); /* asks the server once, soon; also done by itself every loop_wait and at events */

const struct postgres_details *postgres_details(
	const struct postgres *pg); /* core/details.h; lives until the next return to the loop */

#endif
