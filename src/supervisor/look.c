/* The data volume, touched by a child: storage that hangs must not hold up the deadline. Not even a signal reaches a
 * process that waits for a dead disk, so whatever may be writable is never waited for here.
 *
 * A child answers with one byte through a pipe and ends. One that hangs keeps its pipe, and is not asked again. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

enum { PROMOTE_PATIENCE_MS = 100, LAST_FD = 255, UNTOLD = 5 * SECOND };

static unsigned char look_at_files(const struct supervisor *s)
{
	/* in this order: what the status line promises is in pg_control before */
	unsigned char seen = control_status(s);
	return seen | control_state(s);
}

/* PostgreSQL's signal file; the answer is an errno. */
static unsigned char make_promote_file(const struct supervisor *s)
{
	char path[PATH_SIZE];
	if (!TEXT_JOIN(path, s->data_dir, "/promote"))
		return ENAMETOOLONG;
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) < 0 ? (unsigned char)errno : 0;
}

/* The agent must see our end, and nobody is to be kept from the volume, while a child hangs. */
static void become_child(int kept)
{
	prctl(PR_SET_NAME, "howdah-look");
	if (dup2(kept, STDIN_FILENO) < 0)
		_exit(1);
	if (close_range(STDERR_FILENO + 1, ~0U, 0) == 0)
		return;
	for (int fd = STDERR_FILENO + 1; fd <= LAST_FD; fd++)
		close(fd);
}

/* The end of the pipe that the answer comes from; -1: errno says why there is none. */
static int ask_child(const struct supervisor *s, unsigned char (*question)(const struct supervisor *s))
{
	int ends[2];
	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	pid_t pid = fork();
	if (pid == 0) {
		become_child(ends[1]);
		unsigned char answer = question(s);
		_exit(write(STDIN_FILENO, &answer, 1) != 1);
	}
	int error = errno;
	close(ends[1]);
	if (pid < 0)
		close(ends[0]);
	errno = error;
	return pid < 0 ? -1 : ends[0];
}

enum { NO_ANSWER = -1, CHILD_DIED = -2 };

/* The byte; closes the pipe unless nothing came yet. */
static int take(int *fd)
{
	unsigned char answer;
	ssize_t n = *fd < 0 ? 0 : read(*fd, &answer, 1);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return NO_ANSWER;
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	return n == 1 ? answer : CHILD_DIED;
}

void look_begin(struct supervisor *s)
{
	if (s->look_fd >= 0)
		return;
	s->look_fd = ask_child(s, look_at_files);
	s->control_changed = s->look_fd < 0; /* nobody has looked */
	s->look_life = s->status.postmaster_count;
}

/* A new watch each time: the directory may be another one. The kernel tells of writes through the file, whatever it lies on. */
void look_watch(struct supervisor *s)
{
	char path[PATH_SIZE];
	if (s->notify_fd >= 0)
		close(s->notify_fd);
	s->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	s->control_told = s->notify_fd >= 0 && TEXT_JOIN(path, s->data_dir, "/global/pg_control") &&
			  inotify_add_watch(s->notify_fd, path, IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF) >= 0;
	s->control_changed = true;
}

static void take_notices(struct supervisor *s)
{
	_Alignas(struct inotify_event) char notices[512];
	while (s->control_told && read(s->notify_fd, notices, sizeof(notices)) > 0)
		s->control_changed = true;
}

/* Once a second, as long as pg_control is written to; else now and then, should a write not have been told. */
int64_t look_due_us(struct supervisor *s)
{
	take_notices(s);
	return s->control_told && !s->control_changed ? s->look_us + UNTOLD : s->look_us;
}

unsigned look_take(struct supervisor *s)
{
	int seen = s->look_fd < 0 ? NO_ANSWER : take(&s->look_fd);
	s->control_changed |= seen == CHILD_DIED;
	return seen < 0 || s->look_life != s->status.postmaster_count ? 0 : (unsigned)seen;
}

int look_promote(struct supervisor *s)
{
	if (s->promote_fd >= 0)
		return LOOK_PENDING; /* of an earlier promotion: when it goes on, this one has its file */
	s->promote_fd = ask_child(s, make_promote_file);
	if (s->promote_fd < 0)
		return errno;
	struct pollfd answer = { .fd = s->promote_fd, .events = POLLIN };
	poll(&answer, 1, PROMOTE_PATIENCE_MS);
	int error = take(&s->promote_fd);
	return error == NO_ANSWER || error == CHILD_DIED ? LOOK_PENDING : error;
}

bool look_promote_came(struct supervisor *s)
{
	return s->promote_fd >= 0 && take(&s->promote_fd) == 0;
}
