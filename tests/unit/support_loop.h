/* For tests on a real loop: run it until something is so, or a deadline has passed. */
#ifndef HOWDAH_TESTS_UNIT_SUPPORT_LOOP_H
#define HOWDAH_TESTS_UNIT_SUPPORT_LOOP_H

#include "io/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka.h needs the ones above */
#include <cmocka.h>

enum { PATIENCE_MS = 10000 };

static struct loop *loop UNUSED;

static UNUSED int64_t now_ms(void)
{
	return loop_now(loop).raw_us / 1000;
}

static UNUSED void stop_loop(UNUSED void *arg)
{
	loop_stop(loop);
}

/* The condition is looked at after each turn of the loop, at least every few milliseconds. */
#define RUN_UNTIL(condition, limit_ms)                                                                                 \
	do {                                                                                                           \
		int64_t end_ = now_ms() + (limit_ms);                                                                  \
		struct loop_timer *tick_ = loop_timer_create(loop, stop_loop, NULL);                                   \
		while (!(condition) && now_ms() < end_) {                                                              \
			loop_timer_set(tick_, 2);                                                                      \
			loop_run(loop);                                                                                \
		}                                                                                                      \
		loop_timer_destroy(tick_);                                                                             \
	} while (0)

#define WAIT_FOR(condition)                                                                                            \
	do {                                                                                                           \
		RUN_UNTIL(condition, PATIENCE_MS);                                                                     \
		assert_true(condition);                                                                                \
	} while (0)

static UNUSED int make_loop(UNUSED void **state)
{
	struct err err;
	loop = loop_create(&err);
	if (loop == NULL)
		fail_msg("%s", err.text);
	return 0;
}

static UNUSED int end_loop(UNUSED void **state)
{
	loop_destroy(loop);
	loop = NULL;
	return 0;
}

#endif
