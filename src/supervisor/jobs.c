/* RUN: the programs that must run beside PostgreSQL. Their output goes to the agent as far as it fits; their end is
 * told until it was heard. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

enum { READS_A_TURN = 8 };

static struct job *job_find(struct supervisor *s, uint32_t id)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		if (s->jobs[i].id == id)
			return &s->jobs[i];
	return NULL;
}

bool jobs_exclusive(const struct supervisor *s)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		if (s->jobs[i].id != 0 && s->jobs[i].exclusive && !s->jobs[i].done)
			return true;
	return false;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static bool open_pipes(int ends[3][2])
{
	for (int i = 0; i < 3; i++)
		ends[i][0] = ends[i][1] = -1;
	for (int i = 0; i < 3; i++) {
		if (pipe2(ends[i], O_CLOEXEC) < 0)
			return false;
		fcntl(ends[i][i == 0], F_SETFL, O_NONBLOCK); /* our end; the child's stays as programs expect it */
	}
	return true;
}

static struct frame_reply start_job(struct supervisor *s, struct job *job, const struct iovec input)
{
	int ends[3][2];
	bool opened = open_pipes(ends);
	pid_t pid = opened ? spawn_program(s, (int[3]){ ends[0][0], ends[1][1], ends[2][1] }) : -1;
	int error = errno;
	/* all of it fits: a pipe holds more than a frame */
	if (pid > 0 && input.iov_len > 0 && write(ends[0][1], input.iov_base, input.iov_len) < 0)
		say("stdin of a job was not taken", "");
	for (int i = 0; i < 3; i++) {
		close_fd(&ends[i][i != 0]);
		if (pid > 0 && i > 0)
			job->fds[i - 1] = ends[i][0];
		else
			close_fd(&ends[i][i == 0]);
	}
	if (pid > 0) {
		job->pid = pid;
		return (struct frame_reply){ REPLY_OK, 0 };
	}
	*job = (struct job){ .fds = { -1, -1 } };
	return reply_failed(error);
}

static enum reply_code may_run(struct supervisor *s, const struct frame_run *run)
{
	if (s->status.tree == TREE_FENCING)
		return REPLY_FENCING;
	if (run->job == 0 || job_find(s, run->job) != NULL || job_find(s, 0) == NULL)
		return REPLY_BUSY;
	if (!run->exclusive)
		return REPLY_OK;
	if (!s->status.volume_locked)
		return REPLY_NO_LOCK;
	return s->status.tree == TREE_DOWN && !jobs_exclusive(s) && !s->term_acted ? REPLY_OK : REPLY_BUSY;
}

struct frame_reply jobs_run(struct supervisor *s, struct request *r)
{
	struct frame_run run;
	char *at = r->body + sizeof(run);
	memcpy(&run, r->body, sizeof(run));
	if (!requests_program(s, r, &at, run.argc, run.envc) || run.stdin_length != (size_t)(r->end - at))
		return (struct frame_reply){ REPLY_BAD_FRAME, 0 };
	enum reply_code code = may_run(s, &run);
	if (code != REPLY_OK)
		return (struct frame_reply){ code, 0 };
	/* a program may lie on the data volume, which may hang */
	if (s->program.argv[0][0] != '/' || (!s->status.writable && access(s->program.argv[0], X_OK) < 0))
		return reply_failed(s->program.argv[0][0] != '/' ? EINVAL : errno);
	struct job *job = job_find(s, 0);
	*job = (struct job){ .id = run.job, .fds = { -1, -1 }, .exclusive = run.exclusive != 0 };
	job->limit_at = run.limit_ms == 0 ? 0 : s->now.boot_us + (int64_t)run.limit_ms * MS;
	return start_job(s, job, (struct iovec){ at, run.stdin_length });
}

static void kill_job(const struct supervisor *s, struct job *job)
{
	job->killed = true;
	fence_walk(s, KIN_JOB, job, SIGKILL);
}

