/* pg_rewind: a copy that went another way comes back onto the history of the primary (contract 5.12, safety.md S14).
 *
 * The marker is on the volume before anything is touched. Before pg_rewind first writes, the source's timeline is added
 * to it: what was half brought onto one history can only be finished on exactly that one, since blocks that were
 * copied from it are in nobody else's list of changes. A trial run comes first: it finds what is missing while nothing
 * is lost yet, and says which WAL a second attempt would need. */
#include "postgres/private.h"

#include "base/log.h"
#include "codec/units.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { ARCHIVE_TRIES = 3, ARCHIVE_LIMIT_MS = 600 * 1000, ASK_LIMIT_MS = 30000, SEGMENT_LEAST = 1024 * 1024 };

static const char restored[] = "pg_wal/howdah.restored";

/* "rewind", from whom, with which lease, and once pg_rewind has written here: onto which timeline. */
static bool read_marker(const struct postgres *pg, struct instance *to, struct err *err)
{
	char text[512], *at = text, *fields[4] = { NULL };
	int64_t timeline = 0;
	to->rewind_marked = false;
	to->rewind_timeline = 0;
	to->rewind_source[0] = '\0';
	if (marker_look(pg, "changing", text, sizeof(text)) != MARKER_SET)
		return err_set(err, ERR_OTHER, "the marker \"changing\" cannot be read");
	for (int i = 0; i < 4; i++)
		fields[i] = strsep(&at, "\n");
	if (fields[2] == NULL || !text_equal(fields[0], "rewind"))
		return err_set(err, ERR_OTHER, "another change of the data directory is marked: %s", fields[0]);
	bool written = !text_is_empty(fields[3]);
	if (written && (!text_to_i64(fields[3], &timeline) || timeline <= 0 || timeline > UINT32_MAX))
		return err_set(err, ERR_OTHER, "the marker \"changing\" cannot be read");
	text_copy(to->rewind_source, sizeof(to->rewind_source), fields[1]);
	to->rewind_timeline = (uint32_t)timeline;
	to->rewind_marked = true;
	return true;
}

void rewind_refresh(struct postgres *pg)
{
	char path[PROGRAM_SIZE];
	struct err err;
	struct instance *in = &pg->instance;
	in->can_rewind = json_true(json_get(pg->config->postgresql, "use_pg_rewind")) && pg->control_ok &&
			 (pg->control.wal_log_hints || pg->control.data_checksums) &&
			 programs_choose(pg, "pg_rewind", path, sizeof(path), &err);
	in->rewind_marked = in->data == DATA_MARKED && read_marker(pg, in, &err);
}

void postgres_rewind(struct postgres *pg, const struct upstream *from)
{
	struct job job = { .reply = WAIT_NONE };
	text_copy(job.upstream.member, sizeof(job.upstream.member), from->member);
	text_copy(job.upstream.host, sizeof(job.upstream.host), from->host);
	job.upstream.port = from->port;
	job_begin(pg, PG_JOB_REWIND, &job);
}

/* ---- the beginning ---- */

static bool is_possible(const struct postgres *pg, struct err *err)
{
	const struct instance *in = &pg->instance;
	if (!in->attached || !in->volume_locked)
		return err_set(err, ERR_OTHER, "the volume is not ours");
	if (in->tree != PG_TREE_DOWN)
		return err_set(err, ERR_OTHER, "PostgreSQL is running");
	if (pg->job.upstream.host[0] == '\0')
		return err_set(err, ERR_OTHER, "there is nobody to rewind from");
	if (in->data != DATA_OK && in->data != DATA_MARKED)
		return err_set(err, ERR_OTHER, "there is no data directory to rewind");
	if (!pg->control_ok)
		return err_set(err, ERR_OTHER, "pg_control cannot be read");
	if (!pg->control.wal_log_hints && !pg->control.data_checksums)
		return err_set(err, ERR_OTHER, "neither wal_log_hints nor data checksums are on");
	return true;
}

static bool write_marker(const struct postgres *pg, struct err *err)
{
	char text[NAME_SIZE + TOKEN_MAX + 32];
	struct strbuf b;
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "rewind\n%s\n%s\n", pg->job.upstream.member, pg->instance.token);
	if (pg->rewind.begun)
		strbuf_addf(&b, "%u\n", pg->rewind.timeline);
	return marker_write(pg, "changing", text, err);
}

