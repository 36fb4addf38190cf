/* The agent's frames, one function each. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

enum { CLOCKS_DIFFER_US = 10 * MS };

static struct frame_reply reply(enum reply_code code)
{
	return (struct frame_reply){ code, 0 };
}

static struct frame_reply reply_to(const struct supervisor *s, enum machine_action action)
{
	if (action != DO_REFUSE)
		return reply(REPLY_OK);
	return reply(s->status.tree == TREE_FENCING ? REPLY_FENCING : REPLY_BUSY);
}

bool requests_program(struct supervisor *s, const struct request *r, char **at, unsigned argc, unsigned envc)
{
	if (argc == 0 || argc > ENV_ARGV_MAX || envc > ENV_ARGV_MAX ||
	    !frames_strings(at, r->end, s->program.argv, argc) || !frames_strings(at, r->end, s->program.envp, envc))
		return false;
	s->program.argv[argc] = s->program.envp[envc] = NULL;
	return true;
}

static bool clocks_agree(const struct frame_instant *theirs, const struct frame_instant *ours)
{
	int64_t boot, raw;
	return !__builtin_sub_overflow(theirs->boot_us, ours->boot_us, &boot) &&
	       !__builtin_sub_overflow(theirs->raw_us, ours->raw_us, &raw) && boot >= -CLOCKS_DIFFER_US &&
	       boot <= CLOCKS_DIFFER_US && raw >= -CLOCKS_DIFFER_US && raw <= CLOCKS_DIFFER_US;
}

/* Another data directory is taken only while nothing runs on the present one. */
static bool take_data_dir(struct supervisor *s, const char *dir)
{
	size_t length = strlen(dir);
	char path[sizeof(s->data_dir)];
	while (length > 1 && dir[length - 1] == '/')
		length--;
	memcpy(path, dir, length);
	path[length] = '\0';
	if (strcmp(path, s->data_dir) == 0)
		return true;
	if (s->status.tree != TREE_DOWN || jobs_exclusive(s))
		return false;
	if (s->status.volume_locked)
		close(s->volume_fd);
	s->volume_fd = -1;
	s->status.volume_locked = 0;
	memcpy(s->data_dir, path, length + 1);
	return true;
}

enum reply_code requests_hello(struct supervisor *s, const struct request *r)
{
	struct frame_hello hello;
	if (r->end - r->body != sizeof(hello))
		return REPLY_BAD_FRAME;
	memcpy(&hello, r->body, sizeof(hello));
	if (!frames_is_text(hello.data_dir, sizeof(hello.data_dir)) || hello.data_dir[0] != '/')
		return REPLY_BAD_FRAME;
	if (!clocks_agree(&hello.now, &s->now))
		return REPLY_CLOCKS;
	if (s->agent_fd >= 0 || hello.generation < s->generation || !take_data_dir(s, hello.data_dir))
		return REPLY_BUSY;
	s->generation = hello.generation;
	s->term_hold_ms = hello.term_hold_ms;
	s->silence_ms = hello.agent_silence_ms;
	s->answered = false;
	volume_try(s);
	return REPLY_OK;
}

static enum reply_code may_start(const struct supervisor *s, enum start_as as)
{
	if (!s->status.volume_locked)
		return REPLY_NO_LOCK;
	if (jobs_exclusive(s) || s->term_acted)
		return REPLY_BUSY;
	if (volume_is_marked(s))
		return REPLY_MARKED;
	enum reply_code code = control_check_start(s, as);
	if (code == REPLY_OK && as == START_PRIMARY)
		code = machine_may_be_writable(&s->status.deadline, &s->now, s->answered);
	return code;
}

/* PostgreSQL's own check of this file sees only processes of this container; the volume's lock sees all. */
static void remove_stale_pidfile(const struct supervisor *s)
{
	char path[PATH_SIZE];
	if (TEXT_JOIN(path, s->data_dir, "/postmaster.pid") && fence_walk(s, KIN_POSTGRES, NULL, 0) == 0 &&
	    unlink(path) == 0)
		say("removed stale ", path);
}

static struct frame_reply request_start(struct supervisor *s, struct request *r)
{
	struct frame_start start;
	char *at = r->body + sizeof(start);
	memcpy(&start, r->body, sizeof(start));
	if (start.as > START_PRIMARY || !requests_program(s, r, &at, start.argc, start.envc) || at != r->end)
		return reply(REPLY_BAD_FRAME);
	enum machine_event event = start.as == START_PRIMARY ? EVENT_START_PRIMARY : EVENT_START_STANDBY;
	enum machine_action action = machine_step(s->status.tree, s->status.writable, event).action;
	if (action == DO_REFUSE)
		return reply_to(s, action);
	enum reply_code code = may_start(s, start.as);
	if (code != REPLY_OK)
		return reply(code);
	if (s->program.argv[0][0] != '/' || access(s->program.argv[0], X_OK) < 0)
		return reply_failed(s->program.argv[0][0] != '/' ? EINVAL : errno);
	remove_stale_pidfile(s);
	postgres_event(s, event);
	return s->status.postmaster > 0 ? reply(REPLY_OK) : reply_failed(s->spawn_errno);
}

