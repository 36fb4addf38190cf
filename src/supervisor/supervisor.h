/* Private to the supervisor. All its state is one struct, most of it kept in the very STATUS the agent gets; nothing is
 * allocated. Times are microseconds; timers run on CLOCK_BOOTTIME. Descriptors are close-on-exec but for the volume's
 * lock. */
#ifndef HOWDAH_SUPERVISOR_SUPERVISOR_H
#define HOWDAH_SUPERVISOR_SUPERVISOR_H

#include <sys/types.h>
#include <sys/uio.h>

#include "supervisor/machine.h"

enum { MS = 1000, SECOND = 1000000, ROUND_US = 10 * MS, PATH_SIZE = 1024, OUTPUT_BYTES = 4096 };

struct program {
	char *argv[ENV_ARGV_MAX + 1], *envp[ENV_ARGV_MAX + 1]; /* into the frame they came in */
};

struct job {
	uint32_t id; /* 0: a free slot */
	pid_t pid;   /* leader of its own session; kept when reaped, what it left is found by it */
	int fds[2];  /* its stdout and stderr, -1 when closed */
	uint64_t lost[2];
	int64_t limit_at;
	int status;
	bool exclusive, killed, reaped;
	bool done; /* nothing more comes: EXITED may be sent */
	bool told; /* EXITED was sent on this connection */
};

struct supervisor {
	struct frame_status status, sent;
	struct frame_instant now;
	int64_t wake_us; /* the loop turns again no later than this */
	bool in_pod;
	pid_t self;
	char oom_score[8]; /* what our children get back */
	char data_dir[512];
	int volume_fd;
	int64_t volume_try_us;

	int listen_fd, candidate_fd, agent_fd; /* a candidate has not said HELLO yet */
	int64_t candidate_until_us, last_frame_us, full_since_us;
	uint64_t generation;
	uint32_t term_hold_ms, silence_ms;
	bool answered, status_due, term_go, term_acted;
	bool greeted; /* the STATUS that answers HELLO was sent */

	struct program program;
	enum stop_mode stop_mode;
	bool orderly; /* a primary that was told to stop: its shutdown is waited for */
	uint32_t escalate_ms;
	int64_t escalate_us, look_us;
	int look_fd, promote_fd; /* a child's answer comes there; -1: none was asked */
	uint64_t look_life;      /* the postmaster that was asked about */
	int notify_fd;           /* tells of writes to pg_control; -1: the kernel does not */
	bool control_told, control_changed;
	int escalations, spawn_errno;
	struct job jobs[JOBS_MAX];
};

struct request {
	uint32_t id;
	char *body, *end;
};

/* text.c: bounded text, and what is said on stderr (never waits for a reader) */
bool text_join(char *out, size_t size,
	       const char *const parts[]) MUST_CHECK; /* parts end with NULL; false: does not fit */
#define TEXT_JOIN(out, ...) text_join(out, sizeof(out), (const char *const[]){ __VA_ARGS__, NULL })
void text_number(char out[24], int64_t number);
int64_t text_to_number(const char *text); /* leading decimal digits; 0 without any */
void say(const char *event, const char *detail);
void say_number(const char *event, int64_t number);

/* frames.c: one frame a message. Sending never blocks; false: it did not fit or nobody is there. */
bool frames_send(int fd, enum frame_type type, uint32_t id, const struct iovec parts[2]) MUST_CHECK;
bool frames_reply(int fd, uint32_t id, struct frame_reply reply) MUST_CHECK;
bool frames_strings(char **at, const char *end, char *strings[], unsigned count) MUST_CHECK;
bool frames_is_text(const char *field, size_t size) MUST_CHECK;

/* serve.c: the socket and the one agent */
bool serve_open(struct supervisor *s, const char *dir, int *exit_code) MUST_CHECK;
void serve_turn(struct supervisor *s);  /* newcomers, then a bounded number of the agent's frames */
void serve_flush(struct supervisor *s); /* STATUS if anything changed */
void serve_drop_agent(struct supervisor *s, const char *why);
enum room { ROOM_YES, ROOM_WAIT, ROOM_NEVER };
enum room serve_room(
	struct supervisor *s); /* for OUTPUT; replies and STATUS keep half of the socket's buffer for themselves */

/* requests.c: the agent's frames. REPLY_BAD_FRAME closes the connection. */
struct frame_reply requests_handle(struct supervisor *s, enum frame_type type, struct request *r);
bool requests_program(struct supervisor *s, const struct request *r, char **at, unsigned argc,
		      unsigned envc) MUST_CHECK;
enum reply_code requests_hello(struct supervisor *s, const struct request *r);

/* postgres.c: the postmaster and the machine that governs it */
enum machine_action postgres_event(struct supervisor *s, enum machine_event event);
void postgres_check_deadline(struct supervisor *s);
void postgres_turn(struct supervisor *s);
bool postgres_reap(struct supervisor *s); /* true: no child is left */

/* fence.c: whose processes these are, and their end */
enum kin { KIN_POSTGRES, KIN_JOB, KIN_ANY };
unsigned fence_walk(const struct supervisor *s, enum kin kin, const struct job *job,
		    int sig); /* how many; sig 0 only counts */
void fence_kill_all(struct supervisor *s);

/* jobs.c */
struct frame_reply jobs_run(struct supervisor *s, struct request *r);
struct frame_reply jobs_kill(struct supervisor *s, uint32_t id);
struct frame_reply jobs_forget(struct supervisor *s, uint32_t id);
bool jobs_exclusive(const struct supervisor *s);
void jobs_reaped(struct supervisor *s, pid_t pid, int status);
void jobs_turn(struct supervisor *s);

/* spawn.c: fds NULL for the postmaster, else stdin, stdout, stderr. -1: errno says why. */
pid_t spawn_program(const struct supervisor *s, const int *fds);

/* look.c: the data volume while something may be writable. Nothing here waits for storage. */
enum { SEEN_STANDBY = 1, SEEN_READY = 2, SEEN_PRODUCTION = 4, SEEN_SHUT_DOWN = 8 };
void look_begin(struct supervisor *s);
void look_watch(struct supervisor *s);     /* pg_control of the postmaster that starts now; may wait for storage */
int64_t look_due_us(struct supervisor *s); /* of a standby: the next look */
unsigned look_take(struct supervisor *s);  /* 0 without an answer */
enum { LOOK_PENDING = -1 };
int look_promote(struct supervisor *s);       /* 0, an errno, or LOOK_PENDING: nobody knows */
bool look_promote_came(struct supervisor *s); /* a pending one was done now */

/* volume.c, control.c, find.c: files. They may wait for storage: only while nothing is writable, or in a child. */
void volume_try(struct supervisor *s);
void volume_turn(struct supervisor *s);
bool volume_is_marked(const struct supervisor *s);
ssize_t control_read(const char *dir, const char *name, off_t offset,
		     struct iovec into);                  /* NUL-terminates; -1 if unreadable */
unsigned char control_state(const struct supervisor *s);  /* SEEN_PRODUCTION, SEEN_SHUT_DOWN or 0 */
unsigned char control_status(const struct supervisor *s); /* SEEN_STANDBY, SEEN_READY or 0 */
enum reply_code control_check_start(const struct supervisor *s, enum start_as as);
struct frame_reply find_programs(struct supervisor *s, struct request *r);

static inline void wake_at(struct supervisor *s, int64_t us)
{
	if (us < s->wake_us)
		s->wake_us = us;
}

static inline struct frame_reply reply_failed(int error)
{
	return (struct frame_reply){ REPLY_FAILED, error };
}

#endif
