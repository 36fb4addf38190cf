/* Status annotations, answers of peers, timeline histories. */
#include "codec/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void a_replicas_status_is_read(void **state)
{
	(void)state;
	struct member member = { .name = "postgres-0",
				 .pod_uid = "u",
				 .version = 7,
				 .role_label = "replica",
				 .ready = true,
				 .timeline = 9 };
	assert_true(status_parse(&member, "{\"conn_url\":\"postgres://127.0.0.1:5442/postgres\",\"api_url\":\"http://"
					  "127.0.0.1:8010/patroni\",\"state\":\"running\","
					  "\"role\":\"replica\",\"version\":\"4.1.4\",\"tags\":{\"clonefrom\":true,"
					  "\"mytag\":\"x\",\"replicatefrom\":\"postgres-1\"},"
					  "\"xlog_location\":83886176,\"replay_lsn\":83886170,\"receive_lsn\":83886175,"
					  "\"replication_state\":\"streaming\",\"timeline\":1}"));
	assert_true(member.has_status && !member.is_howdah && member.clonefrom && member.ready);
	assert_string_equal(member.name, "postgres-0");
	assert_string_equal(member.pod_uid, "u");
	assert_string_equal(member.role_label, "replica");
	assert_int_equal(member.version, 7);
	assert_int_equal(member.state, STATE_RUNNING);
	assert_int_equal(member.role, ROLE_REPLICA);
	assert_string_equal(member.conn_host, "127.0.0.1");
	assert_int_equal(member.conn_port, 5442);
	assert_string_equal(member.api_url, "http://127.0.0.1:8010/patroni");
	assert_int_equal(member.xlog_lsn, 83886176);
	assert_int_equal(member.replay_lsn, 83886170);
	assert_int_equal(member.receive_lsn, 83886175);
	assert_int_equal(member.timeline, 1);
	assert_string_equal(member.replication_state, "streaming");
	assert_string_equal(member.member_version, "4.1.4");
	assert_string_equal(member.replicatefrom, "postgres-1");
	assert_int_equal(member.failover_priority, 1);
	assert_false(member.nofailover || member.checkpoint_pending || member.pending_restart || member.paused);
}

static void a_leaders_status_is_read(void **state)
{
	(void)state;
	struct member member = { 0 };
	assert_true(status_parse(&member,
				 "{\"conn_url\":\"postgres://[fd00::1]:5432/"
				 "postgres\",\"state\":\"running\",\"role\":\"master\",\"howdah_version\":\"1\","
				 "\"checkpoint_after_promote\":false,\"pending_restart\":true,\"pause\":true,\"xlog_"
				 "location\":9007199254740993}"));
	assert_int_equal(member.role, ROLE_PRIMARY);
	assert_string_equal(member.conn_host, "fd00::1");
	assert_true(member.is_howdah && member.checkpoint_pending && member.pending_restart && member.paused);
	assert_true(member.xlog_lsn == 9007199254740993);
}

static void a_status_that_is_none_leaves_nothing_behind(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "[]", "{", "null", "\"running\"", "x" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct member member = { .name = "a",
					 .has_status = true,
					 .state = STATE_RUNNING,
					 .role = ROLE_PRIMARY,
					 .api_url = "http://x/patroni" };
		assert_false(status_parse(&member, bad[i]));
		assert_false(member.has_status);
		assert_int_equal(member.state, STATE_UNKNOWN);
		assert_int_equal(member.role, ROLE_UNINITIALIZED);
		assert_string_equal(member.api_url, "");
		assert_string_equal(member.name, "a");
	}
}

static void the_legacy_status_is_a_url(void **state)
{
	(void)state;
	struct member member = { 0 };
	assert_true(status_parse(&member, "postgres://u:p%40@10.0.0.7:5433/"
					  "postgres?a=b&application_name=http%3A%2F%2F10.0.0.7:8008/patroni&c=d"));
	assert_string_equal(member.conn_host, "10.0.0.7");
	assert_int_equal(member.conn_port, 5433);
	assert_string_equal(member.api_url, "http://10.0.0.7:8008/patroni");
}

