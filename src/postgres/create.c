/* Steps that make a data directory or take it away. Each change of it is marked before and unmarked when it is safe on disk (safety.md S14). */
#include "postgres/private.h"

#include "base/log.h"
#include "io/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROGRAMS_TIMEOUT_MS = 10000 };

enum step_result step_programs(struct postgres *pg, bool first)
{
	struct programs *programs = &pg->programs;
	if (first && programs->found != WAIT_OPEN && (programs->found != WAIT_OK || programs->count == 0))
		programs_find(pg);
	if (programs->found == WAIT_OPEN || run_has_strangers(pg))
		return STEP_WAIT;
	if (programs->found != WAIT_OK)
		return job_fail(pg, "no answer about PostgreSQL's programs");
	return describe_is_settled(pg) ? STEP_NEXT : STEP_WAIT;
}

/* What is true before anything is put into the directory. */
bool create_is_possible(struct postgres *pg, struct err *err)
{
	const struct instance *in = &pg->instance;
	datadir_look(pg);
	if (!in->attached || !in->volume_locked)
		return err_set(err, ERR_OTHER, "the volume is not ours");
	if (in->tree != PG_TREE_DOWN)
		return err_set(err, ERR_OTHER, "PostgreSQL is running");
	return in->data == DATA_EMPTY || err_set(err, ERR_OTHER, "the data directory is not empty");
}

static void print_marker(const struct postgres *pg, const char *what, const struct upstream *from, struct strbuf *to)
{
	strbuf_addf(to, "%s\n%s\n%s\n", what, from->member, pg->instance.token);
}

bool create_mark(struct postgres *pg, const char *what, struct err *err)
{
	char text[NAME_SIZE + TOKEN_MAX + 32];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	print_marker(pg, what, &pg->job.upstream, &b);
	return marker_write(pg, "changing", text, err);
}

/* What was said of the directory that was here before is not true of the next one. */
bool forget_old(struct postgres *pg, struct err *err)
{
	if (!marker_remove(pg, "armed", err) || !marker_remove(pg, "upstream", err))
		return false;
	pg->instance.armed_timeline = 0;
	pg->instance.armed_token = (struct lease_token){ .leader = "" };
	pg->upstream = (struct upstream){ .port = 0 };
	return true;
}

static void password_path(const struct postgres *pg, char *path, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, path, size);
	strbuf_addf(&b, "%s/pw/initdb", pg->config->run_dir);
}

static bool write_password(const struct postgres *pg, struct err *err)
{
	char dir[PATH_SIZE], path[PATH_SIZE], text[sizeof(pg->config->superuser.password) + 1];
	struct strbuf b;
	if (pg->config->superuser.password[0] == '\0')
		return true;
	password_path(pg, path, sizeof(path));
	strbuf_init(&b, dir, sizeof(dir));
	strbuf_addf(&b, "%s/pw", pg->config->run_dir);
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "%s\n", pg->config->superuser.password);
	bool ok = file_make_dir(dir, 0700, err) && file_write(path, text, b.len, 0600, err);
	explicit_bzero(text, sizeof(text));
	return ok;
}

static void remove_password(const struct postgres *pg)
{
	char path[PATH_SIZE];
	struct err err;
	password_path(pg, path, sizeof(path));
	if (!file_remove(path, &err))
		log_error("postgres: %s", err.text);
}

enum step_result step_initdb_prepare(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	if (!create_is_possible(pg, &err))
		return job_fail(pg, "%s", err.text);
	making_path(pg, pg->job.making, sizeof(pg->job.making));
	pg->job.made = true;
	if (!forget_old(pg, &err) || !marker_write(pg, "bootstrap", "initdb\n", &err) ||
	    !create_mark(pg, "initdb", &err) || !write_password(pg, &err))
		return job_fail(pg, "%s", err.text);
	return STEP_NEXT;
}

/* The end of a program as a step's result. */
enum step_result run_result(struct postgres *pg, const char *what)
{
	char line[REASON_SIZE];
	struct run *run = &pg->run;
	if (run->state == WAIT_OPEN)
		return STEP_WAIT;
	if (run->state == WAIT_OK)
		return STEP_NEXT;
	run_why(run, line, sizeof(line));
	if (run->killed)
		return job_fail(pg, "%s was killed", what);
	return job_fail(pg, "%s ended with %d: %s", what, WIFEXITED(run->status) ? WEXITSTATUS(run->status) : -1, line);
}

