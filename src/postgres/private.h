/* Private to the postgres layer. One struct, one job at a time; every callback ends in postgres_turn(). */
#ifndef HOWDAH_POSTGRES_PRIVATE_H
#define HOWDAH_POSTGRES_PRIVATE_H

#include "io/pg.h"
#include "io/seqpacket.h"
#include "postgres/command.h"
#include "postgres/control.h"
#include "postgres/gucs.h"
#include "postgres/postgres.h"
#include "supervisor/protocol.h"

#include <sys/types.h>

enum {
	PATH_SIZE = 512,
	PROGRAM_SIZE = 256,
	PENDING_MAX = 32,
	TAIL_SIZE = 1024,
	OUT_SIZE = 4096,
	REMOVALS_MAX = 64,
	TIMELINES_AHEAD_MAX = 1000
};

/* ---- link.c: the connection to the supervisor ---- */

enum { LINK_LOST = -1 }; /* as a reply: the connection closed, whether it was done is not known */
typedef void link_reply(struct postgres *pg, int code, int detail);

struct link {
	struct seqpacket *socket;
	struct loop_timer *timer; /* not attached: the next try; attached: the next ASK */
	int64_t retry_ms;         /* after a refusal */
	struct instant since;     /* that nobody answers: when we began, or lost it */
	uint32_t next_id;
	struct {
		uint32_t id;
		link_reply *fn;
		bool sent;
	} pending[PENDING_MAX];
	int first, count;
	bool said;               /* that nobody answers */
	struct instant launched; /* the supervisor, by us */
	uint64_t nonce;          /* of the supervisor; 0: none seen yet */
};

void link_init(struct postgres *pg);
void link_finish(struct postgres *pg);
/* A reply comes exactly once, never before this returns; without a connection it is LINK_LOST, by the next turn. */
void link_send(struct postgres *pg, enum frame_type type, const void *body, size_t size, link_reply *fn);
struct link_frame {
	enum frame_type type;
	const void *body;
	size_t size;
	const struct command *strings; /* follow the body; NULL: none */
};
void link_send_strings(struct postgres *pg, const struct link_frame *frame, link_reply *fn);
const char *link_reply_text(int code);
void link_turn(struct postgres *pg); /* tells the questions of a closed connection that they are lost */

/* ---- supervisor.c: its program ---- */

void supervisor_launch(struct postgres *pg); /* outside pods, when nobody answers; not again at once */

/* ---- status.c: what the supervisor says, as facts ---- */
void status_take(struct postgres *pg, const struct frame_status *status);
void status_lost(struct postgres *pg);

/* ---- run.c: programs beside PostgreSQL, one at a time in each slot ---- */
enum wait { WAIT_NONE, WAIT_OPEN, WAIT_OK, WAIT_FAILED };
enum run_slot { RUN_JOB, RUN_DESCRIBE, RUN_CALLBACK, RUN_ON_RELOAD, RUN_SLOT_COUNT };

struct run {
	uint32_t id; /* 0: none runs */
	enum wait state;
	int status;
	bool killed, kill_asked;
	char out[OUT_SIZE]; /* the beginning of its stdout */
	size_t out_len;
	bool out_cut;
	char tail[TAIL_SIZE]; /* the end of its stderr */
	size_t tail_len;
};

bool run_start(struct postgres *pg, const struct command *command, bool exclusive, int64_t limit_ms);
bool run_start_in(struct postgres *pg, enum run_slot slot, const struct command *command, bool exclusive,
		  int64_t limit_ms);
struct run *run_of(struct postgres *pg, enum run_slot slot);
void run_kill(struct postgres *pg);
bool run_has_strangers(const struct postgres *pg); /* they may still write into the data directory */
void run_kill_in(struct postgres *pg, enum run_slot slot);
void run_output(struct postgres *pg, const struct frame_output *output, const char *bytes, size_t len);
void run_exited(struct postgres *pg, const struct frame_exited *exited);
void run_attached(struct postgres *pg, const uint32_t jobs[JOBS_MAX], bool other_supervisor);
void run_last_line(const struct run *run, char *text, size_t size);
void run_why(const struct run *run, char *text, size_t size); /* the error that a program ended with */

