/* The data directory out of the way: renamed when somebody may still want it, removed when this attempt made it. */
#include "postgres/private.h"

#include "base/log.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void print_time(struct postgres *pg, char *text, size_t size)
{
	struct tm tm;
	time_t seconds = (time_t)(loop_wall(pg->loop).us / 1000000);
	gmtime_r(&seconds, &tm);
	strftime(text, size, "%Y%m%dT%H%M%S", &tm);
}

/* A mount point cannot be renamed: what is in it goes into a directory whose name begins with a dot. */
static bool rename_entries(const char *from, const char *to, struct err *err)
{
	DIR *dir = opendir(from);
	if (dir == NULL || mkdir(to, 0700) != 0) {
		err_errno(err, "cannot make %s", to);
		if (dir != NULL)
			closedir(dir);
		return false;
	}
	bool ok = true;
	for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL;) {
		char old[PATH_SIZE], new[PATH_SIZE];
		if (entry->d_name[0] == '.' || text_equal(entry->d_name, "lost+found"))
			continue;
		struct strbuf a, b;
		strbuf_init(&a, old, sizeof(old));
		strbuf_init(&b, new, sizeof(new));
		strbuf_addf(&a, "%s/%s", from, entry->d_name);
		strbuf_addf(&b, "%s/%s", to, entry->d_name);
		if (!strbuf_ok(&a) || !strbuf_ok(&b) || rename(old, new) != 0)
			ok = err_errno(err, "cannot rename %s", old);
	}
	closedir(dir);
	return ok;
}

/* pg_wal and tablespaces may lie elsewhere: what is to be made next expects those places empty. */
static void move_target(struct postgres *pg, const char *link, bool remove, const char *stamp)
{
	char target[PATH_SIZE], to[PATH_SIZE];
	struct strbuf b;
	ssize_t len = readlink(link, target, sizeof(target) - 1);
	if (len <= 0 || target[0] != '/')
		return;
	target[len] = '\0';
	strbuf_init(&b, to, sizeof(to));
	strbuf_addf(&b, "%s.failed.%s", target, stamp);
	if (remove)
		remover_add(pg, target, true);
	else if (!strbuf_ok(&b) || rename(target, to) != 0 || unlink(link) != 0 || symlink(to, link) != 0 ||
		 mkdir(target, 0700) != 0)
		log_warning("postgres: cannot move %s out of the way", target);
}

static void move_targets(struct postgres *pg, bool remove, const char *stamp)
{
	char path[PATH_SIZE];
	datadir_path(pg, "pg_wal", path, sizeof(path));
	move_target(pg, path, remove, stamp);
	datadir_path(pg, "pg_tblspc", path, sizeof(path));
	DIR *dir = opendir(path);
	if (dir == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char link[PATH_SIZE];
		struct strbuf b;
		strbuf_init(&b, link, sizeof(link));
		strbuf_addf(&b, "%s/%s", path, entry->d_name);
		if (strbuf_ok(&b))
			move_target(pg, link, remove, stamp);
	}
	closedir(dir);
}

static bool aside_remove(struct postgres *pg, const char *stamp, struct err *err)
{
	const char *dir = pg->config->data_dir;
	char name[48], trash[PATH_SIZE];
	snprintf(name, sizeof(name), "trash-%s", stamp);
	marker_path(pg, name, trash, sizeof(trash));
	if (rename(dir, trash) == 0)
		remover_add(pg, trash, false);
	else if (errno == EBUSY || errno == EXDEV || errno == EACCES || errno == ENOTEMPTY || errno == EEXIST)
		remover_add(pg, dir, true);
	else if (errno != ENOENT)
		return err_errno(err, "cannot rename %s", dir);
	return true;
}

static bool aside_keep(struct postgres *pg, const char *stamp, struct err *err)
{
	const char *dir = pg->config->data_dir;
	char to[PATH_SIZE];
	struct strbuf b;
	strbuf_init(&b, to, sizeof(to));
	strbuf_addf(&b, "%s.failed.%s", dir, stamp);
	if (!strbuf_ok(&b))
		return err_set(err, ERR_INPUT, "%s: too long a name", dir);
	bool moved = rename(dir, to) == 0;
	if (!moved && (errno == EBUSY || errno == EXDEV)) {
		strbuf_init(&b, to, sizeof(to));
		strbuf_addf(&b, "%s/.failed.%s", dir, stamp);
		if (!strbuf_ok(&b) || !rename_entries(dir, to, err))
			return false;
	} else if (!moved && errno != ENOENT) {
		return err_errno(err, "cannot rename %s", dir);
	}
	if (file_exists(to))
		log_warning("postgres: the data directory is kept as %s", to);
	return true;
}

bool aside_begin(struct postgres *pg, bool remove, struct err *err)
{
	char stamp[32];
	print_time(pg, stamp, sizeof(stamp));
	move_targets(pg, remove, stamp);
	return remove ? aside_remove(pg, stamp, err) : aside_keep(pg, stamp, err);
}
