/* Writes of the config object, of pods, of the Service; the API servers behind the Service. */
#include "fake_api.h"

#define CONFIG(version, annotations) OBJECT("batman-config", version, annotations)

static void start(const char *pods, const char *state)
{
	create();
	load(pods, state);
}

static struct http_call *pod_patch(const char *name)
{
	return find_call("PATCH", name);
}

static void write_member(const char *status, int label)
{
	struct dcs_member_write write = { .status = status, .other_label = "demoted" };
	write.label = label;
	dcs_write_member(dcs, &write, done, &result);
}

static void initialize_is_begun_by_creating_the_object(void **state UNUSED)
{
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", ""));
	dcs_initialize_begin(dcs, done, &result);
	struct http_call *call = find_call("POST", "/endpoints");
	assert_string_equal(call->body,
			    "{\"metadata\": {\"namespace\": \"default\", \"name\": \"batman-config\", "
			    "\"labels\": {\"application\": \"patroni\", \"cluster-name\": \"batman\"}, "
			    "\"annotations\": {\"initialize\": \"\", \"howdah.io/initializer\": \"uid-pg-0\"}}}");
	reply(call, 201, CONFIG("10", "\"initialize\":\"\",\"howdah.io/initializer\":\"uid-pg-0\""));
	assert_int_equal(result.outcome, DCS_DONE);
	assert_true(dcs_initialize_is_ours(dcs));
	assert_int_equal(dcs_view(dcs)->initialize, INITIALIZE_RUNNING);
}

static void object_of_another_cluster_is_told_and_left_alone(void **state UNUSED)
{
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", ""));
	dcs_initialize_begin(dcs, done, &result);
	reply(find_call("POST", "/endpoints"), 409, "");
	reply(find_call("GET", "/endpoints/batman-config"), 200,
	      "{\"metadata\":{\"name\":\"batman-config\",\"uid\":\"u\",\"resourceVersion\":\"8\","
	      "\"labels\":{\"application\":\"other\",\"cluster-name\":\"batman\"},"
	      "\"annotations\":{\"initialize\":\"7391000000000000417\"}}}");
	assert_int_equal(result.outcome, DCS_REFUSED);
	assert_non_null(strstr(result.text, "endpoints \"batman-config\" exists and does not carry our labels"));
	assert_int_equal(dcs_view(dcs)->initialize, INITIALIZE_ABSENT); /* it is not ours to look at */
	pass_ms(0);
	struct http_call *event = find_call("POST", "/events");
	assert_true(has(event, "\"reason\": \"ScopeTaken\""));
	reply(event, 201, "{}");
}

static void initialize_that_another_began_is_a_conflict(void **state UNUSED)
{
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", CONFIG("8", "")));
	dcs_initialize_begin(dcs, done, &result);
	struct http_call *call = find_call("PATCH", "/endpoints/batman-config");
	assert_true(has(call, "\"resourceVersion\": \"8\""));
	reply(call, 409, "");
	reply(find_call("GET", "/endpoints/batman-config"), 200,
	      CONFIG("9", "\"initialize\":\"\",\"howdah.io/initializer\":\"uid-pg-1\""));
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_false(dcs_initialize_is_ours(dcs));
	dcs_initialize_cancel(dcs, done, &result);
	pass_ms(0);
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_null(find_call("PATCH", "batman-config"));
}

static void initialize_of_a_pod_that_is_gone_can_be_begun_anew(void **state UNUSED)
{
	start(LIST("5", POD("pg-0", "4", "")),
	      LIST("9", CONFIG("8", "\"initialize\":\"\",\"howdah.io/initializer\":\"uid-pg-7\"")));
	assert_true(dcs_view(dcs)->initializer_gone);
	dcs_initialize_begin(dcs, done, &result);
	struct http_call *call = find_call("PATCH", "/endpoints/batman-config");
	assert_true(has(call, "\"resourceVersion\": \"8\""));
	reply(call, 200, CONFIG("9", "\"initialize\":\"\",\"howdah.io/initializer\":\"uid-pg-0\""));
	assert_int_equal(result.outcome, DCS_DONE);
	assert_true(dcs_initialize_is_ours(dcs));
	assert_false(dcs_view(dcs)->initializer_gone);
}

