/* howdah-supervisor: process 1 of PostgreSQL's container. Starts what the agent asks for, reaps everything, and kills
 * everything when the deadline passes. */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

static const char usage[] = "usage: howdah-supervisor [--dir DIRECTORY] [--version]";

static int64_t clock_us(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return t.tv_sec * (int64_t)SECOND + t.tv_nsec / 1000;
}

static struct frame_instant instant_now(void)
{
	return (struct frame_instant){ clock_us(CLOCK_BOOTTIME), clock_us(CLOCK_MONOTONIC_RAW) };
}

/* The directory to serve in; NULL: nothing more to do, *exit_code says how it ends. */
static const char *read_options(int argc, char **argv, int *exit_code)
{
	const char *dir = getenv("HOWDAH_RUN_DIR");
	*exit_code = 2;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--version") == 0) {
			static const char version[] = "howdah-supervisor " HOWDAH_VERSION "\n";
			*exit_code = write(STDOUT_FILENO, version, sizeof(version) - 1) < 0;
			return NULL;
		}
		if (strcmp(argv[i], "--dir") != 0 || i + 1 == argc) {
			say("bad argument ", argv[i]);
			say(usage, "");
			return NULL;
		}
		dir = argv[++i];
	}
	dir = dir == NULL || dir[0] == '\0' ? "/run/howdah" : dir;
	if (dir[0] == '/')
		return dir;
	say("the directory must be an absolute path: ", dir);
	return NULL;
}

/* The standard descriptors exist, so that none of ours takes their numbers. */
static void open_standard_descriptors(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO && fcntl(fd, F_SETFD, 0) == 0);
	if (fd > STDERR_FILENO)
		close(fd);
}

/* Harder to kill, swap out or overlook. Whatever is not allowed is done without. */
static void harden(struct supervisor *s)
{
	static const char lowest[] = "-999";
	prctl(PR_SET_NAME, "howdah-superv");
	if (!s->in_pod && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
		say("not a subreaper: orphans of children escape", "");
	if (control_read("/proc/self", "oom_score_adj", 0, (struct iovec){ s->oom_score, sizeof(s->oom_score) }) <= 0)
		s->oom_score[0] = '0';
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	bool lowered = fd >= 0 && write(fd, lowest, sizeof(lowest) - 1) > 0;
	bool locked = mlockall(MCL_CURRENT | MCL_FUTURE) == 0;
	say(lowered ? "oom_score_adj lowered" : "oom_score_adj unchanged", locked ? ", memory locked" : "");
	if (fd >= 0)
		close(fd);
}

static void init(struct supervisor *s)
{
	s->self = getpid();
	s->in_pod = s->self == 1;
	s->volume_fd = s->listen_fd = s->candidate_fd = s->agent_fd = -1;
	s->look_fd = s->promote_fd = s->notify_fd = -1;
	for (size_t i = 0; i < JOBS_MAX; i++)
		s->jobs[i] = (struct job){ .fds = { -1, -1 } };
	s->now = instant_now();
	if (getrandom(&s->status.nonce, sizeof(s->status.nonce), GRND_NONBLOCK) != sizeof(s->status.nonce))
		s->status.nonce = (uint64_t)clock_us(CLOCK_REALTIME) << 8 ^ (uint64_t)s->self;
	s->status.in_pod = s->in_pod;
	static_assert(sizeof(HOWDAH_VERSION) <= sizeof(s->status.program_version), "the version fits");
	memcpy(s->status.program_version, HOWDAH_VERSION, sizeof(HOWDAH_VERSION));
	struct iovec boot = { s->status.boot_id, sizeof(s->status.boot_id) };
	if (control_read("/proc/sys/kernel/random", "boot_id", 0, boot) > 0)
		s->status.boot_id[strcspn(s->status.boot_id, "\n")] = '\0';
}

static void read_signals(struct supervisor *s, int fd)
{
	struct signalfd_siginfo info;
	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD || s->status.term_pending)
			continue;
		s->status.term_pending = 1;
		s->status.term_at = s->now;
		say_number("told to end signal=", info.ssi_signo);
	}
}