/* ---- progress.c: of a clone, by what pg_basebackup prints ---- */
enum { PROGRESS_SAMPLES = 8 };

struct progress {
	int count;
	struct {
		struct instant at;
		int64_t bytes;
	} samples[PROGRESS_SAMPLES]; /* oldest first */
};

void progress_take(struct postgres *pg, const char *line);
void progress_turn(struct postgres *pg); /* one that stands still is said to */

/* ---- programs.c: where initdb and its like are ---- */
struct programs {
	enum wait found;
	int count;
	char paths[64][PROGRAM_SIZE];
};

void programs_find(struct postgres *pg);
void programs_take(struct postgres *pg, const char *strings, size_t len, int count);
/* The program of the version that the data directory names; the only one there is when it names none. */
MUST_CHECK bool programs_choose(const struct postgres *pg, const char *name, char *path, size_t size, struct err *err);
int program_path_version(const char *path); /* /usr/lib/postgresql/15/bin/x -> 15, 0: it does not say */

/* ---- describe.c: which parameters PostgreSQL's program knows ---- */
struct described {
	struct run run;
	char program[PROGRAM_SIZE]; /* that was asked; "": none yet */
	char names[24576];          /* ",name,name,", in lower case; "": unknown */
	size_t len;
	bool behind_name; /* of a line */
};

void describe_take(struct postgres *pg, const char *bytes, size_t len);
bool describe_is_settled(struct postgres *pg);    /* false: it is being asked, or will be; look again after an event */
bool conf_has_unknown(const struct postgres *pg); /* a parameter that only the program may know */

/* ---- markers.c: <data_dir>.howdah/ ---- */
MUST_CHECK bool marker_write(const struct postgres *pg, const char *name, const char *text, struct err *err);
MUST_CHECK bool marker_remove(const struct postgres *pg, const char *name, struct err *err);
enum marker { MARKER_NONE, MARKER_SET, MARKER_UNREADABLE };
enum marker marker_look(const struct postgres *pg, const char *name, char *text, size_t size);
bool marker_read(const struct postgres *pg, const char *name, char *text, size_t size); /* false: there is none */
void marker_path(const struct postgres *pg, const char *name, char *path, size_t size);
MUST_CHECK bool armed_write(struct postgres *pg, uint32_t timeline, const struct lease_token *token, struct err *err);
void armed_read(struct postgres *pg);
void upstream_write(struct postgres *pg, const struct upstream *upstream);
void upstream_read(struct postgres *pg, struct upstream *upstream);

/* ---- rights.c ---- */
bool rights_look(struct postgres *pg); /* false: details.trouble says why the data directory cannot be used */

/* ---- datadir.c ---- */
void datadir_look(struct postgres *pg);
MUST_CHECK bool datadir_read_control(struct postgres *pg, struct err *err); /* into pg->control */
bool datadir_has(const struct postgres *pg, const char *name);
int datadir_is_empty(const char *path);       /* nothing but dot files and lost+found in it; < 0: it cannot be read */
int datadir_major(const struct postgres *pg); /* by PG_VERSION; 0: unknown */
void datadir_path(const struct postgres *pg, const char *name, char *path, size_t size);
MUST_CHECK bool datadir_prepare_start(struct postgres *pg,
				      struct err *err); /* modes and what a start may find left over */
MUST_CHECK bool datadir_set_standby(struct postgres *pg, struct err *err);
mode_t datadir_file_mode(const struct postgres *pg);
void datadir_drop_unused_timelines(const struct postgres *pg, uint32_t timeline);
uint32_t datadir_next_timeline(const struct postgres *pg,
			       uint32_t timeline); /* the number a promotion from there takes */
void history_refresh(struct postgres *pg, uint32_t timeline);

