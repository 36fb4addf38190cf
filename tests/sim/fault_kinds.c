/* The kinds of faults: what each does to a cluster, and how it is undone. Each counts when it took effect. */
#include "fault.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

long fault_counts[FAULT_COUNT];

static struct pod *any_pod(void)
{
	return world->pod_count > 0 ? world->pods[sim_random() % (uint32_t)world->pod_count] : NULL;
}

/* Leaders are where it hurts. */
static struct pod *victim(void)
{
	if (sim_chance(500))
		for (struct supervisor *s = supervisor_next(NULL); s; s = supervisor_next(s))
			if (server_can_commit(supervisor_server(s)) && !supervisor_pod(s)->gone)
				return supervisor_pod(s);
	return any_pod();
}

static void took_effect(enum fault kind)
{
	fault_counts[kind]++;
}

/* ---- processes ---- */

static bool agent_kill(UNUSED struct active *a, UNUSED int64_t for_us)
{
	struct pod *pod = victim();
	if (!pod || !pod->agents || pod->machine->paused)
		return false;
	int64_t back = world->faults->mild ? sim_between(200, 4000) * MS_US
					   : sim_skewed(200 * MS_US, 5 * SECOND_US, 60 * SECOND_US);
	sim_trace("FAULT %s: agent killed", pod->name);
	pod_agent_kill(pod, pod->agents, back);
	took_effect(FAULT_AGENT_KILL);
	return true;
}

static void freeze(struct active *a, struct process *p)
{
	if (!p || p->dead)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(a->processes); i++) {
		if (a->processes[i])
			continue;
		a->processes[i] = p;
		process_freeze(p);
		return;
	}
}

static void thaw_all(struct active *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(a->processes); i++)
		if (a->processes[i] && !a->processes[i]->dead)
			process_thaw(a->processes[i]);
	took_effect(a->kind);
	server_links_changed();
}

static bool agent_freeze(struct active *a, UNUSED int64_t for_us)
{
	struct pod *pod = victim();
	if (!pod || !pod->agents)
		return false;
	sim_trace("FAULT %s: agent frozen", pod->name);
	freeze(a, pod->agents->process);
	return true;
}

/* The liveness probe fails for a frozen agent: it is killed, and another one comes. */
static void agent_replaced(struct active *a)
{
	struct process *p = a->processes[0];
	if (p && !p->dead && p->pod->agents && p->pod->agents->process == p) {
		sim_trace("FAULT %s: frozen agent replaced", p->pod->name);
		pod_agent_kill(p->pod, p->pod->agents, sim_between(50, 2000) * MS_US);
		took_effect(FAULT_AGENT_REPLACED);
	}
}

static struct server *victim_server(struct pod **pod)
{
	*pod = victim();
	struct server *s = *pod && (*pod)->supervisor ? supervisor_server((*pod)->supervisor) : NULL;
	return s && s->process && s->postmaster ? s : NULL;
}

static bool postmaster_kill(struct active *a, UNUSED int64_t for_us)
{
	struct pod *pod;
	struct server *s = victim_server(&pod);
	bool orphan = a->kind == FAULT_POSTMASTER_ORPHAN;
	if (!s || (orphan && s->phase != SERVER_PRIMARY))
		return false;
	sim_trace("FAULT %s: postmaster killed%s", pod->name, orphan ? ", a backend goes on" : "");
	server_kill_postmaster(s, orphan);
	took_effect(a->kind);
	return true;
}

static bool container_kill(UNUSED struct active *a, UNUSED int64_t for_us)
{
	struct pod *pod = victim();
	if (!pod || !pod->supervisor || pod->grace_over)
		return false;
	sim_trace("FAULT %s: PostgreSQL's container killed", pod->name);
	pod_container_kill(pod, sim_skewed(300 * MS_US, 5 * SECOND_US, 60 * SECOND_US));
	took_effect(FAULT_CONTAINER_KILL);
	return true;
}