static void bad_addresses_are_unknown_addresses(void **state)
{
	(void)state;
	static const char *const bad[] = { "postgres://:5432/x",
					   "postgres://h:0/x",
					   "postgres://h:99999/x",
					   "postgres://[::1/x",
					   "postgres://[::1]x/x",
					   "postgres://h:5a/x",
					   "h:5432",
					   "postgres://",
					   "postgres:///x" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		char text[128];
		struct member member = { 0 };
		snprintf(text, sizeof(text), "{\"conn_url\":\"%s\"}", bad[i]);
		assert_true(status_parse(&member, text));
		if (member.conn_port != 0 && member.conn_host[0] != '\0')
			fail_msg("%s", bad[i]);
	}
	struct member member = { 0 };
	assert_true(status_parse(&member, "{\"conn_url\":\"postgres://db.example/x\"}"));
	assert_int_equal(member.conn_port, 5432);
	assert_string_equal(member.conn_host, "db.example");
}

static void tags_say_whether_a_member_may_lead(void **state)
{
	(void)state;
	static const struct {
		const char *tags;
		bool nofailover;
		int priority;
	} cases[] = {
		{ "{}", false, 1 },
		{ "{\"nofailover\":true}", true, 0 },
		{ "{\"nofailover\":\"true\"}", true, 0 },
		{ "{\"nofailover\":\"off\"}", false, 1 },
		{ "{\"failover_priority\":5}", false, 5 },
		{ "{\"failover_priority\":\"2\"}", false, 2 },
		{ "{\"failover_priority\":0}", true, 0 },
		{ "{\"failover_priority\":-3}", true, 0 },
		{ "{\"failover_priority\":[]}", false, 1 },
		{ "{\"nofailover\":false,\"failover_priority\":0}", false, 1 },
		{ "{\"nofailover\":true,\"failover_priority\":2}", true, 0 },
		{ "{\"nofailover\":null,\"failover_priority\":0}", true, 0 },
	};
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		char text[160];
		struct member member = { 0 };
		snprintf(text, sizeof(text), "{\"tags\":%s}", cases[i].tags);
		assert_true(status_parse(&member, text));
		assert_int_equal(member.nofailover, cases[i].nofailover);
		assert_int_equal(member.failover_priority, cases[i].priority);
	}
}

static bool answer_of(struct peer_answer *answer, const char *text)
{
	*answer = (struct peer_answer){ .name = "p", .asked = { 1, 1 }, .silent = true };
	return peer_answer_parse(answer, "s", text, strlen(text));
}

static void a_replicas_answer_is_read(void **state)
{
	(void)state;
	struct peer_answer answer;
	assert_true(answer_of(&answer, "{\"state\": \"running\", \"role\": \"replica\", \"server_version\": 150018, "
				       "\"xlog\": {\"received_location\": 100, \"replayed_location\": 120, "
				       "\"replayed_timestamp\": null, \"paused\": false}, \"timeline\": 3, "
				       "\"cluster_unlocked\": true, \"tags\": {\"failover_priority\": 4}, "
				       "\"patroni\": {\"version\": \"4.1.4\", \"scope\": \"s\", \"name\": \"p\"}}"));
	assert_true(answer.in_recovery && !answer.sees_leader && !answer.silent && !answer.nofailover);
	assert_int_equal(answer.state, STATE_RUNNING);
	assert_int_equal(answer.timeline, 3);
	assert_int_equal(answer.received_lsn, 100);
	assert_int_equal(answer.replayed_lsn, 120);
	assert_int_equal(answer.lsn, 120);
	assert_int_equal(answer.failover_priority, 4);
	assert_string_equal(answer.name, "p");
	assert_true(instant_is_set(answer.asked) && !instant_is_set(answer.answered));
}

