/* `history`, `show-config` and `version`. */
#include "render.h"

#include "codec/yaml.h"

#include <string.h>

static const char *const history_columns[] = { "TL", "LSN", "Reason", "Timestamp", "New Leader" };

static struct json *history_row(const struct json *line)
{
	struct json *row = json_new_object();
	const struct json *item = json_first(line);
	for (size_t i = 0; i < ARRAY_SIZE(history_columns); i++) {
		json_set(row, history_columns[i], item == NULL ? json_new_text("") : json_copy(item));
		item = item == NULL ? NULL : json_next(item);
	}
	return row;
}

void render_history(const struct snapshot *snapshot, enum output_format format, struct strbuf *to)
{
	struct err err;
	AUTO(json) struct json *lines = json_parse(snapshot->history_text, strlen(snapshot->history_text), &err);
	AUTO(json) struct json *rows = json_new_array();
	struct output output = { .title = "", .rows = rows };
	for (size_t i = 0; i < ARRAY_SIZE(history_columns); i++)
		output.columns[output.column_count++] =
			(struct output_column){ history_columns[i], history_columns[i], i < 2 };
	for (const struct json *line = json_is_array(lines) ? json_first(lines) : NULL; line != NULL;
	     line = json_next(line))
		if (json_is_array(line))
			json_push(rows, history_row(line));
	output_print(&output, format, to);
}

void render_config(const struct json *config, struct strbuf *to)
{
	yaml_print(config, true, to);
	strbuf_add_char(to, '\n');
}

static bool is_wanted(const struct cli *cli, const char *member)
{
	for (int i = 1; i < cli->name_count; i++)
		if (strcmp(cli->names[i], member) == 0)
			return true;
	return cli->name_count <= 1;
}

static void print_agent(const struct json *answer, bool compatible, struct strbuf *to)
{
	const struct json *patroni = json_get(answer, "patroni");
	const char *version = json_get_text(patroni, "version"), *howdah = json_get_text(patroni, "howdah_version");
	if (howdah != NULL && !compatible)
		strbuf_addf(to, "howdah %s", howdah);
	else
		strbuf_addf(to, "Patroni %s", version == NULL ? "None" : version);
}

static void print_version(const struct snapshot *snapshot, int member, bool compatible, struct strbuf *to)
{
	char text[24];
	int64_t number;
	const struct json *answer = snapshot->answers[member];
	strbuf_addf(to, "%s: ", snapshot->cluster.members[member].name);
	if (answer == NULL) {
		strbuf_addf(to, "failed to get version: %s\n", snapshot->complaints[member]);
		return;
	}
	print_agent(answer, compatible, to);
	if (json_i64(json_get(answer, "server_version"), &number) && number > 0) {
		words_server_version(number, text, sizeof(text));
		strbuf_addf(to, " PostgreSQL %s", text);
	}
	strbuf_add_char(to, '\n');
}

void render_versions(const struct snapshot *snapshot, const struct cli *cli, struct strbuf *to)
{
	for (int i = 0; i < snapshot->cluster.member_count; i++) {
		const struct member *member = &snapshot->cluster.members[i];
		if (member->api_url[0] != '\0' && is_wanted(cli, member->name))
			print_version(snapshot, i, cli->compatible, to);
	}
}
