/* The invariants of safety.md 4 as far as they apply, looked at after every event. */
#include "fault.h"
#include "sim.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* J + K of safety.md 3: from the clock's "T" until nothing runs user code any more. */
enum { SLICE_LOOK_US = 32000000 }; /* until the leader looks at its EndpointSlice again */
enum { FENCE_TAKES_US = 900000, THAW_TAKES_US = 700000, ROUTE_LATE_US = 2000000, REQUESTS_EXTRA = 60 };

struct record {
	char leader[NAME_SIZE], acquire_time[TIME_SIZE];
	int64_t ttl_s;
	bool present;
};

struct checker {
	const char *invariant; /* NULL: all is well */
	char text[512];
	struct server *writers[SIM_PODS_MAX];
	int writer_count;
	struct record record; /* of the leader object */
	struct pod *holder;   /* whose write is in it; NULL: unknown */
	char named[1024];     /* the pods that it counts on in failsafe mode, by uid */
	bool by_hand;         /* ... because a person asked for a failover to it */
	int64_t led_since;    /* somebody leads; 0: nobody */
	const struct pod *leader;
	int64_t faults_over_at, minute_at;
	long minute_writes, minute_requests;
	const struct pod *quiet_leader; /* who led when nothing was broken any more */
	int64_t wrong_route_since;
	long leases, slice_lease; /* how often the lock was taken; which of these the slice was last written under */
	int64_t slice_damaged_at; /* by others than the agents; 0: never */
};

/* What each agent decided last: rule ids, table by table, and its server's place in the history. */
static void trace_plans(void)
{
	for (int i = 0; i < world->pod_count; i++) {
		char text[400];
		struct strbuf b;
		const struct pod *pod = world->pods[i];
		const struct volume *v = pod->volume;
		strbuf_init(&b, text, sizeof(text));
		for (int t = 0; pod->agents && t < TABLE_COUNT; t++) {
			int row = agent_plan(pod->agents->agent)->verdicts[t].rule;
			if (row >= 0)
				strbuf_addf(&b, " %s: %s,", tables[t]->name, tables[t]->rules[row].id);
		}
		const struct server *s = pod->supervisor ? supervisor_server(pod->supervisor) : NULL;
		strbuf_addf(&b, " server %d, data %d, timeline %u (stretch %d) at %" PRIu64, s ? (int)s->phase : -1,
			    v->data, v->at.branch >= 0 ? wal_branch(v->at.branch)->timeline : 0, v->at.branch,
			    v->at.lsn);
		sim_trace("%s %s%s:%s", pod->name, pod->uid + 32, pod->agents ? "" : " without an agent", text);
	}
}

/* Lists of words; I1 is no part of I12. */
static bool has_word(const char *list, const char *word)
{
	size_t len = strlen(word);
	for (const char *at = strstr(list, word); at; at = strstr(at + 1, word))
		if ((at == list || strchr(" ,", at[-1])) && (at[len] == '\0' || strchr(" ,", at[len])))
			return true;
	return false;
}

static bool is_looked_at(const char *invariant)
{
	const struct sim_options *o = &world->options;
	return !has_word(o->ignored, invariant) && (o->only[0] == '\0' || has_word(o->only, invariant));
}

void violation(const char *invariant, const char *format, ...)
{
	struct checker *c = world->checker;
	va_list args;
	if (c->invariant || !is_looked_at(invariant))
		return;
	c->invariant = invariant;
	va_start(args, format);
	vsnprintf(c->text, sizeof(c->text), format, args);
	va_end(args);
	trace_plans();
	sim_trace("VIOLATION %s: %s", invariant, c->text);
	world->stopped = true;
}

const char *violation_invariant(void)
{
	return world->checker->invariant;
}

const char *violation_text(void)
{
	return world->checker->text;
}

/* ---- I1, I2: who can commit ---- */

/* Published as not covered: a machine whose clocks stood still, until it hears of the world again; and the instants
 * between the thaw of a container and its end. */
static bool machine_is_excused(const struct machine *m)
{
	return m->resumed_at != 0 && world->now - m->resumed_at < world->options.ttl_max_s * SECOND_US + m->paused_us;
}

