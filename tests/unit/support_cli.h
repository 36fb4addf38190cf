/* Hand-made clusters for what howdahctl shows of them, and the memory that it is shown in. */
#ifndef HOWDAH_TESTS_UNIT_SUPPORT_CLI_H
#define HOWDAH_TESTS_UNIT_SUPPORT_CLI_H

#include "cli/render.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs the ones above */
#include <cmocka.h>

static struct snapshot *snapshot;
static char memory[64 * 1024];
static struct strbuf text;

static UNUSED char *copied(const char *from)
{
	char *copy = strdup(from);
	assert_non_null(copy);
	return copy;
}

static UNUSED struct json *json_of(const char *from)
{
	struct err err;
	struct json *root = json_parse(from, strlen(from), &err);
	assert_non_null(root);
	return root;
}

static UNUSED int setup(void **state)
{
	(void)state;
	snapshot = snapshot_create();
	snapshot->config_text = copied("");
	snapshot->history_text = copied("[]");
	snapshot->now.us = 1795385556000000; /* 2026-11-22T22:12:36 */
	text_copy(snapshot->scope, sizeof(snapshot->scope), "batman");
	strbuf_init(&text, memory, sizeof(memory));
	return 0;
}

static UNUSED int teardown(void **state)
{
	(void)state;
	snapshot_destroy(snapshot);
	return 0;
}

static UNUSED void replace_text(char **to, const char *with)
{
	free(*to);
	*to = copied(with);
}

static UNUSED struct member *add_member(const char *name, enum member_role role, int port, const char *status)
{
	int at = snapshot->cluster.member_count++;
	struct member *member = &snapshot->cluster.members[at];
	*member = (struct member){ .has_status = true,
				   .ready = true,
				   .is_howdah = true,
				   .state = STATE_RUNNING,
				   .role = role,
				   .conn_port = port,
				   .timeline = 1,
				   .failover_priority = 1 };
	text_copy(member->name, sizeof(member->name), name);
	text_copy(member->conn_host, sizeof(member->conn_host), "127.0.0.1");
	text_copy(member->api_url, sizeof(member->api_url), "http://127.0.0.1:8008/patroni");
	text_copy(member->member_version, sizeof(member->member_version), "4.1.4");
	if (role == ROLE_REPLICA) {
		text_copy(member->replication_state, sizeof(member->replication_state), "streaming");
		member->xlog_lsn = member->receive_lsn = member->replay_lsn = 0x5000060;
	}
	snapshot->status_texts[at] = copied(status);
	return member;
}

static UNUSED void lead(const char *name)
{
	struct cluster *cluster = &snapshot->cluster;
	cluster->optime_lsn = 0x5000060;
	cluster->initialize = INITIALIZE_DONE;
	text_copy(cluster->system_identifier, sizeof(cluster->system_identifier), "7711120697051324462");
	cluster->leader =
		(struct lease_object){ .present = true,
				       .readable = true,
				       .record = { .ttl_s = 15, .acquire_time = "2026-11-22T19:00:36+00:00" } };
	text_copy(cluster->leader.record.leader, sizeof(cluster->leader.record.leader), name);
}

static const char tags[] = "{\"tags\":{\"clonefrom\":true,\"mytag\":\"x\"}}";

static UNUSED void batman(void)
{
	lead("postgres-0");
	add_member("postgres-0", ROLE_PRIMARY, 5440, tags);
	add_member("postgres-1", ROLE_REPLICA, 5441, tags);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