/* ---- remove.c: whole trees, some files a turn ---- */
struct removal {
	char path[PATH_SIZE]; /* "": free */
	bool keep_top;
};

struct remover {
	struct loop_timer *timer;
	struct removal items[REMOVALS_MAX];
};

void remover_init(struct postgres *pg);
void remover_finish(struct postgres *pg);
bool remover_has(const struct postgres *pg, const char *path);
bool remover_busy(const struct postgres *pg); /* with something whose place is needed again */
void remover_add(struct postgres *pg, const char *path, bool keep_top);
void remover_resume(struct postgres *pg); /* what an earlier agent did not finish */
/* ---- aside.c ---- */
/* Gets the data directory out of the way: removed when this attempt made it, else renamed. False: err says why. */
MUST_CHECK bool aside_remove(struct postgres *pg, struct err *err);
enum { STAMP_SIZE = 32 };
/* The stamp is part of the name of what is kept: the same one again goes on with an attempt that was cut short. */
MUST_CHECK bool aside_keep(struct postgres *pg, const char *stamp, struct err *err);
void aside_stamp(const struct postgres *pg, char *stamp, size_t size);
bool aside_is_taken(const struct postgres *pg, const char *stamp);

/* ---- making.c: where a new directory grows ---- */
/* The programs that make one want it empty, dot files and lost+found (a mount point has them) included: where there are
 * any, it is made in a sub-directory first. */
extern const char making_name[];
void making_path(const struct postgres *pg, char *path, size_t size);
/* What grew there takes its place; again is fine. */
MUST_CHECK bool making_finish(const struct postgres *pg, struct err *err);
bool making_is_alien(const char *name); /* an entry of the data directory that is not PostgreSQL's */
bool making_has_aliens(const char *dir);
MUST_CHECK bool making_move_entries(const char *from, const char *to, struct err *err); /* all but the aliens; synced */

/* ---- conffiles.c ---- */
enum conf_role { CONF_PRIMARY, CONF_REPLICA, CONF_STANDBY_LEADER };

MUST_CHECK bool conffiles_write(struct postgres *pg, enum conf_role role, const struct upstream *upstream,
				struct err *err);
MUST_CHECK bool conffiles_after_initdb(struct postgres *pg, struct err *err);
void conffiles_backup(struct postgres *pg);
void conffiles_restore(struct postgres *pg);
MUST_CHECK bool pgpass_write(const struct postgres *pg, const char *host, int port, struct err *err);
MUST_CHECK bool pgpass_write_rewind(const struct postgres *pg, const char *host, int port, struct err *err);
void conf_path(const struct postgres *pg, const char *name, char *path, size_t size); /* beside postgresql.conf */
void conf_main_file(const struct postgres *pg, char *path, size_t size); /* postgresql.conf or what stands for it */
void conf_gucs(struct postgres *pg, enum conf_role role, bool standby_start, struct gucs *to);
void conf_conninfo(const struct postgres *pg, const struct upstream *upstream, bool for_backup, struct strbuf *to);
void conf_conninfo_rewind(const struct postgres *pg, const struct upstream *upstream, struct strbuf *to);

/* ---- service.c: passphrases of client keys, for programs that jobs run ---- */
MUST_CHECK bool service_write(const struct postgres *pg, const struct config_auth *auth, struct err *err);
void service_remove(const struct postgres *pg);
void service_env(const struct postgres *pg, const struct config_auth *auth, struct command *command); /* where it is */

/* ---- probe.c ---- */
struct probe {
	struct pg *session;
	struct loop_timer *timer;
	bool busy, again, over_tcp, quick;
	struct instant asked;
	uint64_t timeline_life;     /* the postmaster whose timeline we know */
	char wanted_conninfo[1024]; /* what primary_conninfo should be; "": none */
	bool conninfo_in_force;     /* the server's setting equals it, and a walreceiver, if any, uses it */
};