/* What an earlier attempt left: it goes on with the same source only, once pg_rewind has written here. */
static bool take_marker(struct postgres *pg, struct err *err)
{
	struct instance *in = &pg->instance;
	if (!read_marker(pg, in, err))
		return false;
	if (in->rewind_timeline != 0 && !text_equal(in->rewind_source, pg->job.upstream.member))
		return err_set(err, ERR_OTHER, "it is half rewound from %s and cannot be finished from %s",
			       in->rewind_source, pg->job.upstream.member);
	pg->rewind.begun = in->rewind_timeline != 0;
	if (pg->rewind.begun && !keep_has_all(pg))
		return err_set(err, ERR_OTHER, "it is half rewound and the WAL for a second attempt was not kept");
	pg->rewind.timeline = in->rewind_timeline;
	return true;
}

/* The lock on the volume says that nobody runs; the number in it may have become another process's. */
static bool remove_pid_file(const struct postgres *pg, struct err *err)
{
	char path[PATH_SIZE];
	datadir_path(pg, "postmaster.pid", path, sizeof(path));
	return file_remove(path, err);
}

enum step_result step_rewind_begin(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	const struct upstream *from = &pg->job.upstream;
	struct rewind *rewind = &pg->rewind;
	*rewind = (struct rewind){ .asked = 0 };
	datadir_look(pg);
	if (!is_possible(pg, &err) || (pg->instance.data == DATA_MARKED && !take_marker(pg, &err)))
		return job_fail(pg, "%s", err.text);
	if (!rewind->begun && !write_marker(pg, &err))
		return job_fail(pg, "%s", err.text);
	if (!rewind->begun)
		keep_remove(pg);
	pg->instance.data = DATA_MARKED;
	conffiles_restore(pg);
	/* as a standby: its restore_command is what finds missing WAL */
	if (!remove_pid_file(pg, &err) || !datadir_prepare_start(pg, &err) ||
	    !conffiles_write(pg, CONF_REPLICA, from, &err) || !pgpass_write_rewind(pg, from->host, from->port, &err) ||
	    !service_write(pg, &pg->config->rewind, &err))
		return job_fail(pg, "%s", err.text);
	return STEP_NEXT;
}

/* ---- what its configuration says ---- */

enum { ASKED_MODE, ASKED_ARCHIVE, ASKED_RESTORE, ASKED_COUNT };
static const char *const asked_names[] = {
	[ASKED_MODE] = "archive_mode",
	[ASKED_ARCHIVE] = "archive_command",
	[ASKED_RESTORE] = "restore_command",
};
static_assert(ARRAY_SIZE(asked_names) == ASKED_COUNT, "a name for everything that is asked");

static enum step_result ask_setting(struct postgres *pg, const char *name)
{
	char program[PROGRAM_SIZE], conf[PATH_SIZE];
	struct command command;
	struct err err;
	conf_main_file(pg, conf, sizeof(conf));
	if (!programs_choose(pg, "postgres", program, sizeof(program), &err))
		return job_fail(pg, "%s", err.text);
	command_init(&command, program);
	command_arg(&command, "-D");
	command_arg(&command, pg->config->data_dir);
	command_argf(&command, "--config-file=%s", conf);
	command_arg(&command, "-C");
	command_arg(&command, name);
	command_standard_env(&command, pg->config);
	return run_start(pg, &command, true, ASK_LIMIT_MS) ? STEP_WAIT
							   : job_fail(pg, "%s could not be asked for", name);
}

static bool take_setting(struct postgres *pg, struct err *err)
{
	struct rewind *rewind = &pg->rewind;
	struct run *run = &pg->run;
	if (run->out_cut)
		return err_set(err, ERR_INPUT, "%s is too long", asked_names[rewind->asked]);
	if (run->out_len > 0 && run->out[run->out_len - 1] == '\n')
		run->out[run->out_len - 1] = '\0';
	if (rewind->asked == ASKED_MODE)
		rewind->archiving = rewind->archive_on = !text_equal(run->out, "off");
	else if (rewind->asked == ASKED_ARCHIVE)
		text_copy(rewind->archive_command, sizeof(rewind->archive_command), run->out);
	else
		text_copy(rewind->restore_command, sizeof(rewind->restore_command), run->out);
	return true;
}