static struct frame_reply request_stop(struct supervisor *s, struct request *r)
{
	struct frame_stop stop;
	memcpy(&stop, r->body, sizeof(stop));
	if (stop.mode > STOP_IMMEDIATE)
		return reply(REPLY_BAD_FRAME);
	s->stop_mode = stop.mode;
	s->escalate_ms = stop.escalate_ms;
	s->escalate_us = stop.escalate_ms == 0 ? 0 : s->now.boot_us + (int64_t)stop.escalate_ms * MS;
	s->escalations = 0;
	return reply_to(s, postgres_event(s, EVENT_STOP));
}

static struct frame_reply request_promote(struct supervisor *s, UNUSED struct request *r)
{
	enum machine_action action = machine_step(s->status.tree, s->status.writable, EVENT_PROMOTE).action;
	if (action == DO_REFUSE)
		return reply_to(s, action);
	enum reply_code code = machine_may_be_writable(&s->status.deadline, &s->now, s->answered);
	if (code != REPLY_OK)
		return reply(code);
	/* a file that may be there or come at any time promotes at PostgreSQL's next look: that is writable */
	int error = look_promote(s);
	if (error > 0)
		return reply_failed(error);
	return reply_to(s, postgres_event(s, EVENT_PROMOTE));
}

static struct frame_reply request_reload(struct supervisor *s, UNUSED struct request *r)
{
	return reply_to(s, postgres_event(s, EVENT_RELOAD));
}

static struct frame_reply request_deadline(struct supervisor *s, struct request *r)
{
	struct frame_deadline body;
	struct frame_status *status = &s->status;
	memcpy(&body, r->body, sizeof(body));
	if (!frames_is_text(body.token, sizeof(body.token)))
		return reply(REPLY_BAD_FRAME);
	if (status->tree == TREE_FENCING)
		return reply(REPLY_FENCING);
	struct machine_deadline present = { status->deadline_generation, status->deadline_number, status->deadline };
	struct machine_deadline asked = { s->generation, body.number, body.at };
	enum reply_code code =
		machine_accept_deadline(&present, &asked, &s->now, status->writable && body.unguarded != 1);
	if (code != REPLY_OK)
		return reply(code);
	status->deadline_generation = asked.generation;
	status->deadline_number = asked.number;
	status->deadline = asked.at;
	status->unguarded = body.unguarded == 1;
	memcpy(status->token, body.token, sizeof(status->token));
	s->answered |= body.answered == 1;
	return reply(REPLY_OK);
}

static struct frame_reply request_kill(struct supervisor *s, struct request *r)
{
	struct frame_job job;
	memcpy(&job, r->body, sizeof(job));
	return jobs_kill(s, job.job);
}

static struct frame_reply request_forget(struct supervisor *s, struct request *r)
{
	struct frame_job job;
	memcpy(&job, r->body, sizeof(job));
	return jobs_forget(s, job.job);
}

static struct frame_reply request_term_go(struct supervisor *s, UNUSED struct request *r)
{
	s->term_go |= s->status.term_pending;
	return reply(s->status.term_pending ? REPLY_OK : REPLY_BUSY);
}

static struct frame_reply request_fence(struct supervisor *s, UNUSED struct request *r)
{
	return reply_to(s, postgres_event(s, EVENT_FENCE));
}

static struct frame_reply request_ask(struct supervisor *s, UNUSED struct request *r)
{
	volume_try(s);
	s->status_due = true;
	return reply(REPLY_OK);
}

static const struct {
	struct frame_reply (*handle)(struct supervisor *s, struct request *r);
	size_t body;
	bool more; /* strings follow the body */
} kinds[] = {
	[FRAME_START] = { request_start, sizeof(struct frame_start), true },
	[FRAME_STOP] = { request_stop, sizeof(struct frame_stop), false },
	[FRAME_PROMOTE] = { request_promote, 0, false },
	[FRAME_RELOAD] = { request_reload, 0, false },
	[FRAME_DEADLINE] = { request_deadline, sizeof(struct frame_deadline), false },
	[FRAME_RUN] = { jobs_run, sizeof(struct frame_run), true },
	[FRAME_KILL] = { request_kill, sizeof(struct frame_job), false },
	[FRAME_FORGET] = { request_forget, sizeof(struct frame_job), false },
	[FRAME_FIND] = { find_programs, sizeof(struct frame_find), true },
	[FRAME_TERM_GO] = { request_term_go, 0, false },
	[FRAME_FENCE] = { request_fence, 0, false },
	[FRAME_ASK] = { request_ask, 0, false },
};
static_assert(ARRAY_SIZE(kinds) == FRAME_ASK + 1, "a row for every frame of the agent");

struct frame_reply requests_handle(struct supervisor *s, enum frame_type type, struct request *r)
{
	size_t length = (size_t)(r->end - r->body);
	if (type >= ARRAY_SIZE(kinds) || kinds[type].handle == NULL || length < kinds[type].body ||
	    (length > kinds[type].body && !kinds[type].more))
		return reply(REPLY_BAD_FRAME);
	return kinds[type].handle(s, r);
}