extern const char probe_options[];
void probe_init(struct postgres *pg);
void probe_finish(struct postgres *pg);
struct session_at {
	const char *database; /* NULL: ours */
	const char *options;
};
void probe_session(struct postgres *pg, struct pg *session, const struct session_at *at); /* where and as whom */
void probe_now(struct postgres *pg);
bool probe_if_older(struct postgres *pg, int64_t ms,
		    bool quick); /* asks when the last question is older; true: it asked */
void probe_down(struct postgres *pg);

/* ---- work.c: statements of jobs and chores, on a session of their own ---- */
typedef void work_done(struct postgres *pg, bool ok, const char *error);
struct work {
	struct postgres *pg;
	struct pg *session;
	work_done *done;              /* NULL: nothing runs */
	char sqlstate[SQLSTATE_SIZE]; /* of the last error; "" for none and for lost connections */
	/* of the next statement's session, with the search path that people know; NULL: ours, with pg_catalog alone */
	const char *database;
};

void work_init(struct postgres *pg, struct work *work);
void work_finish(struct work *work);
bool work_query(struct work *work, const char *sql, const char *const params[], int64_t timeout_ms, work_done *done);

/* ---- slots.c ---- */
struct slots {
	bool wanted, running;
	int count;
	char names[MEMBERS_MAX][NAME_SIZE];
};
void slots_turn(struct postgres *pg);

/* ---- roles.c ---- */
MUST_CHECK bool roles_sql(const struct config *config, struct strbuf *to, struct err *err);
MUST_CHECK bool roles_passwords_sql(const struct config *config, struct strbuf *to, struct err *err);
extern const char roles_quiet_sql[];
void sql_add_identifier(struct strbuf *to, const char *name); /* quoted */

/* ---- collation.c ---- */
struct collation {
	struct pg *session;
	uint64_t life; /* of which server, and on which timeline, it was last asked ... */
	uint32_t timeline;
	struct instant asked; /* ... and when */
};
void collation_init(struct postgres *pg);
void collation_finish(struct postgres *pg);
void collation_turn(struct postgres *pg);

/* ---- passwords.c ---- */
struct passwords {
	char superuser[256];                /* the one that our own sessions use */
	uint64_t key;                       /* of the fingerprints: only this process can compare them */
	uint64_t seen, set, tried, sending; /* fingerprints of configured passwords; 0: none */
	struct instant tried_at;
	bool wanted, running;
};

void passwords_init(struct postgres *pg);
void passwords_compare(struct postgres *pg); /* after the configuration changed */
void passwords_are_set(struct postgres *pg); /* the server has what is configured */
void passwords_turn(struct postgres *pg);    /* a primary tells the server */
bool passwords_try_new(struct postgres *pg); /* the one in use was refused: false when there is no other */

/* ---- hooks.c: programs of the person who runs the cluster ---- */
struct callback {
	struct run run;
	bool wanted; /* with these, as soon as the running one is dead */
	char action[24], role[24];
};

void callbacks_turn(struct postgres *pg);
MUST_CHECK bool hook_begin(struct command *command, const char *text,
			   struct err *err); /* argv of a configured command */

/* ---- archive.c: WAL of a server that is down ---- */
enum { WAL_NAME_SIZE = 64 };
bool archive_find(const struct postgres *pg, const char *suffix, char *name, size_t size); /* the first one to go */
MUST_CHECK bool archive_rename(const struct postgres *pg, const char *name, const char *from, const char *to,
			       struct err *err);
MUST_CHECK bool archive_keep_all(const struct postgres *pg, struct err *err);
MUST_CHECK bool archive_unkeep_all(const struct postgres *pg, bool archiving, struct err *err);
struct wal_place {
	const char *name, *path; /* %f and %p; the path as seen from the data directory */
};
MUST_CHECK bool archive_command_line(struct command *command, const struct config *config, const char *text,
				     const struct wal_place *place, struct err *err);
bool archive_missing(const char *said, char *name, size_t size); /* what a program could not open in pg_wal */