enum step_result step_rewind_settings(struct postgres *pg, bool first)
{
	struct err err;
	struct rewind *rewind = &pg->rewind;
	if (first)
		return ask_setting(pg, asked_names[rewind->asked]);
	enum step_result result = run_result(pg, asked_names[rewind->asked]);
	if (result != STEP_NEXT)
		return result;
	if (!take_setting(pg, &err))
		return job_fail(pg, "%s", err.text);
	if (++rewind->asked < ASKED_COUNT)
		return ask_setting(pg, asked_names[rewind->asked]);
	return STEP_NEXT;
}

/* ---- the archive gets what waits for it: pg_rewind takes it away ---- */

static bool archive_one(struct postgres *pg, struct err *err)
{
	char path[PATH_SIZE];
	struct command command;
	struct rewind *rewind = &pg->rewind;
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "pg_wal/%s", rewind->segment);
	struct wal_place place = { .name = rewind->segment, .path = path };
	if (!archive_command_line(&command, pg->config, rewind->archive_command, &place, err))
		return false;
	rewind->tries++;
	return run_start(pg, &command, true, ARCHIVE_LIMIT_MS) ||
	       err_set(err, ERR_OTHER, "archive_command could not be asked for");
}

/* An archive that takes nothing keeps no member away for ever: what it lacks is said. */
static enum step_result give_up_archiving(struct postgres *pg, const char *why)
{
	log_warning("postgres: WAL %s and what follows it is not archived: %s", pg->rewind.segment, why);
	pg->rewind.archiving = false;
	return STEP_NEXT;
}

static enum step_result archive_from_here(struct postgres *pg)
{
	struct err err;
	struct rewind *rewind = &pg->rewind;
	rewind->tries = 0;
	if (!archive_find(pg, ".ready", rewind->segment, sizeof(rewind->segment)))
		return STEP_NEXT;
	if (rewind->archive_command[0] == '\0')
		return give_up_archiving(pg, "archive_command is empty");
	return archive_one(pg, &err) ? STEP_WAIT : give_up_archiving(pg, err.text);
}

enum step_result step_rewind_archive(struct postgres *pg, bool first)
{
	char why[REASON_SIZE];
	struct err err;
	struct rewind *rewind = &pg->rewind;
	/* what is half rewound has marks and half files of the source's */
	if (!rewind->archiving || rewind->begun)
		return STEP_NEXT;
	if (first)
		return archive_from_here(pg);
	if (pg->run.state == WAIT_OPEN)
		return STEP_WAIT;
	if (pg->run.state == WAIT_OK) {
		if (!archive_rename(pg, rewind->segment, ".ready", ".done", &err))
			return give_up_archiving(pg, err.text);
		log_info("postgres: WAL %s was archived", rewind->segment);
		return archive_from_here(pg);
	}
	if (rewind->tries < ARCHIVE_TRIES)
		return archive_one(pg, &err) ? STEP_WAIT : give_up_archiving(pg, err.text);
	run_why(&pg->run, why, sizeof(why));
	return give_up_archiving(pg, why);
}

/* ---- a clean end (contract 5.7) ---- */

static bool is_clean(const struct postgres *pg)
{
	return pg->control.state == CONTROL_SHUT_DOWN || pg->control.state == CONTROL_SHUT_DOWN_IN_RECOVERY;
}

static bool remove_signals(struct postgres *pg, struct err *err)
{
	static const char *const names[] = { "standby.signal", "recovery.signal" };
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		char path[PATH_SIZE];
		datadir_path(pg, names[i], path, sizeof(path));
		if (!file_remove(path, err))
			return false;
	}
	return true;
}

static bool prepare_recovery(struct postgres *pg, struct err *err)
{
	/* from 15 on a single user's server refuses to begin at a label */
	if (datadir_has(pg, "backup_label") && datadir_major(pg) >= 15)
		return err_set(err, ERR_OTHER,
			       "it ended uncleanly and begins at a backup_label: it cannot be recovered alone");
	return archive_keep_all(pg, err) && remove_signals(pg, err);
}

