/* One data directory, one owner: a flock on a file beside it. Every child inherits the descriptor, so the lock lives as
 * long as the last of them. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

/* The data directory of a new volume may be several directories below it, as in the official images from 18 on. Only in a pod, whose
 * volumes are there before its containers: elsewhere a volume may be mounted late, and is waited for. What cannot be made shows when the
 * lock is to be made there. */
static void make_parents(const char *data_dir)
{
	char path[PATH_SIZE];
	if (!TEXT_JOIN(path, data_dir))
		return;
	for (char *at = path; (at = strchr(at + 1, '/')) != NULL; *at = '/') {
		*at = '\0';
		(void)!mkdir(path, 0700);
	}
}

static bool lock_file(struct supervisor *s)
{
	char path[PATH_SIZE];
	if (s->in_pod)
		make_parents(s->data_dir);
	if (!TEXT_JOIN(path, s->data_dir, ".howdah") || (mkdir(path, 0700) < 0 && errno != EEXIST) ||
	    !TEXT_JOIN(path, s->data_dir, ".howdah/lock"))
		return false;
	s->volume_fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0600); /* not O_CLOEXEC: children keep the lock */
	return s->volume_fd >= 0 && flock(s->volume_fd, LOCK_EX | LOCK_NB) == 0;
}

void volume_try(struct supervisor *s)
{
	if (s->status.volume_locked || s->data_dir[0] == '\0')
		return;
	s->volume_try_us = s->now.boot_us + SECOND;
	s->status.volume_locked = lock_file(s);
	s->status.volume_errno = s->status.volume_locked ? 0 : errno;
	if (!s->status.volume_locked && s->volume_fd >= 0) {
		close(s->volume_fd);
		s->volume_fd = -1;
	}
	if (s->status.volume_locked)
		say("volume locked data_dir=", s->data_dir);
}

void volume_turn(struct supervisor *s)
{
	if (s->status.volume_locked || s->agent_fd < 0)
		return;
	if (s->now.boot_us >= s->volume_try_us)
		volume_try(s);
	wake_at(s, s->volume_try_us);
}

bool volume_is_marked(const struct supervisor *s)
{
	char path[PATH_SIZE];
	/* a marker that cannot be looked for counts as one */
	return !TEXT_JOIN(path, s->data_dir, ".howdah/changing") || access(path, F_OK) == 0 || errno != ENOENT;
}
