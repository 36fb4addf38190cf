/* The StatefulSet as it is looked at, how its pods differ from what it wants, and the steps that change that. */
#include "fake_api.h"

#define OWNER(uid)                                                                                                     \
	",\"ownerReferences\":[{\"apiVersion\":\"apps/"                                                                \
	"v1\",\"kind\":\"StatefulSet\",\"name\":\"batman\",\"uid\":\"" uid "\",\"controller\":true}]"
#define SET_POD(name, version, revision, mark, status)                                                                 \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"uid-" name "\",\"resourceVersion\":\"" version                 \
	"\",\"labels\":{\"application\":\"patroni\",\"cluster-name\":\"batman\",\"controller-revision-hash\":"         \
	"\"" revision "\"},\"annotations\":{" mark                                                                     \
	"}" OWNER("set-1") "},\"spec\":{\"nodeName\":\"n\",\"initContainers\":[{"                                      \
			   "\"name\":\"howdah\",\"image\":\"howdah:1\"}]},\"status\":{\"initContainerStatuses\":"      \
			   "[" status "]}}"
#define SIDECAR(id, more)                                                                                              \
	"{\"name\":\"howdah\",\"containerID\":\"" id                                                                   \
	"\",\"state\":{\"running\":{\"startedAt\":\"2026-01-01T00:00:09Z\""                                            \
	"}}" more "}"
#define ENDED(id) ",\"lastState\":{\"terminated\":{\"containerID\":\"" id "\",\"finishedAt\":\"2026-01-01T00:00:05Z\"}}"
#define SET(generation, seen, revision, strategy)                                                                      \
	"{\"metadata\":{\"name\":\"batman\",\"uid\":\"set-1\",\"generation\":" generation                              \
	"},\"spec\":{\"replicas\":3,"                                                                                  \
	"\"updateStrategy\":{\"type\":\"" strategy "\"},\"template\":{\"spec\":{\"initContainers\":[{\"name\":"        \
	"\"howdah\",\"image\":\"howdah:2\"}]}}},\"status\":{\"observedGeneration\":" seen                              \
	",\"updateRevision\":\"" revision "\"}}"
#define REVISION(name, sidecar, server)                                                                                \
	"{\"metadata\":{\"name\":\"" name "\"},\"data\":{\"spec\":{\"template\":{\"spec\":{\"initContainers\":[{"      \
	"\"name\":\"howdah\",\"image\":\"" sidecar "\"}],\"containers\":[{\"name\":\"postgres\",\"image\":\"" server   \
	"\"}]}}}}}"
#define OLD(name, version) SET_POD(name, version, "batman-1", "", SIDECAR("c://1", ""))

static const char three[] = LIST("9", OLD("pg-0", "4") "," OLD("pg-1", "5") "," OLD("pg-2", "6"));

static void start(const char *pods)
{
	create();
	load(pods, LIST("9", ""));
}

static struct http_call *get(const char *path)
{
	return find_call("GET", path);
}

/* From batman-1 to batman-2, as the two revisions say. */
static void look(const char *old, const char *new)
{
	dcs_look_at_rollout(dcs, done, &result);
	reply(get("/apis/apps/v1/namespaces/default/statefulsets/batman"), 200, SET("2", "2", "batman-2", "OnDelete"));
	reply(get("/controllerrevisions/batman-2"), 200, new);
	reply(get("/controllerrevisions/batman-1"), 200, old);
	assert_int_equal(result.outcome, DCS_DONE);
}

static const struct member *pod(const char *name)
{
	const struct member *m = cluster_member(dcs_view(dcs), name);
	assert_non_null(m);
	return m;
}

static void a_new_sidecar_image_is_told_from_more(void **state UNUSED)
{
	start(three);
	look(REVISION("batman-1", "howdah:1", "pg:1"), REVISION("batman-2", "howdah:2", "pg:1"));
	const struct wanted_set *set = &dcs_view(dcs)->set;
	assert_true(set->known && set->on_delete && !set->forbidden);
	assert_int_equal(set->replicas, 3);
	assert_string_equal(set->revision, "batman-2");
	assert_true(pod("pg-1")->owned);
	assert_int_equal(pod("pg-1")->change, CHANGE_SIDECAR);
}

static void another_server_image_is_more(void **state UNUSED)
{
	start(three);
	look(REVISION("batman-1", "howdah:1", "pg:1"), REVISION("batman-2", "howdah:2", "pg:2"));
	assert_int_equal(pod("pg-1")->change, CHANGE_MORE);
}

static void a_revision_that_is_gone_is_more(void **state UNUSED)
{
	start(three);
	dcs_look_at_rollout(dcs, done, &result);
	reply(get("statefulsets/batman"), 200, SET("2", "2", "batman-2", "OnDelete"));
	reply(get("/controllerrevisions/batman-2"), 200, REVISION("batman-2", "howdah:2", "pg:1"));
	reply(get("/controllerrevisions/batman-1"), 404, "");
	assert_int_equal(pod("pg-1")->change, CHANGE_MORE);
}

