/* Objects -> struct cluster: what the annotations say, leniently where the contract is lenient. */
#include "dcs/kubernetes/private.h"

#include "base/log.h"
#include "base/mutant.h"
#include "codec/status.h"
#include "codec/units.h"

#include <string.h>

enum { SYSID_MIN_DIGITS = 10 };

/* Nothing is cut: a text that does not fit cannot be understood. */
static bool read_text(const struct object *object, const char *key, char *to, size_t size)
{
	const char *text = object_annotation(object, key);
	return text_copy(to, size, text != NULL ? text : "");
}

static int64_t read_number(const struct object *object, const char *key, int64_t otherwise)
{
	const char *text = object_annotation(object, key);
	int64_t value;
	return text != NULL && text_to_i64(text, &value) && value >= 0 ? value : otherwise;
}

static bool annotations_are_texts(const struct object *object)
{
	const struct json *annotations = object->annotations;
	if (annotations == NULL || json_is_null(annotations))
		return true;
	for (const struct json *item = json_first(annotations); item != NULL; item = json_next(item))
		if (!json_is_text(item))
			return false;
	return json_is_object(annotations);
}

void view_read_record(const struct object *object, struct lease_object *lease)
{
	struct lease_record *record = &lease->record;
	memset(lease, 0, sizeof(*lease));
	record->transitions = -1;
	if (object == NULL)
		return;
	lease->present = true;
	lease->version = object->version;
	text_copy(lease->uid, sizeof(lease->uid), object->uid);
	record->ttl_s = read_number(object, "ttl", 0);
	record->transitions = read_number(object, "transitions", -1);
	lease->readable = annotations_are_texts(object) && object->version != 0 &&
			  read_text(object, "leader", record->leader, sizeof(record->leader)) &&
			  read_text(object, "acquireTime", record->acquire_time, sizeof(record->acquire_time)) &&
			  read_text(object, "renewTime", record->renew_time, sizeof(record->renew_time));
}

/* "<number> <lease token it began with>" */
static void read_timeline(const struct object *leader, struct cluster *cluster)
{
	char text[160];
	uint64_t number = 0;
	cluster->leader_timeline = 0;
	cluster->leader_beginning[0] = '\0';
	if (!read_text(leader, ANNOTATION_TIMELINE, text, sizeof(text)) || text[0] == '\0')
		return;
	size_t len = strcspn(text, " ");
	const char *token = text[len] == ' ' ? text + len + 1 : "";
	text[len] = '\0';
	if (!text_to_u64(text, &number) || number == 0 || number > UINT32_MAX)
		return;
	cluster->leader_timeline = (uint32_t)number;
	if (!text_copy(cluster->leader_beginning, sizeof(cluster->leader_beginning), token))
		cluster->leader_beginning[0] = '\0';
}

static void read_leader(const struct object *leader, struct cluster *cluster)
{
	view_read_record(leader, &cluster->leader);
	cluster->optime_lsn = (uint64_t)read_number(leader, "optime", 0);
	if (!read_text(leader, "slots", cluster->slots, sizeof(cluster->slots)))
		cluster->slots[0] = '\0'; /* half a JSON text is none */
	if (!read_text(leader, ANNOTATION_HOLDER_UID, cluster->holder_uid, sizeof(cluster->holder_uid)))
		cluster->holder_uid[0] = '\0';
	if (!read_text(leader, ANNOTATION_HEIR, cluster->heir, sizeof(cluster->heir)))
		cluster->heir[0] = '\0';
	read_timeline(leader, cluster);
	cluster->claimed_timeline = (uint32_t)read_number(leader, ANNOTATION_NEXT, 0);
}

static void read_initialize(const struct object *config, struct cluster *cluster)
{
	const char *text = object_annotation(config, "initialize");
	cluster->system_identifier[0] = '\0';
	if (text == NULL) {
		cluster->initialize = INITIALIZE_ABSENT;
		return;
	}
	size_t len = strlen(text);
	cluster->initialize = len == 0 ? INITIALIZE_RUNNING : INITIALIZE_UNREADABLE;
	if (len < SYSID_MIN_DIGITS || strspn(text, "0123456789") != len)
		return;
	if (text_copy(cluster->system_identifier, sizeof(cluster->system_identifier), text))
		cluster->initialize = INITIALIZE_DONE;
}