static void initialize_of_another_program_is_left_alone(void **state UNUSED)
{
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", CONFIG("8", "\"initialize\":\"\"")));
	assert_false(dcs_view(dcs)->initializer_gone);
	dcs_initialize_begin(dcs, done, &result);
	pass_ms(0);
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_null(find_call("PATCH", "batman-config"));
}

static void initialize_whose_answer_was_lost_is_found_done(void **state UNUSED)
{
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", CONFIG("8", "")));
	dcs_initialize_begin(dcs, done, &result);
	reply(find_call("PATCH", "batman-config"), 0, "");
	pass_ms(1000);
	reply(find_call("PATCH", "batman-config"), 409, "");
	reply(find_call("GET", "/endpoints/batman-config"), 200,
	      CONFIG("9", "\"initialize\":\"\",\"howdah.io/initializer\":\"uid-pg-0\""));
	assert_int_equal(result.outcome, DCS_DONE);
}

static void initialize_ends_with_the_identifier_or_with_nothing(void **state UNUSED)
{
	start(LIST("5", POD("pg-0", "4", "")),
	      LIST("9", CONFIG("8", "\"initialize\":\"\",\"howdah.io/initializer\":\"uid-pg-0\"")));
	dcs_initialize_finish(dcs, "7575757575757575757", "{\"ttl\":20}", done, &result);
	struct http_call *call = find_call("PATCH", "batman-config");
	assert_true(has(call,
			"\"annotations\": {\"config\": \"{\\\"ttl\\\":20}\", \"initialize\": \"7575757575757575757\", "
			"\"howdah.io/initializer\": null}, \"resourceVersion\": \"8\"}}"));
	reply(call, 400, "");
	assert_int_equal(result.outcome, DCS_REFUSED);
	dcs_initialize_cancel(dcs, done, &result);
	assert_true(has(find_call("PATCH", "batman-config"),
			"\"annotations\": {\"initialize\": null, \"howdah.io/initializer\": null}, "
			"\"resourceVersion\": \"8\"}}"));
}

static void history_is_written_by_version(void **state UNUSED)
{
	start(LIST("5", ""), LIST("9", CONFIG("8", "")));
	dcs_write_history(dcs, "[[1,2,\"x\"]]", "{\"2\":\"t\"}", done, &result);
	struct http_call *call = find_call("PATCH", "batman-config");
	assert_true(has(call, "\"annotations\": {\"history\": \"[[1,2,\\\"x\\\"]]\", "
			      "\"howdah.io/timelines\": \"{\\\"2\\\":\\\"t\\\"}\"}, \"resourceVersion\": \"8\"}}"));
	reply(call, 200,
	      CONFIG("9", "\"history\":\"[[1,2,\\\"x\\\"]]\",\"howdah.io/timelines\":\"{\\\"2\\\":\\\"t\\\"}\""));
	assert_int_equal(result.outcome, DCS_DONE);
	assert_string_equal(dcs_beginnings_text(dcs), "{\"2\":\"t\"}");
}

