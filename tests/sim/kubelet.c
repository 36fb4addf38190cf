/* Kubelets, the StatefulSet's controller and the scheduler: pods, their containers, and what the API says of them. */
#include "agent/private.h"
#include "base/log.h"
#include "pg_model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { GRACE_S = 60 };

static const char config_format[] =
	"scope: sim\n"
	"restapi: {listen: '0.0.0.0:8008'}\n"
	"bootstrap: {dcs: {ttl: %lld, loop_wait: %lld, retry_timeout: %lld,"
	" primary_start_timeout: %lld, maximum_lag_on_failover: %lld, failsafe_mode: %s,"
	" postgresql: {use_slots: true}}%s}\n"
	"kubernetes: {labels: {application: howdah}, use_endpoints: %s, ports: [{port: 5432}]}\n"
	"howdah: {route: %s}\n"
	"postgresql: {listen: '0.0.0.0:5432', data_dir: /data/pg,"
	" remove_data_directory_on_diverged_timelines: true,"
	" authentication: {superuser: {username: postgres}, replication: {username: rep}}}\n";
static char config_path[64];

struct pod *pod_of(int member)
{
	return world->members[member].pod;
}

struct pod *pod_by_ip(const char *ip)
{
	for (int i = 0; i < world->pod_count; i++) {
		size_t len = strlen(world->pods[i]->ip);
		if (strncmp(ip, world->pods[i]->ip, len) == 0 && (ip[len] == ':' || ip[len] == '\0'))
			return world->pods[i];
	}
	return NULL;
}

/* ---- what the API says ---- */

static void on_ready_due(void *arg)
{
	struct pod *pod = arg;
	char text[300], conditions[200];
	pod->ready_due = NULL;
	const struct server *s = pod->supervisor ? supervisor_server(pod->supervisor) : NULL;
	bool ready = pod->agents && !pod->agents->process->dead && s && s->process && s->postmaster &&
		     s->phase != SERVER_STARTING;
	if (ready == pod->ready || !pod->current)
		return;
	pod->ready = ready;
	resize_print_conditions(pod, conditions, sizeof(conditions));
	snprintf(text, sizeof(text), "{\"status\":{\"conditions\":%s}}", conditions);
	api_patch(world->api, "pods", pod->name, text);
}

void pod_changed(struct pod *pod)
{
	if (!pod->ready_due && pod->current)
		pod->ready_due = sim_after(sim_between(500, 3000) * MS_US, NULL, on_ready_due, pod);
}

static void put_object(struct pod *pod)
{
	char text[1600], middle[1000];
	statefulset_print_pod(pod, middle, sizeof(middle));
	snprintf(text, sizeof(text),
		 "{\"metadata\":{\"name\":\"%s\",\"namespace\":\"default\",\"uid\":\"%s\",%s,\"status\":{\"phase\":"
		 "\"Running\",\"podIP\":\"%s\",\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"}]}}",
		 pod->name, pod->uid, middle, pod->ip);
	api_delete(world->api, "pods", pod->name); /* of an older one, brought back by a restore */
	api_put(world->api, "pods", text);
}

/* ---- the agent's container ---- */

static bool load_config(const struct pod *pod, struct config *config, struct err *err)
{
	char name[96], ip[96], rest[96], pg[96];
	snprintf(name, sizeof(name), "PATRONI_NAME=%s", pod->name);
	snprintf(ip, sizeof(ip), "PATRONI_KUBERNETES_POD_IP=%s", pod->ip);
	snprintf(rest, sizeof(rest), "PATRONI_RESTAPI_CONNECT_ADDRESS=%s:8008", pod->ip);
	snprintf(pg, sizeof(pg), "PATRONI_POSTGRESQL_CONNECT_ADDRESS=%s:5432", pod->ip);
	const char *const environment[] = { name, ip, rest, pg, NULL };
	return config_load(config, config_path, environment, err);
}