static bool is_excused(const struct server *s)
{
	if (machine_is_excused(s->process->pod->machine))
		return true;
	return s->process->thawed_at != 0 && world->now - s->process->thawed_at < THAW_TAKES_US;
}

static bool can_commit_now(const struct server *s)
{
	return server_can_commit(s) && s->process->frozen == 0;
}

void check_writers_changed(void)
{
	struct checker *c = world->checker;
	c->writer_count = 0;
	for (struct supervisor *s = supervisor_next(NULL); s; s = supervisor_next(s)) {
		struct server *server = supervisor_server(s);
		if (server->process && (server_can_commit(server) || server->phase == SERVER_PROMOTING) &&
		    c->writer_count < SIM_PODS_MAX)
			c->writers[c->writer_count++] = server;
	}
}

static void check_one_writer(const struct checker *c)
{
	const struct server *first = NULL;
	for (int i = 0; i < c->writer_count; i++) {
		const struct server *s = c->writers[i];
		if (!can_commit_now(s) || is_excused(s) || s->process->pod->let_go ||
		    (s->supervisor && supervisor_is_unguarded(s->supervisor)))
			continue;
		if (first)
			violation("I1", "%s (%s) and %s (%s) can both commit", first->process->pod->name,
				  first->process->pod->uid, s->process->pod->name, s->process->pod->uid);
		first = s;
	}
}

/* Past T by the faster of the machine's clocks, and by more than a kill takes. */
static void check_deadline(const struct server *s)
{
	if (s->supervisor && supervisor_is_unguarded(s->supervisor))
		return;
	struct supervisor *sup = s->supervisor;
	struct instant t = supervisor_deadline(sup);
	struct instant now = machine_now(supervisor_pod(sup)->machine);
	if (s->process->frozen > 0 || is_excused(s) || supervisor_process(sup)->frozen > 0)
		return;
	if (instant_is_set(t) && -left_least_ms(t, now) * MS_US <= FENCE_TAKES_US)
		return;
	if (!instant_is_set(t) && world->now - s->writable_since < FENCE_TAKES_US)
		return;
	violation("I2", "%s can commit, and no deadline is ahead", s->process->pod->name);
}

/* ---- the lock: I5, I9 ---- */

static const char *annotation(const struct json *object, const char *key)
{
	const char *text = json_get_text(json_get(json_get(object, "metadata"), "annotations"), key);
	return text ? text : "";
}

static bool pod_can_commit(const struct pod *pod)
{
	for (int i = 0; i < world->checker->writer_count; i++)
		if (world->checker->writers[i]->process->pod == pod && server_can_commit(world->checker->writers[i]))
			return true;
	return false;
}

/* Published, too: a holder whose clocks stood still makes a deleted lock anew before anybody has said that he leads since. */
static bool nobody_could_know(const struct server *s, const struct pod *author)
{
	char text[32];
	const struct json *pod = api_get(world->api, "pods", s->process->pod->name);
	const char *status = pod ? annotation(pod, "status") : "";
	snprintf(text, sizeof(text), "\"timeline\":%u,", wal_branch(s->volume->at.branch)->timeline);
	return machine_is_excused(author->machine) && strstr(status, text) == NULL;
}

static bool is_failover_to(const struct pod *pod)
{
	const struct json *move = api_get(world->api, fault_lock_kind(), "sim-failover");
	return annotation(move, "leader")[0] == '\0' && strcmp(annotation(move, "member"), pod->name) == 0;
}

/* In a pause, and after it while the holder has not said that it knows, nobody but a person moves the lead. */
static void check_unguarded(const struct server *s, const struct pod *author)
{
	bool abandoned = !s->process->pod->current;           /* a person deleted it by force, in a pause: published */
	s->process->passed_by_hand |= is_failover_to(author); /* published: two could commit from then on */
	if (!abandoned && !s->process->passed_by_hand)
		violation("I11", "%s takes the lock while %s, which no deadline ends, can commit", author->name,
			  s->process->pod->name);
}