static enum step_result run_single(struct postgres *pg)
{
	char program[PROGRAM_SIZE];
	struct command command;
	struct err err;
	if (!prepare_recovery(pg, &err) || !programs_choose(pg, "postgres", program, sizeof(program), &err))
		return job_fail(pg, "%s", err.text);
	struct gucs *gucs = malloc(sizeof(*gucs));
	if (gucs == NULL)
		abort();
	conf_gucs(pg, CONF_REPLICA, true, gucs);
	command_single(&command, pg->config, program, gucs);
	gucs_clear(gucs);
	free(gucs);
	log_info("postgres: it ended uncleanly, recovers in single-user mode");
	pg->rewind.recovering = true;
	return run_start(pg, &command, true, 0) ? STEP_WAIT : job_fail(pg, "postgres --single could not be asked for");
}

enum step_result step_rewind_recover(struct postgres *pg, bool first)
{
	struct err err;
	if (pg->rewind.begun) /* it was clean, and pg_control is put back */
		return STEP_NEXT;
	if (first && !is_clean(pg))
		return run_single(pg);
	if (pg->rewind.recovering) {
		enum step_result result = run_result(pg, "postgres --single");
		if (result != STEP_NEXT)
			return result;
		datadir_look(pg);
		if (!pg->control_ok || !is_clean(pg))
			return job_fail(pg, "postgres --single did not bring it to a clean end");
	}
	/* of an earlier attempt, too */
	return archive_unkeep_all(pg, pg->rewind.archive_on, &err) ? STEP_NEXT : job_fail(pg, "%s", err.text);
}

/* ---- the source ---- */

static const char timeline_sql[] =
	"SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint";

static void rewind_env(const struct postgres *pg, struct command *command)
{
	command_c_env(command, pg->config);
	service_env(pg, &pg->config->rewind, command);
	command_env(command, "PGOPTIONS", "-c statement_timeout=0");
	command_env(command, "PGCONNECT_TIMEOUT", "10");
}

static enum step_result ask_source(struct postgres *pg)
{
	char program[PROGRAM_SIZE], conninfo[1024];
	struct command command;
	struct strbuf b;
	struct err err;
	strbuf_init(&b, conninfo, sizeof(conninfo));
	conf_conninfo_rewind(pg, &pg->job.upstream, &b);
	if (!programs_choose(pg, "psql", program, sizeof(program), &err))
		return job_fail(pg, "%s", err.text);
	command_init(&command, program);
	command_arg(&command, "-XAtqw");
	command_arg(&command, "-d");
	command_arg(&command, conninfo);
	command_arg(&command, "-c");
	command_arg(&command, timeline_sql);
	rewind_env(pg, &command);
	return run_start(pg, &command, true, ASK_LIMIT_MS) ? STEP_WAIT : job_fail(pg, "psql could not be asked for");
}

enum step_result step_rewind_source(struct postgres *pg, bool first)
{
	int64_t timeline;
	struct rewind *rewind = &pg->rewind;
	if (first)
		return ask_source(pg);
	enum step_result result = run_result(pg, "psql to the source");
	if (result != STEP_NEXT)
		return result;
	pg->run.out[strcspn(pg->run.out, "\n")] = '\0';
	if (!text_to_i64(pg->run.out, &timeline) || timeline <= 0 || timeline > UINT32_MAX)
		return job_fail(pg, "the source does not say its timeline");
	if (rewind->begun && rewind->timeline != timeline)
		return job_fail(pg, "it is half rewound to timeline %u of %s, which is on %u now", rewind->timeline,
				pg->job.upstream.member, (uint32_t)timeline);
	rewind->timeline = (uint32_t)timeline;
	return STEP_NEXT;
}

/* ---- pg_rewind ---- */

/* By itself it finds the setting in the data directory's postgresql.conf; elsewhere only 15 and newer. */
static void add_restore(const struct postgres *pg, const char *conf, struct command *command)
{
	char usual[PATH_SIZE];
	int major = datadir_major(pg);
	datadir_path(pg, "postgresql.conf", usual, sizeof(usual));
	if (pg->rewind.restore_command[0] == '\0' || (major < 15 && !text_equal(conf, usual)))
		return;
	command_arg(command, "--restore-target-wal");
	if (major >= 15)
		command_argf(command, "--config-file=%s", conf);
}

