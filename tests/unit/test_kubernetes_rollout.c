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
#define RESIZABLE(name, server, more)                                                                                  \
	"{\"metadata\":{\"name\":\"" name "\"},\"data\":{\"spec\":{\"template\":{\"spec\":{\"initContainers\":[{"      \
	"\"name\":\"howdah\",\"image\":\"howdah:1\",\"restartPolicy\":\"Always\"}],\"containers\":[{\"name\":"         \
	"\"postgres\",\"image\":\"pg:1\",\"resources\":{" server "}" more "}]}}}}}"
#define GB(limit) "\"limits\":{\"cpu\":\"500m\",\"memory\":\"" limit "\"}"
#define SIZED_POD(version, limit, status)                                                                              \
	"{\"metadata\":{\"name\":\"pg-1\",\"uid\":\"uid-pg-1\",\"resourceVersion\":\"" version                         \
	"\",\"generation\":2,\"labels\":{\"application\":\"patroni\",\"cluster-name\":\"batman\","                     \
	"\"controller-revision-hash\":\"batman-1\"},\"annotations\":{\"howdah.io/sidecar\":\"batman-2  "               \
	"resources\"}" OWNER("set-1") "},\"spec\":{\"containers\":[{\"name\":\"postgres\",\"resources\":{" GB(         \
		limit) "}}],\"initContainers\":[{\"name\":\"howdah\",\"image\":\"howdah:2\"}]},\"status\":"            \
		       "{\"initContainerStatuses\":[" SIDECAR("c://1", "") "]," status "}}"
#define GIVEN(limit) "\"containerStatuses\":[{\"name\":\"postgres\",\"resources\":{" GB(limit) "}}]"
#define PENDING(reason)                                                                                                \
	",\"conditions\":[{\"type\":\"PodResizePending\",\"status\":\"True\",\"reason\":\"" reason                     \
	"\",\"message\":\"no room\"}]"
#define SEEN(generation)   ",\"observedGeneration\":" generation
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
	dcs_change_pod(dcs, "pg-1", done, &result);
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
	reply(get("/controllerrevisions/batman-1"), 200, REVISION("batman-1", "howdah:1", "pg:1"));
	reply(get("/controllerrevisions/batman-2"), 200, REVISION("batman-2", "howdah:2", "pg:1"));
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

/* ---- resources ---- */

static enum revision_change change_between(const char *old, const char *new)
{
	start(three);
	look(old, new);
	return pod("pg-1")->change;
}

static void other_resources_alone_are_told_from_more(void **state UNUSED)
{
	assert_int_equal(change_between(RESIZABLE("batman-1", GB("1Gi"), ""), RESIZABLE("batman-2", GB("2Gi"), "")),
			 CHANGE_RESOURCES);
	assert_int_equal(pod("pg-1")->resize, RESIZE_WANTED);
}

static void resources_that_are_given_for_the_first_time_are_no_more(void **state UNUSED)
{
	assert_int_equal(change_between(RESIZABLE("batman-1", "", ""), RESIZABLE("batman-2", GB("2Gi"), "")),
			 CHANGE_RESOURCES);
}

static void resources_that_are_taken_away_are_more(void **state UNUSED)
{
	assert_int_equal(change_between(RESIZABLE("batman-1", GB("1Gi"), ""), RESIZABLE("batman-2", "", "")),
			 CHANGE_MORE);
}

static void resources_that_do_not_change_in_place_are_more(void **state UNUSED)
{
	assert_int_equal(change_between(RESIZABLE("batman-1", "\"limits\":{\"hugepages-2Mi\":\"2Mi\"}", ""),
					RESIZABLE("batman-2", "\"limits\":{\"hugepages-2Mi\":\"4Mi\"}", "")),
			 CHANGE_MORE);
}

static void a_container_that_would_be_restarted_is_more(void **state UNUSED)
{
#define RESTART ",\"resizePolicy\":[{\"resourceName\":\"memory\",\"restartPolicy\":\"RestartContainer\"}]"
	assert_int_equal(
		change_between(RESIZABLE("batman-1", GB("1Gi"), RESTART), RESIZABLE("batman-2", GB("2Gi"), RESTART)),
		CHANGE_MORE);
}