static void member_is_written_by_version_and_uid(void **state UNUSED)
{
	copy(params.tmp_role_label, sizeof(params.tmp_role_label), "tmp");
	params.bootstrap_label_count = 1;
	copy(params.bootstrap_labels[0].key, sizeof(params.bootstrap_labels[0].key), "boot");
	copy(params.bootstrap_labels[0].value, sizeof(params.bootstrap_labels[0].value), "yes");
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", ""));
	write_member("{\"state\":\"running\"}", LABEL_LEADER);
	struct http_call *call = pod_patch("/pods/pg-0");
	assert_string_equal(
		call->body,
		"{\"metadata\": {\"namespace\": \"default\", \"name\": \"pg-0\", \"labels\": {\"role\": "
		"\"primary\", \"tmp\": \"primary\", \"howdah.io/replica\": null, \"boot\": null}, \"annotations\": "
		"{\"status\": "
		"\"{\\\"state\\\":\\\"running\\\"}\"}, \"resourceVersion\": \"4\", \"uid\": \"uid-pg-0\"}}");
	assert_string_equal(call->lane, "");
	reply(call, 409, "");
	reply(find_call("GET", "/pods/pg-0"), 200, POD("pg-0", "6", ""));
	assert_int_equal(result.outcome, DCS_CONFLICT);
	assert_int_equal(cluster_member(dcs_view(dcs), "pg-0")->version, 6);
}

static void member_that_says_it_already_is_left_alone(void **state UNUSED)
{
	start(LIST("5", "{\"metadata\":{\"name\":\"pg-0\",\"uid\":\"u\",\"resourceVersion\":\"4\",\"labels\":{\"role\":"
			"\"replica\"},\"annotations\":{\"status\":\"{\\\"a\\\":1,\\\"b\\\":{\\\"c\\\":true}}\"}}}"),
	      LIST("9", ""));
	write_member("{\"b\":{\"c\":true},\"a\":\"1\"}", LABEL_REPLICA);
	assert_int_equal(result.count, 0);
	assert_null(pod_patch("/pods/pg-0"));
	pass_ms(0);
	assert_int_equal(result.outcome, DCS_DONE);
	write_member("{\"b\":{\"c\":true},\"a\":1}", LABEL_NONE);
	assert_true(has(pod_patch("/pods/pg-0"), "\"labels\": {\"role\": null, \"howdah.io/replica\": null}"));
}

static void the_replicas_service_goes_by_a_label_of_its_own(void **state UNUSED)
{
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", ""));
	assert_false(cluster_member(dcs_view(dcs), "pg-0")->replica_label);
	struct dcs_member_write write = { .status = "{\"role\":\"primary\"}",
					  .label = LABEL_LEADER,
					  .serves_replicas = true };
	dcs_write_member(dcs, &write, done, &result);
	struct http_call *call = pod_patch("/pods/pg-0");
	assert_true(has(call, "\"labels\": {\"role\": \"primary\", \"howdah.io/replica\": \"true\"}"));
	reply(call, 200,
	      "{\"metadata\":{\"name\":\"pg-0\",\"uid\":\"uid-pg-0\",\"resourceVersion\":\"5\",\"labels\":{\"howdah.io/"
	      "replica\":\"true\"}}}");
	assert_true(cluster_member(dcs_view(dcs), "pg-0")->replica_label);
}

static void labels_are_those_of_the_contract(void **state UNUSED)
{
	static const struct {
		const char *status;
		int label;
		const char *wanted;
	} cases[] = {
		{ "{\"role\":\"standby_leader\"}", LABEL_LEADER, "{\"role\": \"S\", \"tmp\": \"primary\", " },
		{ "{\"role\":\"replica\"}", LABEL_LEADER, "{\"role\": \"L\", \"tmp\": \"primary\", " },
		{ "{\"role\":\"replica\"}", LABEL_REPLICA, "{\"role\": \"F\", \"tmp\": \"replica\", " },
		{ "{\"role\":\"demoted\"}", LABEL_OTHER, "{\"role\": \"demoted\", \"tmp\": \"demoted\", " },
		{ "{\"role\":\"replica\"}", LABEL_NONE, "{\"role\": null, \"tmp\": null, " },
	};
	copy(params.tmp_role_label, sizeof(params.tmp_role_label), "tmp");
	copy(params.leader_value, sizeof(params.leader_value), "L");
	copy(params.follower_value, sizeof(params.follower_value), "F");
	copy(params.standby_leader_value, sizeof(params.standby_leader_value), "S");
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", ""));
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		write_member(cases[i].status, cases[i].label);
		assert_true(has(pod_patch("/pods/pg-0"), cases[i].wanted));
		reply(pod_patch("/pods/pg-0"), 500, "");
		assert_int_equal(result.outcome, DCS_NO_ANSWER);
	}
}

