/* FIND: which programs exist where. A pattern has at most one component with one `*`. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

struct find {
	char *names[FIND_NAMES_MAX];
	unsigned name_count;
	struct frame_found head;
	char paths[FRAME_MAX - sizeof(struct frame_header) - sizeof(struct frame_found)];
	size_t used;
};

static const char *const usual[] = {
	"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin",      "/usr/local/bin",
	"/usr/local/pgsql/bin",      "/opt/*/postgresql/bin",
};

static void add(struct find *f, const char *path)
{
	size_t size = strlen(path) + 1;
	for (size_t at = 0; at < f->used; at += strlen(f->paths + at) + 1)
		if (strcmp(f->paths + at, path) == 0)
			return;
	if (size > sizeof(f->paths) - f->used) {
		f->head.truncated = 1;
		return;
	}
	memcpy(f->paths + f->used, path, size);
	f->used += size;
	f->head.count++;
}

static void look_in(struct find *f, const char *dir)
{
	char path[PATH_SIZE];
	struct stat info;
	for (unsigned i = 0; i < f->name_count; i++)
		if (TEXT_JOIN(path, dir, "/", f->names[i]) && stat(path, &info) == 0 && S_ISREG(info.st_mode) &&
		    access(path, X_OK) == 0)
			add(f, path);
}

static bool matches(const char *name, const char *pattern, const char *star, const char *end)
{
	size_t before = (size_t)(star - pattern), after = (size_t)(end - star - 1), length = strlen(name);
	return name[0] != '.' && length >= before + after && memcmp(name, pattern, before) == 0 &&
	       memcmp(name + length - after, star + 1, after) == 0;
}

static void look_in_pattern(struct find *f, const char *pattern)
{
	static _Alignas(struct dirent64) char entries[8192];
	const char *star = strchr(pattern, '*'), *component = star;
	char parent[PATH_SIZE], path[PATH_SIZE];
	ssize_t n;
	if (pattern[0] != '/' || strlen(pattern) >= sizeof(parent))
		return;
	if (star == NULL) {
		look_in(f, pattern);
		return;
	}
	while (component[-1] != '/')
		component--;
	memcpy(parent, pattern, (size_t)(component - pattern));
	parent[component - pattern] = '\0';
	const char *end = strchrnul(star, '/');
	int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	while (fd >= 0 && (n = getdents64(fd, entries, sizeof(entries))) > 0) {
		for (ssize_t at = 0; at < n;) {
			const struct dirent64 *entry = (const void *)(entries + at);
			at += entry->d_reclen;
			if (matches(entry->d_name, component, star, end) && TEXT_JOIN(path, parent, entry->d_name, end))
				look_in(f, path);
		}
	}
	if (fd >= 0)
		close(fd);
}

static void look_in_search_path(struct find *f)
{
	char dir[PATH_SIZE];
	const char *at = getenv("PATH");
	while (at != NULL && *at != '\0') {
		size_t length = strcspn(at, ":");
		if (at[0] == '/' && length < sizeof(dir)) {
			memcpy(dir, at, length);
			dir[length] = '\0';
			look_in(f, dir);
		}
		at += length + (at[length] == ':');
	}
}

struct frame_reply find_programs(struct supervisor *s, struct request *r)
{
	static struct find f;
	struct frame_find find;
	char *dirs[ENV_ARGV_MAX], *at = r->body + sizeof(find);
	memcpy(&find, r->body, sizeof(find));
	f = (struct find){ .name_count = find.names };
	if (find.names > FIND_NAMES_MAX || find.dirs > ENV_ARGV_MAX ||
	    !frames_strings(&at, r->end, f.names, find.names) || !frames_strings(&at, r->end, dirs, find.dirs) ||
	    at != r->end)
		return (struct frame_reply){ REPLY_BAD_FRAME, 0 };
	for (unsigned i = 0; i < find.dirs; i++)
		look_in_pattern(&f, dirs[i]);
	look_in_search_path(&f);
	for (size_t i = 0; i < ARRAY_SIZE(usual); i++)
		look_in_pattern(&f, usual[i]);
	if (!frames_send(s->agent_fd, FRAME_FOUND, r->id,
			 (struct iovec[2]){ { &f.head, sizeof(f.head) }, { f.paths, f.used } }))
		serve_drop_agent(s, "does not read");
	return (struct frame_reply){ REPLY_OK, 0 };
}
