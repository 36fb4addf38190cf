/* What a second attempt at pg_rewind needs and the first one destroys: it empties or removes WAL of this server before it has copied
 * anything, and rewrites pg_control at its end. Copies lie beside the data directory until the rewind has succeeded. */
#include "postgres/private.h"

#include "base/log.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char keep_dir[] = "rewind-wal", control_name[] = "pg_control";
static const char copy_script[] =
	"umask 077; cp -- \"$1\" \"$2.part\" && sync \"$2.part\" && mv -f -- \"$2.part\" \"$2\"";

static void kept_path(const struct postgres *pg, const char *name, char *path, size_t size)
{
	char below[WAL_NAME_SIZE + sizeof(keep_dir)];
	snprintf(below, sizeof(below), "%s/%s", keep_dir, name);
	marker_path(pg, below, path, size);
}

static void place_of(const struct postgres *pg, const char *name, char *path, size_t size)
{
	char below[WAL_NAME_SIZE + 8];
	snprintf(below, sizeof(below), "%s/%s", text_equal(name, control_name) ? "global" : "pg_wal", name);
	datadir_path(pg, below, path, size);
}

bool keep_has_all(const struct postgres *pg)
{
	char path[PATH_SIZE];
	kept_path(pg, control_name, path, sizeof(path)); /* the last one that is copied */
	return file_exists(path);
}

void keep_remove(const struct postgres *pg)
{
	char dir_path[PATH_SIZE], path[PATH_SIZE];
	marker_path(pg, keep_dir, dir_path, sizeof(dir_path));
	DIR *dir = opendir(dir_path);
	if (dir == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (entry->d_name[0] == '.')
			continue;
		struct strbuf b;
		strbuf_init(&b, path, sizeof(path));
		strbuf_addf(&b, "%s/%s", dir_path, entry->d_name);
		if (!strbuf_ok(&b) || unlink(path) != 0)
			log_warning("postgres: cannot remove %s", path);
	}
	closedir(dir);
	rmdir(dir_path);
}

/* ---- which WAL ---- */

/* Segments that end behind `from`, of any timeline, and all histories. */
static bool is_needed(const char *dir, const char *name, uint64_t from)
{
	char path[PATH_SIZE], digits[9];
	struct stat st;
	struct strbuf b;
	if (strlen(name) != 24)
		return strlen(name) == 16 && text_equal(name + 8, ".history");
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/%s", dir, name);
	if (!strbuf_ok(&b) || strspn(name, "0123456789ABCDEF") != 24 || stat(path, &st) != 0)
		return false;
	snprintf(digits, sizeof(digits), "%.8s", name + 8);
	uint64_t log = strtoull(digits, NULL, 16);
	uint64_t begin = (log << 32) + strtoull(name + 16, NULL, 16) * (uint64_t)st.st_size;
	return begin + (uint64_t)st.st_size > from;
}

/* The name that follows `name` in the directory; "" is before all. */
static bool next_name(const char *path, uint64_t from, char *name, size_t size)
{
	char next[WAL_NAME_SIZE] = "";
	DIR *dir = opendir(path);
	if (dir == NULL)
		return false;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		const char *found = entry->d_name;
		if (strcmp(found, name) > 0 && (next[0] == '\0' || strcmp(found, next) < 0) &&
		    is_needed(path, found, from))
			text_copy(next, sizeof(next), found);
	}
	closedir(dir);
	return next[0] != '\0' && text_copy(name, size, next);
}

/* ---- copies, one at a time ---- */

static bool copy(struct postgres *pg, const char *from, const char *to)
{
	struct command command;
	command_init(&command, "/bin/sh");
	command_arg(&command, "-c");
	command_arg(&command, copy_script);
	command_arg(&command, "sh");
	command_arg(&command, from);
	command_arg(&command, to);
	command_standard_env(&command, pg->config);
	return run_start(pg, &command, true, 0);
}

static bool copy_segment(struct postgres *pg, bool back)
{
	char place[PATH_SIZE], kept[PATH_SIZE];
	place_of(pg, pg->rewind.segment, place, sizeof(place));
	kept_path(pg, pg->rewind.segment, kept, sizeof(kept));
	return back ? copy(pg, kept, place) : copy(pg, place, kept);
}

/* pg_control is the last one in both directions. */
static bool is_last(const struct postgres *pg)
{
	return text_equal(pg->rewind.segment, control_name);
}

static bool take_next(struct postgres *pg, bool back)
{
	char path[PATH_SIZE];
	struct rewind *rewind = &pg->rewind;
	if (back)
		marker_path(pg, keep_dir, path, sizeof(path));
	else
		datadir_path(pg, "pg_wal", path, sizeof(path));
	if (!next_name(path, back ? 0 : rewind->common_lsn, rewind->segment, sizeof(rewind->segment)))
		text_copy(rewind->segment, sizeof(rewind->segment), control_name);
	return copy_segment(pg, back);
}

enum keep keep_go_on(struct postgres *pg, bool first, bool back)
{
	char path[PATH_SIZE];
	struct err err;
	if (first) {
		pg->rewind.segment[0] = '\0';
		marker_path(pg, keep_dir, path, sizeof(path));
		if (!back && !file_make_dir(path, 0700, &err)) {
			log_warning("postgres: %s", err.text);
			return KEEP_FAILED;
		}
	} else if (pg->run.state == WAIT_OPEN) {
		return KEEP_WAIT;
	} else if (pg->run.state != WAIT_OK) {
		return KEEP_FAILED;
	} else if (is_last(pg)) {
		return KEEP_DONE;
	}
	return take_next(pg, back) ? KEEP_WAIT : KEEP_FAILED;
}
