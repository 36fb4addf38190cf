/* Whose processes these are, and their end. A backend leads its own process group and session, so neither says
 * anything: what counts is the chain of parents. We are process 1 or a child subreaper, so whatever loses its parent
 * becomes our own child and is found by the next round. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

struct parentage {
	pid_t parent, session;
};

static bool read_parentage(const char *pid, struct parentage *p)
{
	char path[32], text[256];
	int64_t fields[3];
	if (!TEXT_JOIN(path, "/proc/", pid) || control_read(path, "stat", 0, (struct iovec){ text, sizeof(text) }) <= 0)
		return false;
	char *at = strrchr(text, ')'); /* "pid (name) state parent group session": the name may hold anything */
	if (at == NULL || strlen(at) < 4)
		return false;
	at += 3;
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		at += strspn(at, " ");
		fields[i] = text_to_number(at);
		at += strcspn(at, " ");
	}
	*p = (struct parentage){ .parent = (pid_t)fields[0], .session = (pid_t)fields[2] };
	return true;
}

static const struct job *job_of(const struct supervisor *s, pid_t pid, pid_t session)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		if (s->jobs[i].pid != 0 && (s->jobs[i].pid == pid || s->jobs[i].pid == session))
			return &s->jobs[i];
	return NULL;
}

/* Climbs from a process to us. A job's are those under its process or in its session; everything else of ours counts as
 * PostgreSQL's. */
static bool is_ours(const struct supervisor *s, const char *name, const struct job **job)
{
	char text[24];
	struct parentage p;
	pid_t pid = (pid_t)text_to_number(name);
	*job = NULL;
	for (int depth = 0; depth < 256 && read_parentage(name, &p); depth++) {
		if (*job == NULL)
			*job = job_of(s, pid, p.session);
		if (p.parent == s->self)
			return true;
		if (p.parent <= 1)
			return false;
		pid = p.parent;
		text_number(text, pid);
		name = text;
	}
	return false;
}

static bool is_meant(const struct supervisor *s, const char *name, enum kin kin, const struct job *wanted)
{
	const struct job *job;
	if (name[0] < '1' || name[0] > '9' || !is_ours(s, name, &job))
		return false;
	return kin == KIN_ANY || (kin == KIN_POSTGRES ? job == NULL : job == wanted);
}

unsigned fence_walk(const struct supervisor *s, enum kin kin, const struct job *job, int sig)
{
	static _Alignas(struct dirent64) char entries[16384];
	unsigned count = 0;
	ssize_t n;
	int fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && (n = getdents64(fd, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(entries + at);
			at += entry->d_reclen;
			if (!is_meant(s, entry->d_name, kin, job))
				continue;
			count++;
			if (sig != 0)
				kill((pid_t)text_to_number(entry->d_name), sig);
		}
	}
	if (fd >= 0)
		close(fd);
	return count;
}

/* The short way to most of them, where the kernel keeps such a list: a walk over all of /proc takes its time on a busy machine. */
static void kill_backends(const struct supervisor *s)
{
	static char list[16384];
	char pid[24], path[64], *at = list;
	text_number(pid, s->status.postmaster);
	if (s->status.postmaster == 0 || !TEXT_JOIN(path, "/proc/", pid, "/task/", pid))
		return;
	if (control_read(path, "children", 0, (struct iovec){ list, sizeof(list) }) < 0)
		list[0] = '\0';
	kill(s->status.postmaster, SIGKILL);
	for (char *end; (end = strchr(at, ' ')) != NULL && *at >= '1' && *at <= '9'; at = end + 1)
		kill((pid_t)text_to_number(at), SIGKILL);
}

void fence_kill_all(struct supervisor *s)
{
	for (size_t i = 0; i < JOBS_MAX; i++)
		s->jobs[i].killed |= s->jobs[i].id != 0 && !s->jobs[i].reaped;
	if (s->in_pod) {
		kill(-1, SIGKILL);
		return;
	}
	kill_backends(s);
	fence_walk(s, KIN_ANY, NULL, SIGKILL);
}