static bool container_freeze(struct active *a, UNUSED int64_t for_us)
{
	struct pod *pod = victim();
	if (!pod || !pod->supervisor)
		return false;
	sim_trace("FAULT %s: frozen, kind %d", pod->name, a->kind);
	if (a->kind == FAULT_MEMBER_FREEZE && pod->agents)
		freeze(a, pod->agents->process);
	if (a->kind != FAULT_SERVER_FREEZE)
		freeze(a, supervisor_process(pod->supervisor));
	if (a->kind != FAULT_SUPERVISOR_STALL)
		freeze(a, supervisor_server(pod->supervisor)->process);
	server_links_changed();
	return a->processes[0] != NULL;
}

/* Through the quiet that follows: the others must do without it (safety.md L2). */
static bool container_stuck(struct active *a, int64_t for_us)
{
	return world->options.members >= 3 && container_freeze(a, for_us);
}

/* ---- machines ---- */

static bool host_death(UNUSED struct active *a, UNUSED int64_t for_us)
{
	struct pod *pod = victim();
	if (!pod || pod->machine->paused || world->now < pod->machine->up_at)
		return false;
	sim_trace("FAULT %s: its machine dies", pod->name);
	machine_die(pod->machine, sim_between(5, 90) * SECOND_US);
	took_effect(FAULT_HOST_DEATH);
	return true;
}

static bool vm_pause(struct active *a, int64_t for_us)
{
	struct pod *pod = victim();
	if (!pod || pod->machine->paused || world->now < pod->machine->up_at)
		return false;
	sim_trace("FAULT %s: its machine is paused", pod->name);
	a->machine = pod->machine;
	a->machine->paused_us = for_us;
	machine_pause(a->machine);
	server_links_changed();
	return true;
}

static void vm_resume(struct active *a)
{
	machine_resume(a->machine);
	a->machine->wall_offset += sim_between(-1, 0) * (sim_chance(500) ? a->machine->paused_us : 0);
	took_effect(FAULT_VM_PAUSE);
}

static bool wall_step(UNUSED struct active *a, UNUSED int64_t for_us)
{
	world->machines[sim_random() % SIM_MACHINES].wall_offset += sim_between(-120, 120) * SECOND_US;
	took_effect(FAULT_WALL_STEP);
	return true;
}

static bool clock_rate(UNUSED struct active *a, UNUSED int64_t for_us)
{
	struct machine *m = &world->machines[sim_random() % SIM_MACHINES];
	if (m->paused || world->now < m->up_at)
		return false;
	machine_new_rates(m);
	clock_set_rate(&m->boot, m->steady_boot_ppm);
	clock_set_rate(&m->raw, m->steady_raw_ppm);
	supervisors_hear_of_clocks(m);
	took_effect(FAULT_CLOCK_RATE);
	return true;
}

/* ---- the network ---- */

static long misses(void)
{
	return world->net->black_holes + world->net->refused;
}

static int place_of(const struct pod *pod)
{
	for (int i = 0; i < world->pod_count; i++)
		if (world->pods[i] == pod)
			return i;
	return -1;
}

static void cut_members_too(void *arg)
{
	struct pod *pod = arg;
	if (!pod->cut_api)
		return;
	sim_trace("FAULT %s: cut from the others as well", pod->name);
	pod->cut_members = true;
	server_links_changed();
}

/* When it may have asked the others whether it may go on. */
static void isolate_later(struct pod *pod, int64_t for_us)
{
	sim_after(sim_between(for_us / 3, for_us * 9 / 10), NULL, cut_members_too, pod);
}

static bool cut(struct active *a, int64_t for_us)
{
	a->pod = victim();
	a->other = any_pod();
	if (!a->pod)
		return false;
	a->before = misses();
	sim_trace("FAULT %s: cut, kind %d", a->pod->name, a->kind);
	if (a->kind == FAULT_CUT_PAIR) {
		if (a->other == a->pod)
			return false;
		int x = place_of(a->pod), y = place_of(a->other);
		world->net->pair_cut[x][y] = world->net->pair_cut[y][x] = true;
	}
	if (a->kind == FAULT_ISOLATED)
		isolate_later(a->pod, for_us);
	if (a->kind == FAULT_CUT_API || a->kind == FAULT_CUT_BOTH || a->kind == FAULT_ISOLATED) {
		a->pod->cut_api = true;
		a->pod->cut_api_refuses = sim_chance(300);
	}
	if (a->kind == FAULT_CUT_MEMBERS || a->kind == FAULT_CUT_BOTH)
		a->pod->cut_members = true;
	server_links_changed();
	return true;
}