/* Published: all pods that a leader in failsafe mode counts on, itself among them, were deleted by force while their nodes go on. */
static bool is_let_go(const struct checker *c, struct pod *pod)
{
	bool left = pod->current;
	for (int i = 0; i < world->pod_count; i++)
		left |= world->pods[i]->current && strstr(c->named, world->pods[i]->uid) != NULL;
	pod->let_go |= world->options.failsafe && !left;
	return pod->let_go;
}

/* Whoever could commit under an earlier lease is dead before the lock can change hands (safety.md 3). */
static void check_theft(const struct checker *c, const struct pod *author)
{
	for (int i = 0; i < c->writer_count; i++) {
		const struct server *s = c->writers[i];
		if (s->process->pod == author || !can_commit_now(s) || is_excused(s))
			continue;
		if (s->supervisor && supervisor_is_unguarded(s->supervisor))
			check_unguarded(s, author);
		else if (!nobody_could_know(s, author) && !is_let_go(c, s->process->pod))
			violation("I1", "%s (%s) takes the lock while %s (%s) can commit", author->name, author->uid,
				  s->process->pod->name, s->process->pod->uid);
	}
}

/* Whoever is named in a release has all that was ever committed by who releases: one pod of that name, as it may have been deleted
 * by force while the release was under way. */
static void check_heir(const struct pod *author, const char *heir)
{
	bool has_everything = false;
	for (int i = 0; i < world->pod_count; i++) {
		const struct pod *pod = world->pods[i];
		has_everything |= strcmp(pod->name, heir) == 0 && wal_is_prefix(author->volume->at, pod->volume->at);
	}
	if (heir[0] != '\0' && !has_everything)
		violation("I3", "%s names %s as its heir, which has not everything", author->name, heir);
	world->counters.handovers += heir[0] != '\0';
}

static void check_lock_write(struct checker *c, const struct record *now, const char *heir, struct pod *author)
{
	bool released = now->leader[0] == '\0' && c->record.leader[0] != '\0';
	bool renewed = strcmp(now->leader, c->record.leader) == 0 && now->leader[0] != '\0' &&
		       strcmp(now->acquire_time, c->record.acquire_time) == 0;
	bool acquired = now->leader[0] != '\0' && !renewed;
	if ((released || renewed) && c->holder && c->holder != author)
		violation("I9", "a write of %s (%s), which does not hold the lock, changed the lock of %s (%s)",
			  author->name, author->uid, c->holder->name, c->holder->uid);
	if (released)
		check_heir(author, heir);
	if (released && pod_can_commit(author))
		violation("I5", "%s released the lock and can still commit", author->name);
	if (acquired && strcmp(now->leader, author->name) != 0)
		violation("I9", "%s wrote %s into the lock", author->name, now->leader);
	if ((acquired || renewed) && world->net->landing_sent_at >= author->renewed_sent_at) {
		author->renewed_sent_at = world->net->landing_sent_at;
		author->renewed_ttl_s = now->ttl_s;
	}
	if (acquired || released)
		sim_trace("%s: the lock %s (was %s)", author->name, released ? "is released" : "is taken",
			  c->record.leader);
	if (acquired) {
		check_theft(c, author);
		c->holder = author;
		c->by_hand = is_failover_to(author);
		author->lease = ++c->leases;
		world->counters.leaderships++;
		if (faults_only_mild() && c->record.leader[0] != '\0' && c->quiet_leader)
			violation("I8", "%s took the lock from %s, and nothing had happened that may move it",
				  author->name, c->record.leader);
	}
	if (renewed && !c->holder)
		c->holder = author; /* a restored record of its own */
	if (released)
		c->holder = NULL;
}

/* A step of a roll-out is decided within ttl/3 of a renewal, by the ttl that this one has, whatever the store was restored to; clocks
 * may be 8 % off. */
