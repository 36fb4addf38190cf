/* Timers, descriptors, signals, and the web server's plug-in. */
#include "unit/support_loop.h"

#include <fcntl.h>
#include <lws_config.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

static int fired;

static void count(UNUSED void *arg)
{
	fired++;
}

static int begin(void **state)
{
	fired = 0;
	return make_loop(state);
}

static void a_timer_fires_once_and_not_before_its_time(UNUSED void **state)
{
	struct loop_timer *timer = loop_timer_create(loop, count, NULL);
	int64_t start = now_ms();
	loop_timer_set(timer, 50);
	assert_true(loop_timer_is_set(timer));
	WAIT_FOR(fired == 1);
	assert_in_range(now_ms() - start, 49, 1000);
	assert_false(loop_timer_is_set(timer));
	RUN_UNTIL(false, 80);
	assert_int_equal(fired, 1);
	loop_timer_destroy(timer);
}

static void a_timer_can_be_moved_and_stopped(UNUSED void **state)
{
	struct loop_timer *timer = loop_timer_create(loop, count, NULL);
	loop_timer_set(timer, 10);
	loop_timer_set(timer, 60000);
	RUN_UNTIL(false, 40);
	assert_int_equal(fired, 0);
	loop_timer_set(timer, 0);
	assert_int_equal(fired, 0); /* not before the call returns */
	loop_timer_set(timer, -1);
	RUN_UNTIL(false, 20);
	assert_int_equal(fired, 0);
	loop_timer_destroy(timer);
	loop_timer_destroy(NULL);
}

static void destroy_itself(void *arg)
{
	struct loop_timer **timer = arg;
	loop_timer_destroy(*timer);
	fired++;
}

static void a_timer_may_destroy_itself(UNUSED void **state)
{
	struct loop_timer *timer = loop_timer_create(loop, destroy_itself, &timer);
	loop_timer_set(timer, 0);
	WAIT_FOR(fired == 1);
}

static void set_again(void *arg)
{
	struct loop_timer **timer = arg;
	fired++;
	loop_timer_set(*timer, 0);
}

static char byte;

static void read_byte(void *arg, int ready)
{
	assert_true(ready & LOOP_READ);
	(void)!read(*(int *)arg, &byte, 1);
}

static void timers_without_delay_do_not_shut_out_descriptors(UNUSED void **state)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	struct loop_timer *timer = loop_timer_create(loop, set_again, &timer);
	struct loop_io *io = loop_io_create(loop, ends[0], read_byte, &ends[0]);
	loop_io_want(io, LOOP_READ);
	loop_timer_set(timer, 0);
	WAIT_FOR(fired > 3);
	byte = 0;
	assert_int_equal(write(ends[1], "x", 1), 1);
	WAIT_FOR(byte == 'x');
	loop_io_destroy(io);
	loop_timer_destroy(timer);
	close(ends[0]);
	close(ends[1]);
}

static int last_ready, ready_count;

static void note_ready(UNUSED void *arg, int ready)
{
	last_ready = ready;
	ready_count++;
}

static void a_descriptor_is_watched_for_what_is_wanted(UNUSED void **state)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	struct loop_io *io = loop_io_create(loop, ends[0], note_ready, NULL);
	ready_count = 0;
	RUN_UNTIL(ready_count > 0, 20);
	assert_int_equal(ready_count, 0);
	loop_io_want(io, LOOP_WRITE);
	WAIT_FOR(ready_count > 0);
	assert_int_equal(last_ready, LOOP_WRITE);
	loop_io_want(io, LOOP_READ);
	ready_count = 0;
	RUN_UNTIL(ready_count > 0, 20);
	assert_int_equal(ready_count, 0);
	assert_int_equal(write(ends[1], "x", 1), 1);
	WAIT_FOR(ready_count > 0);
	assert_int_equal(last_ready, LOOP_READ);
	loop_io_want(io, 0);
	ready_count = 0;
	RUN_UNTIL(ready_count > 0, 20);
	assert_int_equal(ready_count, 0);
	loop_io_destroy(io);
	loop_io_destroy(NULL);
	close(ends[0]);
	close(ends[1]);
}