static void uncut(struct active *a)
{
	a->pod->cut_api = a->pod->cut_members = false;
	if (a->kind == FAULT_CUT_PAIR)
		memset(world->net->pair_cut, 0, sizeof(world->net->pair_cut));
	bool api = a->kind == FAULT_CUT_API || a->kind == FAULT_CUT_BOTH || a->kind == FAULT_ISOLATED;
	if (!api || misses() > a->before)
		took_effect(a->kind);
	net_heal();
}

static bool api_outage(struct active *a, UNUSED int64_t for_us)
{
	if (world->net->api_down)
		return false;
	sim_trace("FAULT the API is down");
	a->before = misses();
	world->net->api_down = true;
	world->net->api_down_refuses = sim_chance(400);
	return true;
}

static void api_back(struct active *a)
{
	world->net->api_down = false;
	if (misses() > a->before)
		took_effect(FAULT_API_OUTAGE);
	if (sim_chance(500))
		api_end_watches(world->api, -1);
	net_heal();
}

static bool api_slow(struct active *a, UNUSED int64_t for_us)
{
	a->before = world->counters.api_requests;
	int64_t most_ms = world->faults->mild ? world->options.retry_timeout_s * 1000 / 8 : 6000;
	world->net->slow_us = sim_between(100, most_ms) * MS_US;
	sim_trace("FAULT the API is slow, up to %" PRId64 " ms each way", world->net->slow_us / MS_US);
	return true;
}

static void api_fast(struct active *a)
{
	world->net->slow_us = 0;
	if (world->counters.api_requests > a->before)
		took_effect(FAULT_API_SLOW);
}

static bool api_restart(UNUSED struct active *a, UNUSED int64_t for_us)
{
	int server = sim_chance(500) ? -1 : (int)(sim_random() % 2);
	sim_trace("FAULT API server %d restarts", server);
	api_end_watches(world->api, server);
	took_effect(FAULT_API_RESTART);
	return true;
}

static bool compact(UNUSED struct active *a, UNUSED int64_t for_us)
{
	sim_trace("FAULT the API is compacted");
	api_compact(world->api);
	took_effect(FAULT_API_COMPACT);
	return true;
}

static bool api_lag(UNUSED struct active *a, UNUSED int64_t for_us)
{
	int64_t lag = sim_between(0, world->faults->mild ? 2000 : 20000) * MS_US;
	int server = (int)(sim_random() % 2);
	sim_trace("FAULT the watch cache of API server %d lags by %" PRId64 " ms", server, lag / MS_US);
	api_set_lag(world->api, server, lag);
	return true;
}

static void api_lag_over(UNUSED struct active *a)
{
	for (int i = 0; i < API_SERVERS_MAX; i++)
		api_set_lag(world->api, i, 0);
	took_effect(FAULT_API_LAG);
}

static long losses(void)
{
	const struct net *n = world->net;
	return n->lost_requests + n->lost_answers + n->late_landings;
}

static bool loss(struct active *a, UNUSED int64_t for_us)
{
	a->before = losses();
	world->net->loss_per_mille = (int)sim_between(10, 300);
	sim_trace("FAULT losses of %d per mille", world->net->loss_per_mille);
	return true;
}

static void loss_over(struct active *a)
{
	world->net->loss_per_mille = 0;
	if (losses() > a->before)
		took_effect(FAULT_LOSS);
}

static bool storm(struct active *a, UNUSED int64_t for_us)
{
	static const int statuses[] = { 403, 401, 429 };
	int status = statuses[a->kind - FAULT_STORM_403];
	a->before = api_storm_hits(world->api);
	sim_trace("FAULT the API answers %d", status);
	api_set_storm(world->api, status, (int)sim_between(200, 1000), status == 429 ? sim_between(1, 60) : -1);
	return true;
}

