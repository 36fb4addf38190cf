/* This member's PostgreSQL as sensed: supervisor, data directory, server. Filled by postgres/postgres.h (or the
 * simulator's model), read by decisions. */
#ifndef HOWDAH_CORE_INSTANCE_H
#define HOWDAH_CORE_INSTANCE_H

#include "base/time.h"
#include "core/cluster.h"

/* As enum tree_state of the supervisor's protocol. */
enum pg_tree {
	PG_TREE_UNKNOWN,
	PG_TREE_DOWN,
	PG_TREE_STARTING,
	PG_TREE_STANDBY,
	PG_TREE_PROMOTING,
	PG_TREE_PRIMARY,
	PG_TREE_STOPPING,
	PG_TREE_FENCING
};

enum data_dir {
	DATA_UNKNOWN, /* not looked at yet, or the volume is not ours */
	DATA_EMPTY,   /* no global/pg_control and nothing but dot files and lost+found */
	DATA_OK,      /* a data directory with a system identifier */
	DATA_INVALID, /* something is in it and it is no data directory */
	DATA_UNREADABLE,
	DATA_MARKED, /* a change of it was begun and not finished (safety.md S14) */
};

/* pg_controldata's "Database cluster state". */
enum control_state {
	CONTROL_UNKNOWN,
	CONTROL_STARTING_UP,
	CONTROL_SHUT_DOWN,
	CONTROL_SHUT_DOWN_IN_RECOVERY,
	CONTROL_SHUTTING_DOWN,
	CONTROL_IN_CRASH_RECOVERY,
	CONTROL_IN_ARCHIVE_RECOVERY,
	CONTROL_IN_PRODUCTION
};

/* What is being done to PostgreSQL right now; one at a time. */
enum pg_job {
	PG_JOB_NONE,
	PG_JOB_INITDB,
	PG_JOB_POST_BOOTSTRAP,
	PG_JOB_CLONE,
	PG_JOB_START_STANDBY,
	PG_JOB_START_PRIMARY,
	PG_JOB_PROMOTE,
	PG_JOB_STOP,
	PG_JOB_FOLLOW,
	PG_JOB_ASIDE,
	PG_JOB_INSPECT,
	PG_JOB_REWIND,
	PG_JOB_WIPE,
	PG_JOB_RESTORE, /* a bootstrap by a method of people's */
	PG_JOB_COUNT
};

struct instance {
	/* the supervisor */
	bool attached;        /* HELLO was answered on a connection that is open */
	struct instant heard; /* its last answer */
	enum pg_tree tree;
	bool writable;     /* something of ours may be able to commit (STARTING as primary and PROMOTING included) */
	bool unguarded;    /* the supervisor acts on nothing by itself: paused */
	bool nothing_left; /* no process of PostgreSQL is left: proof (i) of safety.md rule 4 */
	bool volume_locked;
	int volume_errno;        /* why it is not; 0: it is, or nobody tried */
	bool term_pending;       /* the container is asked to end ... */
	struct instant term_at;  /* ... since then */
	bool fenced;             /* the last end was a fence */
	bool crashed;            /* the postmaster ended without having been told to */
	struct instant deadline; /* as the supervisor holds it; unset: none */
	char token[96];          /* lease token the supervisor keeps */
	uint64_t postmaster_count;
	struct instant postmaster_at; /* its start */

	/* the data directory; refreshed whenever the tree is down */
	enum data_dir data;
	char system_identifier[SYSID_SIZE]; /* "": none */
	enum control_state control;
	uint32_t control_timeline; /* of the latest checkpoint, or the minimum recovery point's when later */
	uint64_t control_lsn;      /* shut down: the checkpoint; in recovery: minimum recovery point */
	bool has_standby_signal;
	bool was_primary;       /* it last ran as a primary: no signal file and control says so */
	bool bootstrap_attempt; /* the directory was made by a bootstrap of ours that is not finished: nobody's data yet
				 */
	/* ... by a method of people's, out of something older: its system identifier may be others', too, and nothing of it
	 * has been told to the store */
	bool restored;
	bool recovers;   /* ... and the recovery that it begins with has not ended: nothing was ever written to it */
	bool roles_made; /* postgres_post_bootstrap has succeeded since this agent attached */
	uint32_t armed_timeline; /* marker on the volume: the timeline we were armed on last; 0 none */
	struct lease_token armed_token;
	int server_version;            /* 150018; 0 unknown */
	bool rewind_marked;            /* with DATA_MARKED: a rewind was begun and not finished ... */
	uint32_t rewind_timeline;      /* ... which can be repeated only on this timeline ... */
	char rewind_source[NAME_SIZE]; /* ... of this member; timeline 0: of anybody */
	bool can_rewind; /* use_pg_rewind is on, pg_rewind was found, and wal_log_hints or checksums are on */

	/* the server, by SQL; age in `probed` */
	struct instant probed; /* last good answer */
	bool answers;          /* the last probe was answered */
	bool in_recovery;
	uint32_t timeline;     /* primary: its own; standby: what it receives or last replayed */
	bool timeline_is_sure; /* a standby: said by its receiver in this life of the server, not only by its files */
	uint64_t write_lsn;    /* primary: current flush position */
	uint64_t receive_lsn, replay_lsn;
	bool streaming;
	bool replay_is_starved;   /* replay waits for settings as large as its primary's (PostgreSQL 14+) */
	uint32_t newest_timeline; /* the largest that its directory knows of, its own included */
	char upstream[NAME_SIZE]; /* member it was configured to follow, "": nobody */
	char upstream_host[HOST_SIZE];
	int upstream_port;
	struct wall postmaster_start; /* what pg_postmaster_start_time() says */

	/* jobs */
	enum pg_job job;
	struct instant job_since;
	enum pg_job failed_job; /* the last job that failed, until another one succeeds */
	int failures;           /* in a row */
	struct instant failed_at;
	char failure[REASON_SIZE];
	int64_t clone_done_bytes, clone_total_bytes; /* -1: unknown */
	int64_t clone_rate;                          /* bytes a second over the last seconds; -1: unknown */

	struct history history; /* of the local timeline's history file; last, for it is large and seldom changes */
};

const char *pg_job_text(enum pg_job job); /* for people: "restart", "running pg_rewind" ... */

/* The position that counts in a race: the larger of received and replayed; the checkpoint or minimum recovery point
 * when down. */
uint64_t instance_lsn(const struct instance *instance);

#endif
