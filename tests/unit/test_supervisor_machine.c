/* The supervisor's table, cell by cell, and what a deadline allows. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "supervisor/machine.h"

enum { SECOND_US = 1000000 };
static const struct frame_instant now = { 1000ll * SECOND_US, 900ll * SECOND_US };

/* Two letters a cell: where it leads (= stays) and what is done. Columns in the order of enum tree_state. */
static const struct {
	const char *idle;     /* nothing can be writable */
	const char *writable; /* something can */
	enum machine_event event;
} expected[] = {
	/* down sta  sby  pro  pri  sto  fen */
	{ "Sp  =x  =x  =x  =x  =x  =x", "Sp  =x  =x  =x  =x  =x  =x", EVENT_START_STANDBY },
	{ "Pp  =x  =x  =x  =x  =x  =x", "Pp  =x  =x  =x  =x  =x  =x", EVENT_START_PRIMARY },
	{ "=x  =x  Pu  =x  =x  =x  =x", "=x  =x  Pu  =x  =x  =x  =x", EVENT_PROMOTE },
	{ "=-  Ts  Ts  Ts  Ts  Ts  =x", "=-  Ts  Ts  Ts  Ts  Ts  =x", EVENT_STOP },
	{ "=x  =h  =h  =h  =h  =x  =x", "=x  =h  =h  =h  =h  =x  =x", EVENT_RELOAD },
	{ "Fk  Fk  Fk  Fk  Fk  Fk  =-", "Fk  Fk  Fk  Fk  Fk  Fk  =-", EVENT_FENCE },
	{ "=-  =-  =-  =-  =-  =-  =-", "Fk  Fk  Fk  Fk  Fk  Fk  =-", EVENT_DEADLINE_PASSED },
	{ "=-  Y-  =-  R-  =-  =-  =-", "=-  Y-  =-  R-  =-  =-  =-", EVENT_READY },
	{ "=-  Fk  Fk  Fk  Fk  =k  =-", "=-  Fk  Fk  Fk  Fk  =k  =-", EVENT_POSTMASTER_DIED },
	{ "=-  Dd  Dd  Dd  Dd  Dd  Dd", "=-  Dd  Dd  Dd  Dd  Dd  Dd", EVENT_NOTHING_LEFT },
	{ "=-  Fk  Fk  Fk  Fk  Fk  =-", "=-  =-  =-  =-  =-  =-  =-", EVENT_UNASKED_PRIMARY },
	{ "=-  Dd  =-  Dd  =-  =-  =-", "=-  Dd  =-  Dd  =-  =-  =-", EVENT_START_FAILED },
	{ "=-  =-  =-  =-  =-  Fk  =-", "=-  =-  =-  =-  =-  Fk  =-", EVENT_ESCALATE },
	{ "=-  Ts  Ts  Ts  Ts  Ts  =-", "=-  Ts  Ts  Ts  Ts  Ts  =-", EVENT_TERM_DUE },
};
static_assert(ARRAY_SIZE(expected) == EVENT_COUNT, "every event is expected");

static const char states[] = "DSYPRTF", actions[] = "-xpushkd";
static const enum machine_action action_of[] = {
	DO_NOTHING, DO_REFUSE, DO_SPAWN, DO_PROMOTE, DO_SIGNAL_STOP, DO_RELOAD, DO_KILL_ALL, DO_REPORT_DOWN,
};

static void assert_row(enum machine_event event, const char *cells, bool writable)
{
	for (int state = 0; state < TREE_STATE_COUNT; state++) {
		const char *cell = cells + 4 * state;
		enum tree_state next = cell[0] == '=' ? state : strchr(states, cell[0]) - states;
		struct machine_step step = machine_step(state, writable, event);
		if (step.next != next || step.action != action_of[strchr(actions, cell[1]) - actions])
			fail_msg("event %d state %d writable %d: next %d action %d", event, state, writable, step.next,
				 step.action);
	}
}

static void every_cell_of_the_table_is_as_written_down(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(expected); i++) {
		assert_int_equal(expected[i].event, i);
		assert_row(expected[i].event, expected[i].idle, false);
		assert_row(expected[i].event, expected[i].writable, true);
	}
}

static void only_nothing_left_ends_a_fence(void **state)
{
	(void)state;
	for (int event = 0; event < EVENT_COUNT; event++)
		for (int writable = 0; writable < 2; writable++)
			assert_int_equal(machine_step(TREE_FENCING, writable, event).next,
					 event == EVENT_NOTHING_LEFT ? TREE_DOWN : TREE_FENCING);
}

static void nothing_but_an_end_of_all_leads_down(void **state)
{
	(void)state;
	for (int from = TREE_STARTING; from < TREE_STATE_COUNT; from++)
		for (int event = 0; event < EVENT_COUNT; event++)
			if (machine_step(from, true, event).next == TREE_DOWN)
				assert_true(event == EVENT_NOTHING_LEFT || event == EVENT_START_FAILED);
}

static struct frame_instant ahead(int64_t boot_us, int64_t raw_us)
{
	return (struct frame_instant){ now.boot_us + boot_us, now.raw_us + raw_us };
}

