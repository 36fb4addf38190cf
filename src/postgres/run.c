/* RUN: one program of ours at a time in PostgreSQL's container. What an earlier agent left running is killed. */
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

/* Lost is not refused: after the next connection either its end is told, or it is not among the jobs. */
static void on_reply(struct postgres *pg, int code, int detail)
{
	struct run *run = &pg->run;
	if (code == REPLY_OK || code == LINK_LOST || run->state != WAIT_OPEN)
		return;
	run->state = WAIT_FAILED;
	run->id = 0;
	run->status = -1;
	snprintf(run->tail, sizeof(run->tail), "%s (%d)", link_reply_text(code), detail);
	run->tail_len = strlen(run->tail);
}

bool run_start(struct postgres *pg, const struct command *command, bool exclusive, int64_t limit_ms)
{
	struct run *run = &pg->run;
	struct frame_run frame = { .argc = command->argc, .envc = command->envc, .exclusive = exclusive };
	if (run->state == WAIT_OPEN || command->overflow)
		return false;
	/* not one that an earlier agent may have used */
	run->last_id = run->last_id == 0 ? (uint32_t)(pg->generation / 1000) | 1 : run->last_id + 1;
	run->id = frame.job = run->last_id;
	run->state = WAIT_OPEN;
	run->killed = false;
	run->tail_len = 0;
	run->tail[0] = '\0';
	frame.limit_ms = (uint32_t)limit_ms;
	log_debug("run: %s", command_get(command, 0));
	struct link_frame sent = { .type = FRAME_RUN, .body = &frame, .size = sizeof(frame), .strings = command };
	link_send_strings(pg, &sent, on_reply);
	return true;
}

void run_kill(struct postgres *pg)
{
	struct frame_job job = { .job = pg->run.id };
	if (pg->run.state == WAIT_OPEN)
		link_send(pg, FRAME_KILL, &job, sizeof(job), NULL);
}

bool run_has_strangers(const struct postgres *pg)
{
	for (int i = 0; i < JOBS_MAX; i++)
		if (pg->run.strangers[i] != 0)
			return true;
	return false;
}

/* pg_basebackup: "  23456/7890123 kB (0%), 0/1 tablespace" */
static void take_progress(struct postgres *pg, const char *text)
{
	char *end;
	while (*text == ' ')
		text++;
	long long done = strtoll(text, &end, 10);
	if (end == text || *end != '/')
		return;
	text = end + 1;
	long long total = strtoll(text, &end, 10);
	if (end == text || strncmp(end, " kB", 3) != 0)
		return;
	pg->instance.clone_done_bytes = done * 1024;
	pg->instance.clone_total_bytes = total * 1024;
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

/* PostgreSQL's programs explain an error in the lines behind it: the last line that names one, else the last line. */
void run_why(const struct run *run, char *text, size_t size)
{
	char tail[TAIL_SIZE + 1];
	const char *found = NULL;
	memcpy(tail, run->tail, run->tail_len);
	tail[run->tail_len] = '\0';
	for (const char *at = tail; (at = strstr(at, "error: ")) != NULL; at++)
		found = at;
	if (found == NULL) {
		run_last_line(run, text, size);
		return;
	}
	struct strbuf b;
	strbuf_init(&b, text, size);
	found += strlen("error: ");
	strbuf_add_bytes(&b, found, strcspn(found, "\r\n"));
}

void run_output(struct postgres *pg, const struct frame_output *output, const char *bytes, size_t len)
{
	char line[TAIL_SIZE];
	if (output->job != pg->run.id || output->stream != OUTPUT_STDERR)
		return;
	add_tail(&pg->run, bytes, len);
	run_last_line(&pg->run, line, sizeof(line));
	if (pg->job.kind == PG_JOB_CLONE)
		take_progress(pg, line);
}

void run_exited(struct postgres *pg, const struct frame_exited *exited)
{
	struct run *run = &pg->run;
	forget(pg, exited->job);
	for (int i = 0; i < JOBS_MAX; i++)
		if (run->strangers[i] == exited->job)
			run->strangers[i] = 0;
	if (exited->job != run->id || run->state != WAIT_OPEN)
		return;
	run->id = 0;
	run->status = exited->status;
	run->killed = exited->killed != 0;
	run->state = WIFEXITED(exited->status) && WEXITSTATUS(exited->status) == 0 ? WAIT_OK : WAIT_FAILED;
}

void run_attached(struct postgres *pg, const uint32_t jobs[JOBS_MAX], bool other_supervisor)
{
	struct run *run = &pg->run;
	bool there = false;
	for (int i = 0; i < JOBS_MAX; i++) {
		struct frame_job job = { .job = jobs[i] };
		there |= jobs[i] != 0 && jobs[i] == run->id;
		run->strangers[i] = jobs[i] == run->id ? 0 : jobs[i];
		if (run->strangers[i] != 0)
			link_send(pg, FRAME_KILL, &job, sizeof(job), NULL);
	}
	if (run->state != WAIT_OPEN || (there && !other_supervisor))
		return;
	run->state = WAIT_FAILED;
	run->id = 0;
	run->status = -1;
	add_tail(run, "\nit ended with its container", strlen("\nit ended with its container"));
}