void check_rollout_step(const struct pod *author)
{
	const char *kind = world->options.endpoints ? "endpoints" : "configmaps";
	const struct json *lock = api_get(world->api, kind, world->options.endpoints ? "sim" : "sim-leader");
	int64_t after = world->net->landing_sent_at - author->renewed_sent_at;
	if (machine_is_excused(author->machine) || !lock)
		return;
	if (strcmp(annotation(lock, "leader"), author->name) == 0 &&
	    after > author->renewed_ttl_s * SECOND_US / 3 * 11 / 10)
		violation("I9", "%s takes a step of the roll-out %" PRId64 " ms after its last renewal", author->name,
			  after / MS_US);
}

static bool is_leader_object(const struct api_change *change)
{
	const char *kind = world->options.endpoints ? "endpoints" : "configmaps";
	const char *name = world->options.endpoints ? "sim" : "sim-leader";
	return strcmp(change->kind, kind) == 0 && strcmp(change->name, name) == 0;
}

/* The new leader took it off; what the old one had sent before must not put it on again. */
static void check_label_write(const struct checker *c, const struct api_change *change)
{
	const char *role = json_get_text(json_path(change->object, "metadata.labels"), "role");
	const char *ip = json_get_text(json_get(change->object, "status"), "podIP");
	struct pod *pod = ip ? pod_by_ip(ip) : NULL;
	bool primary = role && strcmp(role, "primary") == 0;
	if (!pod || !change->author)
		return;
	if (change->author != pod && !primary)
		pod->label_off_at = world->now;
	if (change->author == pod && primary && c->holder != pod && pod->label_off_at > world->net->landing_sent_at)
		violation("I10", "%s is routed again by what it sent before its label was taken off", pod->name);
}

/* Whoever led before somebody else wrote it never writes it again. A slice that people delete, or a store that is restored,
 * knows nothing of who wrote it last. */
static void check_slice_write(struct checker *c, const struct api_change *change)
{
	const struct pod *author = change->author;
	if (!author || change->deleted) {
		c->slice_damaged_at = world->now;
		c->slice_lease = 0;
		return;
	}
	if (author->lease < c->slice_lease && !world->restored)
		violation("I10", "%s writes the route after a later leader has", author->name);
	c->slice_lease = author->lease;
}

void check_api_change(const struct api_change *change)
{
	struct checker *c = world->checker;
	struct record now = { .present = !change->deleted };
	if (strcmp(change->kind, "pods") == 0 && !change->deleted)
		check_label_write(c, change);
	if (strcmp(change->kind, "endpointslices") == 0)
		check_slice_write(c, change);
	if (!is_leader_object(change))
		return;
	text_copy(now.leader, sizeof(now.leader), change->deleted ? "" : annotation(change->object, "leader"));
	text_copy(now.acquire_time, sizeof(now.acquire_time), annotation(change->object, "acquireTime"));
	if (!text_to_i64(annotation(change->object, "ttl"), &now.ttl_s))
		now.ttl_s = 0;
	if (change->author)
		check_lock_write(c, &now, annotation(change->object, "howdah.io/heir"), change->author);
	else if (strcmp(now.leader, c->record.leader) != 0 || strcmp(now.acquire_time, c->record.acquire_time) != 0)
		c->holder = NULL; /* restored or deleted: whose it is cannot be told */
	c->record = now;
	text_copy(c->named, sizeof(c->named), annotation(change->object, "howdah.io/failsafe-uids"));
}

/* ---- I4, I6 ---- */

void check_stream(const struct server *standby, const struct server *upstream)
{
	if (!wal_is_prefix(standby->volume->at, upstream->volume->at))
		violation("I4", "%s streams from %s on timeline %u, which began elsewhere", standby->process->pod->name,
			  upstream->process->pod->name, wal_branch(standby->volume->at.branch)->timeline);
}

void check_server_started(struct server *s)
{
	const struct volume *v = s->volume;
	const char *name = s->process->pod->name;
	if (faults_only_mild() && world->checker->quiet_leader == s->process->pod)
		violation("I14", "the PostgreSQL of the leader %s was restarted, and nothing asked for that", name);
	if (v->trees > 1)
		violation("I6", "%s starts a second PostgreSQL on one data directory", name);
	if (v->changing)
		violation("I6", "%s starts on a directory that is marked as half done", name);
	if (v->data != DATA_OK)
		violation("I6", "%s starts without a data directory", name);
}

