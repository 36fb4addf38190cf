/* What members say of themselves: the status annotation of a pod and the answer of GET /patroni. Whatever cannot be understood is left unknown. */
#include "codec/status.h"

#include "tags.h"

#include <stdlib.h>
#include <string.h>

enum { POSTGRES_PORT = 5432 };

static uint64_t get_lsn(const struct json *object, const char *key)
{
	int64_t value;
	return json_i64(json_get(object, key), &value) && value > 0 ? (uint64_t)value : 0;
}

static uint32_t get_timeline(const struct json *object)
{
	uint64_t value = get_lsn(object, "timeline");
	return value <= UINT32_MAX ? (uint32_t)value : 0;
}

/* A text that does not fit is not taken at all: half an address is another address. */
static void get_text(const struct json *object, const char *key, char *to, size_t size)
{
	const char *text = json_get_text(object, key);
	if (text == NULL || !text_copy(to, size, text))
		to[0] = '\0';
}

static bool copy_part(char *to, size_t size, const char *from, const char *end)
{
	struct strbuf b;
	strbuf_init(&b, to, size);
	strbuf_add_bytes(&b, from, (size_t)(end - from));
	return strbuf_ok(&b);
}

/* HOST, HOST:PORT, [IPV6]:PORT between at and end. */
static bool read_host_port(const char *at, const char *end, struct member *member)
{
	char port[8] = "5432";
	int64_t number;
	const char *host_end = memchr(at, *at == '[' ? ']' : ':', (size_t)(end - at));
	const char *rest = host_end == NULL ? end : host_end + (*at == '[');
	if ((*at == '[' && host_end == NULL) || (rest < end && *rest != ':'))
		return false;
	at += *at == '[';
	if (rest < end && !copy_part(port, sizeof(port), rest + 1, end))
		return false;
	if (!text_to_i64(port, &number) || number < 1 || number > 65535)
		return false;
	member->conn_port = (int)number;
	return copy_part(member->conn_host, sizeof(member->conn_host), at, host_end == NULL ? end : host_end);
}

/* postgres://[USER[:PASSWORD]@]HOST[:PORT][/DB][?QUERY] */
static void read_conn_url(const char *url, struct member *member)
{
	const char *at = url == NULL ? NULL : strstr(url, "://");
	if (at == NULL)
		return;
	at += 3;
	const char *end = at + strcspn(at, "/?");
	const char *sign = memrchr(at, '@', (size_t)(end - at));
	if (sign != NULL)
		at = sign + 1;
	if (at < end && read_host_port(at, end, member))
		return;
	member->conn_host[0] = '\0';
	member->conn_port = 0;
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *found = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c | 32 : c);
	return found == NULL ? -1 : (int)(found - digits);
}

/* A value of a query, up to & or the end, with %XX taken for what it stands for. */
static bool unescape(const char *from, char *to, size_t size)
{
	struct strbuf b;
	strbuf_init(&b, to, size);
	for (; *from != '\0' && *from != '&'; from++) {
		int high = *from == '%' ? hex_value(from[1]) : -1;
		int low = high < 0 ? -1 : hex_value(from[2]);
		if (low < 0) {
			strbuf_add_char(&b, *from);
			continue;
		}
		if (high == 0 && low == 0)
			return false;
		strbuf_add_char(&b, (char)(high << 4 | low));
		from += 2;
	}
	return strbuf_ok(&b);
}

/* The form of old releases: the connection URL with the REST address as application_name. */
static void read_legacy(const char *text, struct member *member)
{
	static const char name[] = "application_name=";
	const char *query = strchr(text, '?');
	read_conn_url(text, member);
	for (const char *at = query; at != NULL; at = strchr(at, '&')) {
		at++;
		if (strncmp(at, name, sizeof(name) - 1) != 0)
			continue;
		if (!unescape(at + sizeof(name) - 1, member->api_url, sizeof(member->api_url)))
			member->api_url[0] = '\0';
		return;
	}
}

static void forget_status(struct member *member)
{
	struct member kept = *member;
	*member = (struct member){
		.version = kept.version,
		.deleting = kept.deleting,
		.ready = kept.ready,
		.sidecar_away_ms = -1,
		.state = STATE_UNKNOWN,
		.failover_priority = 1,
	};
	memcpy(member->name, kept.name, sizeof(member->name));
	memcpy(member->pod_uid, kept.pod_uid, sizeof(member->pod_uid));
	memcpy(member->role_label, kept.role_label, sizeof(member->role_label));
}

static void read_tags(const struct json *tags, struct member *member)
{
	tags_failover(tags, &member->nofailover, &member->failover_priority);
	member->clonefrom = tag_is_true(tags, "clonefrom");
	member->noloadbalance = tag_is_true(tags, "noloadbalance");
	member->nostream = tag_is_true(tags, "nostream");
	get_text(tags, "replicatefrom", member->replicatefrom, sizeof(member->replicatefrom));
}