/* How long the end of the container may be held back: while an agent is there, heard, and has not had its time. */
static bool is_term_due(struct supervisor *s)
{
	int64_t term = s->status.term_at.boot_us, heard = s->last_frame_us > term ? s->last_frame_us : term;
	int64_t until = term + (int64_t)s->term_hold_ms * MS, silent = heard + (int64_t)s->silence_ms * MS;
	until = silent < until ? silent : until;
	if (s->term_go || s->agent_fd < 0 || s->now.boot_us >= until)
		return true;
	wake_at(s, until);
	return false;
}

/* True: the program ends. */
static bool term_turn(struct supervisor *s)
{
	if (!s->status.term_pending || (!s->term_acted && !is_term_due(s)))
		return false;
	if (!s->term_acted) {
		s->term_acted = true;
		s->stop_mode = STOP_FAST;
		postgres_event(s, EVENT_TERM_DUE);
		wake_at(s, s->now.boot_us);
	}
	if (s->status.tree != TREE_DOWN)
		return false;
	fence_kill_all(s); /* jobs */
	if (postgres_reap(s))
		return true;
	wake_at(s, s->now.boot_us + ROUND_US);
	return false;
}

static void wait_for_events(struct supervisor *s, int signal_fd, int timer_fd)
{
	struct pollfd fds[8 + 2 * JOBS_MAX] = {
		{ .fd = signal_fd, .events = POLLIN },
		{ .fd = timer_fd, .events = POLLIN },
		{ .fd = s->candidate_fd < 0 ? s->listen_fd : -1, .events = POLLIN },
		{ .fd = s->candidate_fd, .events = POLLIN },
		{ .fd = s->agent_fd, .events = (short)(s->status_due ? POLLIN | POLLOUT : POLLIN) },
		{ .fd = s->look_fd, .events = POLLIN },
		{ .fd = s->promote_fd, .events = POLLIN },
		{ .fd = s->status.tree == TREE_STANDBY ? s->notify_fd : -1, .events = POLLIN },
	};
	nfds_t count = 8;
	for (size_t i = 0; i < JOBS_MAX && s->full_since_us == 0; i++)
		for (int stream = 0; stream < 2; stream++)
			fds[count++] = (struct pollfd){ .fd = s->jobs[i].fds[stream], .events = POLLIN };
	/* absolute and on BOOTTIME: the time a machine was suspended counts as passed */
	int64_t at = s->wake_us > 1 ? s->wake_us : 1;
	struct itimerspec wake = { .it_value = { at / SECOND, at % SECOND * 1000 } };
	timerfd_settime(timer_fd, TFD_TIMER_ABSTIME, &wake, NULL);
	poll(fds, count, -1);
}

static void run(struct supervisor *s, int signal_fd, int timer_fd)
{
	for (;;) {
		s->now = instant_now();
		s->wake_us = s->now.boot_us + 3600 * (int64_t)SECOND;
		serve_turn(s);
		/* after the socket: a deadline that waits there while we were frozen counts */
		s->now = instant_now();
		postgres_check_deadline(s);
		read_signals(s, signal_fd);
		postgres_reap(s);
		postgres_turn(s);
		jobs_turn(s);
		volume_turn(s);
		if (term_turn(s))
			return;
		serve_flush(s);
		wait_for_events(s, signal_fd, timer_fd);
	}
}

int main(int argc, char **argv)
{
	static struct supervisor s;
	sigset_t all, heard;
	int exit_code;
	open_standard_descriptors();
	const char *dir = read_options(argc, argv, &exit_code);
	if (dir == NULL)
		return exit_code;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	sigemptyset(&heard);
	sigaddset(&heard, SIGTERM);
	sigaddset(&heard, SIGINT);
	sigaddset(&heard, SIGCHLD);
	init(&s);
	if (!serve_open(&s, dir, &exit_code))
		return exit_code;
	harden(&s);
	int signal_fd = signalfd(-1, &heard, SFD_NONBLOCK | SFD_CLOEXEC);
	int timer_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (signal_fd < 0 || timer_fd < 0) {
		say("the system refuses signalfd or timerfd", "");
		return 1;
	}
	run(&s, signal_fd, timer_fd);
	say("ends", "");
	return 0;
}
