/* WAL of a server that is down: what waits for the archive, and command lines for the commands that a configuration names for it. */
#include "postgres/private.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char status_dir[] = "pg_wal/archive_status";

static bool ends_with(const char *name, const char *suffix)
{
	size_t len = strlen(name), end = strlen(suffix);
	return len > end && text_equal(name + len - end, suffix);
}

static bool is_history(const char *name)
{
	return strstr(name, ".history") != NULL;
}

/* Histories before segments, older ones first: the archiver's order. */
static bool goes_before(const char *a, const char *b)
{
	if (is_history(a) != is_history(b))
		return is_history(a);
	return strcmp(a, b) < 0;
}

bool archive_find(const struct postgres *pg, const char *suffix, char *name, size_t size)
{
	char path[PATH_SIZE];
	datadir_path(pg, status_dir, path, sizeof(path));
	DIR *dir = opendir(path);
	name[0] = '\0';
	if (dir == NULL)
		return false;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char found[WAL_NAME_SIZE];
		if (!ends_with(entry->d_name, suffix) || !text_copy(found, sizeof(found), entry->d_name))
			continue;
		found[strlen(found) - strlen(suffix)] = '\0';
		if (name[0] == '\0' || goes_before(found, name))
			text_copy(name, size, found);
	}
	closedir(dir);
	return name[0] != '\0';
}

static bool status_path(const struct postgres *pg, const char *name, const char *suffix, char *path, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, path, size);
	strbuf_addf(&b, "%s/%s/%s%s", pg->config->data_dir, status_dir, name, suffix);
	return strbuf_ok(&b);
}

bool archive_rename(const struct postgres *pg, const char *name, const char *from, const char *to, struct err *err)
{
	char old[PATH_SIZE], new[PATH_SIZE];
	if (!status_path(pg, name, from, old, sizeof(old)) || !status_path(pg, name, to, new, sizeof(new)))
		return err_set(err, ERR_INPUT, "%s: too long a name", name);
	return rename(old, new) == 0 || errno == ENOENT || err_errno(err, "cannot rename %s", old);
}

typedef bool status_fn(const struct postgres *pg, const char *name, struct err *err);

static bool for_each(const struct postgres *pg, const char *suffix, status_fn *fn, struct err *err)
{
	char path[PATH_SIZE], name[WAL_NAME_SIZE];
	bool ok = true;
	datadir_path(pg, status_dir, path, sizeof(path));
	DIR *dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT || err_errno(err, "cannot read %s", path);
	for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL;) {
		if (!ends_with(entry->d_name, suffix) || !text_copy(name, sizeof(name), entry->d_name))
			continue;
		name[strlen(name) - strlen(suffix)] = '\0';
		ok = fn(pg, name, err);
	}
	closedir(dir);
	return ok;
}

static bool keep(const struct postgres *pg, const char *name, struct err *err)
{
	return archive_rename(pg, name, ".done", ".kept", err);
}

static bool remove_ready(const struct postgres *pg, const char *name, struct err *err)
{
	char path[PATH_SIZE];
	return !status_path(pg, name, ".ready", path, sizeof(path)) || unlink(path) == 0 || errno == ENOENT ||
	       err_errno(err, "cannot remove %s", path);
}

static bool unkeep(const struct postgres *pg, const char *name, struct err *err)
{
	return remove_ready(pg, name, err) && archive_rename(pg, name, ".kept", ".done", err);
}

/* A checkpoint removes WAL that is marked as archived, and pg_rewind may need it. Under another name no mark is seen. */
bool archive_keep_all(const struct postgres *pg, struct err *err)
{
	return for_each(pg, ".done", keep, err);
}

/* What was archived before is not archived again; without an archive nothing waits for one. */
bool archive_unkeep_all(const struct postgres *pg, bool archiving, struct err *err)
{
	return for_each(pg, ".kept", unkeep, err) && (archiving || for_each(pg, ".ready", remove_ready, err));
}

static bool add_expanded(const char *text, const struct wal_place *place, struct strbuf *to, struct err *err)
{
	for (const char *at = text; *at != '\0'; at++) {
		char next = *at == '%' ? at[1] : '\0';
		if (next == 'r')
			return err_set(err, ERR_INPUT, "%%r has no meaning while PostgreSQL is down");
		if (next == 'f')
			strbuf_add(to, place->name);
		else if (next == 'p')
			strbuf_add(to, place->path);
		else
			strbuf_add_char(to, *at);
		at += next == 'f' || next == 'p' || next == '%';
	}
	return true;
}

/* By a shell and in the data directory, as PostgreSQL runs them. */
bool archive_command_line(struct command *command, const struct config *config, const char *text,
			  const struct wal_place *place, struct err *err)
{
	char line[2 * GUC_VALUE_MAX];
	struct strbuf b;
	strbuf_init(&b, line, sizeof(line));
	strbuf_add(&b, "cd \"$PGDATA\" || exit 127\n");
	if (!add_expanded(text, place, &b, err))
		return false;
	command_init(command, "/bin/sh");
	command_arg(command, "-c");
	command_arg(command, line);
	command_standard_env(command, config);
	return (strbuf_ok(&b) && !command->overflow) || err_set(err, ERR_INPUT, "the command is too long");
}

static bool is_wal_name(const char *name)
{
	size_t digits = strspn(name, "0123456789ABCDEF");
	return (digits == 24 && name[digits] == '\0') || (digits == 8 && text_equal(name + digits, ".history"));
}

bool archive_missing(const char *said, char *name, size_t size)
{
	static const char before[] = "could not open file \"", inside[] = "/pg_wal/";
	for (const char *at = said; (at = strstr(at, before)) != NULL;) {
		struct strbuf b;
		at += strlen(before);
		const char *end = strchrnul(at, '"'), *last = end;
		while (last > at && last[-1] != '/')
			last--;
		if (last - at < (ptrdiff_t)strlen(inside) ||
		    strncmp(last - strlen(inside), inside, strlen(inside)) != 0)
			continue;
		strbuf_init(&b, name, size);
		strbuf_add_bytes(&b, last, (size_t)(end - last));
		if (strbuf_ok(&b) && is_wal_name(name))
			return true;
	}
	return false;
}
