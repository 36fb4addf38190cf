/* The simulator: whole clusters of the shipped agent, core, codec and store code in virtual time, from one seed.
 *
 * Everything that could differ between two runs comes from the event queue and from one random source. A process is
 * what can be frozen or killed by itself: its events wait, or die with it. */
#ifndef HOWDAH_TESTS_SIM_SIM_H
#define HOWDAH_TESTS_SIM_SIM_H

#include "agent/agent.h"
#include "base/mutant.h"
#include "kubemodel/api.h"

#include <stdio.h>

enum {
	SIM_MEMBERS_MAX = 5,
	SIM_PODS_MAX = 12, /* living ones, twins that nobody wants any more included */
	SIM_MACHINES = 5,
	SIM_TRACE_LINES = 400,
};

#define MS_US     ((int64_t)1000)
#define SECOND_US ((int64_t)1000000)

/* ---- world.c: virtual time ---- */

typedef void sim_fn(void *arg);

struct event {
	int64_t at;
	uint64_t seq;
	int place;               /* in the heap; -1: held by a frozen process */
	struct process *process; /* NULL: the world's own */
	sim_fn *fn;
	void *arg;
	struct event *next;
};

enum process_kind { PROCESS_AGENT, PROCESS_SUPERVISOR, PROCESS_POSTGRES };

struct process {
	enum process_kind kind;
	struct pod *pod;
	bool dead;
	int frozen; /* how many reasons it has to stand still */
	int64_t thawed_at;
	bool passed_by_hand; /* a server: a person made another one lead while no deadline ended it */
	struct event *held, **held_end;
	struct process *next;
};

/* A clock of a machine: what it shows is value + what has passed since, at a rate of its own. */
struct sim_clock {
	int64_t since, value, rate_ppm;
};

struct machine {
	struct sim_clock boot, raw;
	int64_t wall_offset;
	int boot_number;
	int64_t up_at; /* after its last death */
	bool paused;
	int64_t resumed_at, paused_us; /* the last pause of the whole machine; 0: never */
	int64_t steady_boot_ppm, steady_raw_ppm;
};

/* What may go wrong in this run, and how large things are. */
struct sim_options {
	uint64_t seed;
	int members;
	int64_t loop_wait_s, ttl_s, retry_timeout_s, ttl_max_s;
	int64_t duration_us;
	bool endpoints;                     /* Endpoints mode; else ConfigMaps */
	bool slices;                        /* ... routed by EndpointSlices; else by labels */
	bool quiet;                         /* no faults at all */
	bool bad_clocks;                    /* BOOTTIME up to 8 % off */
	bool one_clock;                     /* RAW is no better: both up to 3 % off */
	bool failsafe;                      /* failsafe_mode is on */
	bool can_rewind;                    /* checksums, or hint bits in the WAL */
	bool restores;                      /* new clusters are made out of one and the same backup */
	bool busybody;                      /* somebody annotates the leader object all the time */
	int64_t start_timeout_s, lag_bytes; /* primary_start_timeout, maximum_lag_on_failover */
	bool trace;
	const char *ignored, *only; /* invariants that are not looked at; that alone are looked at; "": none, all */
	const char *faults;         /* kinds that may happen, by the beginnings of their names; "": all */
	int mutant;
};

struct sim_counters {
	long events, decisions, leaderships, promotions, commits, lost_commits, api_requests, agents, handovers, heard;
	long patches, resizes, evictions;
	long rules; /* not used by rules that never fired */
};

struct world {
	int64_t now;
	uint64_t seq, random;
	struct event **heap;
	int heap_count, heap_size;
	struct event *free_events;
	struct process *processes, *current;
	struct sim_options options;
	struct sim_counters counters;
	struct machine machines[SIM_MACHINES];
	struct member_slot *members; /* kubelet.c */
	struct supervisor *supervisors;
	struct pod *pods[SIM_PODS_MAX]; /* living ones */
	int pod_count, pods_made;
	struct pod *ended_pods;
	struct api *api;
	struct net *net;
	struct wal *wal;
	struct clients *clients;
	struct faults *faults;
	struct checker *checker;
	struct rollout_world *rollout;
	bool restored;      /* the store was, once: what it says of templates may be older than what runs */
	bool unschedulable; /* pods are not made again for now */
	bool stopped;
	char *trace[SIM_TRACE_LINES];
	int trace_next;
};
extern struct world *world; /* one at a time; whatever has no handle (files, processes) finds itself by it */

void world_init(const struct sim_options *options);
void world_run(void); /* until the options' duration, or a violation */
void world_finish(void);