static void storm_over(struct active *a)
{
	api_set_storm(world->api, 0, 0, -1);
	if (api_storm_hits(world->api) > a->before)
		took_effect(a->kind);
}

/* ---- people and controllers ---- */

const char *fault_lock_kind(void)
{
	return world->options.endpoints ? "endpoints" : "configmaps";
}

const char *fault_lock_name(void)
{
	return world->options.endpoints ? "sim" : "sim-leader";
}

static bool leader_deleted(UNUSED struct active *a, UNUSED int64_t for_us)
{
	if (!api_delete(world->api, fault_lock_kind(), fault_lock_name()))
		return false;
	sim_trace("FAULT the leader object is deleted");
	took_effect(FAULT_LEADER_DELETED);
	return true;
}

static bool leader_relabelled(UNUSED struct active *a, UNUSED int64_t for_us)
{
	if (!api_patch(world->api, fault_lock_kind(), fault_lock_name(),
		       "{\"metadata\":{\"labels\":{\"cluster-name\":null}}}"))
		return false;
	sim_trace("FAULT the leader object loses its label");
	took_effect(FAULT_LEADER_RELABELLED);
	return true;
}

static bool leader_touched(UNUSED struct active *a, UNUSED int64_t for_us)
{
	char text[96];
	snprintf(text, sizeof(text), "{\"metadata\":{\"annotations\":{\"note\":\"%u\"}}}", sim_random());
	if (!api_patch(world->api, fault_lock_kind(), fault_lock_name(), text))
		return false;
	took_effect(FAULT_LEADER_TOUCHED);
	return true;
}

/* Nothing else is broken: a leader that is cut off while the record that only it knows is rolled back is not covered (docs/safety.md). */
static bool alone(const struct active *a)
{
	for (int i = 0; i < ACTIVE_MAX; i++)
		if (&world->faults->active[i] != a && world->faults->active[i].kind != FAULT_COUNT)
			return false;
	return true;
}

static bool restore(struct active *a, UNUSED int64_t for_us)
{
	if (sim_chance(500) || !alone(a) || !api_restore(world->api)) {
		api_snapshot(world->api);
		return true;
	}
	sim_trace("FAULT the API's store is restored to version %" PRIu64, api_version(world->api));
	world->restored = true;
	statefulset_restored();
	took_effect(FAULT_RESTORE);
	return true;
}

static bool pod_deleted(UNUSED struct active *a, UNUSED int64_t for_us)
{
	struct pod *pod = victim();
	if (!pod || !pod->current || pod->grace_over || pod->machine->paused)
		return false;
	sim_trace("FAULT %s: deleted", pod->name);
	pod_delete(pod, sim_chance(300) ? sim_between(1, 10) : 0);
	took_effect(FAULT_POD_DELETE);
	return true;
}

/* A volume that goes away must not be the last one with data. */
static bool others_have_data(const struct pod *pod)
{
	for (int i = 0; i < world->options.members; i++) {
		const struct pod *other = pod_of(i);
		if (other && other != pod && other->volume->data == DATA_OK && !other->volume->changing &&
		    !other->volume->bootstrap)
			return true;
	}
	return false;
}

static bool others_have(const struct pod *pod)
{
	struct position head = pod->volume->at;
	if (pod->volume->data != DATA_OK)
		return true;
	head.lsn = wal_branch(head.branch)->begin;
	for (int i = 0; i < world->options.members; i++) {
		const struct pod *other = pod_of(i);
		if (other && other != pod && other->volume != pod->volume && other->volume->data == DATA_OK &&
		    !other->volume->changing && wal_is_prefix(head, other->volume->at))
			return true;
	}
	return false;
}

/* Nobody told the old one: it runs on until its node is seen again. */
static bool twin(struct active *a, UNUSED int64_t for_us)
{
	struct pod *pod = victim();
	if (!pod || !pod->current || pod->grace_over || world->pod_count > SIM_PODS_MAX - 2)
		return false;
	if (a->kind != FAULT_TWIN_SAME_VOLUME && !others_have_data(pod))
		return false;
	sim_trace("FAULT %s: force-deleted, kind %d", pod->name, a->kind);
	a->pod = pod;
	pod_force_delete(pod, a->kind == FAULT_TWIN_SAME_VOLUME);
	if (a->kind == FAULT_FORCED)
		pod_lose_rights(pod);
	return true;
}

