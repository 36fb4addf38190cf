/* Lists, streams and the view that rests on them. */
#include "fake_api.h"

#define HELD                                                                                                           \
	"\"leader\":\"pg-1\",\"ttl\":\"30\",\"renewTime\":\"r\",\"acquireTime\":\"a\",\"transitions\":\"4\","          \
	"\"optime\":\"123\",\"howdah.io/holder-uid\":\"uid-pg-1\""
#define STATUS(more)                                                                                                   \
	",\"annotations\":{\"status\":\"{\\\"state\\\":\\\"running\\\",\\\"role\\\":\\\"replica\\\"" more "}\"}"

static const struct lease_object *leader(void)
{
	return &dcs_view(dcs)->leader;
}

static void first_list_is_consistent_and_the_watch_goes_on_from_it(void **state UNUSED)
{
	create();
	assert_string_equal(list_of("pods")->url, "http://api:8080/api/v1/namespaces/default/"
						  "pods?labelSelector=application%3Dpatroni%2Ccluster-name%3Dbatman");
	assert_false(dcs_view(dcs)->loaded);
	reply(list_of("pods"), 200, LIST("5", POD("pg-0", "4", "")));
	reply(list_of("endpoints"), 200, LIST("9", OBJECT("batman", "7", HELD)));
	assert_false(dcs_view(dcs)->loaded);
	assert_string_equal(watch_of("endpoints")->url,
			    "http://api:8080/api/v1/namespaces/default/"
			    "endpoints?labelSelector=application%3Dpatroni%2Ccluster-name%3Dbatman"
			    "&watch=True&allowWatchBookmarks=true&resourceVersion=9");
	assert_int_equal(watch_of("endpoints")->params.idle_timeout_ms, 180000);
	pass_ms(600);
	assert_true(dcs_view(dcs)->loaded);
	assert_true(view_events > 0);
	assert_string_equal(leader()->record.leader, "pg-1");
	assert_int_equal(leader()->record.ttl_s, 30);
	assert_int_equal(dcs_view(dcs)->optime_lsn, 123);
	assert_string_equal(dcs_view(dcs)->holder_uid, "uid-pg-1");
}

static void start(void)
{
	create();
	load(LIST("5", POD("pg-0", "4", STATUS("")) "," POD("pg-1", "5", "")), LIST("9", OBJECT("batman", "7", HELD)));
}

static void what_patroni_left_standing_is_not_its_own(void **state UNUSED)
{
	create();
	load(LIST("5", POD("pg-1", "5", STATUS(""))),
	     LIST("9", OBJECT("batman", "7", HELD ",\"howdah.io/timeline\":\"4 pg-0 t 3\"")));
	assert_string_equal(dcs_view(dcs)->holder_uid, "");
	assert_int_equal(dcs_view(dcs)->leader_timeline, 0);
	assert_string_equal(dcs_view(dcs)->leader_beginning, "");
	feed(watch_of("pods"), EVENT("MODIFIED", POD("pg-1", "8", STATUS(",\\\"howdah_version\\\":\\\"1\\\""))));
	assert_string_equal(dcs_view(dcs)->holder_uid, "uid-pg-1");
	assert_int_equal(dcs_view(dcs)->leader_timeline, 4);
	assert_string_equal(dcs_view(dcs)->leader_beginning, "pg-0 t 3");
}

static void events_are_kept_only_if_newer(void **state UNUSED)
{
	start();
	feed(watch_of("endpoints"), EVENT("MODIFIED", OBJECT("batman", "12", "\"transitions\":\"5\"")));
	assert_int_equal(leader()->version, 12);
	assert_string_equal(leader()->record.leader, "");
	pass_ms(0);
	assert_int_equal(view_events, 1);
	feed(watch_of("endpoints"), EVENT("MODIFIED", OBJECT("batman", "11", HELD)));
	assert_int_equal(leader()->version, 12);
	pass_ms(0);
	assert_int_equal(view_events, 1);
	feed(watch_of("endpoints"), EVENT("DELETED", OBJECT("batman", "11", HELD)));
	assert_true(leader()->present);
	feed(watch_of("endpoints"), EVENT("DELETED", OBJECT("batman", "13", HELD)));
	assert_false(leader()->present);
}

static void lines_may_come_in_any_pieces(void **state UNUSED)
{
	const char *text = EVENT("MODIFIED", OBJECT("batman", "12", "")) EVENT("MODIFIED", OBJECT("batman", "13", HELD))
		EVENT("BOOKMARK", "{\"metadata\":{\"resourceVersion\":\"20\"}}");
	start();
	for (const char *c = text; *c != '\0'; c++)
		feed(watch_of("endpoints"), (char[]){ *c, '\0' });
	assert_int_equal(leader()->version, 13);
	assert_int_equal(dcs_view(dcs)->heard.raw_us, fake_loop.now_us);
}

