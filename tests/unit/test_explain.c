/* howdahctl explain: the words, and the file they are read from. */
#include "../../src/cli/explain.h"
#include "codec/ring.h"
#include "support_turns.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct record *record;
static char words[65536];

static int make_record(void **state)
{
	(void)state;
	record = calloc(1, sizeof(*record));
	return record == NULL;
}

static int free_record(void **state)
{
	(void)state;
	free(record);
	return 0;
}

static const char *explain(void)
{
	struct strbuf b;
	strbuf_init(&b, words, sizeof(words));
	explain_print(record, &b);
	assert_true(strbuf_ok(&b));
	return words;
}

#define AT "shop-0 at 2026-11-20 04:12:07.512 UTC, turn 88121: "

static void a_race_that_was_won_names_the_others(void **state)
{
	(void)state;
	turn_nobody_holds_the_lock(record);
	assert_string_equal(
		explain(),
		AT "tried to take the lock\n"
		   "  because  nobody holds the lock and no living member should rather lead: shop-2's record had not "
		   "changed for 15.0 s (ttl 15 s)\n"
		   "  and      nobody who answered has more WAL: shop-0 is at 3/A1004F20 on timeline 7 (shop-1 "
		   "3/A1004F20; shop-2 no answer for 14.2 s)\n"
		   "  then     acquire the lock\n"
		   "  not      wait for shop-1: equal position and no higher priority\n");
}

static void a_rival_that_is_behind_is_told_by_how_much(void **state)
{
	(void)state;
	turn_nobody_holds_the_lock(record);
	record->self.peers[0].lsn = TURN_LSN - 65536;
	turn_decide(record);
	assert_non_null(strstr(explain(), "\n  not      wait for shop-1: it is 64 kB behind\n"));
	record->self.peers[0].lsn = TURN_LSN + 1;
	record->self.peers[0].nofailover = true;
	turn_decide(record);
	assert_non_null(strstr(explain(), "(shop-1 3/A1004F21, not allowed to lead; shop-2"));
	assert_non_null(strstr(explain(), "\n  not      wait for shop-1: it is not allowed to lead\n"));
}

static void who_does_not_take_the_lock_says_for_whom(void **state)
{
	(void)state;
	turn_another_has_more_wal(record);
	assert_string_equal(
		explain(), AT
		"left everything as it is\n"
		"  because  nobody holds the lock, and it is not for us to take: shop-2's record had not changed for "
		"15.0 s (ttl 15 s)\n"
		"  and      another member has more WAL: shop-0 is at 3/A1004F20 on timeline 7 (shop-1 3/A1005F20; "
		"shop-2 no answer for 14.2 s)\n"
		"  not      acquire the lock: only when no living member should rather lead\n");
}

static void a_renewal_says_how_long_the_lock_is_good_for(void **state)
{
	(void)state;
	turn_leader_renews(record);
	assert_string_equal(explain(), AT
			    "renewed the lock\n"
			    "  because  the lock is ours and a renewal is due: last renewed 5.0 s ago, good for 7.5 s\n"
			    "  and      PostgreSQL runs as a primary\n"
			    "  then     renew the lock\n");
}

static void a_leader_that_gives_way_says_since_when_the_api_is_silent(void **state)
{
	(void)state;
	turn_leader_gives_way(record);
	explain();
	assert_non_null(
		strstr(words, AT "stopped PostgreSQL before its deadline\n  because  the lock was not renewed"));
	assert_non_null(strstr(words, "\n  and      the lock is ours: last renewed 10.9 s ago, good for 1.6 s\n"));
	assert_non_null(strstr(words, "\n  and      the API last answered 10.7 s ago\n"));
	assert_non_null(strstr(words, "\n  then     stop before the deadline\n"));
}

static void what_was_nearly_done_names_the_fact_that_was_missing(void **state)
{
	(void)state;
	turn_data_diverged(record);
	assert_string_equal(explain(),
			    AT "left everything as it is\n"
			       "  because  somebody else holds the lock: shop-2's record changed 3.1 s ago (ttl 15 s)\n"
			       "  and      it has diverged and may not be cloned anew by itself\n"
			       "  not      move the data directory aside: only when the settings allow a new clone, "
			       "and the leader is alive\n");
}

static void a_closed_gate_and_a_failure_are_told(void **state)
{
	(void)state;
	turn_leader(record, 1000);
	record->instance.tree = PG_TREE_STANDBY;
	record->instance.writable = false;
	record->instance.in_recovery = true;
	record->self.confirmed = false;
	record->self.refreshing = true;
	record->instance.failures = 2;
	record->instance.failed_at = turn_ago(500);
	text_copy(record->instance.failure, REASON_SIZE, "pg_ctl: timed out");
	turn_decide(record);
	explain();
	assert_non_null(strstr(words, "\n  and      the cluster has not been read again since the lock was won\n"));
	assert_non_null(strstr(
		words, "\n  and      the last attempt failed 0.50 s ago: pg_ctl: timed out (2 times in a row)\n"));
}

static void a_clone_says_from_whom(void **state)
{
	(void)state;
	turn_replica(record, 3100);
	record->instance.tree = PG_TREE_DOWN;
	record->instance.data = DATA_EMPTY;
	record->instance.answers = false;
	turn_decide(record);
	explain();
	assert_non_null(strstr(words, ": began to clone\n  because  there is a leader to clone from\n"));
	assert_non_null(strstr(words, "\n  then     clone from shop-2\n"));
}