static void write_config(void)
{
	const struct sim_options *o = &world->options;
	snprintf(config_path, sizeof(config_path), "/tmp/howdah-sim-%d.yml", (int)getpid());
	FILE *f = fopen(config_path, "w");
	assert(f);
	fprintf(f, config_format, (long long)o->ttl_s, (long long)o->loop_wait_s, (long long)o->retry_timeout_s,
		(long long)o->start_timeout_s, (long long)o->lag_bytes, o->failsafe ? "true" : "false",
		o->restores ? ", method: backup, backup: {command: restore}" : "", o->endpoints ? "true" : "false",
		o->slices ? "slice" : "label");
	fclose(f);
}

static void on_agent_restart(void *arg)
{
	struct pod *pod = arg;
	pod->restart_agent = NULL;
	pod_agent_start(pod);
}

static void agent_restart_after(struct pod *pod, int64_t delay_us)
{
	sim_cancel(&pod->restart_agent);
	pod->restart_agent = sim_after(delay_us, NULL, on_agent_restart, pod);
}

/* A flock in the emptyDir keeps a second one waiting while the first one lives, frozen or not. */
static bool has_living_agent(const struct pod *pod)
{
	return pod->agents && !pod->agents->process->dead;
}

static bool machine_is_up(const struct machine *machine)
{
	return !machine->paused && world->now >= machine->up_at;
}

void pod_agent_start(struct pod *pod)
{
	struct err err;
	struct config config;
	if (pod->gone || has_living_agent(pod))
		return;
	if (!machine_is_up(pod->machine)) {
		agent_restart_after(pod, SECOND_US);
		return;
	}
	struct agent_process *a = calloc(1, sizeof(*a));
	assert(a);
	a->process = process_new(PROCESS_AGENT, pod);
	a->loop = sim_loop_create(a->process);
	world->current = a->process;
	if (!load_config(pod, &config, &err)) {
		fprintf(stderr, "configuration: %s\n", err.text);
		abort();
	}
	struct agent_params params = { .config = &config, .pod_uid = pod->uid };
	a->agent = agent_create(a->loop, &params, &err);
	world->current = NULL;
	if (!a->agent) {
		fprintf(stderr, "agent: %s\n", err.text);
		abort();
	}
	pod->agents = a;
	pod->agent_starts++;
	world->counters.agents++;
	sim_trace("%s: agent starts", pod->name);
	statefulset_agent_started(pod);
	pod_changed(pod);
}

static void agent_destroy_now(struct pod *pod)
{
	struct agent_process *a = pod->agents;
	pod->sidecar_ended = world->now;
	pod->agents = NULL;
	a->process->dead = true;
	world->counters.decisions += (long)a->agent->counters.turns;
	agent_destroy(a->agent);
	loop_destroy(a->loop);
	free(a);
}

void pod_agent_kill(struct pod *pod, UNUSED struct agent_process *agent, int64_t restart_us)
{
	if (!pod->agents)
		return;
	if (world->current && world->current == pod->agents->process) {
		pod->agents->process->dead = true; /* inside one of its own calls: it is gone when that returns */
		pod->agents->destroy_due = true;
	} else {
		agent_destroy_now(pod);
	}
	pod_changed(pod);
	if (restart_us >= 0)
		agent_restart_after(pod, restart_us);
}

/* Whatever it does just now: its restart after a crash is due no sooner than the image is there. */
void pod_agent_replace(struct pod *pod, int64_t pull_us)
{
	pod_agent_kill(pod, pod->agents, -1);
	agent_restart_after(pod, pull_us);
}

void pod_reap_agents(void)
{
	for (int i = 0; i < world->pod_count; i++) {
		struct pod *pod = world->pods[i];
		if (!pod->agents)
			continue;
		if (pod->agents->destroy_due)
			agent_destroy_now(pod);
		else if (sim_loop_stopped(pod->agents->loop))
			pod_agent_kill(pod, pod->agents, 5 * SECOND_US);
	}
}

/* ---- PostgreSQL's container ---- */

static void on_container_restart(void *arg)
{
	struct pod *pod = arg;
	pod->restart_container = NULL;
	pod_container_start(pod);
}

void pod_container_start(struct pod *pod)
{
	if (pod->gone || pod->supervisor)
		return;
	if (!machine_is_up(pod->machine)) {
		pod->restart_container = sim_after(SECOND_US, NULL, on_container_restart, pod);
		return;
	}
	pod->supervisor = supervisor_start(pod);
	pod->container_starts++;
	pod_changed(pod);
}

