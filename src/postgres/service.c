/* The passphrase of a client key, for programs beside PostgreSQL: in a connection service file, since anybody may read the arguments of a
 * program and libpq reads it from no variable. It is there as long as the job that needs it. */
#include "postgres/private.h"

#include "base/log.h"
#include "io/file.h"
#include "postgres/conninfo.h"

#include <stdlib.h>
#include <string.h>

static void service_path(const struct postgres *pg, char *path, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, path, size);
	strbuf_addf(&b, "%s/pw/service", pg->config->run_dir);
}

bool service_write(const struct postgres *pg, const struct config_auth *auth, struct err *err)
{
	char dir[PATH_SIZE], path[PATH_SIZE], text[SERVICE_TEXT_SIZE];
	struct strbuf b;
	if (auth->sslpassword[0] == '\0')
		return true;
	strbuf_init(&b, text, sizeof(text));
	if (!service_print(auth, &b, err))
		return err_wrap(err, "postgresql.authentication.%s",
				auth == &pg->config->rewind ? "rewind" : "replication");
	service_path(pg, path, sizeof(path));
	strbuf_init(&b, dir, sizeof(dir));
	strbuf_addf(&b, "%s/pw", pg->config->run_dir);
	bool ok = file_make_dir(dir, 0700, err) && file_write(path, text, strlen(text), 0600, err);
	explicit_bzero(text, sizeof(text));
	return ok;
}

void service_remove(const struct postgres *pg)
{
	char path[PATH_SIZE];
	struct err err;
	service_path(pg, path, sizeof(path));
	if (file_exists(path) && !file_remove(path, &err))
		log_error("postgres: %s", err.text);
}

void service_env(const struct postgres *pg, const struct config_auth *auth, struct command *command)
{
	char path[PATH_SIZE];
	if (auth->sslpassword[0] == '\0')
		return;
	service_path(pg, path, sizeof(path));
	command_env(command, "PGSERVICEFILE", path);
}