static enum step_result run_rewind(struct postgres *pg, bool trial)
{
	char program[PROGRAM_SIZE], conninfo[1024], conf[PATH_SIZE];
	struct command command;
	struct strbuf b;
	struct err err;
	conf_main_file(pg, conf, sizeof(conf));
	strbuf_init(&b, conninfo, sizeof(conninfo));
	conf_conninfo_rewind(pg, &pg->job.upstream, &b);
	if (!programs_choose(pg, "pg_rewind", program, sizeof(program), &err))
		return job_fail(pg, "%s", err.text);
	command_init(&command, program);
	add_restore(pg, conf, &command);
	command_arg(&command, "--no-ensure-shutdown"); /* done, with care for the WAL */
	command_arg(&command, "-D");
	command_arg(&command, pg->config->data_dir);
	command_arg(&command, "--source-server");
	command_arg(&command, conninfo);
	if (trial)
		command_arg(&command, "--dry-run");
	if (!command_options(&command, json_get(pg->config->postgresql, "rewind"),
			     "target-pgdata|source-pgdata|source-server|write-recovery-conf|dry-run|restore-target-wal|"
			     "config-file|no-ensure-shutdown|version|help",
			     &err))
		return job_fail(pg, "postgresql.rewind: %s", err.text);
	rewind_env(pg, &command);
	return run_start(pg, &command, true, 0) ? STEP_WAIT : job_fail(pg, "pg_rewind could not be asked for");
}

/* False: nothing is missing that restore_command could find. What was fetched and is missing still is no such thing. */
static bool fetch_missing(struct postgres *pg)
{
	char relative[WAL_NAME_SIZE + 8], path[PATH_SIZE];
	struct command command;
	struct err err;
	struct rewind *rewind = &pg->rewind;
	struct wal_place place = { .name = rewind->segment, .path = restored };
	if (rewind->restore_command[0] == '\0' || pg->run.killed ||
	    !archive_missing(pg->run.tail, rewind->segment, sizeof(rewind->segment)))
		return false;
	snprintf(relative, sizeof(relative), "pg_wal/%s", rewind->segment);
	if (datadir_has(pg, relative))
		return false;
	datadir_path(pg, restored, path, sizeof(path));
	if (!file_remove(path, &err) ||
	    !archive_command_line(&command, pg->config, rewind->restore_command, &place, &err) ||
	    !run_start(pg, &command, true, ARCHIVE_LIMIT_MS))
		return false;
	log_info("postgres: WAL %s is missing, restore_command is asked", rewind->segment);
	return rewind->fetching = true;
}

/* A segment is whole when it has a size that segments have; histories are texts. */
static bool put_in_place(struct postgres *pg, struct err *err)
{
	char name[WAL_NAME_SIZE + 8], from[PATH_SIZE], to[PATH_SIZE];
	struct stat st;
	const char *segment = pg->rewind.segment;
	snprintf(name, sizeof(name), "pg_wal/%s", segment);
	datadir_path(pg, restored, from, sizeof(from));
	datadir_path(pg, name, to, sizeof(to));
	if (stat(from, &st) != 0)
		return err_errno(err, "restore_command did not bring WAL %s", segment);
	bool whole = st.st_size >= SEGMENT_LEAST && (st.st_size & (st.st_size - 1)) == 0;
	if (strchr(segment, '.') == NULL && !whole)
		return err_set(err, ERR_OTHER, "restore_command brought %lld bytes as WAL %s", (long long)st.st_size,
			       segment);
	return rename(from, to) == 0 || err_errno(err, "cannot rename %s", from);
}

/* pg_rewind, again after each piece of WAL that was fetched for it. */
static enum step_result follow_rewind(struct postgres *pg, bool trial)
{
	struct err err;
	struct rewind *rewind = &pg->rewind;
	if (pg->run.state == WAIT_FAILED && !rewind->fetching && fetch_missing(pg))
		return STEP_WAIT;
	enum step_result result = run_result(pg, rewind->fetching ? "restore_command" : "pg_rewind");
	if (result != STEP_NEXT || !rewind->fetching)
		return result;
	rewind->fetching = false;
	return put_in_place(pg, &err) ? run_rewind(pg, trial) : job_fail(pg, "%s", err.text);
}

