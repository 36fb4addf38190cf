/* Starting a program that outlives us, and what the kernel knows about ourselves. */
#include "io/process.h"

#include "base/strbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_POLL_MS = 20, REPORT_FD = 3 };

/* Nothing of ours is for the program: no descriptors but the standard ones, no blocked or ignored signals. */
static void leave_nothing_behind(int report_fd)
{
	sigset_t none;
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	dup2(null_fd, STDIN_FILENO);
	dup2(STDERR_FILENO, STDOUT_FILENO);
	if (report_fd != REPORT_FD)
		dup3(report_fd, REPORT_FD, O_CLOEXEC);
	closefrom(REPORT_FD + 1);
	for (int signo = 1; signo < NSIG; signo++)
		sigaction(signo, &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void report_and_exit(int fd)
{
	int why = errno;
	while (write(fd, &why, sizeof(why)) < 0 && errno == EINTR)
		;
	_exit(127);
}

/* The middle process ends at once, so init becomes the parent of the program. */
static void run_middle(char *const argv[], int report_fd)
{
	setsid();
	pid_t pid = fork();
	if (pid < 0)
		report_and_exit(report_fd);
	if (pid > 0)
		_exit(0);
	leave_nothing_behind(report_fd);
	execvp(argv[0], argv);
	report_and_exit(REPORT_FD);
}

/* The pipe closes without a word when exec has worked. */
static bool read_report(int fd, const char *program, struct err *err)
{
	int why;
	ssize_t n;
	do
		n = read(fd, &why, sizeof(why));
	while (n < 0 && errno == EINTR);
	if (n == 0)
		return true;
	if (n == sizeof(why))
		errno = why;
	return err_errno(err, "cannot start %s", program);
}

bool process_start_detached(char *const argv[], struct err *err)
{
	int report[2];
	if (pipe2(report, O_CLOEXEC) != 0)
		return err_errno(err, "cannot start %s", argv[0]);
	AUTO(fd) int reader = report[0];
	AUTO(fd) int writer = report[1];
	pid_t pid = fork();
	if (pid < 0)
		return err_errno(err, "cannot start %s", argv[0]);
	if (pid == 0)
		run_middle(argv, writer);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	auto_fd(&writer); /* ours; the program's copy closes with exec */
	return read_report(reader, argv[0], err);
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A file that was removed or replaced while we waited for it locks nobody out. */
static bool is_still_at(int fd, const char *path)
{
	struct stat mine, there;
	return fstat(fd, &mine) == 0 && stat(path, &there) == 0 && mine.st_dev == there.st_dev &&
	       mine.st_ino == there.st_ino;
}

/* Takes the lock now; false with EWOULDBLOCK when another holds it. On success *fd stays open. */
static bool try_lock(const char *path, int *fd)
{
	AUTO(fd) int opened = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (opened < 0 || flock(opened, LOCK_EX | LOCK_NB) != 0)
		return false;
	if (!is_still_at(opened, path)) {
		errno = EWOULDBLOCK;
		return false;
	}
	*fd = opened;
	opened = -1;
	return true;
}

bool process_single_instance(const char *lock_path, int64_t timeout_ms, struct err *err)
{
	static int held UNUSED = -1; /* open until the process ends */
	int64_t end_ms = now_ms() + timeout_ms;
	while (!try_lock(lock_path, &held)) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return err_errno(err, "cannot lock %s", lock_path);
		if (now_ms() >= end_ms)
			return err_set(err, ERR_CONFLICT, "%s is held by another process", lock_path);
		nanosleep(&(struct timespec){ .tv_nsec = LOCK_POLL_MS * 1000000L }, NULL);
	}
	return true;
}

bool process_self_dir(char *dir, size_t size, struct err *err)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	if (len < 0)
		return err_errno(err, "cannot read /proc/self/exe");
	path[len] = '\0';
	char *slash = strrchr(path, '/');
	if (slash == NULL)
		return err_set(err, ERR_OTHER, "'%s' is not a path", path);
	slash[slash == path] = '\0';
	if (!text_copy(dir, size, path))
		return err_set(err, ERR_OTHER, "the path %s is too long", path);
	return true;
}
