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

void aside_stamp(const struct postgres *pg, char *stamp, size_t size)
{
	struct tm tm;
	int64_t now = loop_wall(pg->loop).us;
	time_t seconds = (time_t)(now / 1000000);
	gmtime_r(&seconds, &tm);
	size_t len = strftime(stamp, size, "%Y%m%dT%H%M%S", &tm);
	snprintf(stamp + len, size - len, ".%03d", (int)(now / 1000 % 1000));
}

/* ---- what lies elsewhere: pg_wal and tablespaces ---- */

typedef void target_fn(struct postgres *pg, const char *link, const char *target, const char *stamp);

static void visit(struct postgres *pg, const char *link, const char *stamp, target_fn *fn)
{
	char target[PATH_SIZE];
	ssize_t len = readlink(link, target, sizeof(target) - 1);
	if (len <= 0 || target[0] != '/')
		return;
	target[len] = '\0';
	fn(pg, link, target, stamp);
}

static void visit_targets(struct postgres *pg, const char *base, const char *stamp, target_fn *fn)
{
	char path[PATH_SIZE], link[PATH_SIZE];
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/pg_wal", base);
	visit(pg, path, stamp, fn);
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/pg_tblspc", base);
	DIR *dir = opendir(path);
	if (dir == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		strbuf_init(&b, link, sizeof(link));
		strbuf_addf(&b, "%s/%s", path, entry->d_name);
		if (strbuf_ok(&b))
			visit(pg, link, stamp, fn);
	}
	closedir(dir);
}

static void empty_target(struct postgres *pg, UNUSED const char *link, const char *target, UNUSED const char *stamp)
{
	if (!remover_has(pg, target))
		remover_add(pg, target, true);
}

/* In one step: at no moment is it not known where the other part of the directory is. */
static bool point_to(const char *link, const char *target)
{
	char fresh[PATH_SIZE];
	struct strbuf b;
	strbuf_init(&b, fresh, sizeof(fresh));
	strbuf_addf(&b, "%s.new", link);
	return strbuf_ok(&b) && (unlink(fresh) == 0 || errno == ENOENT) && symlink(target, fresh) == 0 &&
	       rename(fresh, link) == 0;
}

/* What is made next expects the place empty. It may have been done before: the link says so, or the name is taken. */
static void keep_target(UNUSED struct postgres *pg, const char *link, const char *target, const char *stamp)
{
	char from[PATH_SIZE], to[PATH_SIZE], suffix[STAMP_SIZE + 16];
	struct strbuf b;
	snprintf(suffix, sizeof(suffix), ".failed.%s", stamp);
	size_t len = strlen(target), suffix_len = strlen(suffix);
	strbuf_init(&b, from, sizeof(from));
	if (len > suffix_len && text_equal(target + len - suffix_len, suffix))
		len -= suffix_len;
	strbuf_add_bytes(&b, target, len);
	strbuf_init(&b, to, sizeof(to));
	strbuf_addf(&b, "%s%s", from, suffix);
	bool moved = strbuf_ok(&b) && (file_exists(to) || rename(from, to) == 0) && point_to(link, to);
	if (!moved || (mkdir(from, 0700) != 0 && errno != EEXIST))
		log_warning("postgres: cannot move %s out of the way: %s", from, strerror(errno));
}

/* ---- the directory itself ---- */

/* Not to be renamed: a mount point, or one whose parent is not ours. */
static bool must_stay(int error)
{
	return error == EBUSY || error == EXDEV || error == EACCES;
}

bool aside_remove(struct postgres *pg, struct err *err)
{
	const char *dir = pg->config->data_dir;
	char stamp[STAMP_SIZE], name[48], trash[PATH_SIZE], making[PATH_SIZE];
	aside_stamp(pg, stamp, sizeof(stamp));
	snprintf(name, sizeof(name), "trash-%s", stamp);
	marker_path(pg, name, trash, sizeof(trash));
	datadir_path(pg, making_name, making, sizeof(making));
	visit_targets(pg, dir, stamp, empty_target);
	visit_targets(pg, making, stamp, empty_target);
	/* what was there before us, an older directory kept aside among it, stays */
	if (making_has_aliens(dir)) {
		remover_add(pg, dir, true);
		return true;
	}
	if (rename(dir, trash) == 0)
		remover_add(pg, trash, false);
	else if (must_stay(errno) || errno == ENOTEMPTY || errno == EEXIST)
		remover_add(pg, dir, true);
	else if (errno != ENOENT)
		return err_errno(err, "cannot rename %s", dir);
	return true;
}

static bool kept_path(const struct postgres *pg, const char *stamp, char *path, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, path, size);
	strbuf_addf(&b, "%s.failed.%s", pg->config->data_dir, stamp);
	return strbuf_ok(&b);
}

static void kept_path_inside(const struct postgres *pg, const char *stamp, char *path, size_t size)
{
	char name[STAMP_SIZE + 16];
	snprintf(name, sizeof(name), ".failed.%s", stamp);
	datadir_path(pg, name, path, size);
}

static bool keep_inside(const struct postgres *pg, const char *stamp, struct err *err)
{
	char to[PATH_SIZE];
	kept_path_inside(pg, stamp, to, sizeof(to));
	if (mkdir(to, 0700) != 0 && errno != EEXIST)
		return err_errno(err, "cannot make %s", to);
	if (!making_move_entries(pg->config->data_dir, to, err))
		return false;
	log_warning("postgres: the data directory is kept as %s", to);
	return true;
}

static bool sync_parent(const char *path, struct err *err)
{
	char parent[PATH_SIZE];
	text_copy(parent, sizeof(parent), path);
	char *slash = strrchr(parent, '/');
	slash[slash == parent] = '\0';
	return file_sync_dir(parent, err);
}

bool aside_is_taken(const struct postgres *pg, const char *stamp)
{
	char to[PATH_SIZE];
	if (kept_path(pg, stamp, to, sizeof(to)) && file_exists(to))
		return true;
	kept_path_inside(pg, stamp, to, sizeof(to));
	return file_exists(to);
}

bool aside_keep(struct postgres *pg, const char *stamp, struct err *err)
{
	const char *dir = pg->config->data_dir;
	char to[PATH_SIZE];
	if (!kept_path(pg, stamp, to, sizeof(to)))
		return err_set(err, ERR_INPUT, "%s: too long a name", dir);
	visit_targets(pg, dir, stamp, keep_target);
	if (rename(dir, to) == 0) {
		log_warning("postgres: the data directory is kept as %s", to);
		return sync_parent(dir, err);
	}
	if (must_stay(errno))
		return keep_inside(pg, stamp, err);
	return errno == ENOENT || err_errno(err, "cannot rename %s", dir);
}
