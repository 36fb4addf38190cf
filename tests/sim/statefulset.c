/* The StatefulSet and its controller, what kubelets do when a sidecar's image changes or a pod is evicted, and what must hold of
 * a roll-out: I13 never two members down by it, I14 nothing more is taken away than has to be, I15 it ends. */
#include "agent/private.h"
#include "sim.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 100, TEXT = 1400 };

/* A member that a step of the roll-out took down, until it is seen up again. */
struct taken {
	bool down, sidecar;
	char uid[UID_SIZE]; /* of the pod that was evicted */
	int image;          /* that its sidecar is to have */
	int sidecar_number; /* the container that has it ... */
	int64_t away_us; /* ... and how long its sidecar was away for the newest image; 0: it was not replaced for it */
};

struct rollout_world {
	int revision, image, postgres, memory; /* the newest template: its number, and what is in it */
	bool slow, smooth;                     /* the new image is far away; there is room for its resources */
	int64_t begun;
	struct taken taken[SIM_MEMBERS_MAX];
	struct event *look, *controller;
};

static struct rollout_world *rw(void)
{
	return world->rollout;
}

/* ---- objects ---- */

static void print_template(char *text, size_t size)
{
	char resources[120];
	resize_print_resources(rw()->memory, resources, sizeof(resources));
	snprintf(text, size,
		 "{\"metadata\":{\"labels\":{\"application\":\"howdah\"}},\"spec\":{\"initContainers\":[{\"name\":"
		 "\"howdah\",\"image\":\"howdah:%d\",\"restartPolicy\":\"Always\"}],\"containers\":[{\"name\":"
		 "\"postgres\",\"image\":\"postgres:%d\",\"resources\":%s}]}}",
		 rw()->image, rw()->postgres, resources);
}

/* The controller sees a new template a moment after it was written. */
static void on_controller(UNUSED void *arg)
{
	char text[TEXT], template[TEXT / 2];
	struct rollout_world *r = rw();
	r->controller = NULL;
	print_template(template, sizeof(template));
	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"name\":\"sim-%d\",\"namespace\":\"default\"},\"revision\":%d,\"data\":{\"spec\":{"
		 "\"template\":%s}}}",
		 r->revision, r->revision, template);
	api_put(world->api, "controllerrevisions", text);
	snprintf(text, sizeof(text), "{\"status\":{\"observedGeneration\":%d,\"updateRevision\":\"sim-%d\"}}",
		 r->revision, r->revision);
	api_patch(world->api, "statefulsets", "sim", text);
}

void statefulset_new_template(struct template_change change)
{
	char text[TEXT], template[TEXT / 2];
	struct rollout_world *r = rw();
	r->revision++;
	r->image += change.sidecar;
	r->postgres += change.postgres;
	r->memory = change.resources ? 1000 + 1000 * ((r->memory / 1000 + (int)sim_between(0, 1)) % 3) : r->memory;
	r->slow = change.slow;
	r->smooth = change.smooth;
	api_set_resize(world->api, change.resize_status);
	for (int i = 0; i < SIM_MEMBERS_MAX; i++)
		r->taken[i].away_us = 0;
	r->begun = world->now;
	print_template(template, sizeof(template));
	snprintf(text, sizeof(text), "{\"metadata\":{\"generation\":%d},\"spec\":{\"template\":%s}}", r->revision,
		 template);
	api_patch(world->api, "statefulsets", "sim", text);
	sim_cancel(&r->controller);
	r->controller = sim_after(sim_between(20, 2000) * MS_US, NULL, on_controller, NULL);
	sim_trace("the template is changed: revision sim-%d, howdah:%d%s, postgres:%d, %dMi%s", r->revision, r->image,
		  r->slow ? " (slow)" : "", r->postgres, r->memory,
		  change.resize_status ? " (which the API refuses to running pods)" : "");
}

int statefulset_print_pod(struct pod *pod, char *text, size_t size)
{
	char resources[120];
	struct rollout_world *r = rw();
	if (r->controller) { /* it makes the revision before a pod of it */
		sim_cancel(&r->controller);
		on_controller(NULL);
	}
	pod->revision = r->revision;
	pod->image = r->image;
	pod->postgres = r->postgres;
	pod->memory = pod->memory_wanted = r->memory;
	resize_begins_anew(pod);
	resize_print_resources(r->memory, resources, sizeof(resources));
	return snprintf(text, size,
			"\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"StatefulSet\",\"name\":\"sim\","
			"\"uid\":\"set-1\",\"controller\":true}],\"labels\":{\"application\":\"howdah\","
			"\"cluster-name\":\"sim\",\"controller-revision-hash\":\"sim-%d\"}},\"spec\":{"
			"\"initContainers\":[{\"name\":\"howdah\",\"image\":\"howdah:%d\"}],\"containers\":[{"
			"\"name\":\"postgres\",\"resources\":%s}],\"nodeName\":\"node-%d\"}",
			pod->revision, pod->image, resources, (int)(pod->machine - world->machines));
}

