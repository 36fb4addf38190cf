/* The flight recorder's file: what goes in, what survives, what a reader makes of it. */
#include "../../src/agent/private.h"
#include "codec/record.h"
#include "codec/ring.h"
#include "io/file.h"
#include "support_turns.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { ENTRIES_MAX = 4096 };

static char dir[32], path[64];
static struct record *turn, *found;
static char bytes[RING_SIZE + 1];
static struct ring_entry entries[ENTRIES_MAX];
static struct recorder *recorder;

static void reopen(void)
{
	struct err err;
	recorder_close(recorder);
	recorder = recorder_open(dir, &err);
	assert_non_null(recorder);
}

static int begin(void **state)
{
	(void)state;
	struct strbuf b;
	text_copy(dir, sizeof(dir), "/tmp/test_recorder.XXXXXX");
	if (mkdtemp(dir) == NULL)
		return 1;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/turns", dir);
	turn = calloc(1, sizeof(*turn));
	found = calloc(1, sizeof(*found));
	recorder = NULL;
	reopen();
	return 0;
}

static int end(void **state)
{
	(void)state;
	recorder_close(recorder);
	free(turn);
	free(found);
	unlink(path);
	rmdir(dir);
	return 0;
}

/* The turn of a story, so much later than the stories' time. */
static void record_later(int64_t ms)
{
	struct situation s = record_situation(turn);
	s.now = instant_after_ms(TURN_NOW, ms);
	recorder_turn(recorder, &s, &turn->plan, (struct wall){ turn->stamp.at.us + ms * 1000 });
}

static int read_entries(void)
{
	struct err err;
	size_t size;
	assert_true(file_read(path, bytes, sizeof(bytes), &size, &err));
	assert_true(size <= RING_SIZE);
	return ring_find(bytes, size, entries, ENTRIES_MAX);
}

static void parse_entry(int at)
{
	struct err err;
	if (!record_parse(entries[at].text, entries[at].len, found, &err))
		fail_msg("%s", err.text);
}

static void a_turn_that_differs_is_recorded(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(turn_stories); i++) {
		turn_stories[i].make(turn);
		record_later((int64_t)i * 10);
		assert_int_equal(read_entries(), (int)i + 1);
		parse_entry((int)i);
		assert_int_equal(found->stamp.turn, i + 1);
		assert_int_equal(found->stamp.at.us, turn->stamp.at.us + (int64_t)i * 10000);
		assert_int_equal(found->plan.verdicts[TABLE_LOCK].rule, turn->plan.verdicts[TABLE_LOCK].rule);
	}
}

static void a_quiet_leader_is_recorded_once_a_minute(void **state)
{
	(void)state;
	for (int64_t ms = 0; ms < 60000; ms += 5000) {
		turn_leader_renews(turn);
		record_later(ms);
		turn_leader_rests(turn);
		turn->self.lock_writing = true;
		turn_decide(turn);
		record_later(ms + 1);
		turn_leader_rests(turn);
		turn->instance.deadline = turn_ago(-3000);
		turn_decide(turn);
		assert_int_equal(turn->plan.actions[0], ACT_SET_DEADLINE);
		record_later(ms + 100);
	}
	assert_int_equal(read_entries(), 1);
	record_later(60000);
	assert_int_equal(read_entries(), 2);
	parse_entry(1);
	assert_int_equal(found->stamp.turn, 37);
}

static void an_action_that_is_repeated_is_recorded_once_a_second(void **state)
{
	(void)state;
	turn_nobody_holds_the_lock(turn);
	for (int64_t ms = 0; ms <= 2000; ms += 50)
		record_later(ms);
	assert_int_equal(read_entries(), 3);
}

static void the_next_agent_goes_on_behind_the_last_record(void **state)
{
	(void)state;
	turn_nobody_holds_the_lock(turn);
	record_later(0);
	reopen();
	turn_leader_renews(turn);
	record_later(10);
	assert_int_equal(read_entries(), 2);
	assert_int_equal(entries[1].sequence, 2);
	parse_entry(1);
	assert_int_equal(found->stamp.turn, 2);
}

/* Three stories in turn; 2000 of them fill the file more than twice. */
static int fill(int times)
{
	for (int i = 0; i < times; i++) {
		turn_stories[i % 3].make(turn);
		record_later(i);
		if (i % 500 == 499)
			reopen();
	}
	return read_entries();
}

static void the_file_stays_bounded_and_keeps_the_newest(void **state)
{
	(void)state;
	int times = 2000, count = fill(times);
	assert_true(count > RING_SIZE / 4096 && count < times);
	assert_int_equal(entries[count - 1].sequence, times);
	for (int i = count - 1; i > 2; i--) /* the two oldest may be of the lap before */
		assert_int_equal(entries[i].sequence, entries[i - 1].sequence + 1);
	parse_entry(count - 1);
	assert_int_equal(found->stamp.turn, times);
}

static void the_newest_are_found_in_order_however_few_are_wanted(void **state)
{
	(void)state;
	(void)fill(1000);
	for (int max = 0; max < 6; max++) {
		assert_int_equal(ring_find(bytes, RING_SIZE, entries, max), max);
		for (int i = 0; i < max; i++)
			assert_int_equal(entries[i].sequence, 1000 - max + 1 + i);
	}
}

static void torn_records_are_passed_over(void **state)
{
	(void)state;
	int count = fill(9);
	size_t third = entries[2].end, fourth = entries[3].end, all = entries[8].end;
	for (size_t at = third; at < fourth - 8; at += 97) {
		char keep = bytes[at];
		bytes[at] = (char)(keep + 1);
		assert_int_equal(ring_find(bytes, all, entries, ENTRIES_MAX), count - 1);
		bytes[at] = keep;
		assert_int_equal(ring_find(bytes, all, entries, ENTRIES_MAX), count);
	}
}

static void a_reader_in_the_middle_of_a_write_sees_only_whole_records(void **state)
{
	(void)state;
	int count = fill(9);
	size_t begin_last = entries[count - 2].end, end_last = entries[count - 1].end;
	for (size_t size = begin_last; size < end_last - 8; size += 61)
		assert_int_equal(ring_find(bytes, size, entries, ENTRIES_MAX), count - 1);
}

static void a_file_of_something_else_is_taken_over(void **state)
{
	(void)state;
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	for (int i = 0; i < 100000; i++)
		fputs("howdah\n", file);
	fclose(file);
	reopen();
	turn_leader_renews(turn);
	record_later(0);
	assert_int_equal(read_entries(), 1);
}

static void without_a_directory_there_is_no_recorder(void **state)
{
	(void)state;
	struct err err;
	assert_null(recorder_open("/nonexistent", &err));
	assert_non_null(strstr(err.text, "/nonexistent/turns"));
	turn_leader_renews(turn);
	struct situation s = record_situation(turn);
	recorder_turn(NULL, &s, &turn->plan, turn->stamp.at);
	recorder_close(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_turn_that_differs_is_recorded),
		TEST(a_quiet_leader_is_recorded_once_a_minute),
		TEST(an_action_that_is_repeated_is_recorded_once_a_second),
		TEST(the_next_agent_goes_on_behind_the_last_record),
		TEST(the_file_stays_bounded_and_keeps_the_newest),
		TEST(the_newest_are_found_in_order_however_few_are_wanted),
		TEST(torn_records_are_passed_over),
		TEST(a_reader_in_the_middle_of_a_write_sees_only_whole_records),
		TEST(a_file_of_something_else_is_taken_over),
		TEST(without_a_directory_there_is_no_recorder),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
