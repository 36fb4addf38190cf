/* Whether the data directory can be used by us at all: what PostgreSQL would refuse, and what keeps us from looking. */
#include "postgres/private.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct owned {
	char path[PATH_SIZE];
	struct stat st;
};

static bool look(struct owned *at, const char *path)
{
	return text_copy(at->path, sizeof(at->path), path) && stat(path, &at->st) == 0;
}

/* The directory that it is in. */
static bool go_up(char *path)
{
	char *slash = strrchr(path, '/');
	if (slash == NULL || path[1] == '\0')
		return false;
	slash[slash == path] = '\0';
	return true;
}

/* The deepest directory above `path` that is there for us. */
static bool look_above(struct owned *at, const char *path)
{
	char above[PATH_SIZE];
	if (!text_copy(above, sizeof(above), path))
		return false;
	while (go_up(above))
		if (look(at, above))
			return true;
	return false;
}

static void tell(struct strbuf *to, const struct owned *at, const char *what)
{
	strbuf_addf(to, "postgresql.data_dir: \"%s\" belongs to uid %u, mode %04o: %s", at->path,
		    (unsigned)at->st.st_uid, (unsigned)(at->st.st_mode & 07777), what);
}

/* Not there, or not to be seen: both are a matter of the directories above. */
static void judge_above(struct strbuf *to, const char *path, int why)
{
	struct owned at;
	if (!look_above(&at, path))
		return;
	if (why == ENOENT && access(at.path, W_OK | X_OK) != 0 && errno == EACCES)
		tell(to, &at, "nothing can be made in it by this uid");
	else if (why == EACCES)
		tell(to, &at, "it cannot be entered by this uid");
	else if (why == ENOTDIR || why == ELOOP)
		tell(to, &at, strerror(why));
}

static void judge(struct strbuf *to, const char *path)
{
	struct owned at;
	if (!look(&at, path)) {
		judge_above(to, path, errno);
		return;
	}
	if (!S_ISDIR(at.st.st_mode))
		tell(to, &at, "it is no directory");
	else if (geteuid() != 0 && at.st.st_uid != geteuid())
		tell(to, &at, "PostgreSQL wants to own it, with mode 0700 or 0750");
	else if (access(path, R_OK | W_OK | X_OK) != 0 && errno == EACCES)
		tell(to, &at, "it cannot be read and written; PostgreSQL wants mode 0700 or 0750");
}

bool rights_look(struct postgres *pg)
{
	char *text = pg->details.trouble;
	struct strbuf b;
	strbuf_init(&b, text, sizeof(pg->details.trouble));
	judge(&b, pg->config->data_dir);
	if (b.len == 0) { /* the markers are beside it */
		char beside[PATH_SIZE];
		marker_path(pg, "lock", beside, sizeof(beside));
		if (access(beside, F_OK) != 0)
			judge_above(&b, beside, errno);
	}
	if (b.len > 0)
		strbuf_addf(&b, " (uid here: %u)", (unsigned)geteuid());
	return b.len == 0;
}