static void deadline_passes_by_the_clock_that_ran_further(void **state)
{
	(void)state;
	const struct {
		struct frame_instant at;
		bool passed;
	} cases[] = {
		{ { 0, 0 }, true },
		{ ahead(1, 1), false },
		{ ahead(0, 1), true },
		{ ahead(1, 0), true },
		{ ahead(0, 0), true },
		{ ahead(-1, SECOND_US), true },
		{ ahead(SECOND_US, -1), true },
		{ { 0, now.raw_us + 1 }, true },
		{ { now.boot_us + 1, 0 }, true },
		{ { INT64_MAX, INT64_MAX }, false },
		{ { INT64_MIN, INT64_MAX }, true },
		{ { INT64_MAX, INT64_MIN }, true },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(machine_deadline_passed(&cases[i].at, &now), cases[i].passed);
	/* subtraction overflows either way */
	const struct frame_instant early = { INT64_MIN, INT64_MIN }, late = { INT64_MAX, INT64_MAX };
	assert_false(machine_deadline_passed(&late, &early));
	assert_true(machine_deadline_passed(&early, &late));
}

static void writable_needs_an_answer_and_a_second_on_both_clocks(void **state)
{
	(void)state;
	const struct {
		struct frame_instant at;
		bool answered;
		enum reply_code code;
	} cases[] = {
		{ ahead(SECOND_US, SECOND_US), true, REPLY_OK },
		{ ahead(SECOND_US, SECOND_US), false, REPLY_NOT_ANSWERED },
		{ ahead(SECOND_US - 1, SECOND_US), true, REPLY_NO_DEADLINE },
		{ ahead(SECOND_US, SECOND_US - 1), true, REPLY_NO_DEADLINE },
		{ ahead(-SECOND_US, -SECOND_US), true, REPLY_NO_DEADLINE },
		{ { 0, 0 }, true, REPLY_NO_DEADLINE },
		{ { 0, 0 }, false, REPLY_NOT_ANSWERED },
		{ { INT64_MIN, INT64_MIN }, true, REPLY_NO_DEADLINE },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		assert_int_equal(machine_may_be_writable(&cases[i].at, &now, cases[i].answered), cases[i].code);
	/* an unset deadline is none even where the clocks have just begun */
	const struct frame_instant unset = { 0, 0 }, begin = { -5 * SECOND_US, -5 * SECOND_US };
	assert_int_equal(machine_may_be_writable(&unset, &begin, true), REPLY_NO_DEADLINE);
	assert_true(machine_deadline_passed(&unset, &begin));
}

static void deadline_is_accepted_by_order_and_at_most_ten_minutes_ahead(void **state)
{
	(void)state;
	const int64_t most = 600ll * SECOND_US;
	const struct machine_deadline present = { 7, 40, ahead(10 * SECOND_US, 10 * SECOND_US) };
	const struct {
		struct machine_deadline asked;
		bool writable;
		enum reply_code code;
	} cases[] = {
		{ { 7, 41, ahead(SECOND_US, SECOND_US) }, true, REPLY_OK }, /* lower than the present one */
		{ { 7, 41, ahead(most, most) }, true, REPLY_OK },
		{ { 7, 41, ahead(most + 1, most) }, true, REPLY_BAD_DEADLINE },
		{ { 7, 41, ahead(most, most + 1) }, true, REPLY_BAD_DEADLINE },
		{ { 7, 41, { INT64_MAX, INT64_MAX } }, false, REPLY_BAD_DEADLINE },
		{ { 7, 41, ahead(-SECOND_US, -SECOND_US) }, true, REPLY_OK }, /* in the past: a fence, not a refusal */
		{ { 7, 41, { INT64_MIN, INT64_MIN } }, true, REPLY_OK },
		{ { 7, 40, ahead(SECOND_US, SECOND_US) }, true, REPLY_BAD_DEADLINE },
		{ { 7, 39, ahead(SECOND_US, SECOND_US) }, false, REPLY_BAD_DEADLINE },
		{ { 6, 99, ahead(SECOND_US, SECOND_US) }, false, REPLY_BAD_DEADLINE },
		{ { 8, 0, ahead(SECOND_US, SECOND_US) }, true, REPLY_OK },
		{ { 7, 41, { 0, 0 } }, false, REPLY_OK },
		{ { 7, 41, { 0, 0 } }, true, REPLY_BUSY },
		{ { 7, 40, { 0, 0 } }, false, REPLY_BAD_DEADLINE },
		{ { UINT64_MAX, 0, ahead(SECOND_US, SECOND_US) }, true, REPLY_OK },
		{ { 7, UINT64_MAX, ahead(SECOND_US, SECOND_US) }, true, REPLY_OK },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
		if (machine_accept_deadline(&present, &cases[i].asked, &now, cases[i].writable) != cases[i].code)
			fail_msg("case %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_cell_of_the_table_is_as_written_down),
		cmocka_unit_test(only_nothing_left_ends_a_fence),
		cmocka_unit_test(nothing_but_an_end_of_all_leads_down),
		cmocka_unit_test(deadline_passes_by_the_clock_that_ran_further),
		cmocka_unit_test(writable_needs_an_answer_and_a_second_on_both_clocks),
		cmocka_unit_test(deadline_is_accepted_by_order_and_at_most_ten_minutes_ahead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
