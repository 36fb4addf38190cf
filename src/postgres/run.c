/* RUN: programs of ours in PostgreSQL's container, one at a time in each slot. What an earlier agent left running is killed. */
#include "postgres/private.h"

#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

static void forget(struct postgres *pg, uint32_t id)
{
	struct frame_job job = { .job = id };
	link_send(pg, FRAME_FORGET, &job, sizeof(job), NULL);
}

struct run *run_of(struct postgres *pg, enum run_slot slot)
{
	if (slot == RUN_DESCRIBE)
		return &pg->described.run;
	return slot == RUN_JOB ? &pg->run : &pg->callbacks[slot - RUN_CALLBACK].run;
}

/* Lost is not refused: after the next connection either its end is told, or it is not among the jobs. */
static void take_reply(struct run *run, int code, int detail)
{
	if (code == REPLY_OK || code == LINK_LOST || run->state != WAIT_OPEN)
		return;
	run->state = WAIT_FAILED;
	run->id = 0;
	run->status = -1;
	snprintf(run->tail, sizeof(run->tail), "%s (%d)", link_reply_text(code), detail);
	run->tail_len = strlen(run->tail);
}

static void on_job_reply(struct postgres *pg, int code, int detail)
{
	take_reply(run_of(pg, RUN_JOB), code, detail);
}

static void on_describe_reply(struct postgres *pg, int code, int detail)
{
	take_reply(run_of(pg, RUN_DESCRIBE), code, detail);
}

static void on_callback_reply(struct postgres *pg, int code, int detail)
{
	take_reply(run_of(pg, RUN_CALLBACK), code, detail);
}

static void on_reload_reply(struct postgres *pg, int code, int detail)
{
	take_reply(run_of(pg, RUN_ON_RELOAD), code, detail);
}

static link_reply *const on_replies[] = {
	[RUN_JOB] = on_job_reply,
	[RUN_DESCRIBE] = on_describe_reply,
	[RUN_CALLBACK] = on_callback_reply,
	[RUN_ON_RELOAD] = on_reload_reply,
};
static_assert(ARRAY_SIZE(on_replies) == RUN_SLOT_COUNT, "a function for every slot");

static void clear(struct run *run, uint32_t id)
{
	run->id = id;
	run->state = WAIT_OPEN;
	run->killed = run->kill_asked = run->out_cut = false;
	run->tail_len = run->out_len = 0;
	run->tail[0] = run->out[0] = '\0';
}

bool run_start_in(struct postgres *pg, enum run_slot slot, const struct command *command, bool exclusive,
		  int64_t limit_ms)
{
	struct run *run = run_of(pg, slot);
	struct frame_run frame = { .argc = command->argc, .envc = command->envc, .exclusive = exclusive };
	if (run->state == WAIT_OPEN || command->overflow)
		return false;
	/* not one that an earlier agent may have used */
	pg->last_run = pg->last_run == 0 ? (uint32_t)(pg->generation / 1000) | 1 : pg->last_run + 1;
	frame.job = pg->last_run;
	frame.limit_ms = (uint32_t)limit_ms;
	clear(run, frame.job);
	log_debug("run: %s", command_get(command, 0));
	struct link_frame sent = { .type = FRAME_RUN, .body = &frame, .size = sizeof(frame), .strings = command };
	link_send_strings(pg, &sent, on_replies[slot]);
	return true;
}

bool run_start(struct postgres *pg, const struct command *command, bool exclusive, int64_t limit_ms)
{
	return run_start_in(pg, RUN_JOB, command, exclusive, limit_ms);
}

void run_kill_in(struct postgres *pg, enum run_slot slot)
{
	struct run *run = run_of(pg, slot);
	struct frame_job job = { .job = run->id };
	if (run->state != WAIT_OPEN)
		return;
	run->kill_asked = true;
	link_send(pg, FRAME_KILL, &job, sizeof(job), NULL);
}

void run_kill(struct postgres *pg)
{
	run_kill_in(pg, RUN_JOB);
}

bool run_has_strangers(const struct postgres *pg)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (pg->strangers[i] != 0)
			return true;
	return false;
}

static void add_tail(struct run *run, const char *bytes, size_t len)
{
	size_t room = sizeof(run->tail) - 1;
	if (len > room) {
		bytes += len - room;
		len = room;
	}
	if (run->tail_len + len > room) {
		size_t cut = run->tail_len + len - room;
		memmove(run->tail, run->tail + cut, run->tail_len - cut);
		run->tail_len -= cut;
	}
	memcpy(run->tail + run->tail_len, bytes, len);
	run->tail_len += len;
	run->tail[run->tail_len] = '\0';
}