/* The old one ends and its volume with it, unless nobody else has what was written on it last. */
static void twin_over(struct active *a)
{
	struct pod *old = a->pod, *now = pod_of(old->member);
	took_effect(a->kind);
	if (old->gone)
		return;
	if (now && now->volume != old->volume && !others_have(old))
		pod_move_volume(now, old->volume);
	pod_end(old);
}

void fault_set_config(void)
{
	const struct faults *f = world->faults;
	char text[480];
	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"annotations\":{\"config\":\"{\\\"ttl\\\":%" PRId64 ",\\\"loop_wait\\\":%" PRId64
		 ",\\\"retry_timeout\\\":%" PRId64 ",\\\"primary_start_timeout\\\":%" PRId64
		 ",\\\"maximum_lag_on_failover\\\":%" PRId64 ",\\\"failsafe_mode\\\":%s,\\\"pause\\\":%s}\"}}}",
		 f->times[0], f->times[1], f->times[2], world->options.start_timeout_s, world->options.lag_bytes,
		 world->options.failsafe ? "true" : "false", f->paused ? "true" : "false");
	api_patch(world->api, fault_lock_kind(), "sim-config", text);
}

static void set_times(int64_t ttl, int64_t loop_wait, int64_t retry)
{
	struct faults *f = world->faults;
	f->times[0] = ttl;
	f->times[1] = loop_wait;
	f->times[2] = retry;
	fault_set_config();
}

static bool pause_begin(UNUSED struct active *a, UNUSED int64_t for_us)
{
	sim_trace("FAULT the cluster is paused");
	world->faults->paused = true;
	fault_set_config();
	return true;
}

static void pause_end(UNUSED struct active *a)
{
	for (struct supervisor *s = supervisor_next(NULL); s; s = supervisor_next(s))
		if (supervisor_is_unguarded(s) && server_can_commit(supervisor_server(s)))
			fault_counts[FAULT_PAUSE] += 1;
	world->faults->paused = false;
	fault_set_config();
}

static bool ttl_change(UNUSED struct active *a, UNUSED int64_t for_us)
{
	static const int64_t choices[][3] = { { 20, 5, 5 }, { 60, 10, 10 }, { 15, 5, 4 }, { 120, 10, 10 } };
	const int64_t *t = choices[sim_random() % ARRAY_SIZE(choices)];
	sim_trace("FAULT ttl is set to %" PRId64, t[0]);
	set_times(t[0], t[1], t[2]);
	took_effect(FAULT_TTL_CHANGE);
	return true;
}

static void ttl_back(UNUSED struct active *a)
{
	const struct sim_options *o = &world->options;
	sim_trace("FAULT ttl is set back");
	set_times(o->ttl_s, o->loop_wait_s, o->retry_timeout_s);
}

/* As the command line does when no REST API can be reached: the failover object is written. */
static bool move_asked(struct active *a, UNUSED int64_t for_us)
{
	const struct json *lock = api_get(world->api, fault_lock_kind(), fault_lock_name());
	const char *leader = json_get_text(json_path(lock, "metadata.annotations"), "leader");
	bool failover = a->kind == FAULT_FAILOVER;
	struct pod *to = any_pod();
	char text[300];
	if (!leader || !to || strcmp(to->name, leader) == 0)
		return false;
	const char *candidate = failover || sim_chance(500) ? to->name : NULL;
	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"name\":\"sim-failover\",\"namespace\":\"default\",\"labels\":{\"application\":"
		 "\"howdah\","
		 "\"cluster-name\":\"sim\"},\"annotations\":{\"leader\":%s%s%s,\"member\":%s%s%s}}}",
		 failover ? "null" : "\"", failover ? "" : leader, failover ? "" : "\"", candidate ? "\"" : "null",
		 candidate ? candidate : "", candidate ? "\"" : "");
	if (!api_patch(world->api, fault_lock_kind(), "sim-failover", text) &&
	    !api_put(world->api, fault_lock_kind(), text))
		return false;
	sim_trace("FAULT %s from %s to %s", failover ? "failover" : "switchover", leader,
		  candidate ? candidate : "any");
	took_effect(a->kind);
	return true;
}

