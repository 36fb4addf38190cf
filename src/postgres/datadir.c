/* The data directory, looked at; and what must be done to it right before a start. Nothing is touched before the volume is ours. */
#include "postgres/private.h"

#include "base/log.h"
#include "codec/status.h"
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HISTORY_BYTES = 64 * 1024, CONTROL_READS = 3 };

void datadir_path(const struct postgres *pg, const char *name, char *path, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, path, size);
	strbuf_addf(&b, "%s/%s", pg->config->data_dir, name);
}

bool datadir_has(const struct postgres *pg, const char *name)
{
	char path[PATH_SIZE];
	datadir_path(pg, name, path, sizeof(path));
	return file_exists(path);
}

int datadir_major(const struct postgres *pg)
{
	char path[PATH_SIZE], text[32];
	size_t len;
	int64_t major;
	struct err err;
	datadir_path(pg, "PG_VERSION", path, sizeof(path));
	if (!file_read(path, text, sizeof(text), &len, &err))
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return text_to_i64(text, &major) && major >= 10 && major < 100 ? (int)major : 0;
}

/* A running server writes it in place: what looks torn is read again. */
bool datadir_read_control(struct postgres *pg, struct err *err)
{
	char path[PATH_SIZE], bytes[CONTROL_FILE_SIZE + 1];
	size_t len;
	datadir_path(pg, "global/pg_control", path, sizeof(path));
	for (int i = 0; i < CONTROL_READS; i++) {
		if (!file_read(path, bytes, sizeof(bytes), &len, err))
			return false;
		if (control_parse(&pg->control, bytes, len, err))
			return true;
	}
	return false;
}

int datadir_is_empty(const char *path)
{
	DIR *dir = opendir(path);
	int empty = 1;
	if (dir == NULL)
		return errno == ENOENT ? 1 : -1;
	errno = 0;
	for (struct dirent *entry; empty && (entry = readdir(dir)) != NULL;)
		empty = entry->d_name[0] == '.' || text_equal(entry->d_name, "lost+found");
	if (empty && errno != 0)
		empty = -1;
	closedir(dir);
	return empty;
}

static bool is_in_recovery(enum control_state state)
{
	return state == CONTROL_SHUT_DOWN_IN_RECOVERY || state == CONTROL_IN_ARCHIVE_RECOVERY;
}

static void take_control(struct instance *in, const struct control *c)
{
	bool recovery = is_in_recovery(c->state) && c->minimum_recovery_lsn != 0;
	/* right after a promotion only the latter names the new timeline */
	bool later = c->minimum_recovery_timeline > c->checkpoint_timeline;
	snprintf(in->system_identifier, sizeof(in->system_identifier), "%llu",
		 (unsigned long long)c->system_identifier);
	in->control = c->state;
	in->control_timeline = later ? c->minimum_recovery_timeline : c->checkpoint_timeline;
	in->control_lsn = recovery ? c->minimum_recovery_lsn : c->checkpoint_lsn;
}

static void take_nothing(struct instance *in)
{
	in->system_identifier[0] = '\0';
	in->control = CONTROL_UNKNOWN;
	in->control_timeline = 0;
	in->control_lsn = 0;
}

static enum data_dir judge(struct postgres *pg)
{
	char text[512];
	struct err err;
	int empty = datadir_is_empty(pg->config->data_dir);
	pg->control_ok = empty == 0 && datadir_read_control(pg, &err);
	enum marker changing = marker_look(pg, "changing", text, sizeof(text));
	if (changing != MARKER_NONE)
		return changing == MARKER_SET ? DATA_MARKED : DATA_UNREADABLE;
	/* what was restored is not to be taken for a whole cluster's, and its recovery not for one without a target */
	if (empty < 0 || marker_look(pg, "bootstrap", text, sizeof(text)) == MARKER_UNREADABLE)
		return DATA_UNREADABLE;
	if (empty > 0)
		return DATA_EMPTY;
	if (!pg->control_ok)
		log_warning("postgres: %s is not a data directory: %s", pg->config->data_dir, err.text);
	return pg->control_ok && pg->control.system_identifier != 0 ? DATA_OK : DATA_INVALID;
}