static void read_status(const struct json *root, struct member *member)
{
	const char *state = json_get_text(root, "state"), *role = json_get_text(root, "role");
	const struct json *checkpoint = json_get(root, "checkpoint_after_promote");
	member->state = state == NULL ? STATE_UNKNOWN : member_state_from_text(state);
	member->role = role == NULL ? ROLE_UNINITIALIZED : member_role_from_text(role);
	get_text(root, "api_url", member->api_url, sizeof(member->api_url));
	read_conn_url(json_get_text(root, "conn_url"), member);
	member->timeline = get_timeline(root);
	member->xlog_lsn = get_lsn(root, "xlog_location");
	member->receive_lsn = get_lsn(root, "receive_lsn");
	member->replay_lsn = get_lsn(root, "replay_lsn");
	get_text(root, "replication_state", member->replication_state, sizeof(member->replication_state));
	get_text(root, "version", member->member_version, sizeof(member->member_version));
	member->is_howdah = json_get(root, "howdah_version") != NULL;
	member->checkpoint_pending = json_is_bool(checkpoint) && !json_true(checkpoint);
	member->pending_restart = json_true(json_get(root, "pending_restart"));
	member->paused = json_true(json_get(root, "pause"));
	read_tags(json_get(root, "tags"), member);
}

bool status_parse(struct member *member, const char *text)
{
	struct err err;
	forget_status(member);
	if (strncmp(text, "postgres", 8) == 0) {
		read_legacy(text, member);
		return member->has_status = true;
	}
	AUTO(json) struct json *root = json_parse(text, strlen(text), &err);
	if (!json_is_object(root))
		return false;
	read_status(root, member);
	return member->has_status = true;
}

static void read_positions(struct peer_answer *answer, const struct json *xlog)
{
	answer->received_lsn = get_lsn(xlog, "received_location");
	answer->replayed_lsn = get_lsn(xlog, "replayed_location");
	answer->lsn = answer->received_lsn > answer->replayed_lsn ? answer->received_lsn : answer->replayed_lsn;
	if (!answer->in_recovery && answer->lsn == 0)
		answer->lsn = get_lsn(xlog, "location");
}

/* Releases of old do not say their name. */
static bool says_otherwise(const struct json *patroni, const char *key, const char *expected)
{
	const char *said = json_get_text(patroni, key);
	return said != NULL && expected != NULL && expected[0] != '\0' && strcmp(said, expected) != 0;
}

/* "": it does not say so, or not as we would. */
static void take_word(const struct json *root, const char *key, char *to, size_t size)
{
	const char *said = json_get_text(root, key);
	if (said == NULL || !text_copy(to, size, said))
		to[0] = '\0';
}

bool peer_answer_parse(struct peer_answer *answer, const char *scope, const char *text, size_t len)
{
	struct err err;
	AUTO(json) struct json *root = json_parse(text, len, &err);
	const char *state = json_get_text(root, "state"), *role = json_get_text(root, "role");
	const struct json *patroni = json_get(root, "patroni");
	if (state == NULL || role == NULL || !json_is_object(patroni))
		return false;
	if (says_otherwise(patroni, "name", answer->name) || says_otherwise(patroni, "scope", scope))
		return false;
	const struct json *xlog = json_get(root, "xlog");
	answer->silent = false;
	answer->state = member_state_from_text(state);
	answer->role = member_role_from_text(role);
	answer->in_recovery = json_get(xlog, "location") == NULL && answer->role != ROLE_PRIMARY;
	answer->timeline = get_timeline(root);
	const char *stream = json_get_text(root, "replication_state");
	answer->streaming = stream != NULL && text_equal(stream, "streaming");
	read_positions(answer, xlog);
	tags_failover(json_get(root, "tags"), &answer->nofailover, &answer->failover_priority);
	/* a watchdog that is required and does not work keeps a member from leading as the tag does (contract 5.10) */
	answer->nofailover |= json_true(json_get(root, "watchdog_failed"));
	answer->failsafe_active = json_true(json_get(root, "failsafe_mode_is_active"));
	take_word(root, "howdah_failsafe_free", answer->failsafe_free_uid, sizeof(answer->failsafe_free_uid));
	take_word(root, "howdah_lacks", answer->lacks, sizeof(answer->lacks));
	take_word(root, "howdah_given_back", answer->given_back, sizeof(answer->given_back));
	answer->given_back_lsn = get_lsn(root, "howdah_given_back_lsn");
	answer->sees_leader = !json_true(json_get(root, "cluster_unlocked"));
	return true;
}
