/* What the files of a data directory say: pg_control's state, the postmaster's status line, the signal files. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "supervisor/supervisor.h"

/* ControlFileData begins with system_identifier (8 bytes), pg_control_version and catalog_version_no (4 each), then
 * DBState: the same in 9.3 to 18. */
enum { STATE_OFFSET = 16, DB_SHUTDOWNED = 1, DB_IN_PRODUCTION = 6 };
enum { STATUS_LINE = 8, FIRST_WITH_SIGNAL_FILE = 12 };

ssize_t control_read(const char *dir, const char *name, off_t offset, struct iovec into)
{
	char path[PATH_SIZE];
	int fd = TEXT_JOIN(path, dir, "/", name) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	if (fd < 0)
		return -1;
	ssize_t n = pread(fd, into.iov_base, into.iov_len - 1, offset);
	close(fd);
	if (n >= 0)
		((char *)into.iov_base)[n] = '\0';
	return n;
}

unsigned char control_state(const struct supervisor *s)
{
	char bytes[5];
	uint32_t state = 0;
	ssize_t n =
		control_read(s->data_dir, "global/pg_control", STATE_OFFSET, (struct iovec){ bytes, sizeof(bytes) });
	if (n == sizeof(state))
		memcpy(&state, bytes, sizeof(state));
	return state == DB_IN_PRODUCTION ? SEEN_PRODUCTION : state == DB_SHUTDOWNED ? SEEN_SHUT_DOWN : 0;
}

/* The status line is PostgreSQL's own promise to pg_ctl: "starting", "standby", "ready", "stopping" (10 and newer). */
unsigned char control_status(const struct supervisor *s)
{
	char text[PATH_SIZE];
	char *line = text;
	if (control_read(s->data_dir, "postmaster.pid", 0, (struct iovec){ text, sizeof(text) }) < 0 ||
	    text_to_number(text) != s->status.postmaster)
		return 0;
	for (int i = 1; i < STATUS_LINE && line != NULL; i++) {
		line = strchr(line, '\n');
		line += line != NULL;
	}
	if (line == NULL)
		return 0;
	return strncmp(line, "ready", 5) == 0 ? SEEN_READY : strncmp(line, "standby", 7) == 0 ? SEEN_STANDBY : 0;
}

static bool is_there(const struct supervisor *s, const char *name)
{
	char path[PATH_SIZE];
	return TEXT_JOIN(path, s->data_dir, "/", name) && access(path, F_OK) == 0;
}

enum reply_code control_check_start(const struct supervisor *s, enum start_as as)
{
	char version[16];
	ssize_t n = control_read(s->data_dir, "PG_VERSION", 0, (struct iovec){ version, sizeof(version) });
	bool old = n > 0 && text_to_number(version) < FIRST_WITH_SIGNAL_FILE;
	if (as == START_STANDBY)
		return is_there(s, old ? "recovery.conf" : "standby.signal") ? REPLY_OK : REPLY_SIGNAL_FILE;
	return is_there(s, "standby.signal") ? REPLY_SIGNAL_FILE : REPLY_OK;
}
