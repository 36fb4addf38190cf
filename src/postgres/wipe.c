/* The whole data directory is removed, and what of it lies elsewhere. The marker is the first thing and the last: a wipe that was cut
 * short is found and goes on. What lies elsewhere goes first, while the links to it are still there. */
#include "postgres/private.h"

#include "base/log.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void postgres_wipe(struct postgres *pg)
{
	job_begin(pg, PG_JOB_WIPE, &(struct job){ .reply = WAIT_NONE });
}

enum step_result step_wipe_begin(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	const struct instance *in = &pg->instance;
	if (!in->attached || !in->volume_locked || in->tree != PG_TREE_DOWN)
		return job_fail(pg, "PostgreSQL is running or the volume is not ours");
	pg->wipe.target[0] = '\0';
	if (!marker_write(pg, "changing", "wipe\n", &err))
		return job_fail(pg, "%s", err.text);
	pg->instance.data = DATA_MARKED;
	return STEP_NEXT;
}

/* A link that leads to where we live, or above, is no tablespace. */
static bool is_above(const char *target, const char *dir)
{
	size_t len = strlen(target);
	while (len > 0 && target[len - 1] == '/')
		len--;
	return strncmp(target, dir, len) == 0 && (dir[len] == '/' || dir[len] == '\0');
}

static bool link_target(const struct postgres *pg, const char *link, char *target, size_t size)
{
	ssize_t len = readlink(link, target, size);
	if (len <= 0 || (size_t)len >= size)
		return false;
	target[len] = '\0';
	if (target[0] == '/' && is_above(target, pg->config->data_dir))
		log_warning("postgres: %s leads to %s, which is not removed", link, target);
	else if (target[0] == '/')
		return true;
	return false;
}

/* The next place outside that has something in it. */
static bool find_target(const struct postgres *pg, char *target, size_t size)
{
	char dir_path[PATH_SIZE], link[PATH_SIZE];
	bool found;
	datadir_path(pg, "pg_wal", link, sizeof(link));
	if (link_target(pg, link, target, size) && datadir_is_empty(target) == 0)
		return true;
	datadir_path(pg, "pg_tblspc", dir_path, sizeof(dir_path));
	DIR *dir = opendir(dir_path);
	if (dir == NULL)
		return false;
	found = false;
	for (struct dirent *entry; !found && (entry = readdir(dir)) != NULL;) {
		struct strbuf b;
		strbuf_init(&b, link, sizeof(link));
		strbuf_addf(&b, "%s/%s", dir_path, entry->d_name);
		found = strbuf_ok(&b) && link_target(pg, link, target, size) && datadir_is_empty(target) == 0;
	}
	closedir(dir);
	return found;
}

/* What was removed stays removed: nothing of the tree below can be reached any more. */
static void sync_dir(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return;
	if (fsync(fd) != 0)
		log_warning("postgres: cannot sync %s", path);
	close(fd);
}

enum step_result step_wipe_targets(struct postgres *pg, UNUSED bool first)
{
	char target[PATH_SIZE];
	struct wipe *wipe = &pg->wipe;
	if (remover_busy(pg))
		return STEP_WAIT;
	if (wipe->target[0] != '\0')
		sync_dir(wipe->target);
	if (!find_target(pg, target, sizeof(target)))
		return STEP_NEXT;
	if (text_equal(target, wipe->target))
		return job_fail(pg, "%s cannot be emptied", target);
	text_copy(wipe->target, sizeof(wipe->target), target);
	log_info("postgres: removes what is in %s", target);
	remover_add(pg, target, true);
	return STEP_WAIT;
}

enum step_result step_wipe_directory(struct postgres *pg, bool first)
{
	const char *dir = pg->config->data_dir;
	if (first)
		remover_add(pg, dir, true);
	if (remover_busy(pg))
		return STEP_WAIT;
	sync_dir(dir);
	return datadir_is_empty(dir) > 0 ? STEP_NEXT : job_fail(pg, "%s cannot be emptied", dir);
}

enum step_result step_wipe_finish(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	keep_remove(pg);
	if (!forget_old(pg, &err) || !marker_remove(pg, "bootstrap", &err) || !marker_remove(pg, "changing", &err))
		return job_fail(pg, "%s", err.text);
	return STEP_NEXT;
}