void pod_container_kill(struct pod *pod, int64_t restart_us)
{
	if (pod->supervisor)
		supervisor_kill(pod->supervisor, false);
	sim_cancel(&pod->restart_container);
	if (restart_us >= 0)
		pod->restart_container = sim_after(restart_us, NULL, on_container_restart, pod);
	pod_changed(pod);
}

/* ---- pods ---- */

static void forget(struct pod *pod)
{
	struct event **events[] = {
		&pod->restart_agent, &pod->restart_container, &pod->grace_over,   &pod->ready_due,
		&pod->status_due,    &pod->image_due,         &pod->eviction_due, &pod->resize_due
	};
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		sim_cancel(events[i]);
	for (int i = 0; i < world->pod_count; i++) {
		if (world->pods[i] != pod)
			continue;
		int last = --world->pod_count;
		world->pods[i] = world->pods[last];
		for (int k = 0; k < SIM_PODS_MAX; k++)
			world->net->pair_cut[i][k] = world->net->pair_cut[k][i] = false;
	}
	pod->gone = true;
	pod->next = world->ended_pods;
	world->ended_pods = pod;
}

static struct pod *pod_new(int member, struct machine *machine, struct volume *volume)
{
	struct pod *pod = calloc(1, sizeof(*pod));
	assert(pod && world->pod_count < SIM_PODS_MAX);
	int number = ++world->pods_made;
	*pod = (struct pod){ .member = member, .current = true, .machine = machine, .volume = volume };
	snprintf(pod->name, sizeof(pod->name), "pg-%d", member);
	snprintf(pod->uid, sizeof(pod->uid), "11111111-0000-4000-8000-%012d", number);
	snprintf(pod->ip, sizeof(pod->ip), "10.%d.%d.%d", number / 10000, number / 100 % 100, number % 100 + 1);
	world->pods[world->pod_count++] = pod;
	world->members[member].pod = pod;
	put_object(pod);
	pod->restart_container = sim_after(sim_between(300, 3000) * MS_US, NULL, on_container_restart, pod);
	pod->restart_agent = sim_after(sim_between(100, 2500) * MS_US, NULL, on_agent_restart, pod);
	return pod;
}

static void on_create(void *arg)
{
	struct member_slot *slot = arg;
	int member = (int)(slot - world->members);
	slot->create = NULL;
	if (world->unschedulable) {
		slot->create = sim_after(SECOND_US, NULL, on_create, slot);
		return;
	}
	sim_trace("pg-%d: a new pod", member);
	pod_new(member, slot->machine, slot->volume);
	api_snapshot(world->api); /* a restored store must not bring back pods that nobody runs any more */
}

static void recreate(int member, struct machine *machine, struct volume *volume, int64_t delay_us)
{
	struct member_slot *slot = &world->members[member];
	slot->pod = NULL;
	slot->machine = machine;
	slot->volume = volume;
	slot->create = sim_after(delay_us, NULL, on_create, slot);
}

void pod_end(struct pod *pod)
{
	pod_agent_kill(pod, pod->agents, -1);
	if (pod->supervisor)
		supervisor_kill(pod->supervisor, false);
	bool current = pod->current;
	pod->current = false;
	forget(pod);
	if (!current)
		return;
	api_delete(world->api, "pods", pod->name);
	recreate(pod->member, pod->machine, pod->volume, sim_between(500, 5000) * MS_US);
}

static void on_grace_over(void *arg)
{
	struct pod *pod = arg;
	pod->grace_over = NULL;
	pod_end(pod);
}

void pod_container_ended(struct pod *pod)
{
	supervisor_kill(pod->supervisor, true);
	sim_cancel(&pod->grace_over);
	if (!pod->current)
		return; /* what becomes of its volume, its fault says */
	pod->grace_over = sim_after(sim_between(20, 400) * MS_US, NULL, on_grace_over, pod);
}

void pod_delete(struct pod *pod, int64_t grace_s)
{
	api_patch(world->api, "pods", pod->name,
		  "{\"metadata\":{\"deletionTimestamp\":\"2026-01-01T00:00:00Z\",\"deletionGracePeriodSeconds\":60}}");
	pod->grace_over = sim_after((grace_s > 0 ? grace_s : GRACE_S) * SECOND_US, NULL, on_grace_over, pod);
	sim_cancel(&pod->restart_container);
	if (pod->supervisor)
		supervisor_term(pod->supervisor);
}