/* ---- keep.c: copies of what pg_rewind destroys ---- */
enum keep { KEEP_WAIT, KEEP_DONE, KEEP_FAILED };
bool keep_has_all(const struct postgres *pg);
void keep_remove(const struct postgres *pg);
enum keep keep_go_on(struct postgres *pg, bool first, bool back);

/* ---- rewind.c ---- */
enum rewind_phase { REWIND_TRIAL, REWIND_KEEPING, REWIND_PUTTING_BACK };

struct rewind {
	int asked; /* settings so far */
	char archive_command[GUC_VALUE_MAX], restore_command[GUC_VALUE_MAX];
	bool archive_on, archiving, recovering, fetching;
	int tries;                   /* to archive `segment` */
	char segment[WAL_NAME_SIZE]; /* to be archived, fetched or copied */
	enum rewind_phase phase;     /* before pg_rewind may write */
	uint32_t timeline;           /* the source's */
	bool begun;                  /* pg_rewind has written here, in this attempt or an earlier one */
	bool not_needed;
	uint64_t common_lsn; /* the last checkpoint that both have: WAL from there on is needed */
};

void rewind_refresh(struct postgres *pg); /* instance.can_rewind */

/* ---- restore.c: a bootstrap by a method of people's ---- */
bool restore_is_marked(const char *text); /* of the marker "bootstrap" */
MUST_CHECK bool restore_build_recovery(const struct postgres *pg, struct gucs *to,
				       struct err *err); /* empty: no recovery of ours is to end */
bool restore_is_hot(const struct postgres *pg);          /* people are let in before its recovery ends */
bool restore_keeps_auto_conf(const struct postgres *pg);
bool restore_print_hba(const struct postgres *pg, struct strbuf *to); /* false: the usual rules count */

/* ---- methods.c: how a replica is made, and what people configure for a method of theirs ---- */
bool method_is_set(const struct json *value); /* as yes: true, 1, "on" ... */
/* --KEY=VALUE for every key but these. */
void method_add_keys(struct command *command, const struct json *section, const char *const not_passed[]);

/* ---- wipe.c ---- */
struct wipe {
	char target[PATH_SIZE]; /* outside of the data directory, being emptied; "": none */
};

/* ---- pending.c: which settings wait for a restart ---- */
void pending_restart_take(struct postgres *pg, const char *json_text);

/* ---- jobs.c: the machine; the steps are in start.c, create.c and change.c ---- */
enum step_result { STEP_WAIT, STEP_NEXT, STEP_END /* the rest is not needed */, STEP_FAIL };
/* Called when its turn comes (first) and again whenever anything happened; looks at what is there, never waits. */
typedef enum step_result step_fn(struct postgres *pg, bool first);

enum { STEPS_MAX = 12 };

struct job {
	enum pg_job kind;
	step_fn *const *steps; /* NULL-terminated */
	int step;
	bool fresh, undoing;
	struct instant step_since;
	int64_t poll_ms; /* < 0: no need to look again without an event */
	char why[REASON_SIZE];
	enum wait reply, sql; /* of the last frame, statement */
	int64_t sql_limit_ms; /* of a statement; 0: as usual */
	int reply_code;
	struct upstream upstream;
	struct lease_token token;
	uint32_t timeline; /* to promote to */
	bool immediate;
	bool checkpoint;        /* before the stop */
	bool hook_run;          /* the step's program was started */
	char making[PATH_SIZE]; /* where the new directory grows */
	int method;             /* of create_replica_methods: those before it were tried */
	char method_name[NAME_SIZE];
	bool running, clearing; /* it; what the one before it left is being removed ... */
	bool left_data;         /* ... unless it keeps it */
	bool from_leader;       /* a person wants a copy of the leader */
	bool made;              /* something is in the directory, or about to be: a failure removes it */
	uint64_t postmasters;   /* counted before START */
};

