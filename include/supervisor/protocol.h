/* The protocol between the agent and the supervisor: one frame a SOCK_SEQPACKET message, at most FRAME_MAX bytes.
 *
 * Both ends run on one machine and are built for it: integers are in host order, structs are copied as they are. All
 * fields have fixed widths and are naturally aligned. A supervisor serves one agent at a time; a later one replaces it
 * only when the earlier one's connection is gone. It answers HELLO of PROTOCOL_VERSION and of the version before. A
 * frame that is too short, too long, of an unknown type or with a text that is not terminated closes the connection:
 * PostgreSQL does not notice.
 *
 * Instants are of CLOCK_BOOTTIME and CLOCK_MONOTONIC_RAW in microseconds, as in base/time.h. */
#ifndef HOWDAH_SUPERVISOR_PROTOCOL_H
#define HOWDAH_SUPERVISOR_PROTOCOL_H

#include "base/base.h"

enum {
	PROTOCOL_VERSION = 1,
	FRAME_MAX = 8192,
	ENV_ARGV_MAX = 96, /* strings of argv, and of env, in one START or RUN */
	JOBS_MAX = 8,      /* RUNs at a time, finished but unacknowledged ones included */
	FIND_NAMES_MAX = 16,
	TOKEN_MAX = 96, /* lease token as text, NUL included */
};

enum frame_type {
	/* from the agent */
	FRAME_HELLO = 1, /* struct frame_hello; first frame of a connection */
	FRAME_START,     /* struct frame_start + strings */
	FRAME_STOP,      /* struct frame_stop */
	FRAME_PROMOTE,  /* no body: writes the signal file `promote` and sends SIGUSR1; refused without a valid deadline
			 */
	FRAME_RELOAD,   /* no body: SIGHUP to the postmaster */
	FRAME_DEADLINE, /* struct frame_deadline */
	FRAME_RUN,      /* struct frame_run + strings + stdin bytes */
	FRAME_KILL,     /* struct frame_job: SIGKILL to the job and all that it started */
	FRAME_FORGET,   /* struct frame_job: the job's EXITED was seen */
	FRAME_FIND,     /* struct frame_find + strings: which programs exist where */
	FRAME_TERM_GO,  /* no body: the container may end now */
	FRAME_FENCE,    /* no body: kill everything now, as at the deadline */
	FRAME_ASK,      /* no body: answer with STATUS */
	/* from the supervisor */
	FRAME_STATUS = 64, /* struct frame_status: after HELLO, before any EXITED; after ASK; whenever it changed */
	FRAME_REPLY,       /* struct frame_reply: one for every agent frame but HELLO and ASK, in order */
	FRAME_OUTPUT,      /* struct frame_output + bytes */
	FRAME_EXITED,      /* struct frame_exited; repeated on every new connection until FORGET */
	FRAME_FOUND,       /* struct frame_found + strings: answer of FIND, before its REPLY */
};

struct frame_header {
	uint8_t version, type;
	uint16_t reserved;
	uint32_t id;     /* of the agent's frame; a REPLY carries the same */
	uint32_t length; /* of what follows the header */
	uint32_t reserved2;
};

struct frame_instant {
	int64_t boot_us, raw_us;
};

struct frame_hello {
	uint64_t
		generation; /* of this agent; larger than any earlier one's of this pod (BOOTTIME in us at its start) */
	struct frame_instant now;  /* the agent's clocks: a difference over 10 ms is refused (other time namespace) */
	uint32_t term_hold_ms;     /* how long a SIGTERM of the container may be held back for a hand-over */
	uint32_t agent_silence_ms; /* with a SIGTERM pending and the agent silent for this long: fast stop at once */
	char data_dir[512];        /* absolute; its lock file is taken before the STATUS that answers */
};

enum tree_state {
	TREE_DOWN,      /* no postmaster and no descendant left */
	TREE_STARTING,  /* as a standby, until the agent says otherwise by PROMOTE: it is never writable */
	TREE_STANDBY,   /* postmaster up as a standby (the pid file says ready or standby) */
	TREE_PROMOTING, /* told to promote, or started as a primary and not ready yet: counts as writable */
	TREE_PRIMARY,   /* started as or promoted to primary: counts as writable */
	TREE_STOPPING,  /* told to stop; still counts as writable if it was */
	TREE_FENCING,   /* SIGKILL sent to everything, something is left */
	TREE_STATE_COUNT
};

enum start_as { START_STANDBY, START_PRIMARY };

struct frame_start {
	uint32_t as; /* enum start_as; a standby start needs standby.signal (recovery.conf) in data_dir, a primary start
			a valid deadline */
	uint16_t argc, envc;
	/* argc + envc NUL-terminated strings follow: argv, then the whole environment */
};

enum stop_mode { STOP_SMART, STOP_FAST, STOP_IMMEDIATE };

struct frame_stop {
	uint32_t mode;
	uint32_t escalate_ms; /* 0: never; else: immediate after this long, and everything killed after as long again */
};