/* Asynchronous replication may lose what was not replicated, but not more than the setting allows; unless a person chose who leads. */
void check_promoted(const struct server *s)
{
	const char *text = annotation(api_get(world->api, fault_lock_kind(), fault_lock_name()), "optime");
	uint64_t optime;
	if (world->checker->holder == s->process->pod && world->checker->by_hand)
		return;
	if (text_to_u64(text, &optime) && optime > s->volume->at.lsn &&
	    optime - s->volume->at.lsn > (uint64_t)world->options.lag_bytes)
		violation("I3", "%s is promoted and lacks %" PRIu64 " bytes of what the last leader had",
			  s->process->pod->name, optime - s->volume->at.lsn);
}

static bool other_copy_exists(const struct volume *volume)
{
	for (int i = 0; i < world->pod_count; i++)
		if (world->pods[i]->volume != volume && world->pods[i]->volume->data == DATA_OK)
			return true;
	return false;
}

void check_data_removed(const struct volume *volume, bool own_attempt)
{
	if (!own_attempt && volume->data == DATA_OK && !other_copy_exists(volume))
		violation("I6", "the last copy of the data is moved away");
}

/* ---- I7, I8, I10, I12: who leads, and how calmly ---- */

static const struct pod *leader_now(const struct checker *c)
{
	for (int i = 0; i < c->writer_count; i++) {
		const struct server *s = c->writers[i];
		const struct pod *pod = s->process->pod;
		if (s->phase == SERVER_PRIMARY && s->postmaster && can_commit_now(s) && c->holder == pod)
			return pod;
	}
	return NULL;
}

void check_fenced(struct supervisor *s)
{
	struct checker *c = world->checker;
	if (c->quiet_leader && faults_only_mild() && c->quiet_leader == supervisor_pod(s))
		violation("I8", "the leader %s was fenced, and nothing had happened that may move the lock",
			  supervisor_pod(s)->name);
}

/* Restarts, a start, peers that must answer, and the promotion itself. */
static int64_t recovery_bound_us(void)
{
	const struct sim_options *o = &world->options;
	int64_t restore_s = o->restores ? 150 : 0; /* and attempts that fail */
	return (o->ttl_max_s + 2 * o->loop_wait_s + 2 * o->retry_timeout_s + 60 + restore_s) * SECOND_US;
}

static bool label_is_right(const struct checker *c, int *routed)
{
	bool right = false;
	for (const struct json *o = NULL; (o = api_next(world->api, "pods", o)) != NULL;) {
		const char *role = json_get_text(json_path(o, "metadata.labels"), "role");
		if (!role || strcmp(role, "primary") != 0)
			continue;
		++*routed;
		right |= strcmp(json_get_text(json_get(o, "metadata"), "name"), c->leader->name) == 0;
	}
	return *routed == 1 && right;
}

/* Where the replicas' Service leads: to whom the labels call a replica, and nowhere else. */
static bool replicas_are_right(void)
{
	for (const struct json *o = NULL; (o = api_next(world->api, "pods", o)) != NULL;) {
		const struct json *labels = json_path(o, "metadata.labels");
		const char *role = json_get_text(labels, "role");
		if ((role && strcmp(role, "replica") == 0) != (json_get(labels, "howdah.io/replica") != NULL))
			return false;
	}
	return true;
}

static bool slice_is_right(const struct checker *c)
{
	const struct json *slice = api_get(world->api, "endpointslices", "sim-ipv4");
	const struct json *endpoint = json_first(json_get(slice, "endpoints"));
	const char *uid = json_get_text(json_get(endpoint, "targetRef"), "uid");
	return !world->options.slices ||
	       (uid && strcmp(uid, c->leader->uid) == 0 && json_count(json_get(slice, "endpoints")) == 1);
}