void datadir_look(struct postgres *pg)
{
	struct instance *in = &pg->instance;
	if (!in->volume_locked) {
		in->data = DATA_UNKNOWN;
		return;
	}
	char text[64];
	in->data = rights_look(pg) ? judge(pg) : DATA_UNREADABLE;
	in->bootstrap_attempt = marker_read(pg, "bootstrap", text, sizeof(text));
	in->restored = in->bootstrap_attempt && restore_is_marked(text);
	in->recovers = in->restored && datadir_has(pg, "recovery.signal");
	if (pg->control_ok)
		take_control(in, &pg->control);
	else
		take_nothing(in);
	if (in->control_timeline != 0)
		in->newest_timeline = datadir_next_timeline(pg, in->control_timeline) - 1;
	in->has_standby_signal = datadir_has(pg, "standby.signal");
	in->was_primary = pg->control_ok && !in->has_standby_signal && !is_in_recovery(in->control);
	int major = datadir_major(pg);
	if (major != 0 && in->server_version / 10000 != major)
		in->server_version = major * 10000;
	if (in->control_timeline != 0 && !in->answers)
		history_refresh(pg, in->control_timeline);
	rewind_refresh(pg);
}

/* As PostgreSQL looks for it: the first number behind ours of which there is no history. */
uint32_t datadir_next_timeline(const struct postgres *pg, uint32_t timeline)
{
	char name[40], path[PATH_SIZE];
	for (int i = 0; i < TIMELINES_AHEAD_MAX; i++) {
		timeline++;
		snprintf(name, sizeof(name), "pg_wal/%08X.history", timeline);
		datadir_path(pg, name, path, sizeof(path));
		if (!file_exists(path))
			break;
	}
	return timeline;
}

/* A promotion that did not happen leaves empty histories behind the newest real one: a standby would wait for WAL of nobody's timeline. */
void datadir_drop_unused_timelines(const struct postgres *pg, uint32_t timeline)
{
	char name[40], path[PATH_SIZE];
	struct stat st;
	struct err err;
	for (uint32_t last = datadir_next_timeline(pg, timeline) - 1; last > timeline; last--) {
		snprintf(name, sizeof(name), "pg_wal/%08X.history", last);
		datadir_path(pg, name, path, sizeof(path));
		if (stat(path, &st) != 0 || st.st_size > 0)
			return;
		if (!file_remove(path, &err))
			log_warning("postgres: %s", err.text);
	}
}

/* A timeline's file never changes once it is there: read when another timeline is asked for. */
void history_refresh(struct postgres *pg, uint32_t timeline)
{
	static char text[HISTORY_BYTES];
	struct history *history = &pg->instance.history;
	char name[40], path[PATH_SIZE];
	size_t len;
	struct err err;
	if (timeline == pg->history_timeline)
		return;
	pg->history_is_new |= history->count > 0;
	*history = (struct history){ .count = 0 };
	pg->history_timeline = timeline;
	if (timeline <= 1)
		return;
	snprintf(name, sizeof(name), "pg_wal/%08X.history", timeline);
	datadir_path(pg, name, path, sizeof(path));
	if (file_read(path, text, sizeof(text), &len, &err) && history_parse_file(history, text, &err)) {
		pg->history_is_new = true;
		return;
	}
	log_warning("postgres: history of timeline %u: %s", timeline, err.text);
	pg->history_timeline = 0; /* it may still come */
}

mode_t datadir_file_mode(const struct postgres *pg)
{
	struct stat st;
	bool group = stat(pg->config->data_dir, &st) == 0 && (st.st_mode & 07777) == 0750;
	return group ? 0640 : 0600;
}

/* The kubelet gives mounted volumes group bits that PostgreSQL refuses. */
static bool set_mode(const struct postgres *pg, struct err *err)
{
	struct stat st;
	const char *dir = pg->config->data_dir;
	bool group = options_have(json_path(pg->config->local, "bootstrap.initdb"), "allow-group-access");
	if (stat(dir, &st) != 0)
		return err_errno(err, "cannot look at %s", dir);
	mode_t mode = st.st_mode & 07777;
	if (mode == 0700 || mode == 0750)
		return true;
	if (chmod(dir, group ? 0750 : 0700) != 0)
		return err_errno(err, "cannot change the mode of %s", dir);
	log_info("postgres: mode of %s was %04o, now %04o", dir, (unsigned)mode, group ? 0750u : 0700u);
	return true;
}

bool datadir_prepare_start(struct postgres *pg, struct err *err)
{
	char path[PATH_SIZE];
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/pg", pg->config->run_dir);
	if (!file_make_dir(path, 0700, err) || !set_mode(pg, err))
		return false;
	if (pg->instance.recovers)
		return true;
	datadir_path(pg, "recovery.signal", path, sizeof(path));
	return file_remove(path, err);
}

bool datadir_set_standby(struct postgres *pg, struct err *err)
{
	char path[PATH_SIZE];
	datadir_path(pg, "standby.signal", path, sizeof(path));
	if (!file_exists(path) && !file_write(path, "", 0, datadir_file_mode(pg), err))
		return false;
	pg->instance.has_standby_signal = true;
	return true;
}
