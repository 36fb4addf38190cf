/* `dsn` and `query`: a member's address, and SQL run there. */
#include "members.h"
#include "render.h"
#include "text_table.h"

#include "io/file.h"
#include "io/pg.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUERY_SIZE = 256 * 1024, CONNECT_LIMIT_MS = 5000, VALUES_MAX = 8 };

struct wish { /* whose address is wanted */
	const char *role, *member;
};

static bool read_wish(const struct cli *cli, const char *fallback, struct wish *wish, struct err *err)
{
	*wish = (struct wish){ .role = cli->options[CLI_ROLE], .member = cli->options[CLI_MEMBER] };
	if (wish->role != NULL && wish->member != NULL)
		return err_set(err, ERR_INPUT, "--role and --member are mutually exclusive options");
	if (wish->role == NULL)
		wish->role = wish->member != NULL ? "any" : fallback;
	return true;
}

static const struct member *choose(const struct session *session, const struct wish *wish)
{
	struct selection all;
	select_all(session, &all);
	for (int i = 0; i < all.count; i++) {
		const struct member *member = all.members[i];
		if (member->conn_host[0] != '\0' && member_has_role(session->snapshot, member, wish->role) &&
		    (wish->member == NULL || strcmp(member->name, wish->member) == 0))
			return member;
	}
	return NULL;
}

/* ---- dsn ---- */

static bool print_dsn(const struct session *session, const struct wish *wish, struct err *err)
{
	const struct member *member = choose(session, wish);
	if (member != NULL)
		cli_say(session->cli, "host=%s port=%d", member->conn_host, member->conn_port);
	return member != NULL || err_set(err, ERR_MISSING, "Can not find a suitable member%s",
					 session->cli->compatible ? "" : ": howdahctl list shows who is there");
}

bool cmd_dsn(const struct cli *cli, struct err *err)
{
	struct wish wish;
	if (!read_wish(cli, "leader", &wish, err))
		return false;
	struct session *session = session_open(cli, NULL, err);
	bool done = session != NULL && print_dsn(session, &wish, err);
	session_close(session);
	return done;
}

/* ---- query: where to ---- */

struct query {
	struct session *session;
	const struct cli *cli;
	struct wish wish;
	struct pg *pg;
	const char *sql;
	const char *password; /* NULL: none was asked for */
	struct json *rows;    /* an array of objects; NULL: it failed */
	struct output output;
	char *titles;               /* of the output's columns */
	char failure[ERR_TEXT_MAX]; /* "": it worked */
	char sqlstate[SQLSTATE_SIZE];
};

static bool resolve(const struct member *member, char *address, size_t size)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *found;
	if (getaddrinfo(member->conn_host, NULL, &hints, &found) != 0)
		return false;
	bool done =
		getnameinfo(found->ai_addr, found->ai_addrlen, address, (socklen_t)size, NULL, 0, NI_NUMERICHOST) == 0;
	freeaddrinfo(found);
	return done;
}

/* The database that a member names in its address: postgres://host:port/database. */
static void member_database(const struct session *session, const struct member *member, char *text, size_t size)
{
	struct err err;
	const char *status = session->snapshot->status_texts[member - session->snapshot->cluster.members];
	AUTO(json) struct json *root = status[0] != '\0' ? json_parse(status, strlen(status), &err) : NULL;
	const char *url = json_get_text(root, "conn_url"), *slash = url == NULL ? NULL : strrchr(url, '/');
	struct strbuf b;
	strbuf_init(&b, text, size);
	if (slash != NULL && slash > url && slash[-1] != '/')
		strbuf_add_bytes(&b, slash + 1, strcspn(slash + 1, "?"));
	if (b.len == 0)
		strbuf_add(&b, "postgres");
}

static void set_conninfo(const struct query *query, const struct member *member, const char *address, struct pg *pg)
{
	char port[16], database[NAME_SIZE];
	struct strbuf b;
	const char *given = query->cli->options[CLI_DBNAME], *user = query->cli->options[CLI_USERNAME];
	const char *keywords[VALUES_MAX], *values[VALUES_MAX];
	int count = 0;
	strbuf_init(&b, port, sizeof(port));
	strbuf_addf(&b, "%d", member->conn_port);
	member_database(query->session, member, database, sizeof(database));
	const struct {
		const char *keyword, *value;
	} all[] = { { "host", member->conn_host },
		    { "hostaddr", address },
		    { "port", port },
		    { "dbname", given != NULL ? given : database },
		    { "user", user },
		    { "password", query->password },
		    { "fallback_application_name", query->cli->program } };
	static_assert(ARRAY_SIZE(all) < VALUES_MAX, "and a NULL");
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].value != NULL) {
			keywords[count] = all[i].keyword;
			values[count++] = all[i].value;
		}
	keywords[count] = values[count] = NULL;
	pg_set_conninfo(pg, keywords, values);
}

