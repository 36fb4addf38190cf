/* Phases of faults from the seed, then quiet, and so on. */
#include "fault.h"

#include <stdlib.h>
#include <string.h>

static void end_fault(struct active *a)
{
	sim_cancel(&a->end);
	fault_kinds_table[a->kind].end(a);
	*a = (struct active){ .kind = FAULT_COUNT };
	world->faults->last_over = world->faults->healed_at = world->now;
}

static void on_end(void *arg)
{
	struct active *a = arg;
	a->end = NULL;
	sim_trace("FAULT over: %s", fault_kinds_table[a->kind].name);
	end_fault(a);
}

static struct active *free_place(enum fault kind)
{
	struct active *found = NULL;
	for (int i = 0; i < ACTIVE_MAX; i++) {
		struct active *a = &world->faults->active[i];
		if (a->kind == kind)
			return NULL; /* one of a kind at a time */
		if (a->kind == FAULT_COUNT && !found)
			found = a;
	}
	return found;
}

static bool is_wanted(const struct fault_kind *kind)
{
	const char *list = world->options.faults;
	while (*list) {
		size_t len = strcspn(list, ",");
		if (strncmp(kind->name, list, len) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return world->options.faults[0] == '\0';
}

static int weight_of(int kind, bool mild)
{
	return (!mild || fault_kinds_table[kind].mild_ms > 0) && is_wanted(&fault_kinds_table[kind])
		       ? fault_kinds_table[kind].weight
		       : 0;
}

/* FAULT_COUNT: nothing is wanted. */
static enum fault choose(bool mild)
{
	int total = 0, kind = 0;
	for (int i = 0; i < FAULT_COUNT; i++)
		total += weight_of(i, mild);
	if (total == 0)
		return FAULT_COUNT;
	int at = (int)(sim_random() % (uint32_t)total);
	while (at >= weight_of(kind, mild))
		at -= weight_of(kind++, mild);
	return (enum fault)kind;
}

static void inject(struct faults *f)
{
	enum fault kind = choose(f->mild);
	if (kind == FAULT_COUNT)
		return;
	const struct fault_kind *k = &fault_kinds_table[kind];
	struct active *a = free_place(kind);
	if (!a)
		return;
	*a = (struct active){ .kind = kind };
	int64_t most = f->mild && k->max_ms > k->mild_ms ? k->mild_ms : k->max_ms;
	int64_t for_us = k->max_ms > 0 ? sim_between(k->min_ms, most > k->min_ms ? most : k->min_ms) * MS_US : 0;
	bool begun = k->begin(a, for_us);
	if (begun && !f->mild)
		f->hard_since_calm = true;
	if (begun && k->end)
		a->end = sim_after(for_us, NULL, on_end, a);
	else
		*a = (struct active){ .kind = FAULT_COUNT };
	f->last_over = world->now;
}

static void heal(struct faults *f)
{
	for (int i = 0; i < ACTIVE_MAX; i++)
		if (f->active[i].kind != FAULT_COUNT && f->active[i].kind != FAULT_CONTAINER_STUCK)
			end_fault(&f->active[i]);
	for (int i = 0; i < world->options.members; i++) {
		struct pod *pod = pod_of(i);
		if (pod)
			pod->cut_api = pod->cut_members = false;
	}
	/* what a person would have to do */
	api_patch(world->api, fault_lock_kind(), fault_lock_name(),
		  "{\"metadata\":{\"labels\":{\"application\":\"howdah\",\"cluster-name\":\"sim\"}}}");
	fault_set_config(); /* a restored store may say that the cluster is paused */
	net_heal();
	f->last_over = f->healed_at = world->now;
	sim_trace("FAULTS over");
}

static void on_next(UNUSED void *arg);

static void next_phase(struct faults *f)
{
	f->stormy = !f->stormy;
	if (f->stormy) {
		f->mild = !f->hard_since_calm && sim_chance(250);
		f->phase_ends = world->now + sim_between(60, 400) * SECOND_US;
	} else {
		heal(f);
		f->phase_ends = world->now + (world->options.restores ? 200 : 0) * SECOND_US +
				sim_between(150, 300) * SECOND_US;
	}
	sim_trace("PHASE %s", !f->stormy ? "quiet" : f->mild ? "mild faults" : "faults");
}

static void on_next(UNUSED void *arg)
{
	struct faults *f = world->faults;
	bool rolls = !statefulset_is_over() && check_somebody_could_lead();
	if (!f->stormy && rolls)
		statefulset_check_end(f->healed_at);
	if (rolls && !f->mild && check_somebody_leads())
		f->last_over = world->now; /* it may move the lock */
	if (world->now >= f->phase_ends && !(rolls && !f->stormy))
		next_phase(f);
	if (f->stormy && !(f->mild && rolls))
		inject(f);
	else if (world->now - f->last_over > 140 * SECOND_US)
		f->hard_since_calm = false;
	int64_t pause = !f->stormy ? 10 * SECOND_US
			: f->mild  ? sim_between(20, 50) * SECOND_US
				   : /* one absence at a time */
				sim_skewed(100 * MS_US, 12 * SECOND_US, 60 * SECOND_US);
	f->next = sim_after(pause, NULL, on_next, NULL);
}

/* The one whose container stands still through the quiet; NULL: none does. */
const struct pod *faults_stuck_pod(void)
{
	for (int i = 0; i < ACTIVE_MAX; i++) {
		const struct active *a = &world->faults->active[i];
		if (a->kind == FAULT_CONTAINER_STUCK && a->processes[0])
			return a->processes[0]->pod;
	}
	return NULL;
}

bool faults_active(void)
{
	return world->faults->stormy;
}

/* A machine that died is a fault until it is up again. */
int64_t faults_quiet_since(void)
{
	const struct faults *f = world->faults;
	int64_t since = f->last_over;
	for (int i = 0; i < SIM_MACHINES; i++)
		if (world->machines[i].up_at > since)
			since = world->machines[i].up_at;
	return f->stormy ? INT64_MAX : since;
}

bool faults_only_mild(void)
{
	return !world->faults->hard_since_calm;
}

/* A controller that cannot leave the object alone: the record's age is not the version's (safety.md L9). */
static void on_busybody(UNUSED void *arg)
{
	char text[96];
	snprintf(text, sizeof(text), "{\"metadata\":{\"annotations\":{\"seen\":\"%u\"}}}", sim_random());
	api_patch(world->api, fault_lock_kind(), fault_lock_name(), text);
	sim_after(sim_between(2, 12) * SECOND_US, NULL, on_busybody, NULL);
}

void faults_init(void)
{
	struct faults *f = calloc(1, sizeof(*f));
	assert(f);
	world->faults = f;
	for (int i = 0; i < ACTIVE_MAX; i++)
		f->active[i].kind = FAULT_COUNT;
	f->last_over = world->now;
	f->times[0] = world->options.ttl_s;
	f->times[1] = world->options.loop_wait_s;
	f->times[2] = world->options.retry_timeout_s;
	f->hard_since_calm = true;
	int64_t calm_s = world->options.restores ? sim_between(3, 120) : sim_between(120, 240); /* or in its midst */
	f->phase_ends = world->options.quiet ? INT64_MAX : world->now + calm_s * SECOND_US;
	f->next = sim_after(10 * SECOND_US, NULL, on_next, NULL);
	if (world->options.busybody && !world->options.quiet)
		sim_after(20 * SECOND_US, NULL, on_busybody, NULL);
}

void faults_finish(void)
{
	free(world->faults);
}