static int image_of(const struct json *object)
{
	int64_t number;
	const struct json *sidecar = json_first(json_path(object, "spec.initContainers"));
	const char *image = json_get_text(sidecar, "image");
	return image && text_to_i64(strchr(image, ':') + 1, &number) ? (int)number : 0;
}

/* ---- kubelets ---- */

static void print_time(char *text, size_t size, int64_t at_us)
{
	int64_t s = at_us / SECOND_US;
	snprintf(text, size, "2026-01-01T%02d:%02d:%02dZ", (int)(s / 3600 % 24), (int)(s / 60 % 60), (int)(s % 60));
}

static void on_status(void *arg)
{
	char text[TEXT], began[40], ended[40], last[256] = "", resources[120], conditions[200];
	struct pod *pod = arg;
	pod->status_due = NULL;
	if (!pod->current)
		return;
	resize_print_resources(pod->memory, resources, sizeof(resources));
	resize_print_conditions(pod, conditions, sizeof(conditions));
	print_time(began, sizeof(began), pod->sidecar_began);
	print_time(ended, sizeof(ended), pod->sidecar_ended);
	if (pod->sidecar_number > 1)
		snprintf(last, sizeof(last),
			 ",\"lastState\":{\"terminated\":{\"containerID\":\"sim://%d\",\"finishedAt\":\"%s\"}}",
			 pod->sidecar_number - 1, ended);
	snprintf(text, sizeof(text),
		 "{\"status\":{\"initContainerStatuses\":[{\"name\":\"howdah\",\"containerID\":\"sim://%d\",\"state\":"
		 "{\"running\":{\"startedAt\":\"%s\"}}%s}],\"containerStatuses\":[{\"name\":\"postgres\",\"resources\":"
		 "%s}],\"conditions\":%s}}",
		 pod->sidecar_number, began, last, resources, conditions);
	api_patch(world->api, "pods", pod->name, text);
}

void statefulset_status_soon(struct pod *pod)
{
	if (!pod->status_due)
		pod->status_due = sim_after(sim_between(50, 1500) * MS_US, NULL, on_status, pod);
}

void statefulset_agent_started(struct pod *pod)
{
	struct taken *t = &rw()->taken[pod->member];
	pod->sidecar_number++;
	pod->sidecar_began = world->now;
	bool same_pod = pod->current && strcmp(pod->uid, t->uid) == 0;
	if (t->down && t->sidecar && same_pod && pod->image == rw()->image && t->away_us == 0) {
		t->away_us = pod->sidecar_began - pod->sidecar_ended;
		t->sidecar_number = pod->sidecar_number;
	}
	statefulset_status_soon(pod);
}

/* A restored store forgets templates and states: whoever looks after it applies the newest again, and kubelets say what is. An image
 * that it does not ask for any more is waited for by nobody. */
void statefulset_restored(void)
{
	for (int i = 0; i < world->pod_count; i++) {
		struct pod *pod = world->pods[i];
		struct taken *t = &rw()->taken[pod->member];
		const struct json *object = pod->current ? api_get(world->api, "pods", pod->name) : NULL;
		if (object && t->sidecar && image_of(object) != t->image)
			t->down = false;
		if (object)
			resize_see_spec(pod, object, false);
		if (pod->sidecar_number > 0)
			statefulset_status_soon(pod);
	}
	statefulset_new_template((struct template_change){ .sidecar = true });
}

/* The kubelet kills first and pulls after. */
static void on_image(void *arg)
{
	struct pod *pod = arg;
	pod->image_due = NULL;
	if (!pod->current || pod->image == pod->image_wanted)
		return;
	if (pod->machine->paused || world->now < pod->machine->up_at) {
		pod->image_due = sim_after(SECOND_US, NULL, on_image, pod);
		return;
	}
	sim_trace("%s: the sidecar is replaced: howdah:%d", pod->name, pod->image_wanted);
	pod->image = pod->image_wanted;
	pod_agent_replace(pod, rw()->slow ? sim_between(5, 25) * SECOND_US : sim_between(200, 1500) * MS_US);
}

static void on_evicted(void *arg)
{
	struct pod *pod = arg;
	pod->eviction_due = NULL;
	if (!pod->current || pod->grace_over)
		return;
	if (pod->machine->paused || world->now < pod->machine->up_at)
		pod->eviction_due = sim_after(SECOND_US, NULL, on_evicted, pod);
	else
		pod_delete(pod, 0);
}

