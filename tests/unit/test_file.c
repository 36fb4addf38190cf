/* Small files, and starting programs. */
#include "base/strbuf.h"
#include "io/file.h"
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int make_place(UNUSED void **state)
{
	text_copy(dir, sizeof(dir), "/tmp/test_file.XXXXXX");
	return mkdtemp(dir) != NULL ? 0 : -1;
}

static int remove_place(UNUSED void **state)
{
	char *const argv[] = { (char[]){ "rm" }, (char[]){ "-rf" }, dir, NULL };
	pid_t pid = fork();
	if (pid == 0)
		execvp(argv[0], argv);
	return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static const char *in_dir(const char *name)
{
	static char path[2][128];
	static int turn;
	turn = 1 - turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", dir, name);
	return path[turn];
}

static void must(bool ok, const struct err *err)
{
	if (!ok)
		fail_msg("%s", err->text);
}

static void what_was_written_is_read(UNUSED void **state)
{
	struct err err;
	char text[64];
	size_t len;
	struct stat st;
	umask(077);
	must(file_write(in_dir("a"), "hello\0x", 7, 0644, &err), &err);
	must(file_read(in_dir("a"), text, sizeof(text), &len, &err), &err);
	assert_int_equal(len, 7);
	assert_memory_equal(text, "hello\0x", 8);
	assert_int_equal(stat(in_dir("a"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644); /* whatever the umask */
	must(file_write(in_dir("a"), "new", 3, 0600, &err), &err);
	must(file_read(in_dir("a"), text, sizeof(text), &len, &err), &err);
	assert_string_equal(text, "new");
	assert_false(file_exists(in_dir("a.new")));
}

static void a_copy_replaces_the_file_and_not_what_runs_from_it(UNUSED void **state)
{
	struct err err;
	char text[16];
	size_t len;
	struct stat st;
	must(file_write(in_dir("from"), "new\0program", 11, 0600, &err), &err);
	must(file_write(in_dir("to"), "old", 3, 0600, &err), &err);
	AUTO(fd) int running = open(in_dir("to"), O_RDONLY | O_CLOEXEC);
	must(file_copy(in_dir("from"), in_dir("to"), 0755, &err), &err);
	must(file_read(in_dir("to"), text, sizeof(text), &len, &err), &err);
	assert_int_equal(len, 11);
	assert_memory_equal(text, "new\0program", 11);
	assert_int_equal(stat(in_dir("to"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(read(running, text, sizeof(text)), 3);
	assert_false(file_copy(in_dir("nothing"), in_dir("to"), 0755, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(file_copy(dir, in_dir("to"), 0755, &err));
	must(file_write(in_dir("from"), "", 0, 0600, &err), &err);
	assert_false(file_copy(in_dir("from"), in_dir("to"), 0755, &err));
	assert_non_null(strstr(err.text, "from is empty"));
	must(file_read(in_dir("to"), text, sizeof(text), &len, &err), &err);
	assert_int_equal(len, 11);
}

static void a_text_of_the_wrong_size_is_an_error(UNUSED void **state)
{
	struct err err;
	char text[5];
	size_t len;
	must(file_write(in_dir("b"), "1234", 4, 0600, &err), &err);
	must(file_read(in_dir("b"), text, sizeof(text), &len, &err), &err);
	assert_string_equal(text, "1234");
	must(file_write(in_dir("b"), "12345", 5, 0600, &err), &err);
	assert_false(file_read(in_dir("b"), text, sizeof(text), &len, &err));
	assert_int_equal(err.kind, ERR_OTHER);
	assert_non_null(strstr(err.text, "/b"));
	must(file_write(in_dir("b"), "", 0, 0600, &err), &err);
	must(file_read(in_dir("b"), text, sizeof(text), &len, &err), &err);
	assert_int_equal(len, 0);
}

static void a_replaced_file_is_there_whole(UNUSED void **state)
{
	struct err err;
	char text[16];
	size_t len;
	struct stat st;
	must(file_replace(in_dir("c"), "first", 5, 0600, &err), &err);
	must(file_replace(in_dir("c"), "second", 6, 0640, &err), &err);
	must(file_read(in_dir("c"), text, sizeof(text), &len, &err), &err);
	assert_string_equal(text, "second");
	assert_int_equal(stat(in_dir("c"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_false(file_exists(in_dir("c.new")));
	assert_false(file_replace(in_dir("nobody/c"), "x", 1, 0600, &err));
	assert_non_null(strstr(err.text, "nobody/c.new"));
}

static void a_fifo_in_the_place_of_a_file_holds_nobody(UNUSED void **state)
{
	struct err err;
	char text[16];
	size_t len = 1;
	assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
	must(file_read(in_dir("fifo"), text, sizeof(text), &len, &err), &err);
	assert_int_equal(len, 0);
	must(file_remove(in_dir("fifo"), &err), &err);
}

static void a_missing_file_is_told_apart(UNUSED void **state)
{
	struct err err;
	char text[5];
	size_t len;
	assert_false(file_read(in_dir("nobody"), text, sizeof(text), &len, &err));
	assert_int_equal(err.kind, ERR_MISSING);
	assert_false(file_read(dir, text, sizeof(text), &len, &err));
	assert_int_equal(err.kind, ERR_OTHER);
	assert_false(file_exists(in_dir("nobody")));
	must(file_remove(in_dir("nobody"), &err), &err);
}

static void a_failed_write_leaves_the_old_file(UNUSED void **state)
{
	struct err err;
	char text[16];
	size_t len;
	must(file_make_dir(in_dir("taken/inside"), 0700, &err), &err);
	assert_false(file_write(in_dir("taken"), "x", 1, 0600, &err)); /* a directory is there */
	assert_false(file_exists(in_dir("taken.new")));
	must(file_write(in_dir("c"), "old", 3, 0600, &err), &err);
	must(file_make_dir(in_dir("c.new"), 0700, &err), &err);
	assert_false(file_write(in_dir("c"), "x", 1, 0600, &err));
	must(file_read(in_dir("c"), text, sizeof(text), &len, &err), &err);
	assert_string_equal(text, "old");
	assert_false(file_write(in_dir("nowhere/c"), "x", 1, 0600, &err));
}

static void removing_and_directories(UNUSED void **state)
{
	struct err err;
	must(file_write(in_dir("d"), "x", 1, 0600, &err), &err);
	must(file_remove(in_dir("d"), &err), &err);
	assert_false(file_exists(in_dir("d")));
	must(file_make_dir(in_dir("p/q/r"), 0755, &err), &err);
	must(file_make_dir(in_dir("p/q/r/"), 0755, &err), &err);
	assert_true(file_exists(in_dir("p/q/r")));
	must(file_write(in_dir("e"), "x", 1, 0600, &err), &err);
	assert_false(file_make_dir(in_dir("e"), 0755, &err));
	assert_false(file_make_dir(in_dir("e/f"), 0755, &err));
	assert_false(file_make_dir("", 0755, &err));
}

static void the_boot_has_an_id(UNUSED void **state)
{
	struct err err;
	char id[64];
	must(file_boot_id(id, sizeof(id), &err), &err);
	assert_int_equal(strlen(id), 36);
}

/* Waits until the other end is closed by all who had it. */
static bool ends_within(int fd, int ms)
{
	char rest[16];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	return poll(&p, 1, ms) == 1 && read(fd, rest, sizeof(rest)) == 0;
}

static void read_when_there(const char *path, char *text, size_t size)
{
	struct err err;
	size_t len;
	for (int i = 0; i < 1000; i++) {
		if (file_read(path, text, size, &len, &err) && len > 0 && text[len - 1] == '\n')
			return;
		poll(NULL, 0, 10);
	}
	fail_msg("%s: %s", path, err.text);
}

static void a_program_is_started_on_its_own(UNUSED void **state)
{
	struct err err;
	char line[512], text[256];
	int ends[2];
	assert_int_equal(pipe(ends), 0); /* not close-on-exec: it must not be handed on all the same */
	snprintf(line, sizeof(line),
		 "ps -o ppid=,sid= -p $$ >%s; ls /proc/self/fd | wc -l >>%s; trap >>%s; echo end >>%s", in_dir("out"),
		 in_dir("out"), in_dir("out"), in_dir("out"));
	char *const argv[] = { (char[]){ "sh" }, (char[]){ "-c" }, line, NULL };
	struct sigaction ignore = { .sa_handler = SIG_IGN };
	sigaction(SIGPIPE, &ignore, NULL);
	must(process_start_detached(argv, &err), &err);
	close(ends[1]);
	assert_true(ends_within(ends[0], 5000));
	close(ends[0]);
	do
		read_when_there(in_dir("out"), text, sizeof(text));
	while (strstr(text, "end\n") == NULL);
	int parent, session, descriptors;
	char *at = text;
	parent = (int)strtol(at, &at, 10);
	session = (int)strtol(at, &at, 10);
	descriptors = (int)strtol(at, &at, 10);
	assert_int_not_equal(parent, getpid());
	assert_int_not_equal(session, getsid(0));
	assert_in_range(descriptors, 3, 5);               /* three, and what ls and the pipe need */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing left to reap */
}

static void a_program_that_is_not_there_is_an_error(UNUSED void **state)
{
	struct err err;
	char *const argv[] = { (char[]){ "/nowhere/program" }, NULL };
	assert_false(process_start_detached(argv, &err));
	assert_non_null(strstr(err.text, "/nowhere/program"));
	assert_non_null(strstr(err.text, "No such file"));
}

static int64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A child takes the lock, says so, and holds it until its input ends. */
static pid_t hold(const char *path, int *release)
{
	int input[2], said[2];
	char byte;
	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	assert_int_equal(pipe2(said, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0) {
		struct err err;
		close(input[1]);
		if (process_single_instance(path, 5000, &err) && write(said[1], "x", 1) == 1)
			(void)!read(input[0], &byte, 1);
		_exit(0);
	}
	close(input[0]);
	close(said[1]);
	assert_int_equal(read(said[0], &byte, 1), 1);
	close(said[0]);
	*release = input[1];
	return pid;
}

static void one_instance_at_a_time(UNUSED void **state)
{
	struct err err;
	int release, second_release;
	char path[128];
	text_copy(path, sizeof(path), in_dir("lock"));
	pid_t holder = hold(path, &release);
	int64_t start = now_ms();
	assert_false(process_single_instance(path, 150, &err));
	assert_in_range(now_ms() - start, 140, 3000);
	assert_int_equal(err.kind, ERR_CONFLICT);
	close(release);
	waitpid(holder, NULL, 0);

	/* a lock file that was replaced holds nobody up, and locks for the new one */
	holder = hold(path, &release);
	unlink(path);
	pid_t second = hold(path, &second_release);
	assert_false(process_single_instance(path, 0, &err));
	close(release);
	close(second_release);
	waitpid(holder, NULL, 0);
	waitpid(second, NULL, 0);
	must(process_single_instance(path, 1000, &err), &err);
	assert_false(process_single_instance("/nowhere/lock", 0, &err));
	assert_int_equal(err.kind, ERR_OTHER);
}

static void our_directory_is_known(UNUSED void **state)
{
	struct err err;
	char path[512], tiny[2];
	must(process_self_dir(path, sizeof(path), &err), &err);
	assert_int_equal(path[0], '/');
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_true(S_ISDIR(st.st_mode));
	assert_false(process_self_dir(tiny, sizeof(tiny), &err));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_written_is_read),
		cmocka_unit_test(a_copy_replaces_the_file_and_not_what_runs_from_it),
		cmocka_unit_test(a_text_of_the_wrong_size_is_an_error),
		cmocka_unit_test(a_replaced_file_is_there_whole),
		cmocka_unit_test(a_fifo_in_the_place_of_a_file_holds_nobody),
		cmocka_unit_test(a_missing_file_is_told_apart),
		cmocka_unit_test(a_failed_write_leaves_the_old_file),
		cmocka_unit_test(removing_and_directories),
		cmocka_unit_test(the_boot_has_an_id),
		cmocka_unit_test(a_program_is_started_on_its_own),
		cmocka_unit_test(a_program_that_is_not_there_is_an_error),
		cmocka_unit_test(one_instance_at_a_time),
		cmocka_unit_test(our_directory_is_known),
	};
	return cmocka_run_group_tests(tests, make_place, remove_place);
}
