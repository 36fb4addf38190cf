/* io/file.h: the files of a pod's emptyDir, which outlive its containers and die with it. What every pod has (token,
 * certificate) is made up here. */
#include "io/file.h"

#include "io/process.h"
#include "sim.h"

#include <stdlib.h>
#include <string.h>

static const struct {
	const char *end, *text;
} given[] = {
	{ "/serviceaccount/token", "token-of-the-simulator" },
	{ "/serviceaccount/ca.crt", "certificate" },
	{ "/serviceaccount/namespace", "default" },
};

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);
	return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static struct sim_file *find(const char *path)
{
	for (struct sim_file *f = world->current->pod->files; f; f = f->next)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}

static const char *content(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(given); i++)
		if (ends_with(path, given[i].end))
			return given[i].text;
	const struct sim_file *f = world->current ? find(path) : NULL;
	return f ? f->text : NULL;
}

bool file_read(const char *path, char *text, size_t size, size_t *len, struct err *err)
{
	const char *found = content(path);
	if (!found)
		return err_set(err, ERR_MISSING, "%s: no such file", path);
	if (!text_copy(text, size, found))
		return err_set(err, ERR_INPUT, "%s: too long", path);
	if (len)
		*len = strlen(found);
	return true;
}

bool file_write(const char *path, const char *text, size_t len, UNUSED mode_t mode, UNUSED struct err *err)
{
	if (world->current->dead)
		return true; /* whoever is dead writes nothing, and does not find out */
	struct sim_file *f = find(path);
	if (!f) {
		f = calloc(1, sizeof(*f));
		assert(f);
		f->path = strdup(path);
		f->next = world->current->pod->files;
		world->current->pod->files = f;
	}
	free(f->text);
	f->text = strndup(text, len);
	return true;
}

bool file_replace(const char *path, const char *text, size_t len, mode_t mode, struct err *err)
{
	return file_write(path, text, len, mode, err);
}

bool file_remove(const char *path, UNUSED struct err *err)
{
	struct sim_file **at = &world->current->pod->files;
	while (*at && strcmp((*at)->path, path) != 0)
		at = &(*at)->next;
	if (!*at || world->current->dead)
		return true;
	struct sim_file *f = *at;
	*at = f->next;
	free(f->path);
	free(f->text);
	free(f);
	return true;
}

bool file_exists(const char *path)
{
	return content(path) != NULL;
}

bool file_make_dir(UNUSED const char *path, UNUSED mode_t mode, UNUSED struct err *err)
{
	return true;
}

bool file_boot_id(char *text, size_t size, UNUSED struct err *err)
{
	const struct machine *m = world->current->pod->machine;
	return snprintf(text, size, "boot-%d-%d", (int)(m - world->machines), m->boot_number) > 0;
}

void files_free(struct sim_file *files)
{
	struct sim_file *next;
	for (; files; files = next) {
		next = files->next;
		free(files->path);
		free(files->text);
		free(files);
	}
}

/* kubelet.c starts no second agent in a pod while the first one lives, as its flock would have it. */
bool process_single_instance(UNUSED const char *lock_path, UNUSED int64_t timeout_ms, UNUSED struct err *err)
{
	return true;
}

bool process_start_detached(UNUSED char *const argv[], struct err *err)
{
	return err_set(err, ERR_OTHER, "not in a pod");
}

bool process_self_dir(char *dir, size_t size, UNUSED struct err *err)
{
	return text_copy(dir, size, "/usr/bin");
}

uint64_t file_stamp(const char *path UNUSED)
{
	return 0;
}