/* ---- roll-outs ---- */

static bool template_changed(struct active *a, UNUSED int64_t for_us)
{
	if (world->faults->mild && !statefulset_is_over())
		return false; /* calm is when one thing happens at a time */
	bool mild = world->faults->mild, resources = a->kind == FAULT_RESOURCES;
	statefulset_new_template(
		(struct template_change){ .sidecar = !resources || sim_chance(300),
					  .resources = resources || (a->kind == FAULT_TEMPLATE && sim_chance(300)),
					  .postgres = a->kind == FAULT_TEMPLATE,
					  .slow = a->kind == FAULT_SIDECAR_IMAGE_SLOW,
					  .smooth = mild,
					  .resize_status = mild || sim_chance(850) ? 0
							   : sim_chance(500)       ? 422
										   : 404 });
	took_effect(a->kind);
	return true;
}

static bool unschedulable(UNUSED struct active *a, UNUSED int64_t for_us)
{
	sim_trace("FAULT no pod is made again");
	world->unschedulable = true;
	return true;
}

static void schedulable(UNUSED struct active *a)
{
	for (int i = 0; i < world->options.members; i++)
		fault_counts[FAULT_UNSCHEDULABLE] += !pod_of(i);
	world->unschedulable = false;
}

static bool refuse_rollout(struct active *a, UNUSED int64_t for_us)
{
	sim_trace("FAULT roll-outs are refused, kind %d", a->kind);
	a->before = api_rollout_refusals(world->api);
	api_set_rollout(world->api, a->kind == FAULT_RIGHTS, a->kind == FAULT_BUDGET);
	return true;
}

static void allow_rollout(struct active *a)
{
	api_set_rollout(world->api, false, false);
	if (api_rollout_refusals(world->api) > a->before)
		took_effect(a->kind);
}

