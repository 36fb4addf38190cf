/* What the other container of the pod needs before it starts, in the directory that both see: the supervisor, which is
 * process 1 there, and a passwd file for images that have no entry for the user that the platform chose. */
#include "agent/agent.h"

#include "base/strbuf.h"
#include "io/file.h"
#include "io/process.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SUPERVISOR_MAX = 8 * 1024 * 1024 };

static bool copy_supervisor(const char *from, const char *to, struct err *err)
{
	size_t len;
	AUTO(text) char *bytes = malloc(SUPERVISOR_MAX);
	if (bytes == NULL)
		abort();
	return file_read(from, bytes, SUPERVISOR_MAX, &len, err) && file_write(to, bytes, len, 0755, err);
}

static bool write_supervisor(const struct config *config, struct err *err)
{
	char from[URL_SIZE], dir[URL_SIZE], to[URL_SIZE], own[URL_SIZE];
	struct strbuf b;
	if (!process_self_dir(own, sizeof(own), err))
		return false;
	strbuf_init(&b, from, sizeof(from));
	strbuf_addf(&b, "%s/howdah-supervisor", own);
	strbuf_init(&b, dir, sizeof(dir));
	strbuf_addf(&b, "%s/bin", config->run_dir);
	bool fits = strbuf_ok(&b);
	strbuf_init(&b, to, sizeof(to));
	strbuf_addf(&b, "%s/howdah-supervisor", dir);
	if (!fits || !strbuf_ok(&b))
		return err_set(err, ERR_INPUT, "howdah.run_dir: %s is too long", config->run_dir);
	return file_make_dir(dir, 0755, err) && copy_supervisor(from, to, err);
}

static bool write_passwd(const struct config *config, struct err *err)
{
	char path[URL_SIZE], text[1024];
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/passwd", config->run_dir);
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b,
		    "root:x:0:0:root:/root:/bin/sh\n"
		    "postgres:x:%u:%u:PostgreSQL:%s:/bin/sh\n"
		    "nobody:x:65534:65534:nobody:/nonexistent:/sbin/nologin\n",
		    (unsigned)getuid(), (unsigned)getgid(), config->data_dir);
	return file_write(path, text, b.len, 0644, err);
}

bool agent_prepare_pod(const struct config *config, struct err *err)
{
	if (getenv("KUBERNETES_SERVICE_HOST") == NULL || config->supervisor[0] != '\0')
		return true;
	return (write_supervisor(config, err) && write_passwd(config, err)) ||
	       err_wrap(err, "what PostgreSQL's container needs");
}