static void list_replaces_everything_whatever_the_versions(void **state UNUSED)
{
	start();
	feed(watch_of("endpoints"), EVENT("ERROR", "{\"code\":410,\"message\":\"too old\"}"));
	fake_loop.random = 0;
	pass_ms(1000);
	assert_null(watch_of("endpoints"));
	reply(list_of("endpoints"), 200, LIST("3", OBJECT("batman", "2", "\"leader\":\"pg-0\"")));
	assert_int_equal(leader()->version, 2);
	assert_string_equal(leader()->record.leader, "pg-0");
	assert_true(dcs_view(dcs)->loaded);
}

static void end_of_a_stream_lists_again_within_a_second(void **state UNUSED)
{
	start();
	fake_loop.random = 700;
	reply(watch_of("pods"), 200, "");
	pass_ms(699);
	assert_null(list_of("pods"));
	pass_ms(1);
	reply(list_of("pods"), 200, LIST("8", POD("pg-0", "8", "")));
	assert_int_equal(dcs_view(dcs)->member_count, 1);
	assert_non_null(strstr(watch_of("pods")->url, "resourceVersion=8"));
}

static void list_that_fails_is_repeated_and_is_not_heard(void **state UNUSED)
{
	create();
	reply(list_of("pods"), 503, "");
	reply(list_of("endpoints"), 401, "");
	assert_false(instant_is_set(dcs_view(dcs)->heard));
	assert_null(list_of("pods"));
	pass_ms(1000);
	assert_non_null(list_of("pods"));
	assert_non_null(list_of("endpoints"));
}

static void refused_watches_do_not_run_hot(void **state UNUSED)
{
	start();
	int before = calls_made;
	fake_loop.random = 0;
	for (int ms = 0; ms < 10000; ms++) {
		if (watch_of("pods") != NULL)
			reply(watch_of("pods"), 403, "");
		if (list_of("pods") != NULL)
			reply(list_of("pods"), 200, LIST("5", ""));
		pass_ms(1);
	}
	assert_in_range(calls_made - before, 10, 40);
}

static void refresh_lists_both_kinds_from_now(void **state UNUSED)
{
	start();
	reply(watch_of("pods"), 200, "");
	pass_ms(1000);
	struct http_call *older = list_of("pods");
	assert_non_null(older);
	older->started_us = -1;
	dcs_refresh(dcs, 5000, done, &result);
	assert_int_not_equal(list_of("pods")->started_us, -1);
	reply(list_of("pods"), 200, LIST("6", POD("pg-0", "6", "")));
	pass_ms(0);
	assert_int_equal(result.count, 0);
	reply(list_of("endpoints"), 200, LIST("11", OBJECT("batman", "10", "")));
	assert_int_equal(result.count, 0);
	pass_ms(0);
	assert_int_equal(result.outcome, DCS_DONE);
	assert_int_equal(result.count, 1);
	assert_int_equal(leader()->version, 10);
}

static void refresh_without_an_answer_ends_at_its_limit(void **state UNUSED)
{
	start();
	dcs_refresh(dcs, 3000, done, &result);
	reply(list_of("pods"), 200, LIST("6", ""));
	pass_ms(2999);
	assert_int_equal(result.count, 0);
	pass_ms(1);
	assert_int_equal(result.outcome, DCS_NO_ANSWER);
}

/* Else the version would seem to have gone back, as after a restore. */
static void list_older_than_the_answer_of_a_write_is_read_again(void **state UNUSED)
{
	struct outcome refreshed = { .count = 0 };
	start();
	struct dcs_lock_write write = { .ttl_ms = 30000, .limit_ms = 10000, .version = 7, .pod_ip = "" };
	write.position =
		(struct dcs_position){ .slots = "", .retain_slots = "", .positions = "", .timeline_token = "" };
	dcs_acquire(dcs, &write, done, &result);
	dcs_refresh(dcs, 5000, done, &refreshed);
	reply(find_call("PATCH", "/endpoints/batman"), 200, OBJECT("batman", "12", "\"leader\":\"pg-0\""));
	reply(list_of("pods"), 200, LIST("11", ""));
	reply(list_of("endpoints"), 200, LIST("11", OBJECT("batman", "7", HELD)));
	assert_int_equal(leader()->version, 12);
	pass_ms(0);
	assert_int_equal(refreshed.count, 0);
	reply(list_of("endpoints"), 200, LIST("12", OBJECT("batman", "12", "\"leader\":\"pg-0\"")));
	pass_ms(0);
	assert_int_equal(refreshed.outcome, DCS_DONE);
}