static void one_request_is_enough_when_nothing_differs(void **state UNUSED)
{
	start(three);
	calls_made = 0;
	dcs_look_at_rollout(dcs, done, &result);
	reply(get("statefulsets/batman"), 200, SET("1", "1", "batman-1", "OnDelete"));
	assert_int_equal(result.outcome, DCS_DONE);
	assert_int_equal(calls_made, 1);
	assert_int_equal(pod("pg-2")->change, CHANGE_NONE);
}

static void what_was_compared_is_not_fetched_again(void **state UNUSED)
{
	start(three);
	look(REVISION("batman-1", "howdah:1", "pg:1"), REVISION("batman-2", "howdah:2", "pg:1"));
	calls_made = 0;
	dcs_look_at_rollout(dcs, done, &result);
	reply(get("statefulsets/batman"), 200, SET("2", "2", "batman-2", "OnDelete"));
	assert_int_equal(calls_made, 1);
	dcs_look_at_rollout(dcs, done, &result); /* a new one in the middle of it */
	reply(get("statefulsets/batman"), 200, SET("3", "3", "batman-3", "OnDelete"));
	assert_int_equal(pod("pg-1")->change, CHANGE_UNKNOWN);
	reply(get("/controllerrevisions/batman-3"), 200, REVISION("batman-3", "howdah:2", "pg:3"));
	reply(get("/controllerrevisions/batman-1"), 200, REVISION("batman-1", "howdah:1", "pg:1"));
	assert_int_equal(pod("pg-1")->change, CHANGE_MORE);
}

static void a_template_that_the_controller_has_not_seen_is_waited_for(void **state UNUSED)
{
	start(three);
	dcs_look_at_rollout(dcs, done, &result);
	reply(get("statefulsets/batman"), 200, SET("2", "1", "batman-1", "OnDelete"));
	assert_int_equal(result.outcome, DCS_DONE);
	assert_false(dcs_view(dcs)->set.known);
}

static void a_refused_look_is_said_and_may_succeed_later(void **state UNUSED)
{
	start(three);
	dcs_look_at_rollout(dcs, done, &result);
	reply(get("statefulsets/batman"), 403, "");
	assert_int_equal(result.outcome, DCS_REFUSED);
	assert_string_equal(result.text, "not allowed to get statefulsets in namespace default");
	assert_true(dcs_view(dcs)->set.forbidden);
	look(REVISION("batman-1", "howdah:1", "pg:1"), REVISION("batman-2", "howdah:2", "pg:1"));
	assert_false(dcs_view(dcs)->set.forbidden);
}

static void outside_a_statefulset_nothing_is_asked(void **state UNUSED)
{
	start(LIST("9", POD("pg-0", "4", "")));
	calls_made = 0;
	dcs_look_at_rollout(dcs, done, &result);
	pass_ms(0);
	assert_int_equal(result.outcome, DCS_REFUSED);
	assert_int_equal(calls_made, 0);
	assert_false(pod("pg-0")->owned);
}

static void the_image_is_patched_by_version_and_marked(void **state UNUSED)
{
	start(three);
	look(REVISION("batman-1", "howdah:1", "pg:1"), REVISION("batman-2", "howdah:2", "pg:1"));
	dcs_patch_sidecar(dcs, "pg-1", done, &result);
	struct http_call *call = find_call("PATCH", "/pods/pg-1");
	assert_string_equal(call->body,
			    "{\"metadata\": {\"namespace\": \"default\", \"name\": \"pg-1\", \"annotations\": "
			    "{\"howdah.io/sidecar\": \"batman-2 c://1\"}, \"resourceVersion\": \"5\", \"uid\": "
			    "\"uid-pg-1\"}, \"spec\": {\"initContainers\": [{\"name\": \"howdah\", \"image\": "
			    "\"howdah:2\"}]}}");
	reply(call, 200,
	      SET_POD("pg-1", "10", "batman-1", "\"howdah.io/sidecar\":\"batman-2 c://1\"", SIDECAR("c://1", "")));
	assert_true(pod("pg-1")->patched);
	assert_false(pod("pg-1")->sidecar_replaced);
	assert_true(pod("pg-1")->sidecar_pending);
	feed(watch_of("pods"),
	     EVENT("MODIFIED", SET_POD("pg-1", "11", "batman-1", "\"howdah.io/sidecar\":\"batman-2 c://1\"",
				       SIDECAR("c://2", ENDED("c://1")))));
	assert_true(pod("pg-1")->sidecar_replaced && !pod("pg-1")->sidecar_pending);
	assert_int_equal(pod("pg-1")->sidecar_away_ms, 4000);
}