struct frame_reply jobs_kill(struct supervisor *s, uint32_t id)
{
	struct job *job = id == 0 ? NULL : job_find(s, id);
	if (job == NULL || job->done)
		return (struct frame_reply){ REPLY_BUSY, 0 };
	kill_job(s, job);
	return (struct frame_reply){ REPLY_OK, 0 };
}

struct frame_reply jobs_forget(struct supervisor *s, uint32_t id)
{
	struct job *job = id == 0 ? NULL : job_find(s, id);
	if (job == NULL || !job->done)
		return (struct frame_reply){ REPLY_BUSY, 0 };
	*job = (struct job){ .fds = { -1, -1 } };
	return (struct frame_reply){ REPLY_OK, 0 };
}

void jobs_reaped(struct supervisor *s, pid_t pid, int status)
{
	for (size_t i = 0; i < JOBS_MAX; i++) {
		struct job *job = &s->jobs[i];
		if (job->id == 0 || job->pid != pid || job->reaped)
			continue;
		job->reaped = true;
		job->status = status;
	}
}

static bool send_output(struct supervisor *s, const struct job *job, int stream, struct iovec bytes)
{
	struct frame_output output = { .job = job->id, .stream = (uint32_t)stream + 1, .lost = job->lost[stream] };
	return frames_send(s->agent_fd, FRAME_OUTPUT, 0, (struct iovec[2]){ { &output, sizeof(output) }, bytes });
}

static void read_output(struct supervisor *s, struct job *job, int stream)
{
	char bytes[OUTPUT_BYTES];
	for (int i = 0; i < READS_A_TURN && job->fds[stream] >= 0; i++) {
		enum room room = serve_room(s);
		if (room == ROOM_WAIT)
			return;
		ssize_t n = read(job->fds[stream], bytes, sizeof(bytes));
		if (n > 0 && (room == ROOM_NEVER || !send_output(s, job, stream, (struct iovec){ bytes, (size_t)n })))
			job->lost[stream] += (uint64_t)n;
		if (n > 0)
			continue;
		/* what a finished job left in the background may keep the pipe open; nobody waits for that */
		if (n == 0 || errno != EAGAIN || job->reaped)
			close_fd(&job->fds[stream]);
		return;
	}
	if (job->reaped)
		wake_at(s, s->now.boot_us);
}

static void tell_end(struct supervisor *s, struct job *job)
{
	struct frame_exited exited = { .job = job->id, .status = job->status, .killed = job->killed };
	for (int i = 0; i < 2; i++)
		if (job->lost[i] > 0 && !send_output(s, job, i, (struct iovec){ NULL, 0 }))
			return;
	job->told = frames_send(s->agent_fd, FRAME_EXITED, 0, (struct iovec[2]){ { &exited, sizeof(exited) } });
}

static void job_turn(struct supervisor *s, struct job *job)
{
	bool swept = true;
	if (job->limit_at != 0 && !job->reaped && !job->killed) {
		if (s->now.boot_us >= job->limit_at)
			kill_job(s, job);
		else
			wake_at(s, job->limit_at);
	}
	/* nothing of a killed job, or of one that changed the data directory, may outlive the word of its end */
	if (job->killed || (job->exclusive && job->reaped)) {
		swept = fence_walk(s, KIN_JOB, job, SIGKILL) == 0;
		wake_at(s, swept ? INT64_MAX : s->now.boot_us + ROUND_US);
	}
	read_output(s, job, 0);
	read_output(s, job, 1);
	if (!job->reaped || !swept || job->fds[0] >= 0 || job->fds[1] >= 0)
		return;
	job->done = true;
	job->pid = 0; /* the number may become another process's */
}

void jobs_turn(struct supervisor *s)
{
	for (size_t i = 0; i < JOBS_MAX; i++) {
		struct job *job = &s->jobs[i];
		s->status.jobs[i] = job->id;
		if (job->id != 0 && !job->done)
			job_turn(s, job);
		/* whoever hears of an end before the STATUS that lists the job would wait for it ever after */
		if (job->id == 0 || !job->done || job->told || s->agent_fd < 0 || !s->greeted)
			continue;
		tell_end(s, job);
		if (!job->told)
			wake_at(s, s->now.boot_us + ROUND_US);
	}
}