static void check_route(struct checker *c)
{
	int routed = 0;
	int64_t late = ROUTE_LATE_US + world->options.loop_wait_s * SECOND_US;
	bool labels = label_is_right(c, &routed), slice = slice_is_right(c), replicas = replicas_are_right();
	if (c->slice_damaged_at != 0 && world->now - c->slice_damaged_at < 2 * SLICE_LOOK_US)
		late += SLICE_LOOK_US;
	if (labels && slice && replicas)
		c->wrong_route_since = 0;
	else if (c->wrong_route_since == 0)
		c->wrong_route_since = world->now;
	else if (world->now - c->wrong_route_since > late)
		violation("I10", "%d pods are routed%s%s, %s leads", routed,
			  slice ? "" : ", the slice leads to another one",
			  replicas ? "" : ", the replicas' Service leads elsewhere", c->leader->name);
}

static void check_writes(struct checker *c)
{
	const struct sim_options *o = &world->options;
	if (world->now - c->minute_at < 60 * SECOND_US)
		return;
	long writes = api_writes(world->api) - c->minute_writes;
	/* a ttl that a fault left at 20 brings loop_wait down to 5, by the inequality of the settings */
	int loop_wait_s = o->loop_wait_s < 5 ? o->loop_wait_s : 5;
	long rounds = 60 / loop_wait_s + 2, bound = rounds * (o->members + 1) + 10;
	long requests = world->counters.api_requests - c->minute_requests;
	bool whole = c->minute_at != 0 && world->now - c->minute_at < 70 * SECOND_US;
	if (whole && writes > bound)
		violation("I12", "%ld writes to the API in a minute of quiet, %ld are enough", writes, bound);
	if (whole && requests > bound + REQUESTS_EXTRA)
		violation("I12", "%ld requests to the API in a minute of quiet, %ld are enough", requests,
			  bound + REQUESTS_EXTRA);
	c->minute_at = world->now;
	c->minute_requests = world->counters.api_requests;
	c->minute_writes = api_writes(world->api);
}

bool check_somebody_leads(void)
{
	return world->checker->leader != NULL;
}

/* Another copy of the same history that is not too far behind the one that stands still: without it nobody may take over by itself. */
bool check_somebody_could_lead(void)
{
	const struct pod *stuck = faults_stuck_pod();
	if (world->checker->leader)
		return true;
	if (!stuck)
		return true;
	const struct json *pod = api_get(world->api, "pods", stuck->name);
	if (pod && strstr(annotation(pod, "status"), "\"pause\":true"))
		return false; /* it stands still since a pause: a person goes first (safety.md S11) */
	for (int i = 0; i < world->pod_count; i++) {
		const struct volume *v = world->pods[i]->volume;
		if (world->pods[i] != stuck && v->data == DATA_OK && !v->changing &&
		    wal_is_prefix(v->at, stuck->volume->at) &&
		    v->at.lsn + (uint64_t)world->options.lag_bytes >= stuck->volume->at.lsn)
			return true;
	}
	return false;
}

/* Once a second while nothing is broken. */
static void on_look(UNUSED void *arg)
{
	struct checker *c = world->checker;
	int64_t quiet = faults_quiet_since();
	sim_after(SECOND_US, NULL, on_look, NULL);
	c->leader = leader_now(c);
	if (quiet == INT64_MAX) {
		if (!faults_only_mild())
			c->quiet_leader = NULL;
		c->minute_at = c->wrong_route_since = 0;
		return;
	}
	if (world->now - quiet < recovery_bound_us())
		return;
	if (!c->leader && !check_somebody_could_lead())
		return;
	if (!c->leader) {
		violation("I7", "nobody leads, %" PRId64 " s after the last fault was over",
			  (world->now - quiet) / SECOND_US);
		return;
	}
	c->quiet_leader = c->leader;
	if (faults_active())
		return;
	check_route(c);
	check_writes(c);
}

void check_event(void)
{
	const struct checker *c = world->checker;
	for (int i = 0; i < c->writer_count; i++)
		check_deadline(c->writers[i]);
	if (c->writer_count > 1)
		check_one_writer(c);
}

void check_init(void)
{
	world->checker = calloc(1, sizeof(*world->checker));
	assert(world->checker);
	sim_after(SECOND_US, NULL, on_look, NULL);
}

void check_finish(void)
{
	free(world->checker);
}