/* The same number may be another descriptor in the next moment: libpq and libcurl do that. */
static void a_number_can_be_watched_again_at_once(UNUSED void **state)
{
	int ends[2];
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	struct loop_io *io = loop_io_create(loop, ends[0], note_ready, NULL);
	loop_io_want(io, LOOP_READ);
	RUN_UNTIL(false, 5);
	int number = ends[0];
	loop_io_destroy(io);
	close(ends[0]);
	close(ends[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
	assert_int_equal(ends[0], number);
	io = loop_io_create(loop, number, read_byte, &number);
	loop_io_want(io, LOOP_READ);
	byte = 0;
	assert_int_equal(write(ends[1], "y", 1), 1);
	WAIT_FOR(byte == 'y');
	loop_io_destroy(io);
	close(ends[0]);
	close(ends[1]);
}

static void a_signal_is_a_callback(UNUSED void **state)
{
	loop_on_signal(loop, SIGUSR2, count, NULL);
	kill(getpid(), SIGUSR2);
	WAIT_FOR(fired == 1);
}

static void stop_ends_run(UNUSED void **state)
{
	struct loop_timer *timer = loop_timer_create(loop, stop_loop, NULL);
	for (int i = 0; i < 3; i++) {
		loop_timer_set(timer, 1);
		loop_run(loop); /* returns, or the test hangs */
	}
	loop_timer_destroy(timer);
}

static void the_clocks_go_forward_together(UNUSED void **state)
{
	struct instant a = loop_now(loop);
	struct timespec boot, raw;
	clock_gettime(CLOCK_BOOTTIME, &boot);
	clock_gettime(CLOCK_MONOTONIC_RAW, &raw);
	assert_true(instant_is_set(a));
	assert_in_range(boot.tv_sec * 1000000LL + boot.tv_nsec / 1000 - a.boot_us, 0, 1000000);
	assert_in_range(raw.tv_sec * 1000000LL + raw.tv_nsec / 1000 - a.raw_us, 0, 1000000);
	RUN_UNTIL(false, 30);
	struct instant b = loop_now(loop);
	assert_in_range(elapsed_least_ms(a, b), 29, 5000);
	assert_true(elapsed_most_ms(a, b) >= elapsed_least_ms(a, b));
	assert_in_range(loop_wall(loop).us / 1000000 - time(NULL) + 5, 0, 10);
	assert_int_not_equal(loop_random(loop), loop_random(loop));
}

static void work_for_a_while(UNUSED void *arg)
{
	for (int64_t end = now_ms() + 60; now_ms() < end;)
		;
	fired++;
}

static void a_stall_is_measured_once(UNUSED void **state)
{
	struct loop_timer *timer = loop_timer_create(loop, work_for_a_while, NULL);
	RUN_UNTIL(false, 5);
	loop_take_stall_us(loop);
	loop_timer_set(timer, 0);
	WAIT_FOR(fired == 1);
	RUN_UNTIL(false, 5);
	int64_t stall = loop_take_stall_us(loop);
	assert_in_range(stall, 50000, 5000000);
	assert_true(loop_take_stall_us(loop) < stall);
	loop_timer_destroy(timer);
}

/* In a child with a mount namespace of its own, where the plug-in is hidden. 0: said so; 1: said nothing; 77: no right. */
static int try_without_plugin(void)
{
	struct err err;
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("/dev/null", LWS_INSTALL_LIBDIR "/libwebsockets-evlib_uv.so", NULL, MS_BIND, NULL) != 0)
		return 77;
	return loop_create(&err) == NULL && strstr(err.text, "plug-in") != NULL ? 0 : 1;
}

static void a_missing_plugin_is_named(UNUSED void **state)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) /* a program of its own: here the plug-in may be loaded already */
		execl("/proc/self/exe", "test_loop", "without-plugin", NULL);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77) {
		print_message("SKIPPED: no right to hide the plug-in\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end_loop)

int main(int argc, UNUSED char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_timer_fires_once_and_not_before_its_time),
		TEST(a_timer_can_be_moved_and_stopped),
		TEST(a_timer_may_destroy_itself),
		TEST(timers_without_delay_do_not_shut_out_descriptors),
		TEST(a_descriptor_is_watched_for_what_is_wanted),
		TEST(a_number_can_be_watched_again_at_once),
		TEST(a_signal_is_a_callback),
		TEST(stop_ends_run),
		TEST(the_clocks_go_forward_together),
		TEST(a_stall_is_measured_once),
		TEST(a_missing_plugin_is_named),
	};
	if (argc > 1)
		return try_without_plugin();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