/* ---- what must hold ---- */

static bool is_up(const struct pod *pod)
{
	const struct server *s = pod && pod->supervisor ? supervisor_server(pod->supervisor) : NULL;
	return s && s->process && (s->upstream || server_can_commit(s));
}

static void look_at(int member)
{
	struct taken *t = &rw()->taken[member];
	const struct pod *pod = pod_of(member);
	if (!t->down || !pod)
		return;
	if (!t->sidecar && strcmp(pod->uid, t->uid) == 0)
		return;
	if (t->sidecar && strcmp(pod->uid, t->uid) == 0 &&
	    (pod->image != t->image || !pod->agents || pod->agents->process->dead))
		return;
	if (is_up(pod))
		t->down = false;
}

static void on_look(UNUSED void *arg)
{
	rw()->look = NULL;
	bool any = false;
	for (int i = 0; i < world->options.members; i++) {
		look_at(i);
		any |= rw()->taken[i].down;
	}
	if (any)
		rw()->look = sim_after(LOOK_MS * MS_US, NULL, on_look, NULL);
}

/* A sidecar that ended by itself meanwhile was another one than the step was decided on: nobody knows how long the image took. */
static bool tells_its_absence(const struct pod *pod)
{
	const struct json *object = api_get(world->api, "pods", pod->name);
	const char *mark = json_get_text(json_path(object, "metadata.annotations"), "howdah.io/sidecar");
	const struct json *last =
		json_path(json_first(json_path(object, "status.initContainerStatuses")), "lastState.terminated");
	const char *id = json_get_text(last, "containerID");
	return mark && id && strchr(mark, ' ') && strcmp(strchr(mark, ' ') + 1, id) == 0;
}

/* Where the replicas showed that the image is far away, the leader hands over before its own sidecar is taken. */
static void check_leader_is_spared(const struct pod *pod)
{
	const struct server *s = pod->supervisor ? supervisor_server(pod->supervisor) : NULL;
	if (!s || !server_can_commit(s) || !pod->agents)
		return;
	const struct agent *agent = pod->agents->agent;
	int64_t ttl_ms = agent->self.hold.ttl_ms, loop_wait_ms = agent->config.settings.loop_wait_ms;
	int64_t half_us = (ttl_ms - lease_margin_ms(ttl_ms) - loop_wait_ms) * MS_US / 2;
	for (int i = 0; i < world->options.members; i++) {
		const struct pod *other = pod_of(i);
		int64_t away_us = rw()->taken[i].away_us;
		bool shows =
			other && other->sidecar_number == rw()->taken[i].sidecar_number && tells_its_absence(other);
		if (shows && i != pod->member && other->image == pod->image_wanted && away_us > half_us + SECOND_US)
			violation("I14",
				  "%s leads, and its sidecar is replaced under way; that of %s took %" PRId64 " ms",
				  pod->name, other->name, away_us / MS_US);
	}
}

static void take(const struct pod *pod, bool sidecar)
{
	for (int i = 0; i < world->options.members; i++) {
		look_at(i);
		if (i != pod->member && rw()->taken[i].down)
			violation("I13", "%s is taken down by the roll-out, and pg-%d is not back yet", pod->name, i);
	}
	struct taken *t = &rw()->taken[pod->member];
	*t = (struct taken){ .down = true, .sidecar = sidecar, .image = pod->image_wanted };
	text_copy(t->uid, sizeof(t->uid), pod->uid);
	if (!rw()->look)
		rw()->look = sim_after(LOOK_MS * MS_US, NULL, on_look, NULL);
}

static struct pod *current_pod(const char *name)
{
	for (int i = 0; i < world->options.members; i++)
		if (pod_of(i) && strcmp(pod_of(i)->name, name) == 0)
			return pod_of(i);
	return NULL;
}

static void see_image(struct pod *pod, const struct api_change *change)
{
	int image = image_of(change->object);
	if (image == 0 || image == pod->image_wanted)
		return;
	pod->image_wanted = image;
	if (!change->author)
		return;
	world->counters.patches++;
	sim_trace("%s: its sidecar is to be howdah:%d", pod->name, image);
	check_rollout_step(change->author);
	if (change->author == pod)
		check_leader_is_spared(pod);
	take(pod, true);
	if (!pod->image_due)
		pod->image_due = sim_after(sim_between(100, 1500) * MS_US, NULL, on_image, pod);
}