struct event *sim_after(int64_t delay_us, struct process *process, sim_fn *fn, void *arg);
struct event *sim_at(int64_t at, struct process *process, sim_fn *fn, void *arg);
void sim_cancel(struct event **event); /* takes a pointer to NULL; sets it to NULL */

uint32_t sim_random(void);
int64_t sim_between(int64_t low, int64_t high); /* both included */
bool sim_chance(int per_mille);
int64_t sim_skewed(int64_t low, int64_t usual, int64_t high); /* mostly low to usual, now and then up to high */

struct process *process_new(enum process_kind kind, struct pod *pod);
void process_freeze(struct process *p);
void process_thaw(struct process *p);
bool process_is_up(const struct process *p); /* takes NULL; neither dead nor frozen */

int64_t clock_read(const struct sim_clock *clock);
void clock_set_rate(struct sim_clock *clock, int64_t rate_ppm);
int64_t clock_until(const struct sim_clock *clock,
		    int64_t value); /* world's microseconds until it shows that; at least 0 */
struct instant machine_now(const struct machine *machine);
void machine_new_rates(struct machine *machine);
void machine_pause(struct machine *machine); /* a hypervisor stops it: its clocks stand still */
void machine_resume(struct machine *machine);

/* Lines for the trace; the last ones are printed with a violation. */
void sim_trace(const char *format, ...) PRINTF_LIKE(1, 2);
void sim_print_trace(FILE *to);

/* ---- kubelet.c: pods and their containers ---- */

enum resize_fate { RESIZE_DONE, RESIZE_DEFERRED, RESIZE_INFEASIBLE };

struct sim_file {
	char *path, *text;
	struct sim_file *next;
};

struct agent_process {
	struct process *process;
	struct loop *loop;
	struct agent *agent;
	bool destroy_due; /* killed inside one of its own callbacks */
};

struct pod {
	int member;   /* index */
	bool current; /* the one the API's object stands for; false: nobody wants it, and it runs on */
	bool gone;
	char name[NAME_SIZE], uid[UID_SIZE], ip[32];
	struct machine *machine;
	struct volume *volume;
	struct sim_file *files;        /* of its emptyDir */
	struct agent_process *agents;  /* newest first */
	struct supervisor *supervisor; /* NULL: the container is down */
	struct event *restart_agent, *restart_container, *grace_over, *ready_due;
	struct event *status_due, *image_due, *eviction_due; /* statefulset.c */
	int revision, image, image_wanted, postgres; /* of the template that it was made of; the sidecar's now */
	int memory, memory_wanted;                   /* in MiB, of PostgreSQL's container; what its spec says */
	struct event *resize_due;                    /* resize.c, down to marked_at */
	enum resize_fate resize_pending,
		resize_fate; /* as its status says; what becomes of it until there is room at room_at */
	int64_t room_at;
	bool resize_smooth, resize_excused; /* nothing stands in the way; something did */
	long refusals_before;
	char mark[80]; /* howdah.io/sidecar, and since when */
	int64_t marked_at;
	int sidecar_number; /* its containers so far */
	int64_t sidecar_began, sidecar_ended;
	bool ready;
	bool let_go;             /* another one leads, and the store could not know that it goes on in failsafe mode */
	int64_t rights_end;      /* of who is not current: from then on the API does not know it; 0: it does */
	int64_t renewed_sent_at; /* when it sent the last write of the lock that landed and was not a release ... */
	int64_t renewed_ttl_s;   /* ... and what that said */
	long lease;              /* the number of the last one that it had */
	int64_t label_off_at;    /* when another one took the leader's label off it; 0: never */
	int agent_starts, container_starts;
	bool cut_api, cut_api_refuses, cut_members;
	struct pod *next; /* of those that ended */
};

struct member_slot {
	struct pod *pod; /* NULL: deleted, to be made again */
	struct machine *machine;
	struct volume *volume;
	struct event *create;
};

void kubelet_init(void);
void kubelet_finish(void);
void kubelet_count_turns(void); /* of the agents that are alive, into the counters */
struct pod *pod_of(int member); /* NULL: none now */
void pod_agent_start(struct pod *pod);
void pod_agent_kill(struct pod *pod, struct agent_process *agent, int64_t restart_us); /* < 0: not started again */
void pod_container_start(struct pod *pod);
void pod_container_kill(struct pod *pod, int64_t restart_us);
void pod_container_ended(struct pod *pod); /* by itself, after a SIGTERM */
void machine_die(struct machine *machine, int64_t down_us);
void pod_delete(struct pod *pod, int64_t grace_s);        /* politely */
void pod_force_delete(struct pod *pod, bool same_volume); /* the object goes at once, the containers run on */
void pod_lose_rights(struct pod *pod); /* one that was deleted by force: it is told to end, and the API forgets it */
void pod_move_volume(struct pod *pod, struct volume *volume);
void pod_end(struct pod *pod);     /* everything of it dies at once */
void pod_changed(struct pod *pod); /* its readiness may have changed */
void pod_reap_agents(void);        /* outside any callback */
struct pod *pod_by_ip(const char *ip);