void job_begin(struct postgres *pg, enum pg_job kind, const struct job *with);
void job_turn(struct postgres *pg);
void job_cancel(struct postgres *pg);
enum step_result job_fail(struct postgres *pg, const char *format, ...) PRINTF_LIKE(2, 3);
enum step_result job_send(struct postgres *pg, enum frame_type type, const void *body, size_t size,
			  const struct command *strings);
enum step_result job_reply(struct postgres *pg, const char *what); /* STEP_NEXT once it is REPLY_OK */
enum step_result job_query(struct postgres *pg, const char *sql, bool first, const char *what);
enum step_result run_result(struct postgres *pg, const char *what); /* the end of a program as a step's result */
MUST_CHECK bool job_lease_holds(const struct postgres *pg, struct err *err); /* the one of PROMOTE or START_PRIMARY */
MUST_CHECK bool create_is_possible(struct postgres *pg,
				   struct err *err); /* the directory is empty and nobody uses it */
MUST_CHECK bool create_mark(struct postgres *pg, const char *what, struct err *err);
bool forget_old(struct postgres *pg, struct err *err); /* markers of what is not there any more */

step_fn step_programs, step_initdb_prepare, step_initdb_run, step_initdb_finish, step_clone_prepare, step_clone_run,
	step_clone_finish, step_undo, step_undo_wait, step_aside, step_aside_wait;
step_fn step_prepare_standby, step_start_standby, step_prepare_primary, step_start_primary, step_start_wait,
	step_started, step_stop, step_stop_wait;
step_fn step_promote_arm, step_promote, step_promote_wait, step_promote_undo, step_follow_write, step_reload,
	step_follow_wait, step_quiet, step_roles, step_post_command;
step_fn step_database, step_init_quiet, step_init_sql;
step_fn step_pre_promote, step_before_stop, step_stop_checkpoint;
step_fn step_rewind_begin, step_rewind_settings, step_rewind_archive, step_rewind_recover, step_rewind_source,
	step_rewind_keep, step_rewind_run, step_rewind_sync, step_rewind_finish;
step_fn step_restore_prepare, step_restore_run, step_restore_finish, step_begun, step_settle;
step_fn step_wipe_begin, step_wipe_targets, step_wipe_directory, step_wipe_finish;

struct postgres {
	struct loop *loop;
	const struct config *config;
	uint64_t generation;
	void (*on_change)(void *arg);
	void (*on_probed)(void *arg);
	void *arg;
	struct instance instance, told; /* told: without its history */
	bool history_is_new;            /* ... which was not told yet */
	struct postgres_details details;
	struct link link;
	struct run run; /* of the job */
	struct described described;
	struct callback callbacks[RUN_SLOT_COUNT - RUN_CALLBACK];
	uint32_t last_run;
	uint32_t strangers[JOBS_MAX]; /* an earlier agent's jobs, told to end and not known to have ended */
	struct progress progress;
	struct rewind rewind;
	struct wipe wipe;
	struct programs programs;
	struct remover remover;
	struct probe probe;
	struct work work, checkpoint; /* a checkpoint may take minutes */
	struct slots slots;
	struct passwords passwords;
	struct collation collation;
	struct job job;
	struct control control; /* of the last look */
	bool control_ok;
	uint32_t history_timeline;
	enum conf_role role;      /* of the files as they were written */
	struct upstream upstream; /* of the files as they were written */
	char pending_guard[512];  /* JSON members that the standby start guard found */
	enum pg_tree last_tree;   /* before the connection was lost */
	bool end_asked;           /* the next end of PostgreSQL is wanted */
	bool turning, changed;
	bool reconfigure_wanted;          /* the files do not fit the role or the configuration any more */
	int stale_replies, stale_answers; /* of jobs that were given up */
	struct frame_deadline deadline;   /* the last one that was asked for */
	bool deadline_wanted;
	uint64_t deadline_number;
	struct loop_timer *turn_timer, *poll_timer, *change_timer;
};

void postgres_turn(struct postgres *pg); /* something happened: jobs go on, changes are told */
void postgres_turn_soon(struct postgres *pg);

#endif