static void see_eviction(struct pod *pod, const struct api_change *change)
{
	const char *deleted = json_get_text(json_get(change->object, "metadata"), "deletionTimestamp");
	if (!deleted || !change->author || pod->eviction_due || pod->grace_over)
		return;
	world->counters.evictions++;
	sim_trace("%s: evicted", pod->name);
	if (pod->postgres == rw()->postgres && !world->restored && !resize_is_excused(pod))
		violation("I14", "%s is evicted, and nothing differs but what changes under a running PostgreSQL",
			  pod->name);
	check_rollout_step(change->author);
	take(pod, false);
	pod->eviction_due = sim_after(sim_between(50, 800) * MS_US, NULL, on_evicted, pod);
}

/* What it was changed to is not what it has, as long as its kubelet has not done it. */
static void see_label(struct pod *pod, const struct api_change *change)
{
	const char *label = json_get_text(json_path(change->object, "metadata.labels"), "controller-revision-hash");
	int64_t revision;
	if (!change->author || !label || !text_to_i64(label + strlen("sim-"), &revision) || revision == pod->revision)
		return;
	pod->revision = (int)revision;
	if (revision != rw()->revision)
		return;
	if (pod->memory != rw()->memory && !world->restored)
		violation("I14", "%s counts as updated to %s with %dMi instead of %dMi", pod->name, label, pod->memory,
			  rw()->memory);
	resize_begins_anew(pod);
}

void statefulset_api_change(const struct api_change *change)
{
	const char *uid = json_get_text(json_get(change->object, "metadata"), "uid");
	struct pod *pod = strcmp(change->kind, "pods") == 0 && !change->deleted ? current_pod(change->name) : NULL;
	if (!pod || !uid || strcmp(uid, pod->uid) != 0)
		return;
	if (pod->image_wanted == 0)
		pod->image_wanted = pod->image;
	resize_see_mark(pod, change->object);
	pod->resize_smooth = rw()->smooth;
	if (change->author)
		resize_see_spec(pod, change->object, true);
	see_label(pod, change);
	see_image(pod, change);
	see_eviction(pod, change);
}

bool statefulset_is_over(void)
{
	char revision[32];
	snprintf(revision, sizeof(revision), "sim-%d", rw()->revision);
	for (int i = 0; i < world->options.members; i++) {
		const struct pod *pod = pod_of(i);
		const struct json *object = pod ? api_get(world->api, "pods", pod->name) : NULL;
		const char *label = json_get_text(json_path(object, "metadata.labels"), "controller-revision-hash");
		if (!label || strcmp(label, revision) != 0 || rw()->taken[i].down)
			return false;
	}
	return true;
}

/* Published: a holder whose machine stood still may go on although another has led since, and that one cannot tell what to do. */
static bool somebody_led_later(void)
{
	uint32_t leads = 0, last = 0;
	for (int i = 0; i < world->options.members; i++) {
		const struct pod *pod = pod_of(i);
		if (!pod || pod->volume->at.branch < 0)
			continue;
		uint32_t timeline = wal_branch(pod->volume->at.branch)->timeline;
		last = timeline > last ? timeline : last;
		if (pod->supervisor && server_can_commit(supervisor_server(pod->supervisor)))
			leads = timeline;
	}
	return leads != 0 && leads < last;
}

/* Since nothing else is broken: looks, a hand-over, and for each pod five minutes in which its node has no room for its resources, its
 * end, its start, and what is missing to stream. A standby whose
 * receiver is lost in that very moment takes nothing over, now and then twice; it is tried again after five minutes. */
void statefulset_check_end(int64_t since)
{
	const struct sim_options *o = &world->options;
	int64_t from = since > rw()->begun ? since : rw()->begun;
	int64_t bound = (o->ttl_max_s + 4 * o->loop_wait_s + 120 + 420 * o->members + 2 * 300) * SECOND_US;
	if (!statefulset_is_over() && world->now - from > bound && !somebody_led_later())
		violation("I15", "the roll-out to sim-%d has not ended after %" PRId64 " s", rw()->revision,
			  (world->now - from) / SECOND_US);
}

/* ---- life ---- */

void statefulset_init(void)
{
	char text[TEXT];
	world->rollout = calloc(1, sizeof(*world->rollout));
	assert(world->rollout);
	rw()->image = rw()->postgres = 0;
	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"name\":\"sim\",\"namespace\":\"default\",\"uid\":\"set-1\",\"generation\":0},"
		 "\"spec\":{\"replicas\":%d,\"updateStrategy\":{\"type\":\"OnDelete\"}}}",
		 world->options.members);
	api_put(world->api, "statefulsets", text);
	statefulset_new_template((struct template_change){ .sidecar = true, .postgres = true, .resources = true });
}

void statefulset_finish(void)
{
	free(world->rollout);
}