static bool is_json_object(const char *text)
{
	struct err err;
	if (text == NULL)
		return false;
	AUTO(json) struct json *json = json_parse(text, strlen(text), &err);
	return json_is_object(json);
}

static void read_history(const char *text, struct cluster *cluster)
{
	struct err err;
	cluster->history.count = 0;
	cluster->has_history = text != NULL;
	if (text == NULL || history_parse_json(&cluster->history, text, &err))
		return;
	cluster->has_history = false;
	cluster->history.count = 0;
	log_warning("the history in the config object cannot be read: %s", err.text);
}

/* The largest key of {"2": "<lease token>", ...} */
static uint32_t last_beginning(const char *text)
{
	struct err err;
	uint64_t number, last = 0;
	if (text == NULL)
		return 0;
	AUTO(json) struct json *map = json_parse(text, strlen(text), &err);
	for (const struct json *item = json_is_object(map) ? json_first(map) : NULL; item != NULL;
	     item = json_next(item))
		if (text_to_u64(json_key(item), &number) && number <= UINT32_MAX && number > last)
			last = number;
	return (uint32_t)last;
}

static void read_move(const struct object *failover, struct cluster *cluster)
{
	struct move *move = &cluster->move;
	*move = (struct move){ .at_us = 0 };
	(void)read_text(failover, "leader", move->leader, sizeof(move->leader));
	(void)read_text(failover, "member", move->candidate, sizeof(move->candidate));
	(void)read_text(failover, "scheduled_at", move->scheduled_at, sizeof(move->scheduled_at));
	move->asked = move->leader[0] != '\0' || move->candidate[0] != '\0';
	if (move->scheduled_at[0] != '\0' && !wall_from_iso(move->scheduled_at, &move->at_us))
		move->at_us = -1;
}

/* History and configuration are large: read when their object has changed. */
static void read_config(const struct object *config, struct view *view)
{
	struct cluster *cluster = &view->cluster;
	uint64_t version = config != NULL ? config->version : 0;
	cluster->config_object_version = version;
	cluster->lease_ttl_s = read_number(config, ANNOTATION_LEASE_TTL, 0);
	read_initialize(config, cluster);
	if (view->config_read && version == view->config_read_version)
		return;
	cluster->begun_timeline = last_beginning(object_annotation(config, ANNOTATION_TIMELINES));
	view->config_read = true;
	view->config_read_version = version;
	cluster->has_config = is_json_object(object_annotation(config, "config"));
	read_history(object_annotation(config, "history"), cluster);
}

static void say_surplus(struct view *view, int surplus)
{
	if (surplus > 0 && !view->surplus_said)
		log_warning("more than %d pods match the labels: %d of them are ignored", MEMBERS_MAX, surplus);
	view->surplus_said = surplus > 0;
}

/* The first ones by name; ourselves in any case. */
static void read_members(const struct cache *pods, const char *self, struct view *view)
{
	struct cluster *cluster = &view->cluster;
	int surplus = 0;
	cluster->member_count = 0;
	for (int i = 0; i < pods->count; i++) {
		const struct member *member = &pods->objects[i]->member;
		if (member->name[0] == '\0')
			continue;
		if (cluster->member_count < MEMBERS_MAX) {
			cluster->members[cluster->member_count++] = *member;
			continue;
		}
		surplus++;
		if (text_equal(member->name, self))
			cluster->members[MEMBERS_MAX - 1] = *member;
	}
	say_surplus(view, surplus);
}

static struct json *map_of(const char *text)
{
	struct err err;
	return text != NULL && text[0] != '\0' ? json_parse(text, strlen(text), &err) : NULL;
}

/* Patroni leaves annotations standing that it does not know. */
static bool holder_is_patronis(const struct cluster *cluster)
{
	const struct member *holder = cluster_member(cluster, cluster->leader.record.leader);
	return holder != NULL && holder->has_status && !holder->is_howdah;
}