/* The last line with something in it, for an error message; progress comes with carriage returns. */
void run_last_line(const struct run *run, char *text, size_t size)
{
	size_t end = run->tail_len;
	while (end > 0 && strchr("\r\n ", run->tail[end - 1]) != NULL)
		end--;
	size_t start = end;
	while (start > 0 && strchr("\r\n", run->tail[start - 1]) == NULL)
		start--;
	struct strbuf b;
	strbuf_init(&b, text, size);
	strbuf_add_bytes(&b, run->tail + start, end - start);
}

/* Behind the first `word`; NULL: it is not there. */
static const char *find_first(const char *text, const char *word)
{
	const char *at = strstr(text, word);
	return at != NULL ? at + strlen(word) : NULL;
}

/* PostgreSQL's programs explain an error in the lines behind it, and what follows from it comes later, as when pg_basebackup
 * loses the process that receives WAL: the first line that names one, else the last line. */
void run_why(const struct run *run, char *text, size_t size)
{
	static const char *const words[] = { "error: ", "FATAL:  ", "PANIC:  " };
	const char *found = NULL;
	for (size_t i = 0; found == NULL && i < ARRAY_SIZE(words); i++)
		found = find_first(run->tail, words[i]);
	if (found == NULL) {
		run_last_line(run, text, size);
		return;
	}
	struct strbuf b;
	strbuf_init(&b, text, size);
	strbuf_add_bytes(&b, found, strcspn(found, "\r\n"));
}

static void add_out(struct run *run, const char *bytes, size_t len)
{
	size_t room = sizeof(run->out) - 1 - run->out_len;
	run->out_cut |= len > room;
	if (len > room)
		len = room;
	memcpy(run->out + run->out_len, bytes, len);
	run->out_len += len;
	run->out[run->out_len] = '\0';
}

static struct run *find(struct postgres *pg, uint32_t id)
{
	for (int slot = 0; slot < RUN_SLOT_COUNT; slot++)
		if (id != 0 && run_of(pg, slot)->id == id)
			return run_of(pg, slot);
	return NULL;
}

void run_output(struct postgres *pg, const struct frame_output *output, const char *bytes, size_t len)
{
	char line[TAIL_SIZE];
	struct run *run = find(pg, output->job);
	if (run == NULL)
		return;
	if (output->stream == OUTPUT_STDOUT && run == &pg->described.run) {
		describe_take(pg, bytes, len);
		return;
	}
	if (output->stream == OUTPUT_STDOUT) {
		add_out(run, bytes, len);
		return;
	}
	add_tail(run, bytes, len);
	if (run != &pg->run || pg->job.kind != PG_JOB_CLONE)
		return;
	run_last_line(run, line, sizeof(line));
	progress_take(pg, line);
}

void run_exited(struct postgres *pg, const struct frame_exited *exited)
{
	struct run *run = find(pg, exited->job);
	forget(pg, exited->job);
	for (int i = 0; i < JOBS_MAX; i++)
		if (pg->strangers[i] == exited->job)
			pg->strangers[i] = 0;
	if (run == NULL || run->state != WAIT_OPEN)
		return;
	run->id = 0;
	run->status = exited->status;
	run->killed = exited->killed != 0;
	run->state = WIFEXITED(exited->status) && WEXITSTATUS(exited->status) == 0 ? WAIT_OK : WAIT_FAILED;
}

static bool is_among(const uint32_t jobs[JOBS_MAX], uint32_t id)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (id != 0 && jobs[i] == id)
			return true;
	return false;
}

/* A KILL may have been lost with the connection. */
static void go_on(struct postgres *pg, enum run_slot slot, bool there)
{
	static const char ended[] = "\nit ended with its container";
	struct run *run = run_of(pg, slot);
	if (run->state != WAIT_OPEN)
		return;
	if (there) {
		if (run->kill_asked)
			run_kill_in(pg, slot);
		return;
	}
	run->state = WAIT_FAILED;
	run->id = 0;
	run->status = -1;
	add_tail(run, ended, strlen(ended));
}

void run_attached(struct postgres *pg, const uint32_t jobs[JOBS_MAX], bool other_supervisor)
{
	for (int i = 0; i < JOBS_MAX; i++) {
		struct frame_job job = { .job = jobs[i] };
		pg->strangers[i] = find(pg, jobs[i]) == NULL ? jobs[i] : 0;
		if (pg->strangers[i] != 0)
			link_send(pg, FRAME_KILL, &job, sizeof(job), NULL);
	}
	for (int slot = 0; slot < RUN_SLOT_COUNT; slot++)
		go_on(pg, slot, !other_supervisor && is_among(jobs, run_of(pg, slot)->id));
}