void pod_agent_replace(struct pod *pod, int64_t pull_us); /* the sidecar's container, with another image */

/* ---- resize.c: resources that change under running containers ---- */
int resize_print_resources(int memory, char *text, size_t size);
void resize_print_conditions(const struct pod *pod, char *text, size_t size); /* of its status */
void resize_see_spec(struct pod *pod, const struct json *object, bool by_agent);
void resize_see_mark(struct pod *pod, const struct json *object);
void resize_begins_anew(struct pod *pod);
bool resize_is_excused(const struct pod *pod); /* it may be evicted for resources alone */

/* ---- statefulset.c: the StatefulSet, and roll-outs ---- */
struct template_change {
	bool sidecar, resources, postgres; /* what is new */
	bool slow;                         /* the sidecar's image is far away */
	bool smooth;                       /* no kubelet lacks room for the resources */
	int resize_status;                 /* with which the API refuses them; 0: it does not */
};
void statefulset_init(void);
void statefulset_finish(void);
void statefulset_new_template(struct template_change change);
void statefulset_status_soon(struct pod *pod); /* its kubelet says what is */
void statefulset_restored(void);
int statefulset_print_pod(struct pod *pod, char *text, size_t size); /* the end of metadata, and spec */
void statefulset_agent_started(struct pod *pod);
void statefulset_api_change(const struct api_change *change);
bool statefulset_is_over(void);
void statefulset_check_end(int64_t since); /* I15: nothing else is broken since then */

/* ---- loop.c, file.c ---- */
struct loop *sim_loop_create(struct process *process);
struct process *sim_loop_process(const struct loop *loop);
bool sim_loop_stopped(const struct loop *loop);
void files_free(struct sim_file *files);

/* ---- net.c ---- */
struct net {
	int loss_per_mille; /* of requests, of answers, of those that land late: each */
	int64_t slow_us;    /* added to every API request and answer, at the most */
	bool api_down, api_down_refuses;
	bool pair_cut[SIM_PODS_MAX][SIM_PODS_MAX];
	int64_t server_lag_us[API_SERVERS_MAX];
	struct http_call *watches;
	struct http_server *servers;
	int64_t landing_sent_at; /* when the request that is being answered was sent */
	long lost_requests, lost_answers, late_landings, refused, black_holes;
};
void net_init(void);
void net_finish(void);
bool net_reaches_api(const struct pod *pod);
bool net_reaches_pod(const struct pod *a, const struct pod *b);
void net_heal(void); /* what waited for a cut to end goes on */
void net_watch_wake(void *arg, void *watcher);

/* ---- wal.c: what histories there are ---- */

/* A stretch of WAL that one server wrote. Two with one timeline number are what PostgreSQL cannot tell apart. */
struct branch {
	int id, parent; /* -1: initdb */
	uint32_t timeline;
	uint64_t begin, end;
	int writer; /* volume that it was written on; 0: not yet */
};
struct position {
	int branch; /* -1: no data */
	uint64_t lsn;
};
struct wal {
	struct position backup; /* what new clusters are restored from; branch -1: nobody has asked for it yet */
	struct branch *branches;
	int count, size;
};
void wal_init(void);
void wal_finish(void);
int wal_branch_new(int parent, uint32_t timeline, uint64_t begin);
const struct branch *wal_branch(int id);
void wal_append(struct position *at, uint64_t bytes); /* as the branch's writer */
bool wal_is_prefix(struct position a, struct position b);
/* Where the history of `of` left that timeline number, as a history file says; UINT64_MAX: it is on it, 0: never was. */
uint64_t wal_left_at(int of, uint32_t timeline);
/* The branch with this timeline number in the history of `of`; -1: none. */
int wal_ancestor(int of, uint32_t timeline);
bool wal_rewind(struct position *at, struct position source); /* false: nothing in common */
struct position wal_backup(void);
void wal_history(int of, struct history *history);

/* ---- server.c: the data directory and the processes on it ---- */