static void pods_are_members_whatever_they_say(void **state UNUSED)
{
	create();
	load(LIST("5",
		  POD("pg-0", "4", STATUS("")) "," POD("pg-1", "5", ",\"annotations\":{\"status\":\"junk\"}") "," POD(
			  "a", "3", ",\"deletionTimestamp\":\"2026-11-23T00:00:00Z\"")),
	     LIST("9", ""));
	const struct cluster *view = dcs_view(dcs);
	assert_int_equal(view->member_count, 3);
	assert_string_equal(view->members[0].name, "a");
	assert_true(view->members[0].deleting);
	assert_int_equal(view->members[1].state, STATE_RUNNING);
	assert_true(view->members[1].ready);
	assert_false(view->members[2].has_status);
	assert_int_equal(view->members[2].state, STATE_UNKNOWN);
	assert_string_equal(view->members[2].pod_uid, "uid-pg-1");
	assert_false(leader()->present);
}

static void surplus_pods_are_ignored_but_never_our_own(void **state UNUSED)
{
	static char list[32 * 1024];
	struct strbuf b;
	copy(params.name, sizeof(params.name), "x-self");
	create();
	strbuf_init(&b, list, sizeof(list));
	strbuf_add(&b, "{\"metadata\":{\"resourceVersion\":\"5\"},\"items\":[");
	for (int i = 0; i < MEMBERS_MAX + 5; i++)
		strbuf_addf(&b, "{\"metadata\":{\"name\":\"pod-%02d\",\"resourceVersion\":\"1\"}},", i);
	strbuf_add(&b, "{\"metadata\":{\"name\":\"x-self\",\"resourceVersion\":\"1\"}}]}");
	load(list, LIST("9", ""));
	assert_int_equal(dcs_view(dcs)->member_count, MEMBERS_MAX);
	assert_non_null(cluster_member(dcs_view(dcs), "x-self"));
	assert_non_null(cluster_member(dcs_view(dcs), "pod-30"));
	assert_null(cluster_member(dcs_view(dcs), "pod-31"));
}

static void positions_of_members_wake_nobody(void **state UNUSED)
{
	start();
	feed(watch_of("pods"), EVENT("MODIFIED", POD("pg-0", "20", STATUS(",\\\"xlog_location\\\":7"))));
	pass_ms(0);
	assert_int_equal(view_events, 0);
	assert_int_equal(cluster_member(dcs_view(dcs), "pg-0")->version, 20);
	feed(watch_of("pods"), EVENT("MODIFIED", POD("pg-0", "21", STATUS(",\\\"timeline\\\":7"))));
	pass_ms(0);
	assert_int_equal(view_events, 1);
}

/* A stream that says nothing may be dead: what was made and deleted meanwhile is seen by nobody. */
static void a_leader_object_that_is_not_there_is_looked_for_and_a_gap_is_told(void **state UNUSED)
{
	const char *without = LIST("9", OBJECT("batman-config", "6", "\"initialize\":\"7391000000000000417\""));
	create();
	load(LIST("5", POD("pg-0", "4", STATUS(""))), without);
	struct instant first = leader()->unbroken;
	pass_ms(1000);
	reply(list_of("endpoints"), 200, without);
	assert_int_equal(leader()->unbroken.boot_us, first.boot_us);
	pass_ms(1100);
	reply(list_of("endpoints"), 500, "");
	pass_ms(10000); /* the API is away */
	int64_t asked = fake_loop.now_us;
	while (list_of("endpoints") == NULL)
		pass_ms(100);
	reply(list_of("endpoints"), 200, LIST("20", OBJECT("batman", "17", HELD)));
	assert_true(leader()->unbroken.boot_us > first.boot_us && leader()->unbroken.boot_us >= asked - 10000000);
	pass_ms(60000);
	assert_null(list_of("endpoints")); /* it is there: nothing to look for */
}

static void the_leader_tells_the_positions_of_who_streams_from_it(void **state UNUSED)
{
	create();
	load(LIST("5", POD("pg-0", "4", STATUS(",\\\"xlog_location\\\":90")) "," POD(
			       "pg-1", "5", STATUS(",\\\"howdah_version\\\":\\\"1\\\",\\\"xlog_location\\\":90"))),
	     LIST("9", OBJECT("batman", "7",
			      HELD ",\"howdah.io/positions\":\"{\\\"pg-1\\\":[120,110],\\\"pg-0\\\":[1]}\"")));
	const struct member *told = cluster_member(dcs_view(dcs), "pg-1"),
			    *tells = cluster_member(dcs_view(dcs), "pg-0");
	assert_true(told->position_told);
	assert_int_equal(told->receive_lsn, 120);
	assert_int_equal(told->replay_lsn, 110);
	assert_int_equal(told->xlog_lsn, 120);
	assert_false(tells->position_told); /* half a position is none */
	assert_int_equal(tells->xlog_lsn, 90);
	feed(watch_of("endpoints"), EVENT("MODIFIED", OBJECT("batman", "12", HELD)));
	told = cluster_member(dcs_view(dcs), "pg-1");
	assert_false(told->position_told);
	assert_int_equal(told->xlog_lsn, 90);
}

