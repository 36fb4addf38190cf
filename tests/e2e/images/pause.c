/* Holds the namespaces of a pod and reaps what is left there. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(int signo)
{
	(void)signo;
	_exit(0);
}

static void reap(int signo)
{
	(void)signo;
	while (waitpid(-1, 0, WNOHANG) > 0)
		;
}

int main(void)
{
	sigaction(SIGTERM, &(struct sigaction){ .sa_handler = end }, 0);
	sigaction(SIGINT, &(struct sigaction){ .sa_handler = end }, 0);
	sigaction(SIGCHLD, &(struct sigaction){ .sa_handler = reap, .sa_flags = SA_NOCLDSTOP }, 0);
	for (;;)
		pause();
}