static void label_is_taken_off_another_pod(void **state UNUSED)
{
	start(LIST("5", POD("pg-0", "4", "") "," POD("pg-1", "3", "")), LIST("9", ""));
	dcs_take_label_off(dcs, "pg-1", done, &result);
	assert_string_equal(
		pod_patch("/pods/pg-1")->body,
		"{\"metadata\": {\"namespace\": \"default\", \"name\": \"pg-1\", \"labels\": {\"role\": null}, "
		"\"resourceVersion\": \"3\", \"uid\": \"uid-pg-1\"}}");
}

static int warnings;

static void count_warnings(void *arg UNUSED, enum log_level level, const char *text)
{
	if (level == LOG_WARNING && strstr(text, "not allowed to patch pods in namespace default") != NULL)
		warnings++;
}

static void forbidden_write_is_refused_and_said_once_a_minute(void **state UNUSED)
{
	warnings = 0;
	log_set_sink(count_warnings, NULL);
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", ""));
	for (int i = 0; i < 5; i++) {
		write_member("{\"state\":\"running\"}", LABEL_NONE);
		reply(pod_patch("/pods/pg-0"), 403, "{\"message\":\"no\"}");
		assert_int_equal(result.outcome, DCS_REFUSED);
		assert_string_equal(result.text, "not allowed to patch pods in namespace default");
	}
	assert_int_equal(warnings, 1);
	pass_ms(61000);
	write_member("{\"state\":\"running\"}", LABEL_NONE);
	reply(pod_patch("/pods/pg-0"), 403, "");
	assert_int_equal(warnings, 2);
}

static void service_is_created_once(void **state UNUSED)
{
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", ""));
	write_member("{}", LABEL_NONE);
	struct http_call *call = find_call("POST", "/api/v1/namespaces/default/services");
	assert_string_equal(call->body, "{\"metadata\": {\"namespace\": \"default\", \"name\": \"batman-config\", "
					"\"labels\": {\"application\": \"patroni\", \"cluster-name\": \"batman\"}}, "
					"\"spec\": {\"clusterIP\": \"None\"}}");
	reply(call, 500, "");
	reply(pod_patch("/pods/pg-0"), 500, "");
	write_member("{}", LABEL_NONE);
	reply(find_call("POST", "/services"), 409, "");
	reply(pod_patch("/pods/pg-0"), 500, "");
	write_member("{}", LABEL_NONE);
	assert_null(find_call("POST", "/services"));
}

static void requests_go_to_the_servers_behind_the_service(void **state UNUSED)
{
	params.bypass_api_service = true;
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", ""));
	reply(find_call("GET", "/api/v1/namespaces/default/endpoints/kubernetes"), 200,
	      "{\"subsets\":[{\"addresses\":[{\"ip\":\"10.1.0.1\"},{\"ip\":\"fd00::1\"}],"
	      "\"ports\":[{\"name\":\"https\",\"port\":6443,\"protocol\":\"TCP\"}]}]}");
	dcs_initialize_begin(dcs, done, &result);
	struct http_call *call = find_call("POST", "https://[fd00::1]:6443/api/v1/namespaces/default/endpoints");
	assert_non_null(call);
	assert_true(call->params.tls.no_name_check);
	reply(call, 0, "");
	pass_ms(0);
	reply(find_call("POST", "https://10.1.0.1:6443/"), 201, CONFIG("10", "\"initialize\":\"\""));
	assert_int_equal(result.outcome, DCS_DONE);
	pass_ms(9500);
	reply(find_call("GET", "endpoints/kubernetes"), 403, "");
	dcs_initialize_cancel(dcs, done, &result);
	dcs_write_history(dcs, "[]", "{}", done, &result);
	assert_non_null(find_call("PATCH", "http://api:8080/"));
}