const struct fault_kind fault_kinds_table[FAULT_COUNT] = {
	[FAULT_AGENT_KILL] = { "agent killed", 60, 1, 0, 0, agent_kill, NULL },
	[FAULT_AGENT_FREEZE] = { "agent frozen", 40, 5000, 200, 60000, agent_freeze, thaw_all },
	[FAULT_AGENT_REPLACED] = { "frozen agent replaced", 20, 0, 200, 40000, agent_freeze, agent_replaced },
	[FAULT_POSTMASTER_KILL] = { "postmaster killed", 30, 0, 0, 0, postmaster_kill, NULL },
	[FAULT_POSTMASTER_ORPHAN] = { "postmaster killed, orphan", 30, 0, 0, 0, postmaster_kill, NULL },
	[FAULT_CONTAINER_KILL] = { "container killed", 30, 0, 0, 0, container_kill, NULL },
	[FAULT_CONTAINER_FREEZE] = { "container frozen", 20, 0, 200, 60000, container_freeze, thaw_all },
	[FAULT_SERVER_FREEZE] = { "PostgreSQL frozen", 15, 0, 200, 60000, container_freeze, thaw_all },
	[FAULT_SUPERVISOR_STALL] = { "supervisor stalled", 15, 5000, 20, 350, container_freeze, thaw_all },
	[FAULT_MEMBER_FREEZE] = { "member frozen", 30, 0, 200, 90000, container_freeze, thaw_all },
	[FAULT_CONTAINER_STUCK] = { "container stuck for long", 6, 0, 350000, 450000, container_stuck, thaw_all },
	[FAULT_HOST_DEATH] = { "machine died", 20, 0, 0, 0, host_death, NULL },
	[FAULT_VM_PAUSE] = { "machine paused", 15, 0, 1000, 90000, vm_pause, vm_resume },
	[FAULT_WALL_STEP] = { "wall clock stepped", 15, 1, 0, 0, wall_step, NULL },
	[FAULT_CLOCK_RATE] = { "clock rate changed", 15, 0, 0, 0, clock_rate, NULL },
	[FAULT_CUT_API] = { "cut from the API", 50, 0, 500, 90000, cut, uncut },
	[FAULT_CUT_MEMBERS] = { "cut from the members", 30, 0, 500, 60000, cut, uncut },
	[FAULT_CUT_PAIR] = { "two members cut", 20, 5000, 500, 60000, cut, uncut },
	[FAULT_CUT_BOTH] = { "cut from all", 40, 0, 500, 150000, cut, uncut },
	[FAULT_API_OUTAGE] = { "API outage", 25, 0, 500, 90000, api_outage, api_back },
	[FAULT_API_SLOW] = { "API slow", 25, 5000, 2000, 60000, api_slow, api_fast },
	[FAULT_API_RESTART] = { "API server restarted", 20, 1, 0, 0, api_restart, NULL },
	[FAULT_API_COMPACT] = { "API compacted", 10, 1, 0, 0, compact, NULL },
	[FAULT_API_LAG] = { "watch cache lags", 20, 5000, 2000, 60000, api_lag, api_lag_over },
	[FAULT_LOSS] = { "losses", 40, 0, 2000, 90000, loss, loss_over },
	[FAULT_STORM_403] = { "403", 10, 0, 500, 40000, storm, storm_over },
	[FAULT_STORM_401] = { "401", 10, 0, 500, 40000, storm, storm_over },
	[FAULT_STORM_429] = { "429", 10, 1500, 500, 40000, storm, storm_over },
	[FAULT_LEADER_DELETED] = { "leader object deleted", 10, 0, 0, 0, leader_deleted, NULL },
	[FAULT_LEADER_RELABELLED] = { "leader object relabelled", 10, 0, 0, 0, leader_relabelled, NULL },
	[FAULT_LEADER_TOUCHED] = { "leader object annotated", 10, 1, 0, 0, leader_touched, NULL },
	[FAULT_RESTORE] = { "store restored", 16, 0, 0, 0, restore, NULL },
	[FAULT_POD_DELETE] = { "pod deleted", 20, 0, 0, 0, pod_deleted, NULL },
	[FAULT_TWIN] = { "twin, other volume", 12, 0, 5000, 240000, twin, twin_over },
	[FAULT_TWIN_SAME_VOLUME] = { "twin, same volume", 15, 0, 5000, 90000, twin, twin_over },
	[FAULT_TTL_CHANGE] = { "ttl changed", 15, 0, 5000, 90000, ttl_change, ttl_back },
	[FAULT_PAUSE] = { "paused", 12, 0, 2000, 120000, pause_begin, pause_end },
	[FAULT_SWITCHOVER] = { "switchover asked", 25, 0, 0, 0, move_asked, NULL },
	[FAULT_FAILOVER] = { "failover asked", 10, 0, 0, 0, move_asked, NULL },
	[FAULT_SIDECAR_IMAGE] = { "sidecar image changed", 15, 1, 0, 0, template_changed, NULL },
	[FAULT_SIDECAR_IMAGE_SLOW] = { "sidecar image changed, slow", 10, 0, 0, 0, template_changed, NULL },
	[FAULT_RESOURCES] = { "resources changed", 15, 1, 0, 0, template_changed, NULL },
	[FAULT_TEMPLATE] = { "template changed", 15, 0, 0, 0, template_changed, NULL },
	[FAULT_UNSCHEDULABLE] = { "no pod is made again", 10, 0, 5000, 200000, unschedulable, schedulable },
	[FAULT_BUDGET] = { "evictions refused", 8, 0, 5000, 90000, refuse_rollout, allow_rollout },
	[FAULT_RIGHTS] = { "roll-out forbidden", 8, 0, 5000, 90000, refuse_rollout, allow_rollout },
	[FAULT_FORCED] = { "forced deletion", 12, 0, 5000, 60000, twin, twin_over },
	[FAULT_ISOLATED] = { "isolated step by step", 15, 0, 20000, 120000, cut, uncut },
};

int fault_kinds(void)
{
	return FAULT_COUNT;
}

const char *fault_name(int kind)
{
	return fault_kinds_table[kind].name;
}
