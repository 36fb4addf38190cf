/* What howdahctl shows in its own view of a cluster. */
#include "unit/support_cli.h"

static void shop(void)
{
	text_copy(snapshot->scope, sizeof(snapshot->scope), "shop");
	lead("shop-1");
	add_member("shop-0", ROLE_REPLICA, 5432, "");
	add_member("shop-1", ROLE_PRIMARY, 5432, "");
	struct member *member = add_member("shop-2", ROLE_REPLICA, 5432, "");
	member->state = STATE_CREATING_REPLICA;
	member->timeline = 0;
	member->ready = false;
	member->replication_state[0] = '\0';
	member->xlog_lsn = member->receive_lsn = member->replay_lsn = 0;
	snapshot->cluster.members[0].timeline = snapshot->cluster.members[1].timeline = 7;
	snapshot->answers[0] =
		json_of("{\"state\":\"running\",\"role\":\"replica\",\"server_version\":150018,\"timeline\":7,\"xlog\":"
			"{\"received_location\":"
			"83886176,\"replayed_location\":83886176},\"replication_state\":\"streaming\",\"patroni\":{}}");
	snapshot->answers[1] = json_of("{\"state\":\"running\",\"role\":\"primary\",\"server_version\":150018,"
				       "\"timeline\":7,\"xlog\":{\"location\":83886176},"
				       "\"patroni\":{},\"howdah\":{\"lease_left_ms\":11900}}");
	snapshot->answers[2] =
		json_of("{\"state\":\"creating "
			"replica\",\"role\":\"replica\",\"patroni\":{},\"howdah\":{\"clone\":{\"seconds\":750,"
			"\"done_bytes\":92449800192,\"total_bytes\":225485783040}}}");
	struct history *history = &snapshot->cluster.history;
	history->count = 2;
	text_copy(history->entries[0].leader, sizeof(history->entries[0].leader), "shop-2");
	text_copy(history->entries[1].leader, sizeof(history->entries[1].leader), "shop-1");
	text_copy(history->entries[1].when, sizeof(history->entries[1].when), "2026-11-20T04:12:07.479980+00:00");
}

static void the_overview_says_what_is_and_since_when(void **state)
{
	(void)state;
	shop();
	render_overview(snapshot, 160, false, &text);
	assert_string_equal(
		memory,
		"cluster shop (7711…462)   configmaps, ttl 15   PostgreSQL 15.18   timeline 7   leader shop-1 for 3 h "
		"12 min\n"
		"\n"
		"  member  role     state      tl  lag  lease      pod        notes\n"
		"  shop-0  replica  streaming   7  0 B             Ready\n"
		"* shop-1  primary  running     7       11 s left  Ready\n"
		"  shop-2  replica  cloning     -                  Not ready  base backup 41 % of 210 GB, 118 MB/s, 17 "
		"min left\n"
		"\n"
		"1 of 2 replicas can take over. Last change of the leader 2026-11-20 04:12 UTC (shop-2 -> shop-1).\n");
}

static void the_overview_fits_80_columns(void **state)
{
	(void)state;
	shop();
	render_overview(snapshot, 80, false, &text);
	assert_string_equal(memory,
			    "cluster shop (7711…462)   configmaps, ttl 15   PostgreSQL 15.18   timeline 7\n"
			    "  leader shop-1 for 3 h 12 min\n"
			    "\n"
			    "  member  role     state      tl  lag  lease      pod        notes\n"
			    "  shop-0  replica  streaming   7  0 B             Ready\n"
			    "* shop-1  primary  running     7       11 s left  Ready\n"
			    "  shop-2  replica  cloning     -                  Not ready  base backup 41 % of\n"
			    "                                                             210 GB, 118 MB/s, 17\n"
			    "                                                             min left\n"
			    "\n"
			    "1 of 2 replicas can take over. Last change of the leader 2026-11-20 04:12 UTC\n"
			    "(shop-2 -> shop-1).\n");
}

static void a_member_that_does_not_answer_is_not_believed(void **state)
{
	(void)state;
	shop();
	json_free(snapshot->answers[0]);
	snapshot->answers[0] = NULL;
	render_overview(snapshot, 120, false, &text);
	assert_non_null(
		strstr(memory, "  shop-0  replica  no answer   7  0 B             Ready      last said running\n"));
	assert_non_null(strstr(memory, "\n0 of 2 replicas can take over."));
}

static void where_nobody_answers_the_store_is_believed(void **state)
{
	(void)state;
	batman();
	render_overview(snapshot, 120, false, &text);
	assert_non_null(strstr(memory, "  postgres-1  replica  streaming   1  0 B  Ready\n"));
	assert_non_null(strstr(
		memory,
		"1 of 1 replicas can take over. No member could be asked from here: states are as last stored.\n"));
}