/* ---- which objects are the cluster's ---- */

static struct config config;

static void config_label(const char *key, const char *value)
{
	struct config_label *label = &config.kubernetes.labels[config.kubernetes.label_count++];
	copy(label->key, sizeof(label->key), key);
	copy(label->value, sizeof(label->value), value);
}

static void assert_label(int at, const char *key, const char *value)
{
	assert_string_equal(params.labels[at].key, key);
	assert_string_equal(params.labels[at].value, value);
}

static void the_scope_tells_clusters_with_the_same_labels_apart(void **state UNUSED)
{
	config = (struct config){ .scope = "shop" };
	copy(config.kubernetes.scope_label, sizeof(config.kubernetes.scope_label), "cluster-name");
	config_label("application", "patroni");
	kubernetes_params_from_config(&params, &config);
	assert_int_equal(params.label_count, 2);
	assert_label(0, "application", "patroni");
	assert_label(1, "cluster-name", "shop");
	config.kubernetes.label_count = 0;
	config_label("cluster-name", "somebody else's");
	while (config.kubernetes.label_count < CONFIG_LABELS_MAX)
		config_label("more", "x");
	kubernetes_params_from_config(&params, &config);
	assert_int_equal(params.label_count, CONFIG_LABELS_MAX);
	assert_label(0, "cluster-name", "shop");
	copy(config.kubernetes.labels[0].key, sizeof(config.kubernetes.labels[0].key), "first");
	kubernetes_params_from_config(&params, &config);
	assert_int_equal(params.label_count, KUBERNETES_LABELS_MAX);
	assert_label(CONFIG_LABELS_MAX, "cluster-name", "shop");
}

static void everything_of_the_cluster_is_removed_and_nothing_else(void **state UNUSED)
{
	params.use_endpoints = false;
	start(LIST("5", POD("pg-0", "4", "")), LIST("9", OBJECT("batman-leader", "8", "")));
	dcs_remove(dcs, done, &result);
	struct http_call *call = find_call("DELETE", "");
	assert_string_equal(call->url, "http://api:8080/api/v1/namespaces/default/configmaps"
				       "?labelSelector=application%3Dpatroni%2Ccluster-name%3Dbatman");
	assert_string_equal(call->body, "");
	reply(call, 200, "{\"kind\":\"ConfigMapList\",\"metadata\":{},\"items\":[]}");
	assert_int_equal(result.outcome, DCS_DONE);
	dcs_remove(dcs, done, &result);
	reply(find_call("DELETE", ""), 403, "{}");
	assert_int_equal(result.outcome, DCS_REFUSED);
	assert_string_equal(result.text, "not allowed to delete (deletecollection) configmaps in namespace default");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(initialize_is_begun_by_creating_the_object),
		TEST(object_of_another_cluster_is_told_and_left_alone),
		TEST(initialize_that_another_began_is_a_conflict),
		TEST(initialize_of_a_pod_that_is_gone_can_be_begun_anew),
		TEST(initialize_of_another_program_is_left_alone),
		TEST(initialize_whose_answer_was_lost_is_found_done),
		TEST(initialize_ends_with_the_identifier_or_with_nothing),
		TEST(history_is_written_by_version),
		TEST(member_is_written_by_version_and_uid),
		TEST(member_that_says_it_already_is_left_alone),
		TEST(the_replicas_service_goes_by_a_label_of_its_own),
		TEST(labels_are_those_of_the_contract),
		TEST(label_is_taken_off_another_pod),
		TEST(forbidden_write_is_refused_and_said_once_a_minute),
		TEST(service_is_created_once),
		TEST(requests_go_to_the_servers_behind_the_service),
		TEST(the_scope_tells_clusters_with_the_same_labels_apart),
		TEST(everything_of_the_cluster_is_removed_and_nothing_else),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
