/* io/pg against a real PostgreSQL that the test starts. */
#include "unit/support_loop.h"

#include "base/log.h"
#include "base/strbuf.h"
#include "io/pg.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BIN "/usr/lib/postgresql/15/bin/"

static char dir[64];
static pid_t postmaster;

/* PostgreSQL refuses to run as root. */
static pid_t start_program(char *const argv[])
{
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	struct passwd *user = getpwnam("postgres");
	if (getuid() == 0 &&
	    (user == NULL || setgroups(0, NULL) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0))
		_exit(126);
	char log[128];
	snprintf(log, sizeof(log), "%s/log", dir);
	int fd = open(log, O_CREAT | O_WRONLY | O_APPEND, 0600);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	setsid();
	execv(argv[0], argv);
	_exit(127);
}

static int run_program(char *const argv[])
{
	int status;
	pid_t pid = start_program(argv);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static struct pg *pg;

struct seen {
	int calls, rows, columns;
	char name[64]; /* of the last column */
	bool worked, connected, is_null;
	char text[256], error[512], sqlstate[SQLSTATE_SIZE];
};

static void on_answer(void *arg, const struct pg_answer *a)
{
	struct seen *seen = arg;
	seen->calls++;
	seen->worked = a->rows != NULL;
	assert_int_equal(a->rows == NULL, a->error != NULL);
	seen->connected = a->connected;
	text_copy(seen->sqlstate, sizeof(seen->sqlstate), a->sqlstate);
	text_copy(seen->error, sizeof(seen->error), a->error != NULL ? a->error : "");
	if (a->rows == NULL)
		return;
	seen->rows = pg_rows_count(a->rows);
	seen->columns = pg_rows_columns(a->rows);
	if (seen->columns > 0)
		text_copy(seen->name, sizeof(seen->name), pg_rows_name(a->rows, seen->columns - 1));
	if (seen->rows > 0) {
		seen->is_null = pg_rows_null(a->rows, 0, 0);
		text_copy(seen->text, sizeof(seen->text), pg_rows_text(a->rows, 0, 0));
	}
}

static void ask(const char *sql, pg_fn *fn, void *arg)
{
	struct pg_query asked = { .sql = sql, .fn = fn, .arg = arg };
	pg_query(pg, &asked);
}

static struct seen query(const char *sql, const char *const params[], int64_t timeout_ms)
{
	struct seen seen = { 0 };
	struct pg_query asked = {
		.sql = sql, .params = params, .timeout_ms = timeout_ms, .fn = on_answer, .arg = &seen
	};
	pg_query(pg, &asked);
	assert_int_equal(seen.calls, 0);
	assert_true(pg_busy(pg));
	WAIT_FOR(seen.calls > 0);
	RUN_UNTIL(false, 5);
	assert_int_equal(seen.calls, 1);
	return seen;
}

static int begin(void **state)
{
	make_loop(state);
	pg = pg_create(loop);
	const char *const keywords[] = { "host", "port", "user", "dbname", NULL };
	const char *const values[] = { dir, "5432", "postgres", "postgres", NULL };
	pg_set_conninfo(pg, keywords, values);
	return 0;
}

static int end(void **state)
{
	pg_destroy(pg);
	pg = NULL;
	return end_loop(state);
}

static int start_postgres(void **state)
{
	struct passwd *user = getpwnam("postgres");
	static char data[128];
	text_copy(dir, sizeof(dir), "/tmp/test_pg.XXXXXX");
	if (mkdtemp(dir) == NULL || (getuid() == 0 && chown(dir, user->pw_uid, user->pw_gid) != 0))
		return -1;
	snprintf(data, sizeof(data), "%s/data", dir);
	char *const initdb[] = { (char[]){ BIN "initdb" }, (char[]){ "-D" },         data,
				 (char[]){ "-U" },         (char[]){ "postgres" },   (char[]){ "-A" },
				 (char[]){ "trust" },      (char[]){ "-N" },         (char[]){ "-E" },
				 (char[]){ "UTF8" },       (char[]){ "--locale=C" }, NULL };
	if (run_program(initdb) != 0)
		return -1;
	char *const postgres[] = { (char[]){ BIN "postgres" },
				   (char[]){ "-D" },
				   data,
				   (char[]){ "-k" },
				   dir,
				   (char[]){ "-h" },
				   (char[]){ "" },
				   (char[]){ "-c" },
				   (char[]){ "fsync=off" },
				   (char[]){ "-c" },
				   (char[]){ "port=5432" },
				   NULL };
	postmaster = start_program(postgres);
	begin(state);
	bool ready = false;
	for (int64_t give_up = now_ms() + PATIENCE_MS; !ready && now_ms() < give_up;) {
		RUN_UNTIL(false, 20);
		ready = query("SELECT 1", NULL, 1000).worked;
	}
	end(state);
	return ready ? 0 : -1;
}

static int stop_postgres(UNUSED void **state)
{
	kill(postmaster, SIGQUIT);
	waitpid(postmaster, NULL, 0);
	char *const argv[] = { (char[]){ "/bin/rm" }, (char[]){ "-rf" }, dir, NULL };
	run_program(argv);
	rmdir(dir);
	return 0;
}

static void a_query_connects_and_answers(UNUSED void **state)
{
	struct seen seen = query("SELECT 41 + 1", NULL, 5000);
	assert_true(seen.worked);
	assert_true(seen.connected);
	assert_string_equal(seen.text, "42");
	assert_false(pg_busy(pg));
}

static void the_session_is_kept(UNUSED void **state)
{
	struct seen first = query("SELECT pg_backend_pid()", NULL, 5000);
	struct seen second = query("SELECT pg_backend_pid()", NULL, 5000);
	assert_string_equal(first.text, second.text);
	/* the same conninfo changes nothing, another one does */
	const char *const keywords[] = { "host", "port", "user", "dbname", "application_name", NULL };
	const char *const values[] = { dir, "5432", "postgres", "postgres", "x", NULL };
	pg_set_conninfo(pg, keywords, values);
	struct seen third = query("SELECT pg_backend_pid()", NULL, 5000);
	assert_string_not_equal(first.text, third.text);
	pg_set_conninfo(pg, keywords, values);
	struct seen fourth = query("SELECT pg_backend_pid()", NULL, 5000);
	assert_string_equal(third.text, fourth.text);
}

static void parameters_are_bound(UNUSED void **state)
{
	const char *const params[] = { "it's", "7", NULL };
	struct seen seen = query("SELECT $1::text || ($2::int + 1)", params, 5000);
	assert_string_equal(seen.text, "it's8");
}

static void null_is_told_from_empty(UNUSED void **state)
{
	struct seen seen = query("SELECT NULL::text", NULL, 5000);
	assert_true(seen.is_null);
	assert_string_equal(seen.text, "");
	seen = query("SELECT ''", NULL, 5000);
	assert_false(seen.is_null);
	seen = query("SELECT 1 WHERE false", NULL, 5000);
	assert_true(seen.worked);
	assert_int_equal(seen.rows, 0);
}

static void several_statements_give_the_last_result_or_the_error(UNUSED void **state)
{
	struct seen seen = query("SELECT 1; SELECT 2", NULL, 5000);
	assert_string_equal(seen.text, "2");
	seen = query("SELECT 1; SELECT 1/0; SELECT 3", NULL, 5000);
	assert_false(seen.worked);
	assert_string_equal(seen.sqlstate, "22012");
}

static void an_error_is_one_line_with_its_code(UNUSED void **state)
{
	struct seen before = query("SELECT pg_backend_pid()", NULL, 5000);
	struct seen seen = query("SELECT no_such_column\nFROM pg_class", NULL, 5000);
	assert_false(seen.worked);
	assert_true(seen.connected);
	assert_string_equal(seen.sqlstate, "42703");
	assert_null(strchr(seen.error, '\n'));
	assert_non_null(strstr(seen.error, "no_such_column"));
	struct seen after = query("SELECT pg_backend_pid()", NULL, 5000);
	assert_string_equal(before.text, after.text);
}

static void a_timeout_closes_the_session(UNUSED void **state)
{
	struct seen before = query("SELECT pg_backend_pid()", NULL, 5000);
	int64_t start = now_ms();
	struct seen seen = query("SELECT pg_sleep(30)", NULL, 200);
	assert_in_range(now_ms() - start, 150, 3000);
	assert_false(seen.worked);
	assert_string_equal(seen.sqlstate, "");
	assert_non_null(strstr(seen.error, "timed out"));
	struct seen after = query("SELECT pg_backend_pid()", NULL, 5000);
	assert_true(after.worked);
	assert_string_not_equal(before.text, after.text);
}

static void a_terminated_session_is_an_error_and_then_made_again(UNUSED void **state)
{
	struct seen seen = query("SELECT pg_terminate_backend(pg_backend_pid())", NULL, 5000);
	assert_false(seen.worked);
	assert_true(seen.connected);
	assert_string_equal(seen.sqlstate, "57P01");
	seen = query("SELECT 1", NULL, 5000);
	assert_true(seen.worked);
}

static void a_session_that_ended_while_idle_is_made_again(UNUSED void **state)
{
	struct seen mine = query("SELECT pg_backend_pid()", NULL, 5000);
	struct pg *idle = pg;
	const char *const keywords[] = { "host", "user", "dbname", NULL };
	const char *const values[] = { dir, "postgres", "postgres", NULL };
	const char *const params[] = { mine.text, NULL };
	pg = pg_create(loop);
	pg_set_conninfo(pg, keywords, values);
	struct seen ended = query("SELECT pg_terminate_backend($1::int)", params, 5000);
	assert_true(ended.worked);
	do /* it has gone when nobody can see it */
		ended = query("SELECT count(*) FROM pg_stat_activity WHERE pid = $1::int", params, 5000);
	while (!text_equal(ended.text, "0"));
	pg_destroy(pg);
	pg = idle;
	struct seen seen = query("SELECT 1", NULL, 5000);
	assert_true(seen.worked);
}

static void a_transaction_left_open_does_not_stay(UNUSED void **state)
{
	struct seen before = query("SELECT pg_backend_pid()", NULL, 5000);
	struct seen seen = query("BEGIN", NULL, 5000);
	assert_true(seen.worked);
	struct seen after = query("SELECT pg_backend_pid()", NULL, 5000);
	assert_string_not_equal(before.text, after.text);
}

static void copy_is_refused(UNUSED void **state)
{
	struct seen seen = query("COPY pg_class TO STDOUT", NULL, 5000);
	assert_false(seen.worked);
	seen = query("SELECT 1", NULL, 5000);
	assert_true(seen.worked);
}

static void a_large_result_and_a_large_query_pass(UNUSED void **state)
{
	struct seen seen = query("SELECT repeat('x', 100000) FROM generate_series(1, 50)", NULL, 5000);
	assert_int_equal(seen.rows, 50);
	size_t size = 4 * 1024 * 1024;
	char *sql = malloc(size);
	memset(sql, ' ', size);
	memcpy(sql, "SELECT 5", 8);
	sql[size - 1] = '\0';
	seen = query(sql, NULL, 5000);
	free(sql);
	assert_string_equal(seen.text, "5");
}

static void nobody_there_is_no_session(UNUSED void **state)
{
	const char *const keywords[] = { "host", "port", NULL };
	const char *const values[] = { dir, "6000", NULL };
	pg_set_conninfo(pg, keywords, values);
	struct seen seen = query("SELECT 1", NULL, 5000);
	assert_false(seen.worked);
	assert_false(seen.connected);
	assert_string_equal(seen.sqlstate, "");
	assert_null(strchr(seen.error, '\n'));
}

static void a_name_is_refused_and_a_number_is_not(UNUSED void **state)
{
	const char *const keywords[] = { "host", "port", NULL };
	const char *const name[] = { "localhost", "1", NULL };
	pg_set_conninfo(pg, keywords, name);
	struct seen seen = query("SELECT 1", NULL, 5000);
	assert_non_null(strstr(seen.error, "numeric"));
	const char *const number[] = { "127.0.0.1", "1", NULL };
	pg_set_conninfo(pg, keywords, number);
	seen = query("SELECT 1", NULL, 5000);
	assert_non_null(strstr(seen.error, "refused"));
	assert_false(seen.connected);
}

static void closing_fails_the_running_query(UNUSED void **state)
{
	struct seen seen = { 0 };
	ask("SELECT pg_sleep(30)", on_answer, &seen);
	RUN_UNTIL(false, 50);
	assert_string_equal(seen.error, "");
	pg_close(pg);
	assert_int_equal(seen.calls, 0);
	WAIT_FOR(seen.calls == 1);
	assert_non_null(strstr(seen.error, "closed"));
}

static void destroying_tells_nobody(UNUSED void **state)
{
	struct seen seen = { 0 };
	ask("SELECT pg_sleep(30)", on_answer, &seen);
	RUN_UNTIL(false, 20);
	pg_destroy(pg);
	pg = NULL;
	RUN_UNTIL(false, 50);
	assert_int_equal(seen.calls, 0);
}

static void destroy_in_callback(void *arg, UNUSED const struct pg_answer *a)
{
	pg_destroy(pg);
	pg = NULL;
	*(bool *)arg = true;
}

static void a_callback_may_destroy_it(UNUSED void **state)
{
	bool called = false;
	ask("SELECT 1", destroy_in_callback, &called);
	WAIT_FOR(called);
}

static void ask_again(void *arg, const struct pg_answer *a)
{
	int *left = arg;
	assert_non_null(a->rows);
	if (--*left > 0)
		ask("SELECT 1", ask_again, arg);
}

static void a_callback_may_ask_the_next(UNUSED void **state)
{
	int left = 200;
	ask("SELECT 1", ask_again, &left);
	WAIT_FOR(left == 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

static void columns_have_names(void **state)
{
	(void)state;
	struct seen seen = query("SELECT 1 AS a, 2 AS \"b c\" WHERE false", NULL, 5000);
	assert_int_equal(seen.columns, 2);
	assert_string_equal(seen.name, "b c");
	assert_int_equal(query("CREATE TEMPORARY TABLE x ()", NULL, 5000).columns, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_query_connects_and_answers),
		TEST(the_session_is_kept),
		TEST(parameters_are_bound),
		TEST(null_is_told_from_empty),
		TEST(columns_have_names),
		TEST(several_statements_give_the_last_result_or_the_error),
		TEST(an_error_is_one_line_with_its_code),
		TEST(a_timeout_closes_the_session),
		TEST(a_terminated_session_is_an_error_and_then_made_again),
		TEST(a_session_that_ended_while_idle_is_made_again),
		TEST(a_transaction_left_open_does_not_stay),
		TEST(copy_is_refused),
		TEST(a_large_result_and_a_large_query_pass),
		TEST(nobody_there_is_no_session),
		TEST(a_name_is_refused_and_a_number_is_not),
		TEST(closing_fails_the_running_query),
		TEST(destroying_tells_nobody),
		TEST(a_callback_may_destroy_it),
		TEST(a_callback_may_ask_the_next),
	};
	if (access(BIN "postgres", X_OK) != 0 || (getuid() == 0 && getpwnam("postgres") == NULL)) {
		print_message("SKIPPED: no PostgreSQL 15 in " BIN "\n");
		return 0;
	}
	return cmocka_run_group_tests(tests, start_postgres, stop_postgres);
}