/* A later restart of the sidecar says nothing about how long its image took. */
static void how_long_it_was_away_is_known_of_that_restart_only(void **state UNUSED)
{
	start(three);
	look(REVISION("batman-1", "howdah:1", "pg:1"), REVISION("batman-2", "howdah:2", "pg:1"));
	feed(watch_of("pods"),
	     EVENT("MODIFIED", SET_POD("pg-1", "11", "batman-2", "\"howdah.io/sidecar\":\"batman-2 c://1\"",
				       SIDECAR("c://3", ENDED("c://2")))));
	assert_int_equal(pod("pg-1")->change, CHANGE_NONE);
	assert_int_equal(pod("pg-1")->sidecar_away_ms, -1);
}

static void a_roll_back_finds_the_pod_that_was_patched(void **state UNUSED)
{
	start(LIST("9", SET_POD("pg-0", "4", "batman-1", "\"howdah.io/sidecar\":\"batman-2 c://0\"", "")));
	dcs_look_at_rollout(dcs, done, &result);
	reply(get("statefulsets/batman"), 200, SET("3", "3", "batman-1", "OnDelete"));
	assert_int_equal(pod("pg-0")->change, CHANGE_SIDECAR);
	assert_false(pod("pg-0")->patched);
}

static void the_revision_label_is_set_by_version(void **state UNUSED)
{
	start(three);
	look(REVISION("batman-1", "howdah:1", "pg:1"), REVISION("batman-2", "howdah:2", "pg:1"));
	dcs_set_revision(dcs, "pg-1", done, &result);
	assert_true(has(find_call("PATCH", "/pods/pg-1"),
			"\"labels\": {\"controller-revision-hash\": \"batman-2\"}, \"resourceVersion\": \"5\""));
}

static void an_eviction_carries_uid_and_version(void **state UNUSED)
{
	start(three);
	look(REVISION("batman-1", "howdah:1", "pg:1"), REVISION("batman-2", "howdah:2", "pg:2"));
	dcs_evict(dcs, "pg-2", done, &result);
	struct http_call *call = find_call("POST", "/pods/pg-2/eviction");
	assert_string_equal(call->body,
			    "{\"apiVersion\": \"policy/v1\", \"kind\": \"Eviction\", \"metadata\": {\"name\": "
			    "\"pg-2\", \"namespace\": \"default\"}, \"deleteOptions\": {\"preconditions\": "
			    "{\"uid\": \"uid-pg-2\", \"resourceVersion\": \"6\"}}}");
	reply(call, 201, "{\"kind\":\"Status\",\"status\":\"Success\"}");
	assert_int_equal(result.outcome, DCS_DONE);
}

static void a_refused_eviction_says_why_and_is_not_repeated(void **state UNUSED)
{
	start(three);
	look(REVISION("batman-1", "howdah:1", "pg:1"), REVISION("batman-2", "howdah:2", "pg:2"));
	dcs_evict(dcs, "pg-2", done, &result);
	reply(find_call("POST", "eviction"), 429, "{\"message\":\"Cannot evict pod\"}");
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_string_equal(result.text, "HTTP 429: Cannot evict pod");
	dcs_evict(dcs, "pg-2", done, &result);
	reply(find_call("POST", "eviction"), 403, "");
	assert_int_equal(result.outcome, DCS_REFUSED);
	assert_string_equal(result.text, "not allowed to create pods/eviction in namespace default");
	pass_ms(20000);
	assert_null(find_call("POST", "eviction"));
}

static void a_pause_is_an_annotation_of_the_config_object(void **state UNUSED)
{
	create();
	load(three, LIST("9", OBJECT("batman-config", "8", "\"config\":\"{}\"")));
	assert_false(dcs_view(dcs)->rollout_paused);
	dcs_pause_rollout(dcs, true, done, &result);
	struct http_call *call = find_call("PATCH", "batman-config");
	assert_true(has(call, "\"annotations\": {\"howdah.io/rollout\": \"paused\"}, \"resourceVersion\": \"8\""));
	reply(call, 200, OBJECT("batman-config", "9", "\"config\":\"{}\",\"howdah.io/rollout\":\"paused\""));
	assert_true(dcs_view(dcs)->rollout_paused);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_new_sidecar_image_is_told_from_more),
		T(another_server_image_is_more),
		T(a_revision_that_is_gone_is_more),
		T(one_request_is_enough_when_nothing_differs),
		T(what_was_compared_is_not_fetched_again),
		T(a_template_that_the_controller_has_not_seen_is_waited_for),
		T(a_refused_look_is_said_and_may_succeed_later),
		T(outside_a_statefulset_nothing_is_asked),
		T(the_image_is_patched_by_version_and_marked),
		T(how_long_it_was_away_is_known_of_that_restart_only),
		T(a_roll_back_finds_the_pod_that_was_patched),
		T(the_revision_label_is_set_by_version),
		T(an_eviction_carries_uid_and_version),
		T(a_refused_eviction_says_why_and_is_not_repeated),
		T(a_pause_is_an_annotation_of_the_config_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