/* ---- query: what comes back ---- */

static struct json *row_of(const struct query *query, const struct pg_rows *rows, int row)
{
	struct json *object = json_new_object();
	for (int i = 0; i < query->output.column_count; i++)
		json_set(object, query->output.columns[i].key,
			 pg_rows_null(rows, row, i) ? json_new_null() : json_new_text(pg_rows_text(rows, row, i)));
	return object;
}

/* Names may be the same twice, or none: each column keeps a key of its own. */
static void name_columns(struct query *query, const struct pg_rows *rows)
{
	struct output *output = &query->output;
	output->column_count = pg_rows_columns(rows);
	query->titles = calloc(OUTPUT_COLUMNS_MAX, NAME_SIZE + 8);
	if (query->titles == NULL)
		abort();
	for (int i = 0; i < output->column_count; i++) {
		char *title = query->titles + (size_t)i * (NAME_SIZE + 8);
		struct strbuf b;
		bool taken = false;
		for (int k = 0; k < i; k++)
			taken |= strcmp(output->columns[k].key, pg_rows_name(rows, i)) == 0;
		strbuf_init(&b, title, NAME_SIZE + 8);
		strbuf_addf(&b, taken ? "%.63s_%d" : "%.63s", pg_rows_name(rows, i), i + 1);
		output->columns[i] = (struct output_column){ title, title, false };
	}
}

static void on_rows(void *arg, const struct pg_answer *answer)
{
	struct query *query = arg;
	loop_stop(query->session->loop);
	if (answer->rows == NULL) {
		text_copy(query->failure, sizeof(query->failure), answer->error);
		text_copy(query->sqlstate, sizeof(query->sqlstate), answer->sqlstate);
		return;
	}
	if (pg_rows_columns(answer->rows) > OUTPUT_COLUMNS_MAX) {
		text_copy(query->failure, sizeof(query->failure), "more columns are returned than can be shown");
		text_copy(query->sqlstate, sizeof(query->sqlstate), "54011"); /* too many columns */
		return;
	}
	name_columns(query, answer->rows);
	query->rows = json_new_array();
	for (int i = 0; i < pg_rows_count(answer->rows); i++)
		json_push(query->rows, row_of(query, answer->rows, i));
}

/* Only connecting has a limit: what somebody runs may take as long as it takes. */
static void on_connected(void *arg, const struct pg_answer *answer)
{
	struct query *query = arg;
	if (answer->rows == NULL)
		on_rows(arg, answer);
	else
		pg_query(query->pg, &(struct pg_query){ .sql = query->sql, .fn = on_rows, .arg = query });
}

static void run_sql(struct query *query, const struct member *member, const char *address)
{
	query->pg = pg_create(query->session->loop);
	set_conninfo(query, member, address, query->pg);
	pg_query(query->pg,
		 &(struct pg_query){
			 .sql = "SELECT 1", .timeout_ms = CONNECT_LIMIT_MS, .fn = on_connected, .arg = query });
	loop_run(query->session->loop);
	pg_destroy(query->pg);
}

/* ---- query: printing ---- */

static bool print_tsv(const struct query *query, struct err *err)
{
	FILE *out = query->cli->out;
	const char *given = query->cli->options[CLI_DELIMITER], *between = given != NULL ? given : "\t";
	for (const struct json *row = json_first(query->rows); row != NULL; row = json_next(row)) {
		bool first = true;
		for (const struct json *value = json_first(row); value != NULL; value = json_next(value)) {
			const char *text = json_text(value);
			fputs(first ? "" : between, out);
			fputs(text != NULL ? text : query->cli->compatible ? "None" : "", out);
			first = false;
		}
		fputc('\n', out);
	}
	return fflush(out) == 0 || err_errno(err, "standard output");
}

static void print_formatted(const void *arg, struct strbuf *to)
{
	const struct query *query = arg;
	output_print(&query->output, output_format(query->cli->options[CLI_QUERY_FORMAT]), to);
}