static void every_turn_has_a_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(turn_stories); i++) {
		turn_stories[i].make(record);
		assert_non_null(strstr(explain(), "\n  because  "));
	}
	memset(record, 0, sizeof(*record));
	turn_decide(record);
	assert_non_null(strstr(explain(), "\n  and      the API has not answered yet\n"));
}

static void spans_are_short(void **state)
{
	(void)state;
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = { { 140, "0.14 s" },   { 12400, "12.4 s" },    { 119900, "119.9 s" },
		      { 180000, "3 min" }, { 7199999, "119 min" }, { 11520000, "3 h 12 min" } };
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct strbuf b;
		strbuf_init(&b, words, sizeof(words));
		explain_span(cases[i].ms, &b);
		assert_string_equal(words, cases[i].text);
	}
}

/* A file with the stories in it, one of them as another version would write it. */
static void write_ring(const char *path)
{
	static char frame[RING_HEAD_SIZE + RING_TEXT_MAX + 8];
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	for (size_t i = 0; i < ARRAY_SIZE(turn_stories); i++) {
		struct strbuf b;
		turn_stories[i].make(record);
		record->stamp.turn = 100 + i;
		struct situation s = record_situation(record);
		strbuf_init(&b, frame + RING_HEAD_SIZE, RING_TEXT_MAX);
		assert_true(record_print(&s, &record->plan, record->stamp, &b));
		if (i == 1)
			memcpy(strstr(frame + RING_HEAD_SIZE, "\"ahead\""), "\"aHead\"", 7);
		assert_int_equal(fwrite(frame, 1, ring_frame(frame, b.len, i + 1), file) > 0, 1);
	}
	fclose(file);
}

/* What it prints, with the error instead where it fails. */
static const char *run(const char *dir, const struct explain_params *params)
{
	struct err err;
	char path[256];
	struct strbuf b;
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/out", dir);
	fflush(stdout);
	int out = dup(STDOUT_FILENO), to = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
	assert_true(out >= 0 && to >= 0 && dup2(to, STDOUT_FILENO) >= 0);
	bool ok = explain_run(params, &err);
	fflush(stdout);
	dup2(out, STDOUT_FILENO);
	ssize_t len = pread(to, words, sizeof(words) - 1, 0);
	close(out);
	close(to);
	assert_true(len >= 0);
	words[len] = '\0';
	return ok ? words : text_copy(words, sizeof(words), err.text) ? words : NULL;
}

static int count_of(const char *text, const char *what)
{
	int count = 0;
	for (; (text = strstr(text, what)) != NULL; text++)
		count++;
	return count;
}

static void the_last_decisions_of_a_file_are_shown(void **state)
{
	(void)state;
	char dir[] = "/tmp/test_explain.XXXXXX", path[64];
	struct strbuf b;
	struct explain_params params = { .count = 2 };
	assert_non_null(mkdtemp(dir));
	assert_int_equal(setenv("HOWDAH_RUN_DIR", dir, 1), 0);
	assert_non_null(strstr(run(dir, &params), "/turns does not exist: run it in the howdah container"));
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/turns", dir);
	write_ring(path);
	run(dir, &params);
	assert_int_equal(count_of(words, ", turn "), 2);
	assert_true(strstr(words, "turn 104:") < strstr(words, "\n\nshop-0 at 2026-11-20 04:12:07.512 UTC, turn 105:"));
	params.count = 0;
	assert_int_equal(count_of(run(dir, &params), ", turn "), 4); /* 5, and one that cannot be read */
	params = (struct explain_params){ .count = 100, .json = true, .file = path };
	unsetenv("HOWDAH_RUN_DIR");
	assert_int_equal(count_of(run(dir, &params), "{\"turn\":"), 6);
	assert_true(words[0] == '[' && strcmp(words + strlen(words) - 2, "]\n") == 0);
	FILE *empty = fopen(path, "w");
	assert_non_null(empty);
	fclose(empty);
	assert_non_null(strstr(run(dir, &params), "/turns: no decision is recorded in it"));
	unlink(path);
	strbuf_init(&b, path, sizeof(path));
	strbuf_addf(&b, "%s/out", dir);
	unlink(path);
	rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_race_that_was_won_names_the_others),
		cmocka_unit_test(a_rival_that_is_behind_is_told_by_how_much),
		cmocka_unit_test(who_does_not_take_the_lock_says_for_whom),
		cmocka_unit_test(a_renewal_says_how_long_the_lock_is_good_for),
		cmocka_unit_test(a_leader_that_gives_way_says_since_when_the_api_is_silent),
		cmocka_unit_test(what_was_nearly_done_names_the_fact_that_was_missing),
		cmocka_unit_test(a_closed_gate_and_a_failure_are_told),
		cmocka_unit_test(a_clone_says_from_whom),
		cmocka_unit_test(every_turn_has_a_reason),
		cmocka_unit_test(spans_are_short),
		cmocka_unit_test(the_last_decisions_of_a_file_are_shown),
	};
	return cmocka_run_group_tests(tests, make_record, free_record);
}
