/* A member of a cluster of three as it may be, and questions to its HTTP API. */
#ifndef HOWDAH_TESTS_UNIT_SUPPORT_REST_H
#define HOWDAH_TESTS_UNIT_SUPPORT_REST_H

#include "rest/rest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the ones above */
#include <cmocka.h>

enum { SECOND_US = 1000000 };

static struct config config;
static struct cluster cluster;
static struct self self;
static struct instance instance;
static struct postgres_details details;
static struct rest_view view;

static UNUSED const char *status_of(const void *arg, const char *name)
{
	(void)arg;
	return strcmp(name, "shop-1") == 0
		       ? "{\"tags\":{\"clonefrom\":true,\"zone\":\"b\"},\"pending_restart_reason\":{\"a\":{}}}"
		       : "";
}

static UNUSED struct json *json_of(const char *text)
{
	struct err err;
	struct json *root = json_parse(text, strlen(text), &err);
	assert_non_null(root);
	return root;
}

static UNUSED struct instant at_s(int64_t seconds)
{
	return (struct instant){ seconds * SECOND_US, seconds * SECOND_US };
}

static UNUSED void add_member(const char *name, enum member_role role, uint64_t receive, uint64_t replay)
{
	struct member *member = &cluster.members[cluster.member_count++];
	*member = (struct member){ .has_status = true,
				   .is_howdah = true,
				   .state = STATE_RUNNING,
				   .role = role,
				   .conn_port = 5432,
				   .timeline = 7,
				   .failover_priority = 1,
				   .receive_lsn = receive,
				   .replay_lsn = replay,
				   .xlog_lsn = receive > replay ? receive : replay };
	text_copy(member->name, sizeof(member->name), name);
	text_copy(member->conn_host, sizeof(member->conn_host), "10.0.0.1");
	snprintf(member->api_url, sizeof(member->api_url), "http://%s:8008/patroni", name);
	if (role == ROLE_REPLICA)
		text_copy(member->replication_state, sizeof(member->replication_state), "streaming");
}

static UNUSED void cluster_of_three(void)
{
	cluster = (struct cluster){ .loaded = true, .heard = at_s(999), .optime_lsn = 0x5000060 };
	add_member("shop-0", ROLE_PRIMARY, 0, 0);
	cluster.members[0].xlog_lsn = 0x5000060;
	add_member("shop-1", ROLE_REPLICA, 0x5000000, 0x4000000);
	add_member("shop-2", ROLE_REPLICA, 0, 0);
	cluster.members[2].replication_state[0] = '\0';
	cluster.members[2].state = STATE_CREATING_REPLICA;
	cluster.members[2].timeline = 0;
	self.sight =
		(struct lease_sight){ .held = true, .since = at_s(999), .record = { .leader = "shop-0", .ttl_s = 15 } };
}

static UNUSED int setup(void **state)
{
	(void)state;
	json_free(config.tags);
	json_free(config.dynamic);
	config = (struct config){ .settings = { .ttl_ms = 15000,
						.loop_wait_ms = 5000,
						.maximum_lag_on_failover_bytes = 1048576,
						.failover_priority = 1 },
				  .name = "shop-0",
				  .scope = "shop" };
	self = (struct self){ .name = "shop-0" };
	details = (struct postgres_details){ .postmaster_start_time = "2026-11-22 22:06:35.123456+00:00" };
	instance = (struct instance){ .attached = true,
				      .data = DATA_OK,
				      .system_identifier = "7391000000000000417",
				      .server_version = 150018,
				      .answers = true,
				      .timeline = 7 };
	view = (struct rest_view){ .config = &config,
				   .cluster = &cluster,
				   .self = &self,
				   .instance = &instance,
				   .details = &details,
				   .config_text = "",
				   .history_text = "[]",
				   .member_status = status_of,
				   .now = at_s(1000),
				   .wall = { 1795000001LL * SECOND_US },
				   .dcs_last_seen = { 1795000000LL * SECOND_US + 5 },
				   .loop_alive = true,
				   .state = STATE_RUNNING };
	cluster_of_three();
	return 0;
}

static UNUSED void be_primary(void)
{
	setup(NULL);
	instance.tree = PG_TREE_PRIMARY;
	instance.deadline = instant_after_ms(view.now, 10000);
	instance.write_lsn = 0x5000060;
	view.leads = true;
	view.role = ROLE_PRIMARY;
	view.counters.lease_left_ms = 11500;
}

static UNUSED void be_replica(void)
{
	setup(NULL);
	text_copy(config.name, sizeof(config.name), "shop-1");
	instance.tree = PG_TREE_STANDBY;
	instance.in_recovery = true;
	instance.receive_lsn = 0x5000000;
	instance.replay_lsn = 0x4000000;
	text_copy(details.replication_state, sizeof(details.replication_state), "streaming");
	view.role = ROLE_REPLICA;
}

static UNUSED void be_standby_leader(void)
{
	be_replica();
	config.dynamic = json_of("{\"standby_cluster\":{\"host\":\"10.9.9.9\"}}");
	view.leads = true;
	view.role = ROLE_STANDBY_LEADER;
}

/* The tree says that nothing runs while role and lease are still what they were. */
static UNUSED void be_fenced(void)
{
	be_primary();
	instance.tree = PG_TREE_DOWN;
	instance.fenced = true;
	view.state = STATE_CRASHED;
}

static UNUSED void be_cut_off(void)
{
	be_primary();
	view.leads = false;
	cluster.heard = at_s(980);
}

static UNUSED void be_cut_off_paused(void)
{
	be_cut_off();
	config.settings.paused = true;
}

/* body NULL: none was announced. */
static UNUSED struct http_request request_of(const char *method, const char *path, const char *body)
{
	return (struct http_request){ .method = method,
				      .path = path,
				      .query = "",
				      .body = body == NULL ? "" : body,
				      .body_len = body == NULL ? 0 : strlen(body),
				      .has_body = body != NULL,
				      .authorization = "",
				      .peer = "10.0.0.9" };
}

static UNUSED struct rest_answer send_body(const char *method, const char *path, const char *body)
{
	struct rest_answer answer;
	struct http_request request = request_of(method, path, body);
	rest_answer(&view, &request, &answer);
	return answer;
}

static UNUSED struct rest_answer ask(const char *method, const char *path, const char *query)
{
	struct rest_answer answer;
	struct http_request request = request_of(method, path, NULL);
	request.query = query;
	rest_answer(&view, &request, &answer);
	return answer;
}

static UNUSED int status_for(const char *method, const char *path, const char *query)
{
	struct rest_answer answer = ask(method, path, query);
	int status = answer.status;
	assert_true((answer.body == NULL) == (answer.content_type == NULL));
	if (answer.body != NULL)
		assert_int_equal(strlen(answer.body), answer.body_len);
	rest_answer_clear(&answer);
	return status;
}

static UNUSED int teardown(void **state)
{
	(void)state;
	json_free(config.tags);
	json_free(config.dynamic);
	config.tags = config.dynamic = NULL;
	return 0;
}

#endif
