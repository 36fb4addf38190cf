/* The program: command line, signals, one agent. */
#include "agent/agent.h"
#include "base/log.h"
#include "base/strbuf.h"
#include "io/file.h"
#include "io/process.h"
#include "postgres/postgres.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

enum { AGENT_TAKEOVER_MS = 30000, HELP_SIZE = 256 * 1024 };

struct options {
	const char *config;
	bool help, version, validate, reference, schema;
};

static bool read_options(struct options *o, int argc, char **argv)
{
	*o = (struct options){ .config = getenv("HOWDAH_CONFIG") };
	for (int i = 1; i < argc; i++) {
		if (text_equal(argv[i], "-h") || text_equal(argv[i], "--help"))
			o->help = true;
		else if (text_equal(argv[i], "--version"))
			o->version = true;
		else if (text_equal(argv[i], "--validate-config"))
			o->validate = true;
		else if (text_equal(argv[i], "--settings-reference"))
			o->reference = true;
		else if (text_equal(argv[i], "--settings-schema"))
			o->schema = true;
		else if (argv[i][0] != '-')
			o->config = argv[i];
		else
			return false;
	}
	return true;
}

static void print_text(void (*print)(struct strbuf *))
{
	struct strbuf b;
	AUTO(text) char *text = malloc(HELP_SIZE);
	if (text == NULL)
		abort();
	strbuf_init(&b, text, HELP_SIZE);
	print(&b);
	fputs(text, stdout);
}

static void print_usage(struct strbuf *to)
{
	strbuf_add(to,
		   "usage: howdah [CONFIG]                    run: CONFIG is a YAML file or a directory of them; "
		   "without one the\n"
		   "                                          environment (HOWDAH_CONFIG, PATRONI_*) is all there is\n"
		   "       howdah --validate-config [CONFIG]  check it strictly and exit\n"
		   "       howdah --version\n\n");
	settings_print_help(to);
}

static void report_problem(void *arg UNUSED, const char *line)
{
	fprintf(stderr, "howdah: %s\n", line);
}

static void stop(void *arg)
{
	log_info("the agent ends; PostgreSQL and its supervisor go on");
	loop_stop(arg);
}

struct refusal {
	struct loop *loop;
	bool happened;
};

static void refuse(void *arg)
{
	struct refusal *refusal = arg;
	refusal->happened = true;
	loop_stop(refusal->loop);
}

static void reload(void *arg)
{
	agent_reload(arg);
}

/* As it was given: what is a setting is taken out of the environment that children see. */
static char **copy_environment(void)
{
	size_t count = 0;
	while (environ[count] != NULL)
		count++;
	char **copy = calloc(count + 1, sizeof(*copy));
	for (size_t i = 0; copy != NULL && i < count; i++)
		copy[i] = strdup(environ[i]);
	if (copy == NULL)
		abort();
	return copy;
}

static bool prepare_run_dir(const struct config *config, struct err *err)
{
	char path[URL_SIZE + 32];
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/agent.lock", config->run_dir);
	return file_make_dir(config->run_dir, 0700, err) && process_single_instance(path, AGENT_TAKEOVER_MS, err);
}

/* howdahctl loads a configuration without them; a member cannot do anything. */
static bool is_complete(const struct config *config, struct err *err)
{
	const struct {
		const char *key, *value;
	} needed[] = { { "name", config->name },
		       { "scope", config->scope },
		       { "postgresql.data_dir", config->data_dir } };
	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (needed[i].value[0] == '\0')
			return err_set(err, ERR_INPUT, "%s is not set, and a member needs it", needed[i].key);
	if (!config->has_kubernetes)
		return err_set(err, ERR_INPUT,
			       "there is no `kubernetes` section: the cluster's state has nowhere to live");
	return true;
}

static bool run(const struct options *o, struct err *err)
{
	struct config config;
	const char *uid = getenv("POD_UID");
	AUTO(text) char *pod_uid = strdup(uid != NULL ? uid : "");
	char **environment = copy_environment(); /* for the life of the process */
	if (!config_load(&config, o->config, (const char *const *)environment, err))
		return false;
	if (!is_complete(&config, err))
		return false;
	config_clean_environment();
	log_set_level((enum log_level)config.log_level);
	for (int i = 0; i < config.note_count; i++)
		log_warning("%s", config.notes[i].text);
	if (!prepare_run_dir(&config, err) || !postgres_place_supervisor(&config, err))
		return false;
	struct loop *loop = loop_create(err);
	if (loop == NULL)
		return false;
	loop_on_signal(loop, SIGTERM, stop, loop);
	loop_on_signal(loop, SIGINT, stop, loop);
	struct refusal refusal = { .loop = loop };
	struct agent_params params = {
		.config = &config,
		.config_path = o->config,
		.pod_uid = pod_uid,
		.environment = (const char *const *)environment,
		.watch_files = true,
		.record = true,
		.on_refused = refuse,
		.on_refused_arg = &refusal,
	};
	struct agent *agent = agent_create(loop, &params, err);
	if (agent == NULL) {
		loop_destroy(loop);
		return false;
	}
	loop_on_signal(loop, SIGHUP, reload, agent);
	loop_run(loop);
	agent_destroy(agent);
	loop_destroy(loop);
	return !refusal.happened || err_set(err, ERR_INPUT, "name: another member of this name is running");
}

int main(int argc, char **argv)
{
	struct options o;
	struct err err = { .text = "" };
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!read_options(&o, argc, argv)) {
		fputs("howdah: unknown option; see howdah --help\n", stderr);
		return 2;
	}
	if (o.help)
		print_text(print_usage);
	else if (o.version)
		puts("howdah " HOWDAH_VERSION);
	else if (o.reference)
		print_text(settings_print_reference);
	else if (o.schema)
		print_text(settings_print_schema);
	else if (o.validate)
		return config_validate(o.config, (const char *const *)environ, report_problem, NULL) == 0 ? 0 : 1;
	else if (!run(&o, &err)) {
		fprintf(stderr, "howdah: %s\n", err.text);
		return 1;
	}
	return 0;
}