static void pod_becomes(const char *object)
{
	char event[2048];
	snprintf(event, sizeof(event), "{\"type\":\"MODIFIED\",\"object\":%s}\n", object);
	feed(watch_of("pods"), event);
}

/* pg-1 was marked for batman-2, which wants 2Gi instead of 1Gi, and its sidecar has its image. */
static void marked(const char *object)
{
	start(LIST("9", OLD("pg-0", "4")));
	look(RESIZABLE("batman-1", GB("1Gi"), ""), RESIZABLE("batman-2", GB("2Gi"), ""));
	pod_becomes(object);
}

static void resources_are_patched_by_version_once_the_pod_is_marked(void **state UNUSED)
{
	marked(SIZED_POD("10", "1Gi", GIVEN("1Gi")));
	assert_true(pod("pg-1")->patched);
	dcs_change_pod(dcs, "pg-1", done, &result);
	struct http_call *call = find_call("PATCH", "/pods/pg-1/resize");
	assert_string_equal(call->body,
			    "{\"metadata\": {\"namespace\": \"default\", \"name\": \"pg-1\", \"resourceVersion\": "
			    "\"10\", \"uid\": \"uid-pg-1\"}, \"spec\": {\"containers\": [{\"name\": \"postgres\", "
			    "\"resources\": {\"requests\": {\"cpu\": \"500m\", \"memory\": \"2Gi\"}, \"limits\": "
			    "{\"cpu\": \"500m\", \"memory\": \"2Gi\"}}}]}}");
	reply(call, 200, SIZED_POD("11", "2Gi", GIVEN("1Gi")));
	assert_int_equal(result.outcome, DCS_DONE);
	assert_int_equal(pod("pg-1")->resize, RESIZE_PENDING);
}

static void resources_count_when_the_kubelet_says_so(void **state UNUSED)
{
	marked(SIZED_POD("10", "2Gi", GIVEN("1Gi")));
	assert_int_equal(pod("pg-1")->resize, RESIZE_PENDING);
	pod_becomes(SIZED_POD("11", "2Gi", GIVEN("2Gi") SEEN("1")));
	assert_int_equal(pod("pg-1")->resize, RESIZE_PENDING);
	pod_becomes(SIZED_POD("12", "2Gi", GIVEN("2Gi") SEEN("2") PENDING("Deferred")));
	assert_int_equal(pod("pg-1")->resize, RESIZE_PENDING);
	pod_becomes(SIZED_POD("13", "2048Mi", GIVEN("2147483648") SEEN("2")));
	assert_int_equal(pod("pg-1")->resize, RESIZE_NONE);
	pod_becomes(SIZED_POD("14", "2Gi", GIVEN("2Gi")));
	assert_int_equal(pod("pg-1")->resize, RESIZE_NONE);
}

/* The mark says that resources were changed since the pod was updated the last time: the revision that it is of does not tell. */
static void resources_are_looked_at_until_the_pod_counts_as_updated(void **state UNUSED)
{
	start(LIST("9", OLD("pg-0", "4") "," SIZED_POD("5", "2Gi", GIVEN("2Gi"))));
	dcs_look_at_rollout(dcs, done, &result);
	reply(get("statefulsets/batman"), 200, SET("3", "3", "batman-1", "OnDelete"));
	reply(get("/controllerrevisions/batman-1"), 200, RESIZABLE("batman-1", GB("1Gi"), ""));
	reply(get("/controllerrevisions/batman-2"), 200, RESIZABLE("batman-2", GB("2Gi"), ""));
	assert_int_equal(pod("pg-1")->change, CHANGE_RESOURCES);
	assert_false(pod("pg-1")->patched);
	dcs_change_pod(dcs, "pg-1", done, &result);
	assert_true(has(find_call("PATCH", "/pods/pg-1"), "\"howdah.io/sidecar\": \"batman-1  resources\""));
}