enum step_result step_initdb_run(struct postgres *pg, bool first)
{
	char program[PROGRAM_SIZE], password[PATH_SIZE];
	struct command command;
	struct err err;
	if (!first) {
		enum step_result result = run_result(pg, "initdb");
		if (result != STEP_WAIT)
			remove_password(pg);
		return result;
	}
	password_path(pg, password, sizeof(password));
	bool has_password = pg->config->superuser.password[0] != '\0';
	struct maker maker = { program, pg->job.making };
	if (!programs_choose(pg, "initdb", program, sizeof(program), &err) ||
	    !command_initdb(&command, pg->config, &maker, has_password ? password : NULL, &err))
		return job_fail(pg, "%s", err.text);
	return run_start(pg, &command, true, 0) ? STEP_WAIT : job_fail(pg, "initdb could not be asked for");
}

enum step_result step_initdb_finish(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	if (!making_finish(pg, &err) || !conffiles_after_initdb(pg, &err) || !marker_remove(pg, "changing", &err))
		return job_fail(pg, "%s", err.text);
	return STEP_NEXT;
}

static bool is_marked_with(const struct postgres *pg, const char *what)
{
	char text[512];
	return marker_read(pg, "changing", text, sizeof(text)) && strncmp(text, what, strlen(what)) == 0;
}

/* A failed attempt removes what it made: the directory was empty before, and its marker says so. */
enum step_result step_undo(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	if (!pg->job.made)
		return STEP_FAIL;
	remove_password(pg);
	if (aside_remove(pg, &err))
		return STEP_NEXT;
	log_warning("postgres: %s", err.text);
	return STEP_FAIL;
}

/* A file that could not be removed or moved would pass for a part of what is made next. */
static bool is_emptied(const struct postgres *pg, struct err *err)
{
	const char *dir = pg->config->data_dir;
	return (datadir_is_empty(dir) > 0 && !datadir_has(pg, making_name)) ||
	       err_set(err, ERR_OTHER, "%s cannot be emptied", dir);
}

enum step_result step_undo_wait(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	if (remover_busy(pg))
		return STEP_WAIT;
	if (is_emptied(pg, &err) && marker_remove(pg, "changing", &err) && marker_remove(pg, "bootstrap", &err))
		return STEP_NEXT;
	log_warning("postgres: %s", err.text);
	return STEP_FAIL;
}

/* Renames can be many: the marker has the name, so that an attempt that was cut short goes on and does not tear it in two. */
static bool keep_aside(struct postgres *pg, struct err *err)
{
	char stamp[STAMP_SIZE], text[sizeof(stamp) + 16];
	struct strbuf b;
	if (is_marked_with(pg, "aside ") && marker_read(pg, "changing", text, sizeof(text))) {
		text[strcspn(text, "\n")] = '\0';
		return aside_keep(pg, text + strlen("aside "), err);
	}
	aside_stamp(pg, stamp, sizeof(stamp));
	if (aside_is_taken(pg, stamp))
		return err_set(err, ERR_OTHER, "another directory was moved aside in the same moment");
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "aside %s\n", stamp);
	return marker_write(pg, "changing", text, err) && aside_keep(pg, stamp, err);
}

enum step_result step_aside(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	const struct instance *in = &pg->instance;
	if (in->attached && run_has_strangers(pg))
		return STEP_WAIT;
	if (!in->attached || !in->volume_locked || in->tree != PG_TREE_DOWN)
		return job_fail(pg, "PostgreSQL is running or the volume is not ours");
	/* a finished initdb has a system identifier: it is kept, even if nobody wants it */
	bool ours = is_marked_with(pg, "initdb") || is_marked_with(pg, "restore") || is_marked_with(pg, "clone");
	ours |= is_marked_with(pg, "wipe"); /* nobody wanted what is left of it */
	/* and a restored one in which nothing was ever written is a part of a backup */
	ours |= in->restored && in->recovers;
	bool done = ours ? aside_remove(pg, &err) : keep_aside(pg, &err);
	return done ? STEP_NEXT : job_fail(pg, "%s", err.text);
}

enum step_result step_aside_wait(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	if (remover_busy(pg))
		return STEP_WAIT;
	if (!is_emptied(pg, &err) || !forget_old(pg, &err) || !marker_remove(pg, "changing", &err) ||
	    !marker_remove(pg, "bootstrap", &err))
		return job_fail(pg, "%s", err.text);
	return STEP_NEXT;
}
