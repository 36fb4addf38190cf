/* `edit-config` (contract 4.6): the change, the difference, a question, one write by version. */
#include "diff.h"
#include "edit.h"
#include "members.h"

#include "codec/yaml.h"

#include <stdlib.h>
#include <string.h>

enum { WRITES_MAX = 3 };

struct change {
	struct session *session;
	const struct cli *cli;
	struct json *before, *after;
	char *before_yaml, *after_yaml;
};

static char *yaml_text(const struct json *config, struct err *err)
{
	struct strbuf b;
	char *text = malloc(CLI_TEXT_SIZE);
	if (text == NULL)
		abort();
	strbuf_init(&b, text, CLI_TEXT_SIZE);
	yaml_print(config, true, &b);
	if (strbuf_ok(&b))
		return text;
	free(text);
	err_set(err, ERR_INPUT, "the configuration is longer than %d kB", CLI_TEXT_SIZE / 1024);
	return NULL;
}

/* ---- what is to be changed ---- */

static bool in_editor(struct change *change, struct err *err)
{
	AUTO(text) char *text = malloc(CLI_TEXT_SIZE);
	if (text == NULL)
		abort();
	if (!change->cli->terminal && !change->cli->compatible)
		return err_set(err, ERR_INPUT,
			       "edit-config opens an editor, and there is no terminal for it. Give changes with --set, "
			       "--pg, --apply or --replace, and --force");
	text_copy(text, CLI_TEXT_SIZE, change->before_yaml);
	if (!edit_text(text, CLI_TEXT_SIZE, err))
		return false;
	json_free(change->after);
	change->after = edit_parse("what was edited", text, strlen(text), err);
	return change->after != NULL;
}

static bool from_file(struct change *change, enum cli_option option, struct err *err)
{
	const char *path = change->cli->options[option];
	if (path == NULL)
		return true;
	struct json *given = edit_read_file(change->cli, path, err);
	if (given == NULL)
		return false;
	if (option == CLI_APPLY) {
		json_merge(change->after, given);
		json_free(given);
	} else {
		json_free(change->after);
		change->after = given;
	}
	return true;
}

static bool by_options(struct change *change, struct err *err)
{
	const struct cli *cli = change->cli;
	if (!from_file(change, CLI_REPLACE, err) || !from_file(change, CLI_APPLY, err))
		return false;
	for (int i = 0; i < cli->pair_count; i++)
		if (!edit_set(change->after, cli->pairs[i].value, cli->pairs[i].option == CLI_SET_PARAMETER, err))
			return false;
	return true;
}

static bool make_change(struct change *change, struct err *err)
{
	const struct cli *cli = change->cli;
	bool options = cli->pair_count > 0 || cli->options[CLI_APPLY] != NULL || cli->options[CLI_REPLACE] != NULL;
	change->before = snapshot_config(change->session->snapshot);
	if (change->before == NULL)
		return err_set(err, ERR_MISSING, "The config key does not exist in the cluster %s%s",
			       change->session->config.scope,
			       cli->compatible ? "" : ": it comes with the first member. See howdahctl list");
	change->after = json_copy(change->before);
	change->before_yaml = yaml_text(change->before, err);
	return change->before_yaml != NULL && (options ? by_options(change, err) : in_editor(change, err));
}

/* ---- what it comes to ---- */

/* A value that members would not take is refused here; patronictl writes what it is given. */
static bool check_values(const struct change *change, struct err *err)
{
	struct config *config = &change->session->config;
	AUTO(text) char *text = json_print_text(change->after, JSON_COMPACT);
	if (change->cli->compatible)
		return true;
	config->note_count = 0;
	if (!config_apply_dynamic(config, text, err))
		return err_wrap(err, "nothing was changed");
	for (int i = 0; i < config->note_count; i++)
		fprintf(change->cli->errors, "Note: %s\n", config->notes[i].text);
	return true;
}

static void print_difference(const void *arg, struct strbuf *to)
{
	const struct change *change = arg;
	diff_print(change->before_yaml, change->after_yaml, change->cli->colour, to);
}

static bool from_input(const struct cli *cli)
{
	return text_equal(cli->options[CLI_APPLY] != NULL ? cli->options[CLI_APPLY] : "", "-") ||
	       text_equal(cli->options[CLI_REPLACE] != NULL ? cli->options[CLI_REPLACE] : "", "-");
}

/* The object may have been touched for another reason (its history): then the same change is written again. */
static bool write_change(const struct change *change, struct err *err)
{
	AUTO(text) char *text = json_print_text(change->after, JSON_COMPACT);
	for (int i = 0; i < WRITES_MAX; i++) {
		if (session_write_config(change->session, text, err)) {
			cli_say(change->cli, "Configuration changed");
			return true;
		}
		if (err->kind != ERR_CONFLICT)
			return false;
		if (!session_refresh(change->session, err))
			return false;
		AUTO(json) struct json *now = snapshot_config(change->session->snapshot);
		if (now == NULL || !json_equal(now, change->before))
			break;
	}
	return err_set(err, ERR_CONFLICT, "Config modification aborted due to concurrent changes%s",
		       change->cli->compatible ? "" : ". See howdahctl show-config, and repeat");
}

static bool apply_change(struct change *change, struct err *err)
{
	const struct cli *cli = change->cli;
	if (json_equal(change->before, change->after)) {
		if (cli->options[CLI_QUIET] == NULL)
			cli_say(cli, "Not changed");
		return true;
	}
	change->after_yaml = yaml_text(change->after, err);
	if (change->after_yaml == NULL || !check_values(change, err))
		return false;
	if (cli->options[CLI_QUIET] == NULL && !cli_page(cli, print_difference, change, err))
		return false;
	if (cli_forced(cli))
		return write_change(change, err);
	if (from_input(cli)) {
		cli_say(cli, "Use --force option to apply changes");
		return true;
	}
	if (cli_confirm(cli, "Apply these changes?", "", err))
		return write_change(change, err);
	return err->text[0] == '\0'; /* no is an answer, not an error */
}

bool cmd_edit_config(const struct cli *cli, struct err *err)
{
	struct change change = { .cli = cli, .session = session_open(cli, NULL, err) };
	if (change.session == NULL)
		return false;
	bool done = make_change(&change, err) && apply_change(&change, err);
	json_free(change.before);
	json_free(change.after);
	free(change.before_yaml);
	free(change.after_yaml);
	session_close(change.session);
	return done;
}
