/* A data directory that is being made, and moving what is in one: under a marker, so that a crash is followed by the same again. */
#include "postgres/private.h"

#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

const char making_name[] = ".howdah-making";

bool making_is_alien(const char *name)
{
	return name[0] == '.' || text_equal(name, "lost+found");
}

bool making_has_aliens(const char *path)
{
	DIR *dir = opendir(path);
	bool found = false;
	if (dir == NULL)
		return false;
	for (struct dirent *entry; !found && (entry = readdir(dir)) != NULL;)
		found = making_is_alien(entry->d_name) && !text_equal(entry->d_name, ".") &&
			!text_equal(entry->d_name, "..") && !text_equal(entry->d_name, making_name);
	closedir(dir);
	return found;
}

static void sub_path(const struct postgres *pg, char *path, size_t size)
{
	datadir_path(pg, making_name, path, size);
}

void making_path(const struct postgres *pg, char *path, size_t size)
{
	if (making_has_aliens(pg->config->data_dir))
		sub_path(pg, path, size);
	else
		text_copy(path, size, pg->config->data_dir);
}

static bool move_entry(const char *from, const char *to, const char *name, struct err *err)
{
	char old[PATH_SIZE], new[PATH_SIZE];
	struct strbuf a, b;
	strbuf_init(&a, old, sizeof(old));
	strbuf_init(&b, new, sizeof(new));
	strbuf_addf(&a, "%s/%s", from, name);
	strbuf_addf(&b, "%s/%s", to, name);
	if (!strbuf_ok(&a) || !strbuf_ok(&b))
		return err_set(err, ERR_INPUT, "%s/%s: too long a name", to, name);
	return rename(old, new) == 0 || err_errno(err, "cannot rename %s to %s", old, new);
}

bool making_move_entries(const char *from, const char *to, struct err *err)
{
	DIR *dir = opendir(from);
	if (dir == NULL)
		return err_errno(err, "cannot read %s", from);
	bool ok = true;
	for (struct dirent *entry; ok && (entry = readdir(dir)) != NULL;)
		ok = making_is_alien(entry->d_name) || move_entry(from, to, entry->d_name, err);
	closedir(dir);
	return ok && file_sync_dir(to, err) && file_sync_dir(from, err);
}

bool making_finish(const struct postgres *pg, struct err *err)
{
	char path[PATH_SIZE];
	sub_path(pg, path, sizeof(path));
	if (!file_exists(path))
		return true;
	if (!making_move_entries(path, pg->config->data_dir, err))
		return false;
	return rmdir(path) == 0 || err_errno(err, "cannot remove %s", path);
}
