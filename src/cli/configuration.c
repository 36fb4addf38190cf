/* Which configuration the command line names, and which cluster. */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char agent_directory[] = "/etc/howdah";

/* What was named must be there; what is looked for need not. NULL: the environment alone. */
static const char *config_path(const struct cli *cli, char *home_path, size_t size)
{
	const char *named = cli->options[CLI_CONFIG_FILE] != NULL ? cli->options[CLI_CONFIG_FILE]
								  : getenv("PATRONICTL_CONFIG_FILE");
	const char *home = getenv("HOME");
	if (text_is_empty(named))
		named = getenv("HOWDAH_CONFIG");
	if (!text_is_empty(named))
		return named;
	struct strbuf path;
	strbuf_init(&path, home_path, size);
	strbuf_addf(&path, "%s/.config/patroni/patronictl.yaml", home == NULL ? "" : home);
	if (strbuf_ok(&path) && access(home_path, R_OK) == 0)
		return home_path;
	return access(agent_directory, R_OK) == 0 ? agent_directory : NULL;
}

static bool environment_has_settings(void)
{
	for (char **variable = environ; *variable != NULL; variable++)
		if (strncmp(*variable, "PATRONI_", 8) == 0)
			return true;
	return false;
}

static bool no_store(struct err *err)
{
	return err_set(err, ERR_INPUT,
		       "Can not find suitable configuration of distributed configuration store\nAvailable "
		       "implementations: kubernetes");
}

bool cli_load_config(const struct cli *cli, struct config *config, struct err *err)
{
	char home_path[URL_SIZE];
	const char *path = config_path(cli, home_path, sizeof(home_path));
	if (path != NULL && access(path, R_OK) != 0)
		return err_set(
			err, ERR_INPUT,
			"Provided config file %s not existing or no read rights. Check the -c/--config-file parameter",
			path);
	if (path == NULL && !environment_has_settings())
		return no_store(err);
	if (!config_load(config, path, (const char *const *)environ, err))
		return false;
	if (config->has_kubernetes)
		return true;
	config_clear(config);
	return no_store(err);
}

bool cli_scope(const struct cli *cli, char scope[static NAME_SIZE], struct err *err)
{
	static struct config config; /* large */
	if (cli->name_count > 0)
		return text_copy(scope, NAME_SIZE, cli->names[0]) ||
		       err_set(err, ERR_INPUT, "the cluster name %s is longer than %d characters", cli->names[0],
			       NAME_SIZE - 1);
	if (!cli_load_config(cli, &config, err))
		return false;
	text_copy(scope, NAME_SIZE, config.scope);
	config_clear(&config);
	return true;
}