static void what_a_member_says_of_the_lock_it_held_is_read(void **state)
{
	(void)state;
	char text[512], name[300];
	struct peer_answer answer;
	assert_true(answer_of(&answer,
			      "{\"state\":\"stopped\",\"role\":\"replica\",\"patroni\":{},"
			      "\"howdah_given_back\":\"p 2026-11-20T01:00:00+00:00 6 2026-11-20T04:11:52+00:00\","
			      "\"howdah_given_back_lsn\":5000}"));
	assert_int_equal(answer.given_back_lsn, 5000);
	assert_string_equal(answer.given_back, "p 2026-11-20T01:00:00+00:00 6 2026-11-20T04:11:52+00:00");
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text),
		 "{\"state\":\"stopped\",\"role\":\"replica\",\"patroni\":{},\"howdah_given_back\":\"%s\"}", name);
	assert_true(answer_of(&answer, text));
	assert_string_equal(answer.given_back, ""); /* longer than any record: not a part of it, either */
}

static void a_primarys_answer_is_read(void **state)
{
	(void)state;
	struct peer_answer answer;
	assert_true(answer_of(&answer, "{\"state\":\"running\",\"role\":\"primary\",\"xlog\":{\"location\":500},"
				       "\"timeline\":null,\"patroni\":{},\"watchdog_failed\":true}"));
	assert_true(!answer.in_recovery && answer.sees_leader && answer.nofailover);
	assert_int_equal(answer.lsn, 500);
	assert_true(answer_of(&answer, "{\"state\":\"running\",\"role\":\"master\",\"patroni\":{}}"));
	assert_false(answer.in_recovery);
	assert_true(answer_of(&answer,
			      "{\"state\":\"running\",\"role\":\"replica\",\"xlog\":{\"location\":1},\"patroni\":{}}"));
	assert_false(answer.in_recovery);
}

static void what_is_no_answer_is_refused(void **state)
{
	(void)state;
	struct peer_answer answer;
	static const char *const bad[] = { "",
					   "{}",
					   "[]",
					   "<html>",
					   "{\"state\":\"running\",\"role\":\"replica\"}",
					   "{\"state\":1,\"role\":\"replica\",\"patroni\":{}}",
					   "{\"state\":\"running\",\"patroni\":{}}" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(answer_of(&answer, bad[i]));
}

/* The address of a pod that is gone may be another's by now. */
static void another_members_answer_is_nobodys(void **state)
{
	(void)state;
	struct peer_answer answer;
	static const char *const others[] = { "{\"scope\":\"s\",\"name\":\"q\"}", "{\"scope\":\"t\",\"name\":\"p\"}" };
	for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
		char text[128];
		snprintf(text, sizeof(text), "{\"state\":\"running\",\"role\":\"primary\",\"patroni\":%s}", others[i]);
		assert_false(answer_of(&answer, text));
		answer = (struct peer_answer){ .name = "" };
		assert_true(peer_answer_parse(&answer, NULL, text, strlen(text)));
	}
}

static void a_history_file_is_read(void **state)
{
	(void)state;
	struct err err;
	struct history history;
	assert_true(history_parse_file(
		&history,
		"1\t0/3000148\tno recovery target specified\n\n# comment\n  2 1/A0 before 2026-01-01 \r\n4\t2/0",
		&err));
	assert_int_equal(history.count, 3);
	assert_int_equal(history.entries[0].timeline, 1);
	assert_int_equal(history.entries[0].end_lsn, 0x3000148);
	assert_string_equal(history.entries[0].reason, "no recovery target specified");
	assert_string_equal(history.entries[1].reason, "before 2026-01-01");
	assert_true(history.entries[2].end_lsn == 0x200000000);
	assert_string_equal(history.entries[2].reason, "");
	assert_true(history_parse_file(&history, "", &err));
	assert_int_equal(history.count, 0);
}

static void bad_history_lines_are_named(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"1\t0/1\tx\n1\t0/2\ty\n", "1 0/1 x\nfoo\n",          "1 0/1\n0 0/2\n",
		"1 0/1\n2 5\n",           "1 0/1\n4294967296 0/2\n", "1 0/1\n2 80000000/0\n"
	};
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err;
		struct history history;
		assert_false(history_parse_file(&history, bad[i], &err));
		assert_non_null(strstr(err.text, "line 2"));
	}
}

