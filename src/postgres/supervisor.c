/* Where the supervisor's program comes from. In a pod it is process 1 of another container, whose image knows nothing of
 * it: we put it into the directory that both share, and a passwd file. Elsewhere we start it ourselves. */
#include "private.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "io/file.h"
#include "io/process.h"

#include <stdlib.h>
#include <unistd.h>

enum { LAUNCH_PAUSE_MS = 3000 };

static bool is_in_pod(const struct config *config)
{
	return config->supervisor[0] == '\0' && getenv("KUBERNETES_SERVICE_HOST") != NULL;
}

static bool path_of_program(const struct config *config, char *path, size_t size, struct err *err)
{
	char dir[PATH_SIZE];
	struct strbuf b;
	strbuf_init(&b, path, size);
	if (config->supervisor[0] != '\0')
		strbuf_add(&b, config->supervisor);
	else if (process_self_dir(dir, sizeof(dir), err))
		strbuf_addf(&b, "%s/howdah-supervisor", dir);
	else
		return false;
	return strbuf_ok(&b) || err_set(err, ERR_INPUT, "the path of the supervisor's program is too long");
}

/* For images without an entry for the user that the platform chose: initdb and peer authentication want one. */
static bool write_passwd(const struct config *config, struct err *err)
{
	char path[PATH_SIZE], text[PATH_SIZE + 256];
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

bool postgres_place_supervisor(const struct config *config, struct err *err)
{
	char ours[PATH_SIZE], bin[PATH_SIZE], shared[PATH_SIZE];
	struct strbuf b;
	if (!is_in_pod(config))
		return true;
	strbuf_init(&b, bin, sizeof(bin));
	strbuf_addf(&b, "%s/bin", config->run_dir);
	strbuf_init(&b, shared, sizeof(shared));
	strbuf_addf(&b, "%s/howdah-supervisor", bin);
	if (!strbuf_ok(&b))
		return err_set(err, ERR_INPUT, "howdah.run_dir: the path %s is too long", config->run_dir);
	return (path_of_program(config, ours, sizeof(ours), err) && file_make_dir(bin, 0755, err) &&
		file_copy(ours, shared, 0755, err) && write_passwd(config, err)) ||
	       err_wrap(err, "what PostgreSQL's container needs");
}

void supervisor_launch(struct postgres *pg)
{
	char path[PATH_SIZE];
	struct instant now = loop_now(pg->loop);
	struct err err;
	if (is_in_pod(pg->config))
		return;
	if (instant_is_set(pg->link.launched) && elapsed_least_ms(pg->link.launched, now) < LAUNCH_PAUSE_MS)
		return;
	pg->link.launched = now;
	char *argv[] = { path, (char[]){ "--dir" }, (char *)(uintptr_t)pg->config->run_dir, NULL };
	if (path_of_program(pg->config, path, sizeof(path), &err) && process_start_detached(argv, &err))
		log_info("supervisor: started %s", path);
	else
		log_warning("supervisor: %s", err.text);
}