static void who_cannot_take_over_says_why(void **state)
{
	(void)state;
	shop();
	snapshot->cluster.members[0].nofailover = true;
	snapshot->cluster.members[0].pending_restart = true;
	snapshot->cluster.members[0].is_howdah = false;
	text_copy(snapshot->cluster.members[0].replicatefrom, NAME_SIZE, "shop-2");
	json_free(snapshot->answers[0]);
	snapshot->answers[0] =
		json_of("{\"state\":\"running\",\"role\":\"replica\",\"pending_restart\":true,\"xlog\":{\"received_"
			"location\":67108864,"
			"\"replayed_location\":33554432},\"patroni\":{},\"howdah\":{\"failure\":\"no space\"}}");
	replace_text(&snapshot->config_text, "{\"pause\":true}");
	render_overview(snapshot, 200, false, &text);
	assert_non_null(strstr(memory, "  16 MB "));
	assert_non_null(strstr(
		memory,
		"failed: no space, 32 MB to replay, restart pending, never leads, from shop-2, Patroni 4.1.4\n"));
	assert_non_null(strstr(memory, "\n0 of 2 replicas can take over."));
	assert_non_null(strstr(memory, " Paused: nobody takes over by itself.\n"));
}

static void a_primary_without_the_lock_is_pointed_out(void **state)
{
	(void)state;
	shop();
	json_free(snapshot->answers[0]);
	snapshot->answers[0] =
		json_of("{\"state\":\"running\",\"role\":\"primary\",\"xlog\":{\"location\":83886176},\"patroni\":{}}");
	render_overview(snapshot, 120, false, &text);
	assert_non_null(strstr(
		memory, "  shop-0  primary  running   7  0 B             Ready      a primary without the lock\n"));
}

static void an_empty_cluster_is_told_in_words(void **state)
{
	(void)state;
	render_overview(snapshot, 80, true, &text);
	assert_string_equal(memory, "cluster batman (not initialised)   configmaps, ttl 30   no leader\n\nNo pod "
				    "carries the labels of this cluster.\n");
}

static void colour_is_never_the_only_sign(void **state)
{
	static char plain[16 * 1024];
	struct strbuf b;
	(void)state;
	shop();
	render_overview(snapshot, 100, true, &text);
	assert_non_null(strstr(memory, "\033[32mstreaming\033[0m"));
	strbuf_init(&b, plain, sizeof(plain));
	for (const char *c = memory; *c != '\0'; c++)
		if (*c == '\033')
			c += strcspn(c, "m");
		else
			strbuf_add_char(&b, *c);
	strbuf_init(&text, memory, sizeof(memory));
	render_overview(snapshot, 100, false, &text);
	assert_string_equal(plain, memory);
}

static void a_rollout_is_told_in_a_sentence(void **state)
{
	(void)state;
	batman();
	replace_text(&snapshot->status_texts[0],
		     "{\"rollout\":{\"statefulset\":\"postgres\",\"revision\":\"postgres-7\",\"updated\":0,"
		     "\"replicas\":2,\"next\":\"postgres-1\",\"state\":\"unwell\",\"member\":\"postgres-1\","
		     "\"reason\":\"a member does not stream\"}}");
	snapshot->cluster.rollout_paused = true;
	render_overview(snapshot, 300, false, &text);
	assert_non_null(strstr(memory, " Roll-out to postgres-7: 0 of 2 pods are updated, postgres-1 is next: a member "
				       "does not stream (postgres-1). Roll-outs are paused."));
	replace_text(&snapshot->status_texts[0],
		     "{\"rollout\":{\"revision\":\"postgres-7\",\"reason\":\"its resources are being changed\","
		     "\"resources\":\"its kubelet has no room\"}}");
	render_overview(snapshot, 300, false, &text);
	assert_non_null(strstr(memory, "being changed; its resources: its kubelet has no room."));
}

static void numbers_are_words(void **state)
{
	static const struct {
		int64_t bytes;
		const char *words;
	} sizes[] = {
		{ 0, "0 B" },          { 1023, "1023 B" },       { 1024, "1 kB" },         { 1258291, "1.2 MB" },
		{ 50331648, "48 MB" }, { 1073741823, "1.0 GB" }, { 10737418240, "10 GB" }, { 225485783040, "210 GB" }
	};
	static const struct {
		int64_t seconds;
		const char *words;
	} times[] = { { -3, "0 s" },      { 12, "12 s" },          { 60, "1 min" },
		      { 3599, "59 min" }, { 11520, "3 h 12 min" }, { 435600, "5 d 1 h" } };
	char words[32];
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		words_bytes(sizes[i].bytes, words, sizeof(words));
		assert_string_equal(words, sizes[i].words);
	}
	for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
		words_duration(times[i].seconds, words, sizeof(words));
		assert_string_equal(words, times[i].words);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_overview_says_what_is_and_since_when),
		TEST(the_overview_fits_80_columns),
		TEST(a_member_that_does_not_answer_is_not_believed),
		TEST(where_nobody_answers_the_store_is_believed),
		TEST(who_cannot_take_over_says_why),
		TEST(a_primary_without_the_lock_is_pointed_out),
		TEST(an_empty_cluster_is_told_in_words),
		TEST(colour_is_never_the_only_sign),
		TEST(a_rollout_is_told_in_a_sentence),
		TEST(numbers_are_words),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