/* As old as the leader's own position, so that a lag is one; what a pod says itself may be older. */
static void read_positions(const struct object *leader, struct cluster *cluster)
{
	bool theirs = holder_is_patronis(cluster);
	AUTO(json) struct json *positions = theirs ? NULL : map_of(object_annotation(leader, ANNOTATION_POSITIONS));
	for (int i = 0; i < cluster->member_count; i++) {
		struct member *member = &cluster->members[i];
		const struct json *first = json_first(json_get(positions, member->name));
		int64_t received, replayed;
		member->position_told = first != NULL && json_i64(first, &received) &&
					json_i64(json_next(first), &replayed) && received > 0 && replayed > 0;
		if (!member->position_told)
			continue;
		member->receive_lsn = (uint64_t)received;
		member->replay_lsn = (uint64_t)replayed;
		member->xlog_lsn = (uint64_t)(received > replayed ? received : replayed);
	}
}

/* What the annotations tell is of whoever led before: which pod it was, and its timeline. */
static void check_holder(struct cluster *cluster)
{
	if (!holder_is_patronis(cluster))
		return;
	cluster->holder_uid[0] = cluster->leader_beginning[0] = '\0';
	cluster->leader_timeline = 0;
}

/* By uid: a new pod of a name is not who agrees under it. Patroni names no uids, and leaves those of others standing: there an
 * address says which pod is meant. */
static void read_failsafe(const struct object *leader, struct cluster *cluster)
{
	AUTO(json) struct json *urls = map_of(object_annotation(leader, "failsafe"));
	cluster->failsafe_known = json_is_object(urls) && json_count(urls) > 0;
	if (!cluster->failsafe_known)
		return;
	AUTO(json) struct json *uids = map_of(object_annotation(leader, ANNOTATION_FAILSAFE));
	const struct member *holder = cluster_member(cluster, cluster->leader.record.leader);
	bool by_uid = json_is_object(uids) && (holder == NULL || holder->is_howdah);
	for (int i = 0; i < cluster->member_count; i++) {
		struct member *m = &cluster->members[i];
		const char *url = json_get_text(urls, m->name), *uid = by_uid ? json_get_text(uids, m->name) : NULL;
		if (url == NULL)
			continue;
		bool this_pod = uid != NULL ? text_equal(uid, m->pod_uid) : text_equal(url, m->api_url);
		m->failsafe_named = this_pod || mutant(38);
	}
}

/* Begun by a pod that has been deleted: nobody will finish it. One that another program began says nothing about who. */
static bool initializer_is_gone(const struct object *config, const struct cluster *cluster)
{
	const char *uid = object_annotation(config, ANNOTATION_INITIALIZER);
	if (cluster->initialize != INITIALIZE_RUNNING || uid == NULL)
		return false;
	for (int i = 0; i < cluster->member_count; i++)
		if (text_equal(cluster->members[i].pod_uid, uid))
			return false;
	return true;
}

/* Once loaded it stays so: how old the news is, `heard` says. */
static bool is_loaded(const struct dcs *dcs)
{
	for (int kind = 0; kind < KIND_COUNT; kind++)
		if (!dcs->watches[kind].listed || !dcs->watches[kind].opened)
			return false;
	return true;
}

void view_build(const struct dcs *dcs)
{
	struct view *view = dcs->view;
	view->stale = false;
	view->cluster.loaded = is_loaded(dcs);
	read_leader(store_leader(dcs), &view->cluster);
	view->cluster.leader.unbroken = dcs->watches[KIND_STATE].unbroken;
	read_config(store_config(dcs), view);
	read_move(store_failover(dcs), &view->cluster);
	read_members(&dcs->caches[KIND_PODS], dcs->params.name, view);
	check_holder(&view->cluster);
	read_positions(store_leader(dcs), &view->cluster);
	read_failsafe(store_leader(dcs), &view->cluster);
	rollout_read(dcs, &view->cluster);
	view->cluster.initializer_gone = initializer_is_gone(store_config(dcs), &view->cluster);
}