struct volume {
	int id;
	enum data_dir data;
	char system_identifier[SYSID_SIZE];
	struct position at;
	enum control_state control;
	uint64_t checkpoint_lsn;
	bool standby_signal;
	bool changing;            /* the marker of an unfinished change */
	bool bootstrap;           /* the marker of our own attempt */
	bool restored;            /* ... which says that it was made out of a backup */
	bool recovers;            /* recovery.signal: it promotes itself when it comes to the end */
	uint32_t rewind_timeline; /* ... onto this one, of that member */
	char rewind_source[NAME_SIZE];
	bool rewinding; /* with changing: by a rewind */
	bool roles_made;
	uint32_t next_timeline; /* the number its next promotion takes */
	uint32_t armed_timeline;
	char armed_token[96];
	char upstream[NAME_SIZE], upstream_host[HOST_SIZE];
	int upstream_port;
	struct supervisor *lock; /* whose tree holds the flock */
	int trees;               /* process trees that use it now: never above 1 */
	struct volume *next;
};

enum server_phase { SERVER_DOWN, SERVER_STARTING, SERVER_STANDBY, SERVER_PROMOTING, SERVER_PRIMARY, SERVER_STOPPING };

/* postmaster, backends and what may be left of them */
struct server {
	struct process *process; /* NULL: no process at all */
	struct supervisor *supervisor;
	struct volume *volume;
	enum server_phase phase;
	bool as_primary;         /* how it was started */
	bool postmaster;         /* alive */
	bool orphan;             /* a backend that outlives the postmaster and commits on and on */
	bool orderly;            /* stopping: by a fast or smart stop */
	bool was_writable;       /* while stopping: backends may still commit */
	struct server *upstream; /* it streams from; NULL: it does not */
	struct event *step, *receive, *stream_retry, *dying;
	int64_t writable_since;
};

bool server_can_commit(const struct server *s); /* now, if it is not frozen */
bool server_start(struct supervisor *sup, bool as_primary);
void server_promote(struct server *s);
void server_stop(struct server *s, bool immediate);
void server_reload(struct server *s);
void server_kill_postmaster(struct server *s, bool leave_orphan);
void server_kill(struct server *s); /* all of it */
void server_gone_with_container(struct server *s);
void server_commit(struct server *s);
void server_links_changed(void); /* cuts or ends: streams break */
struct volume *volume_new(void);
void volumes_finish(void);
struct server *server_at(const char *ip, int port);

/* ---- supervisor.c ---- */
struct supervisor;
struct pg_message;
struct supervisor *supervisor_start(struct pod *pod);
void supervisors_hear_of_clocks(
	const struct machine *machine); /* their kernel's timers go by clocks whose rate has changed */
void supervisor_kill(struct supervisor *s, bool at_once);     /* process 1 dies: the kernel kills the rest */
struct supervisor *supervisor_next(struct supervisor *after); /* all, those included whose container is ending */
void supervisors_finish(void);
void supervisor_term(struct supervisor *s); /* the container gets SIGTERM */
struct server *supervisor_server(struct supervisor *s);
struct process *supervisor_process(struct supervisor *s);
struct pod *supervisor_pod(struct supervisor *s);
struct instant supervisor_deadline(const struct supervisor *s);
bool supervisor_is_fencing(const struct supervisor *s);
bool supervisor_is_unguarded(const struct supervisor *s); /* paused: it acts on nothing by itself */
bool supervisor_may_be_writable(const struct supervisor *s);
void supervisor_postmaster_died(struct supervisor *s);
void supervisor_nothing_left(struct supervisor *s);
void supervisor_ready(struct supervisor *s);
void supervisor_shut_down(struct supervisor *s);

/* ---- clients.c ---- */
void clients_init(void);
void clients_finish(void);

/* ---- faults.c ---- */
void faults_init(void);
void faults_finish(void);
const struct pod *faults_stuck_pod(void);
bool faults_active(void);         /* something is broken now, or was a moment ago */
int64_t faults_quiet_since(void); /* INT64_MAX: not quiet */
bool faults_only_mild(void);      /* so far in this phase nothing happened that may move the lock */
extern long fault_counts[];
int fault_kinds(void);
const char *fault_name(int kind);

/* ---- check.c: the invariants ---- */
void check_init(void);
void check_finish(void);
void check_event(void); /* after every event */
void check_api_change(const struct api_change *change);
void check_server_started(struct server *s);
void check_promoted(const struct server *s);
void check_stream(const struct server *standby, const struct server *upstream);
void check_data_removed(const struct volume *volume, bool own_attempt);
void check_writers_changed(void); /* something may commit that could not, or the other way round */
void check_fenced(struct supervisor *s);
void check_rollout_step(const struct pod *author);
bool check_somebody_leads(void);
bool check_somebody_could_lead(void); /* by itself, were all healthy that is not broken now */
void violation(const char *invariant, const char *format, ...) PRINTF_LIKE(2, 3);
const char *violation_invariant(void); /* NULL: none */
const char *violation_text(void);

#endif