static bool print_rows(struct query *query, struct err *err)
{
	const char *word = query->cli->options[CLI_QUERY_FORMAT];
	bool framed = word != NULL && strcmp(word, "pretty") == 0;
	if (word == NULL || strcmp(word, "tsv") == 0)
		return print_tsv(query, err);
	if (framed && json_count(query->rows) > TEXT_TABLE_ROWS_MAX)
		return err_set(err, ERR_INPUT,
			       "--format: pretty is for %d rows at the most, and these are %d. Take tsv",
			       TEXT_TABLE_ROWS_MAX, json_count(query->rows));
	query->output.title = "";
	query->output.rows = query->rows;
	return cli_output(query->cli, print_formatted, query, err);
}

/* patronictl prints what went wrong as a row and ends well. */
static bool failed(const struct query *query, const char *text, struct err *err)
{
	char when[32];
	struct tm tm;
	time_t now = time(NULL);
	if (!query->cli->compatible)
		return err_set(err, ERR_OTHER, "%s%s%s", text, query->failure[0] != '\0' ? ": " : "", query->failure);
	localtime_r(&now, &tm);
	strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
	const char *given = query->cli->options[CLI_DELIMITER];
	cli_say(query->cli, "%s%s%s", when, given != NULL ? given : "\t", text);
	return true;
}

static bool no_connection(const struct query *query, struct err *err)
{
	char text[160];
	struct strbuf b;
	const struct cli *cli = query->cli;
	strbuf_init(&b, text, sizeof(text));
	if (cli->options[CLI_MEMBER] != NULL)
		strbuf_addf(&b, "No connection to member %s is available", cli->options[CLI_MEMBER]);
	else if (cli->options[CLI_ROLE] != NULL)
		strbuf_addf(&b, "No connection to role '%s' is available", cli->options[CLI_ROLE]);
	else
		strbuf_add(&b, "No connection is available");
	return failed(query, text, err);
}

static bool show_answer(struct query *query, struct err *err)
{
	char text[64];
	struct strbuf b;
	if (query->failure[0] == '\0')
		return print_rows(query, err);
	if (query->sqlstate[0] == '\0')
		return no_connection(query, err);
	strbuf_init(&b, text, sizeof(text));
	strbuf_addf(&b, "ERROR, SQLSTATE: %s", query->sqlstate);
	return failed(query, text, err);
}

static bool query_member(struct query *query, struct err *err)
{
	char address[HOST_SIZE];
	const struct member *member = choose(query->session, &query->wish);
	if (member == NULL)
		return no_connection(query, err);
	if (!resolve(member, address, sizeof(address))) {
		text_copy(query->failure, sizeof(query->failure), "its host name is not known here");
		return no_connection(query, err);
	}
	run_sql(query, member, address);
	bool done = show_answer(query, err);
	json_free(query->rows);
	free(query->titles);
	return done;
}

/* ---- query: what to run ---- */

static bool read_sql(const struct cli *cli, char *text, struct err *err)
{
	size_t len;
	const char *command = cli->options[CLI_QUERY_COMMAND], *file = cli->options[CLI_QUERY_FILE];
	if (command != NULL && file != NULL)
		return err_set(err, ERR_INPUT, "--file and --command are mutually exclusive options");
	if (command == NULL && file == NULL)
		return err_set(err, ERR_INPUT, "You need to specify either --command or --file");
	if (file != NULL)
		return file_read(file, text, QUERY_SIZE, &len, err);
	return text_copy(text, QUERY_SIZE, command) ||
	       err_set(err, ERR_INPUT, "--command is longer than %d kB: give it as a --file", QUERY_SIZE / 1024);
}

/* Read, asked for and kept over the rounds of -w. */
static struct {
	struct wish wish;
	char sql[QUERY_SIZE];
	char password[CLI_ANSWER_SIZE];
} prepared;

static bool query_once(const struct cli *cli, struct err *err)
{
	struct query query = { .cli = cli,
			       .wish = prepared.wish,
			       .sql = prepared.sql,
			       .password = cli->options[CLI_PASSWORD] != NULL ? prepared.password : NULL,
			       .session = session_open(cli, NULL, err) };
	bool done = query.session != NULL && query_member(&query, err);
	session_close(query.session);
	return done;
}

bool cmd_query(const struct cli *cli, struct err *err)
{
	if (!read_wish(cli, "leader", &prepared.wish, err) || !read_sql(cli, prepared.sql, err))
		return false;
	if (cli->options[CLI_PASSWORD] != NULL && !cli_ask_password(cli, prepared.password, err))
		return false;
	return cli_watch(cli, query_once, err);
}