static void what_counts_as_updated_is_marked_for_its_sidecar_alone(void **state UNUSED)
{
	marked(SIZED_POD("10", "2Gi", GIVEN("2Gi")));
	dcs_set_revision(dcs, "pg-1", done, &result);
	assert_true(has(find_call("PATCH", "/pods/pg-1"),
			"\"labels\": {\"controller-revision-hash\": \"batman-2\"}, \"annotations\": "
			"{\"howdah.io/sidecar\": \"batman-2 \"}"));
}

static void assert_told(const char *text)
{
	char told[RESIZE_TEXT_SIZE];
	dcs_tell_resize(dcs, "pg-1", told, sizeof(told));
	assert_string_equal(told, text);
}

static void what_is_infeasible_is_refused(void **state UNUSED)
{
	marked(SIZED_POD("10", "2Gi", GIVEN("1Gi") SEEN("1") PENDING("Infeasible")));
	assert_int_equal(pod("pg-1")->resize, RESIZE_PENDING); /* it speaks of another wish */
	pod_becomes(SIZED_POD("11", "2Gi", GIVEN("1Gi") SEEN("2") PENDING("Infeasible")));
	assert_int_equal(pod("pg-1")->resize, RESIZE_REFUSED);
	assert_told("its kubelet has not changed them: Infeasible: no room");
}

static void resize_is_answered(int status, const char *body)
{
	dcs_change_pod(dcs, "pg-1", done, &result);
	reply(find_call("PATCH", "/pods/pg-1/resize"), status, body);
}

static void what_the_api_refuses_is_not_asked_again_of_that_pod(void **state UNUSED)
{
	marked(SIZED_POD("10", "1Gi", GIVEN("1Gi")));
	assert_told("");
	resize_is_answered(422, "{\"message\":\"QOS\"}");
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_int_equal(pod("pg-1")->resize, RESIZE_REFUSED);
	assert_told("the API refused to change them in place: HTTP 422: QOS");
	assert_int_equal(pod("pg-0")->resize, RESIZE_WANTED);
}

static void an_api_without_the_subresource_refuses(void **state UNUSED)
{
	marked(SIZED_POD("10", "1Gi", GIVEN("1Gi")));
	resize_is_answered(404, "{\"message\":\"gone\",\"details\":{\"name\":\"pg-1\",\"kind\":\"pods\"}}");
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_int_equal(pod("pg-1")->resize, RESIZE_WANTED);
	resize_is_answered(404, "{\"message\":\"no such resource\",\"details\":{}}");
	assert_int_equal(pod("pg-1")->resize, RESIZE_REFUSED);
}

/* A restarted API server answers so until it has loaded its rules. */
static void a_missing_right_counts_the_second_time_and_for_every_pod(void **state UNUSED)
{
	marked(SIZED_POD("10", "1Gi", GIVEN("1Gi")));
	resize_is_answered(403, "");
	assert_int_equal(result.outcome, DCS_REFUSED);
	assert_string_equal(result.text, "not allowed to patch pods/resize in namespace default");
	assert_int_equal(pod("pg-1")->resize, RESIZE_WANTED);
	resize_is_answered(403, "");
	assert_int_equal(pod("pg-1")->resize, RESIZE_REFUSED);
	assert_int_equal(pod("pg-0")->resize, RESIZE_REFUSED);
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
		T(other_resources_alone_are_told_from_more),
		T(resources_that_are_given_for_the_first_time_are_no_more),
		T(resources_that_are_taken_away_are_more),
		T(resources_that_do_not_change_in_place_are_more),
		T(a_container_that_would_be_restarted_is_more),
		T(resources_are_patched_by_version_once_the_pod_is_marked),
		T(resources_count_when_the_kubelet_says_so),
		T(resources_are_looked_at_until_the_pod_counts_as_updated),
		T(what_counts_as_updated_is_marked_for_its_sidecar_alone),
		T(what_is_infeasible_is_refused),
		T(what_the_api_refuses_is_not_asked_again_of_that_pod),
		T(an_api_without_the_subresource_refuses),
		T(a_missing_right_counts_the_second_time_and_for_every_pod),
		T(a_pause_is_an_annotation_of_the_config_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