static void the_oldest_timelines_are_dropped(void **state)
{
	(void)state;
	struct err err;
	struct history history;
	char memory[16384];
	struct strbuf text;
	strbuf_init(&text, memory, sizeof(memory));
	for (int i = 1; i <= HISTORY_MAX + 10; i++)
		strbuf_addf(&text, "%d\t0/%X\tr\n", i, i);
	assert_true(history_parse_file(&history, memory, &err));
	assert_int_equal(history.count, HISTORY_MAX);
	assert_int_equal(history.entries[0].timeline, 11);
	assert_int_equal(history.entries[HISTORY_MAX - 1].timeline, HISTORY_MAX + 10);
}

static void a_long_reason_is_cut_between_characters(void **state)
{
	(void)state;
	struct err err;
	struct history history;
	char text[400] = "1 0/1 ";
	for (int i = 0; i < 100; i++)
		memcpy(text + 6 + 3 * i, "\xe2\x82\xac", 3); /* the euro sign: three bytes */
	assert_true(history_parse_file(&history, text, &err));
	assert_int_equal(strlen(history.entries[0].reason), 126);
}

static void the_annotation_goes_both_ways(void **state)
{
	(void)state;
	static const char text[] = "[[1,25623960,\"no recovery target "
				   "specified\"],[2,25624000,\"r\",\"2026-01-01T00:00:00+00:00\"],[3,9007199254740993,"
				   "\"r\",\"t\",\"postgres-1\"]]";
	struct err err;
	struct history history;
	char memory[1024];
	struct strbuf out;
	assert_true(history_parse_json(&history, text, &err));
	assert_string_equal(history.entries[2].leader, "postgres-1");
	strbuf_init(&out, memory, sizeof(memory));
	history_print_json(&history, 0, &out);
	assert_string_equal(memory, text);
	strbuf_init(&out, memory, sizeof(memory));
	history_print_json(&history, 1, &out);
	assert_string_equal(memory, "[[3,9007199254740993,\"r\",\"t\",\"postgres-1\"]]");
	assert_true(history_parse_json(&history, "[]", &err));
	strbuf_init(&out, memory, sizeof(memory));
	history_print_json(&history, 0, &out);
	assert_string_equal(memory, "[]");
}

static void bad_annotations_are_refused(void **state)
{
	(void)state;
	static const char *const bad[] = { "",
					   "{}",
					   "[1]",
					   "[[1,2]]",
					   "[[1,2,3]]",
					   "[[1,2,\"r\",4]]",
					   "[[1,2,\"r\",\"t\",\"l\",6]]",
					   "[[0,2,\"r\"]]",
					   "[[1,-1,\"r\"]]",
					   "[[2,1,\"r\"],[1,2,\"r\"]]",
					   "[[1,1.5,\"r\"]]" };
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct err err;
		struct history history;
		if (history_parse_json(&history, bad[i], &err))
			fail_msg("%s", bad[i]);
		assert_int_equal(history.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_replicas_status_is_read),
		cmocka_unit_test(a_leaders_status_is_read),
		cmocka_unit_test(a_status_that_is_none_leaves_nothing_behind),
		cmocka_unit_test(the_legacy_status_is_a_url),
		cmocka_unit_test(bad_addresses_are_unknown_addresses),
		cmocka_unit_test(tags_say_whether_a_member_may_lead),
		cmocka_unit_test(a_replicas_answer_is_read),
		cmocka_unit_test(what_a_member_says_of_the_lock_it_held_is_read),
		cmocka_unit_test(a_primarys_answer_is_read),
		cmocka_unit_test(what_is_no_answer_is_refused),
		cmocka_unit_test(another_members_answer_is_nobodys),
		cmocka_unit_test(a_history_file_is_read),
		cmocka_unit_test(bad_history_lines_are_named),
		cmocka_unit_test(the_oldest_timelines_are_dropped),
		cmocka_unit_test(a_long_reason_is_cut_between_characters),
		cmocka_unit_test(the_annotation_goes_both_ways),
		cmocka_unit_test(bad_annotations_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
