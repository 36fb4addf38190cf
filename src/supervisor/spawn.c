/* Starting programs: fork and exec, never waiting for the outcome. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

static void child_reset_signals(bool postmaster)
{
	struct sigaction action = { .sa_handler = SIG_DFL };
	sigset_t none;
	for (int sig = 1; sig <= 64; sig++)
		sigaction(sig, &action, NULL);
	/* a RELOAD in the moment before the postmaster has its handler must not end it */
	action.sa_handler = SIG_IGN;
	if (postmaster)
		sigaction(SIGHUP, &action, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Our own score was lowered; PostgreSQL and its friends are not to inherit that. */
static void child_reset_oom_score(const struct supervisor *s)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, s->oom_score, sizeof(s->oom_score)) < 0)
		say("oom_score_adj not reset", "");
}

static void child_exec(const struct supervisor *s, const int *fds)
{
	setsid();
	for (int i = 0; fds != NULL && i < 3; i++)
		if (dup2(fds[i], i) < 0)
			return;
	/* Process 1 takes everything with it when it dies. Elsewhere the postmaster must not outlive us; its backends
	 * notice that by themselves, but for those that never wait: an orphan in a loop of commits goes on until it
	 * ends, holding the volume's lock, so that nobody starts a second server there. */
	if (fds == NULL && !s->in_pod && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != s->self))
		return;
	child_reset_oom_score(s);
	child_reset_signals(fds == NULL);
	execve(s->program.argv[0], s->program.argv, s->program.envp);
	say("cannot run ", s->program.argv[0]);
	say_number("errno=", errno);
}

pid_t spawn_program(const struct supervisor *s, const int *fds)
{
	pid_t pid = fork();
	if (pid == 0) {
		child_exec(s, fds);
		_exit(127);
	}
	return pid;
}
