/* Whole trees, removed some files a turn so that the loop never waits for a disk. */
#include "postgres/private.h"

#include "base/log.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

enum { FILES_A_TURN = 32, PAUSE_MS = 2, DEPTH_MAX = 32 };

static bool is_dot(const char *name)
{
	return text_equal(name, ".") || text_equal(name, "..");
}

/* Removes up to *budget entries below path, path itself when it got empty and may go. True: nothing is left to do. */
static bool remove_some(const char *path, bool keep, int depth, int *budget)
{
	DIR *dir = depth < DEPTH_MAX ? opendir(path) : NULL;
	bool all = true;
	if (dir == NULL)
		return true;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL && *budget > 0;) {
		char child[PATH_SIZE];
		struct strbuf b;
		if (is_dot(entry->d_name) ||
		    (keep && making_is_alien(entry->d_name) && !text_equal(entry->d_name, making_name)))
			continue;
		strbuf_init(&b, child, sizeof(child));
		strbuf_addf(&b, "%s/%s", path, entry->d_name);
		(*budget)--;
		if (!strbuf_ok(&b) || unlink(child) == 0)
			continue;
		if (errno == EISDIR || errno == EPERM)
			all = remove_some(child, false, depth + 1, budget) && all;
		else if (errno != ENOENT)
			log_warning("postgres: cannot remove %s", child);
	}
	closedir(dir);
	if (*budget <= 0)
		return false;
	return keep || rmdir(path) == 0 || all;
}

static void on_timer(void *arg)
{
	struct postgres *pg = arg;
	bool more = false;
	for (int i = 0; i < REMOVALS_MAX; i++) {
		struct removal *item = &pg->remover.items[i];
		int budget = FILES_A_TURN;
		if (item->path[0] == '\0')
			continue;
		if (remove_some(item->path, item->keep_top, 0, &budget))
			item->path[0] = '\0';
		else
			more = true;
	}
	loop_timer_set(pg->remover.timer, more ? PAUSE_MS : -1);
	if (!more)
		postgres_turn(pg);
}

void remover_init(struct postgres *pg)
{
	pg->remover.timer = loop_timer_create(pg->loop, on_timer, pg);
}

void remover_finish(struct postgres *pg)
{
	loop_timer_destroy(pg->remover.timer);
}

bool remover_has(const struct postgres *pg, const char *path)
{
	for (int i = 0; i < REMOVALS_MAX; i++)
		if (text_equal(pg->remover.items[i].path, path))
			return true;
	return false;
}

bool remover_busy(const struct postgres *pg)
{
	for (int i = 0; i < REMOVALS_MAX; i++)
		if (pg->remover.items[i].path[0] != '\0' && pg->remover.items[i].keep_top)
			return true;
	return false;
}

/* One that finds no room is found by the next agent. */
void remover_add(struct postgres *pg, const char *path, bool keep_top)
{
	for (int i = 0; i < REMOVALS_MAX; i++) {
		struct removal *item = &pg->remover.items[i];
		if (item->path[0] != '\0')
			continue;
		text_copy(item->path, sizeof(item->path), path);
		item->keep_top = keep_top;
		loop_timer_set(pg->remover.timer, 0);
		return;
	}
}

void remover_resume(struct postgres *pg)
{
	char path[PATH_SIZE], text[512];
	if (marker_look(pg, "changing", text, sizeof(text)) == MARKER_NONE)
		keep_remove(pg);
	marker_path(pg, "", path, sizeof(path));
	DIR *dir = opendir(path);
	if (dir == NULL)
		return;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		if (strncmp(entry->d_name, "trash-", strlen("trash-")) != 0)
			continue;
		marker_path(pg, entry->d_name, path, sizeof(path));
		if (!remover_has(pg, path))
			remover_add(pg, path, false);
	}
	closedir(dir);
}