static enum step_result take_trial(struct postgres *pg)
{
	static const char before[] = "rewinding from last common checkpoint at ";
	char lsn[32] = "";
	struct strbuf b;
	struct rewind *rewind = &pg->rewind;
	const char *at = strstr(pg->run.tail, before);
	rewind->not_needed = strstr(pg->run.tail, "no rewind required") != NULL;
	if (rewind->not_needed)
		return STEP_NEXT;
	strbuf_init(&b, lsn, sizeof(lsn));
	if (at != NULL)
		strbuf_add_bytes(&b, at + strlen(before), strcspn(at + strlen(before), " "));
	if (!lsn_from_text(lsn, &rewind->common_lsn))
		return job_fail(pg, "pg_rewind does not say where it would begin");
	return STEP_WAIT;
}

static enum step_result begin_writing(struct postgres *pg)
{
	struct err err;
	pg->rewind.begun = true;
	return write_marker(pg, &err) ? STEP_NEXT : job_fail(pg, "%s", err.text);
}

/* Without room for the copies there is one attempt. */
static enum step_result follow_keeping(struct postgres *pg, bool first)
{
	switch (keep_go_on(pg, first, false)) {
	case KEEP_WAIT:
		return STEP_WAIT;
	case KEEP_FAILED:
		keep_remove(pg);
		log_warning("postgres: the WAL for a second attempt could not be kept");
		break;
	case KEEP_DONE:
		break;
	}
	return begin_writing(pg);
}

static enum step_result put_back(struct postgres *pg, bool first)
{
	char why[REASON_SIZE];
	enum keep keep = keep_go_on(pg, first, true);
	if (keep != KEEP_FAILED)
		return keep == KEEP_WAIT ? STEP_WAIT : STEP_NEXT;
	run_why(&pg->run, why, sizeof(why));
	return job_fail(pg, "what an earlier attempt kept cannot be put back: %s", why);
}

enum step_result step_rewind_keep(struct postgres *pg, bool first)
{
	struct rewind *rewind = &pg->rewind;
	if (first)
		rewind->phase = rewind->begun ? REWIND_PUTTING_BACK : REWIND_TRIAL;
	if (rewind->phase == REWIND_PUTTING_BACK)
		return put_back(pg, first);
	if (rewind->phase == REWIND_KEEPING)
		return follow_keeping(pg, false);
	if (first)
		return run_rewind(pg, true);
	enum step_result result = follow_rewind(pg, true);
	if (result != STEP_NEXT)
		return result;
	result = take_trial(pg);
	if (result != STEP_WAIT)
		return result;
	rewind->phase = REWIND_KEEPING;
	return follow_keeping(pg, true);
}

enum step_result step_rewind_run(struct postgres *pg, bool first)
{
	if (pg->rewind.not_needed)
		return STEP_NEXT;
	return first ? run_rewind(pg, false) : follow_rewind(pg, false);
}

/* ---- the end ---- */

/* pg_rewind may have been told not to sync, and WAL came by other ways, too. */
enum step_result step_rewind_sync(struct postgres *pg, bool first)
{
	char program[PROGRAM_SIZE];
	struct command command;
	struct err err;
	if (!first)
		return run_result(pg, "initdb --sync-only");
	if (!programs_choose(pg, "initdb", program, sizeof(program), &err))
		return job_fail(pg, "%s", err.text);
	command_init(&command, program);
	command_arg(&command, "--sync-only");
	command_arg(&command, pg->config->data_dir);
	command_standard_env(&command, pg->config);
	return run_start(pg, &command, true, 0) ? STEP_WAIT : job_fail(pg, "initdb could not be asked for");
}

/* The signal file comes first: unmarked, the directory must not look like a primary's. */
enum step_result step_rewind_finish(struct postgres *pg, UNUSED bool first)
{
	struct err err;
	if (!datadir_set_standby(pg, &err) || !forget_old(pg, &err) || !marker_remove(pg, "changing", &err))
		return job_fail(pg, "%s", err.text);
	keep_remove(pg);
	pg->history_timeline = 0; /* its file may be another one now */
	return STEP_NEXT;
}