static void on_told(void *arg)
{
	struct pod *pod = arg;
	if (!pod->gone && pod->supervisor)
		supervisor_term(pod->supervisor);
}

/* Its kubelet is there and ends it; an API server remembers a token for up to ten seconds. */
void pod_lose_rights(struct pod *pod)
{
	pod->rights_end = world->now + sim_between(1, 10000) * MS_US;
	sim_after(sim_between(0, 3000) * MS_US, NULL, on_told, pod);
}

void pod_force_delete(struct pod *pod, bool same_volume)
{
	pod->current = false;
	api_delete(world->api, "pods", pod->name);
	struct machine *other = &world->machines[sim_random() % SIM_MACHINES];
	recreate(pod->member, other, same_volume ? pod->volume : volume_new(), sim_between(100, 5000) * MS_US);
}

/* A person ends it and has it made again on the other volume. */
void pod_move_volume(struct pod *pod, struct volume *volume)
{
	pod_end(pod);
	world->members[pod->member].volume = volume;
}

/* Power off and on again: its memory is gone, the emptyDirs with it. */
void machine_die(struct machine *machine, int64_t down_us)
{
	machine->boot_number++;
	machine->up_at = world->now + down_us;
	machine->boot = (struct sim_clock){ world->now + down_us, SECOND_US, machine->steady_boot_ppm };
	machine->raw = (struct sim_clock){ world->now + down_us, SECOND_US, machine->steady_raw_ppm };
	for (int i = 0; i < world->pod_count; i++) {
		struct pod *pod = world->pods[i];
		if (pod->machine != machine)
			continue;
		pod_agent_kill(pod, pod->agents, down_us + sim_between(1, 4) * SECOND_US);
		if (!pod->restart_agent)
			agent_restart_after(pod, down_us + 2 * SECOND_US);
		if (pod->supervisor)
			supervisor_kill(pod->supervisor, true);
		sim_cancel(&pod->restart_container);
		pod->restart_container =
			sim_after(down_us + sim_between(1, 4) * SECOND_US, NULL, on_container_restart, pod);
		files_free(pod->files);
		pod->files = NULL;
	}
}

static void on_log(UNUSED void *arg, UNUSED enum log_level level, const char *text)
{
	world->counters.heard += strstr(text, "says that it has given the lock back") != NULL;
	sim_trace("%s:   %s", world->current ? world->current->pod->name : "-", text);
}

void kubelet_init(void)
{
	world->members = calloc(SIM_MEMBERS_MAX, sizeof(*world->members));
	assert(world->members);
	log_set_sink(on_log, NULL);
	log_set_level(world->options.trace ? LOG_INFO : LOG_WARNING);
	write_config();
	statefulset_init();
	if (world->options.endpoints)
		api_put(world->api, "endpoints",
			"{\"metadata\":{\"name\":\"sim\",\"namespace\":\"default\",\"labels\":{\"application\":"
			"\"howdah\","
			"\"cluster-name\":\"sim\"}},\"subsets\":[]}");
	for (int i = 0; i < world->options.members; i++)
		pod_new(i, &world->machines[i % SIM_MACHINES], volume_new());
}

void kubelet_count_turns(void)
{
	for (int i = 0; i < world->pod_count; i++)
		if (world->pods[i]->agents)
			world->counters.decisions += (long)world->pods[i]->agents->agent->counters.turns;
}

void kubelet_finish(void)
{
	struct pod *next;
	for (int i = 0; i < world->pod_count; i++) {
		struct pod *pod = world->pods[i];
		if (pod->agents)
			agent_destroy_now(pod);
		pod->next = world->ended_pods;
		world->ended_pods = pod;
	}
	supervisors_finish();
	for (struct pod *pod = world->ended_pods; pod; pod = next) {
		next = pod->next;
		files_free(pod->files);
		free(pod);
	}
	log_set_sink(NULL, NULL);
	statefulset_finish();
	remove(config_path);
}