struct frame_deadline {
	uint64_t number;         /* grows with every DEADLINE of one generation; an older one is ignored */
	struct frame_instant at; /* 0, 0: disarm, accepted only while nothing can be writable */
	uint32_t answered; /* 1: this agent has had an answer of the API to a lock write (or none is needed: no START
			      primary, PROMOTE before) */
	/* 1: the cluster is paused: people are in charge, neither T nor what became writable by their hand is acted on */
	uint32_t unguarded;
	char token[TOKEN_MAX]; /* the lease token the deadline rests on, kept for the next agent */
};

struct frame_run {
	uint32_t job;      /* chosen by the agent, not 0, not in use */
	uint32_t limit_ms; /* 0: none; then SIGKILL */
	uint16_t argc, envc;
	uint32_t stdin_length; /* at most what fits; closed after it */
	uint32_t exclusive;    /* 1: changes the data directory: one at a time, and START is refused meanwhile */
			       /* strings, then stdin bytes */
};

struct frame_job {
	uint32_t job;
	uint32_t reserved;
};

struct frame_find {
	uint16_t names, dirs; /* names, then directories or glob patterns to look in before the container's PATH and the
				 usual places (pod.md 3) */
	uint16_t reserved[2];
};

struct frame_found {
	uint16_t count; /* paths that follow, as NUL-terminated strings, every match of every name */
	uint16_t truncated;
	uint32_t reserved;
};

enum reply_code {
	REPLY_OK,
	REPLY_NO_LOCK,      /* the volume's lock is held by somebody else */
	REPLY_NO_DEADLINE,  /* no deadline, or less than 1 s ahead */
	REPLY_BAD_DEADLINE, /* more than 10 min ahead, or an older number */
	REPLY_NOT_ANSWERED, /* this agent has not yet said that the API answered */
	REPLY_BUSY,         /* not in this state, or an exclusive job runs */
	REPLY_FENCING,
	REPLY_SIGNAL_FILE, /* standby start without its signal file, or primary start with one */
	REPLY_MARKED,      /* the data directory carries a marker of an unfinished change */
	REPLY_FAILED,      /* the system refused: errno in detail */
	REPLY_BAD_FRAME,
	REPLY_CLOCKS, /* HELLO: clocks differ; the connection is closed after it */
	REPLY_CODE_COUNT
};

struct frame_reply {
	uint32_t code;
	int32_t detail; /* errno for REPLY_FAILED */
};

struct frame_status {
	uint64_t nonce; /* of this supervisor's start: another one is another container */
	uint32_t tree;  /* enum tree_state */
	/* 1: something of ours may be able to commit. 0 while TREE_STOPPING: a primary that was told to stop has written its
	 * shutdown, only walsenders and the archiver are left */
	uint32_t writable;
	uint32_t left;          /* descendants: counted while stopping or fencing, else 1; 0 only when TREE_DOWN */
	uint32_t volume_locked; /* 1: we own the data directory */
	int32_t volume_errno;   /* why not */
	uint32_t term_pending;  /* the container got SIGTERM */
	struct frame_instant term_at;
	uint64_t deadline_generation, deadline_number;
	struct frame_instant deadline;      /* 0, 0: not armed */
	int32_t postmaster;                 /* pid, 0 none */
	int32_t exit_status;                /* of the last postmaster, as waitpid gives it */
	uint64_t postmaster_count;          /* postmasters started so far: a change is another one */
	struct frame_instant postmaster_at; /* when it was started */
	int64_t postmaster_wall_us;
	uint32_t fenced;         /* 1: the last end was a fence; cleared by the next START */
	uint32_t fence_reason;   /* enum fence_reason */
	uint32_t jobs[JOBS_MAX]; /* running or not yet forgotten */
	uint32_t in_pod;         /* 1: process 1 of its container */
	uint32_t unguarded;      /* as the last DEADLINE said */
	char boot_id[40];
	char token[TOKEN_MAX]; /* of the last DEADLINE */
	char program_version[32];
};

enum fence_reason {
	FENCE_NONE,
	FENCE_DEADLINE, /* the deadline passed */
	FENCE_ORPHANS,  /* the postmaster died: whatever it left is killed before anybody is told */
	FENCE_UNASKED,  /* pg_control says "in production" and nobody armed a deadline */
	FENCE_ASKED,    /* the agent's FENCE */
	FENCE_STOP_ESCALATED,
	FENCE_REASON_COUNT
};

enum output_stream { OUTPUT_STDOUT = 1, OUTPUT_STDERR = 2 };

struct frame_output {
	uint32_t job;
	uint32_t stream; /* enum output_stream */
	uint64_t lost;   /* bytes of this stream that did not fit so far */
};

struct frame_exited {
	uint32_t job;
	int32_t status;  /* as waitpid gives it */
	uint32_t killed; /* 1: by limit, KILL or a fence */
	uint32_t reserved;
};

#endif
