/* Which of the container's programs to run (pod.md 3): one directory has `postgres` and all that belongs to it. */
#include "postgres/private.h"

#include <stdlib.h>
#include <string.h>

/* as config.pg_bin is ordered */
enum { BIN_INITDB = 1, BIN_BASEBACKUP = 3, BIN_POSTGRES = 4, BIN_REWIND = 6 };
static const struct {
	const char *name;
	int bin;
} wanted[] = {
	{ "initdb", BIN_INITDB },
	{ "pg_basebackup", BIN_BASEBACKUP },
	{ "postgres", BIN_POSTGRES },
	{ "pg_rewind", BIN_REWIND },
	{ "psql", -1 }, /* only its place is looked for */
};

static const char *configured_name(const struct config *config, const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		if (text_equal(wanted[i].name, name) && wanted[i].bin >= 0 && config->pg_bin[wanted[i].bin][0] != '\0')
			return config->pg_bin[wanted[i].bin];
	return name;
}

static void on_reply(struct postgres *pg, int code, UNUSED int detail)
{
	if (code != REPLY_OK)
		pg->programs.found = WAIT_FAILED;
	else if (pg->programs.found == WAIT_OPEN)
		pg->programs.found = WAIT_OK;
	rewind_refresh(pg);
}

void programs_find(struct postgres *pg)
{
	struct command strings = { .len = 0 };
	struct frame_find find = { .names = ARRAY_SIZE(wanted), .dirs = pg->config->bin_dir[0] != '\0' };
	if (pg->programs.found == WAIT_OPEN)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(wanted); i++)
		command_arg(&strings, configured_name(pg->config, wanted[i].name));
	if (find.dirs > 0)
		command_arg(&strings, pg->config->bin_dir);
	pg->programs.found = WAIT_OPEN;
	pg->programs.count = 0;
	struct link_frame frame = { .type = FRAME_FIND, .body = &find, .size = sizeof(find), .strings = &strings };
	link_send_strings(pg, &frame, on_reply);
}

void programs_take(struct postgres *pg, const char *strings, size_t len, int count)
{
	struct programs *programs = &pg->programs;
	for (const char *end = strings + len; count > 0 && strings < end; count--) {
		size_t size = strnlen(strings, (size_t)(end - strings)) + 1;
		if (strings + size > end)
			return;
		if (programs->count < (int)ARRAY_SIZE(programs->paths) && size <= PROGRAM_SIZE)
			memcpy(programs->paths[programs->count++], strings, size);
		strings += size;
	}
}

/* The number that is a directory's name, or that a directory's name ends with after a dash. */
int program_path_version(const char *path)
{
	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		const char *at = slash + 1, *end = strchrnul(at, '/');
		const char *digits = end;
		while (digits > at && digits[-1] >= '0' && digits[-1] <= '9')
			digits--;
		if (digits < end && end - digits <= 2 && (digits == at || digits[-1] == '-'))
			return (int)strtol(digits, NULL, 10);
	}
	return 0;
}

static bool ends_in(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');
	return slash != NULL && text_equal(slash + 1, name);
}

static void list_all(const struct programs *programs, const char *name, struct strbuf *to)
{
	for (int i = 0; i < programs->count; i++)
		if (ends_in(programs->paths[i], name))
			strbuf_addf(to, "%s%s", to->len == 0 ? "" : ", ", programs->paths[i]);
}

/* What there is to choose from: by version where the path says it. */
struct choice {
	const char *fits;    /* the version asked for, or any when none is */
	const char *unnamed; /* the path does not say */
	int versions, unnamed_count;
};

static bool is_in(const char *path, const char *dir)
{
	size_t len = strlen(dir);
	return len == 0 || (strncmp(path, dir, len) == 0 && path[len] == '/');
}

static struct choice look_over(const struct postgres *pg, const char *name, int major)
{
	struct choice choice = { .fits = NULL };
	for (int i = 0; i < pg->programs.count; i++) {
		const char *path = pg->programs.paths[i];
		int version = program_path_version(path);
		if (!ends_in(path, name) || !is_in(path, pg->config->bin_dir))
			continue;
		if (version == 0) {
			choice.unnamed = path;
			choice.unnamed_count++;
		} else if (choice.fits == NULL || program_path_version(choice.fits) != version) {
			choice.versions++;
			choice.fits = major == 0 || version == major ? path : choice.fits;
		}
	}
	return choice;
}

/* The path of `postgres` to use; NULL: err says why. A directory without a version in its name is taken when nothing better is there. */
static const char *choose_postgres(const struct postgres *pg, const char *name, struct err *err)
{
	char all[300];
	struct strbuf b;
	int major = datadir_major(pg);
	const char *bin_dir = pg->config->bin_dir;
	struct choice choice = look_over(pg, name, major);
	if (choice.fits != NULL && (major != 0 || choice.versions == 1))
		return choice.fits;
	if (choice.unnamed_count == 1 && choice.fits == NULL)
		return choice.unnamed;
	strbuf_init(&b, all, sizeof(all));
	list_all(&pg->programs, name, &b);
	if (b.len == 0)
		err_set(err, ERR_MISSING, "no program \"%s\" in PostgreSQL's container%s%s%s", name,
			bin_dir[0] != '\0' ? ": not in postgresql.bin_dir, " : "", bin_dir,
			bin_dir[0] != '\0' ? "" : ": set postgresql.bin_dir to the directory that has it");
	else if (major != 0)
		err_set(err, ERR_MISSING, "no PostgreSQL %d for the data directory: %s; set postgresql.bin_dir", major,
			all);
	else
		err_set(err, ERR_OTHER, "which PostgreSQL? %s; set postgresql.bin_dir", all);
	return NULL;
}

bool programs_choose(const struct postgres *pg, const char *name, char *path, size_t size, struct err *err)
{
	struct strbuf b;
	const char *postgres = choose_postgres(pg, configured_name(pg->config, "postgres"), err);
	if (postgres == NULL)
		return false;
	strbuf_init(&b, path, size);
	strbuf_add_bytes(&b, postgres, (size_t)(strrchr(postgres, '/') - postgres) + 1);
	strbuf_add(&b, configured_name(pg->config, name));
	for (int i = 0; i < pg->programs.count; i++)
		if (strbuf_ok(&b) && text_equal(pg->programs.paths[i], path))
			return true;
	return err_set(err, ERR_MISSING, "no program %s", path);
}