/* It writes none, and leaves those of howdah's last leader standing: they would count for as long as it leads. */
static void positions_that_patroni_left_standing_are_nobodys(void **state UNUSED)
{
	create();
	load(LIST("5", POD("pg-0", "4", STATUS(",\\\"howdah_version\\\":\\\"1\\\",\\\"xlog_location\\\":190")) "," POD(
			       "pg-1", "5", STATUS(",\\\"xlog_location\\\":200"))),
	     LIST("9", OBJECT("batman", "7", HELD ",\"howdah.io/positions\":\"{\\\"pg-0\\\":[120,110]}\"")));
	const struct member *member = cluster_member(dcs_view(dcs), "pg-0");
	assert_false(member->position_told);
	assert_int_equal(member->xlog_lsn, 190);
}

static void change_of_the_configuration_is_told_apart(void **state UNUSED)
{
	start();
	feed(watch_of("endpoints"),
	     EVENT("ADDED", OBJECT("batman-config", "20",
				   "\"config\":\"{\\\"ttl\\\":20}\",\"history\":\"[[1,25,\\\"x\\\"]]\","
				   "\"initialize\":\"7575757575757575757\"")));
	pass_ms(0);
	assert_int_equal(config_events, 1);
	const struct cluster *view = dcs_view(dcs);
	assert_string_equal(dcs_config_text(dcs), "{\"ttl\":20}");
	assert_true(view->has_config);
	assert_true(view->has_history);
	assert_int_equal(view->history.count, 1);
	assert_int_equal(view->initialize, INITIALIZE_DONE);
	assert_string_equal(view->system_identifier, "7575757575757575757");
	assert_int_equal(view->config_object_version, 20);
	feed(watch_of("endpoints"),
	     EVENT("MODIFIED", OBJECT("batman-config", "21", "\"config\":\"{\\\"ttl\\\":20}\",\"initialize\":\"\"")));
	pass_ms(0);
	assert_int_equal(config_events, 1);
	assert_int_equal(dcs_view(dcs)->initialize, INITIALIZE_RUNNING);
	assert_string_equal(dcs_history_text(dcs), "[]");
	assert_false(dcs_view(dcs)->has_history);
}

static void unreadable_record_is_said_to_be_so(void **state UNUSED)
{
	start();
	feed(watch_of("endpoints"),
	     EVENT("MODIFIED",
		   OBJECT("batman", "20",
			  "\"leader\":\"1234567890123456789012345678901234567890123456789012345678901234\"")));
	assert_true(leader()->present);
	assert_false(leader()->readable);
}

static void stream_without_line_ends_is_given_up(void **state UNUSED)
{
	static char bytes[64 * 1024];
	memset(bytes, 'x', sizeof(bytes) - 1);
	start();
	for (int i = 0; i < 17; i++)
		feed(watch_of("endpoints"), bytes);
	feed(watch_of("endpoints"), "\n" EVENT("MODIFIED", OBJECT("batman", "30", "")));
	assert_int_equal(leader()->version, 7);
	pass_ms(1000);
	assert_non_null(list_of("endpoints"));
}

static void configmap_mode_has_its_own_names(void **state UNUSED)
{
	params.use_endpoints = false;
	create();
	load(LIST("5", ""), LIST("9", OBJECT("batman-leader", "7", HELD)));
	assert_string_equal(leader()->record.leader, "pg-1");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(first_list_is_consistent_and_the_watch_goes_on_from_it),
		TEST(what_patroni_left_standing_is_not_its_own),
		TEST(events_are_kept_only_if_newer),
		TEST(lines_may_come_in_any_pieces),
		TEST(list_replaces_everything_whatever_the_versions),
		TEST(end_of_a_stream_lists_again_within_a_second),
		TEST(list_that_fails_is_repeated_and_is_not_heard),
		TEST(refused_watches_do_not_run_hot),
		TEST(refresh_lists_both_kinds_from_now),
		TEST(refresh_without_an_answer_ends_at_its_limit),
		TEST(list_older_than_the_answer_of_a_write_is_read_again),
		TEST(pods_are_members_whatever_they_say),
		TEST(surplus_pods_are_ignored_but_never_our_own),
		TEST(positions_of_members_wake_nobody),
		TEST(a_leader_object_that_is_not_there_is_looked_for_and_a_gap_is_told),
		TEST(the_leader_tells_the_positions_of_who_streams_from_it),
		TEST(positions_that_patroni_left_standing_are_nobodys),
		TEST(change_of_the_configuration_is_told_apart),
		TEST(unreadable_record_is_said_to_be_so),
		TEST(stream_without_line_ends_is_given_up),
		TEST(configmap_mode_has_its_own_names),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
